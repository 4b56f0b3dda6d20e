//! What makes two scenarios the same: everything resolved, and the contents of the files of rules.

use std::io;

use rules::{Adoption, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Scenario;

impl Scenario {
    /// SHA-256, in lower-case hex, of all that decides how a run goes. Where the files lie and how
    /// the scenario is written (units, order of keys, defaults stated or not) does not matter.
    ///
    /// # Errors
    /// If a file of rules cannot be read.
    pub fn hash(&self) -> io::Result<String> {
        let mut whole = serde_json::to_value(self).map_err(io::Error::other)?;
        let mut sources = Vec::new();
        for source in &self.rules {
            let binding = &source.binding;
            let engine = match &binding.engine {
                Engine::Embedded => "embedded",
                Engine::OnnxRuntime(_) => "onnxruntime",
            };
            let mut stated = json!({
                "name": source.name,
                "clock": binding.clock,
                "combine": binding.combine,
                "engine": engine,
                "sha256": sha256(&binding.file)?,
            });
            // Written rules have nothing of it, and keep the hash they have always had.
            if binding.file.extension().is_some_and(|it| it == "onnx") {
                stated["adoption"] = adoption(&binding.adoption)?;
            }
            sources.push(stated);
        }
        if let Value::Object(fields) = &mut whole {
            fields.remove("file");
            fields.insert("rules".into(), sources.into());
        }
        Ok(hex(&Sha256::digest(whole.to_string())))
    }
}

/// How a model is taken up: all that decides how a run goes, and not what is said of it afterwards.
fn adoption(adoption: &Adoption) -> io::Result<Value> {
    let mechanistic = adoption
        .mechanistic
        .as_ref()
        .map(std::fs::read)
        .transpose()?;
    Ok(json!({
        "mode": adoption.mode,
        "mechanistic": mechanistic.map(|bytes| hex(&Sha256::digest(bytes))),
        "guard": adoption.guard,
        "return_after": adoption.return_after,
        "uncertainty": adoption.uncertainty,
        "stop_above": adoption.stop_above,
        "max_clamped": adoption.max_clamped,
    }))
}

/// Of a file, lower-case hex.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(file: &std::path::Path) -> std::io::Result<String> {
    Ok(hex(&Sha256::digest(std::fs::read(file)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
