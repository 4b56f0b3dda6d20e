//! The contract of a model: what its metadata say, read strictly.
//!
//! `docs/models.md` is the same in prose. Nothing is guessed: a key that is not known here is
//! an error that names it.

mod domain;
mod input;
mod latent;
mod output;
mod schema;
mod spec;
mod strict;
mod whole;

use serde_json::Value;

use super::{Fault, fault, proto};
use strict::Strict;

pub use domain::{ByType, Conformal, ConformalScore, Gate, Ood, Residual, Score};
pub use input::{Frame, Input};
pub use latent::{Initial, Latent, WIDEST, component, width};
pub use output::{Family, Kind, On, Output, Per, Uncertainty};
pub use schema::{schema, without_null};
pub use spec::{ActsOn, Dist, Dt, Form, Lanes, Messages, PairTypes, Reduce, Spec};

/// The version of the contract.
pub const VERSION: &str = "1";

/// `milieu.contract`: the version.
pub const KEY_CONTRACT: &str = "milieu.contract";
/// `milieu.spec`: the [`Spec`].
pub const KEY_SPEC: &str = "milieu.spec";
/// `milieu.golden`: the golden rows, base64 of an npz.
pub const KEY_GOLDEN: &str = "milieu.golden";
/// `milieu.card`: the model's card.
pub const KEY_CARD: &str = "milieu.card";
/// `milieu.parent`: the hash of the model this one was tuned from.
pub const KEY_PARENT: &str = "milieu.parent";

/// Every key of the contract.
pub const KEYS: [&str; 5] = [KEY_CONTRACT, KEY_SPEC, KEY_GOLDEN, KEY_CARD, KEY_PARENT];

/// A model's card, if it has one: a JSON object.
///
/// # Errors
/// E-CONTRACT if it is anything else, or its name or version is none.
pub fn card(model: &proto::Model) -> Result<Option<Value>, Fault> {
    let Some(text) = model.metadata(KEY_CARD) else {
        return Ok(None);
    };
    let card: Value = serde_json::from_str(text)
        .map_err(|error| broken(KEY_CARD, &format!("not JSON: {error}")))?;
    if !card.is_object() {
        return Err(broken(KEY_CARD, "it must be a JSON object"));
    }
    if let Some(name) = card.get("name")
        && !name.is_string()
    {
        return Err(broken(KEY_CARD, &format!("name: {name} is not a text")));
    }
    if let Some(version) = card.get("version") {
        let text = version.as_str().unwrap_or_default();
        semver::Version::parse(text).map_err(|error| {
            let message = format!(
                "version: {version} is no semantic version: {error}; write a text such as \"1.0.0\": \
                 major for other meanings, minor for the same retrained, patch for the card's text"
            );
            broken(KEY_CARD, &message)
        })?;
    }
    Ok(Some(card))
}

/// The hash of the model this one was tuned from must be one, or nobody will find it.
fn parent(model: &proto::Model) -> Result<(), Fault> {
    let Some(text) = model.metadata(KEY_PARENT) else {
        return Ok(());
    };
    let digits = text.trim_start_matches("sha256:");
    match digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(()),
        false => {
            let message = format!(
                "`{text}` is no SHA-256, which has 64 hexadecimal digits; `milieu model inspect` \
                 prints that of a file"
            );
            Err(broken(KEY_PARENT, &message))
        }
    }
}

/// The name and version on a card, as one text.
pub fn card_name(card: Option<&Value>) -> Option<String> {
    let word = |key: &str| card?.get(key)?.as_str();
    match (word("name"), word("version")) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, version) => name.or(version).map(str::to_owned),
    }
}

fn broken(key: &str, message: &str) -> Fault {
    fault("E-CONTRACT", format!("{key}: {message}"))
}

fn spec_fault(message: impl std::fmt::Display) -> Fault {
    broken(KEY_SPEC, &message.to_string())
}

/// Reads and checks the contract's metadata, all that can be checked without a scenario.
///
/// # Errors
/// E-CONTRACT names the key and the entry.
pub fn read(model: &proto::Model) -> Result<Spec, Fault> {
    match model.metadata(KEY_CONTRACT) {
        Some(VERSION) => {}
        Some(other) => {
            return Err(broken(
                KEY_CONTRACT,
                &format!("version `{other}` is not read; this version reads \"{VERSION}\""),
            ));
        }
        None => {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "no metadata key `{KEY_CONTRACT}`: a bare ONNX model does not say what it reads \
                     and writes; docs/models.md lists the keys, and `milieu model attach` adds them"
                ),
            ));
        }
    }
    for property in &model.metadata_props {
        if property.key().starts_with("milieu.") && !KEYS.contains(&property.key()) {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "unknown key `{}`; known are {}",
                    property.key(),
                    KEYS.join(", ")
                ),
            ));
        }
    }
    parent(model)?;
    spec(model)
}

/// The value of `milieu.spec` alone.
///
/// # Errors
/// E-CONTRACT names the entry and the key.
pub fn spec(model: &proto::Model) -> Result<Spec, Fault> {
    let text = model
        .metadata(KEY_SPEC)
        .ok_or_else(|| fault("E-CONTRACT", format!("no metadata key `{KEY_SPEC}`")))?;
    let json: Strict =
        serde_json::from_str(text).map_err(|error| spec_fault(format!("not JSON: {error}")))?;
    Spec::from_json(json.0)
}
