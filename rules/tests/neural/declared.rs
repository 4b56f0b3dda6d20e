//! What models add to the dictionary of a scenario, before any name is bound.

use prost::Message;
use rules::neural::proto::Node;
use rules::{Adoption, Binding, Inherit, Uncertainty, declared};
use serde_json::{Value, json};

use super::fixture::*;

fn model(acts_on: &str, latent: Value) -> Vec<u8> {
    let spec = json!({"form": "encoder", "acts_on": acts_on, "latents": [latent],
        "inputs": [{"tensor": "x", "col": 0, "name": "pressure", "unit": "1", "lo": 0, "hi": 2}],
        "outputs": [{"tensor": "z0", "kind": "latent_next", "space": "mood/2"}]});
    let nodes = [Node::new("Concat", &["x", "x"], "z0").with("axis", 1)];
    assembled(&spec, &nodes, &[]).encode_to_vec()
}

#[test]
fn spaces_join_their_types_and_disagreements_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let bound = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name).with_extension("onnx");
        std::fs::write(&file, bytes).unwrap();
        Binding {
            name: name.into(),
            file,
            ..binding()
        }
    };
    let silent = bound("silent", &model("tumor", json!({"space": "mood/2"})));
    let split = bound(
        "split",
        &model(
            "macrophage",
            json!({"space": "mood/2", "inherit": "split", "initial": 0.5}),
        ),
    );
    let noisy = bound(
        "noisy",
        &model(
            "tumor",
            json!({"space": "mood/2", "inherit": {"noise": 0.1}}),
        ),
    );
    // What only one says holds for both.
    let both = declared(&[silent.clone(), split.clone()]).unwrap().spaces;
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].types, ["tumor", "macrophage"]);
    assert_eq!((both[0].width, both[0].inherit), (2, Inherit::Split));
    assert_eq!(both[0].initial, [0.5, 0.5]);
    let apart = declared(&[split, noisy]).unwrap().spaces;
    let inherits: Vec<Inherit> = apart.iter().map(|space| space.inherit).collect();
    assert_eq!(inherits, [Inherit::Split, Inherit::Noise(0.1)]);
    // Files that cannot be read say so when they are opened, and written rules declare nothing.
    let damaged = bound("damaged", b"no model");
    let missing = Binding {
        file: "nowhere.onnx".into(),
        ..binding()
    };
    let written = Binding {
        file: "cells.rules".into(),
        ..binding()
    };
    assert_eq!(
        declared(&[damaged, missing, written]).unwrap(),
        rules::Declared::default()
    );
}

#[test]
fn recorded_numbers_are_listed_with_their_units() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("killing.onnx");
    let mut spec = dyad_spec();
    spec["outputs"][0]["uncertainty"] = json!({"std": "s"});
    spec["gate"] = json!({"tensor": "s"});
    let network = rules::neural::make::Mlp::new(
        &[(0.0, 1.0), (0.0, 8.0), (0.0, 120.0)],
        &[4],
        rules::neural::make::Activation::Tanh,
        &[rules::neural::make::Link::Sigmoid; 3],
        1,
    );
    std::fs::write(&file, write(&network, &spec).encode_to_vec()).unwrap();
    let listed = |uncertainty| {
        let adoption = Adoption {
            uncertainty,
            ..Adoption::default()
        };
        let binding = Binding {
            file: file.clone(),
            adoption,
            ..binding()
        };
        let recorded = declared(&[binding]).unwrap().recorded.into_iter();
        recorded
            .map(|one| (one.name, one.unit, one.types))
            .collect::<Vec<_>>()
    };
    let entry = |name: &str, unit: &str, kind: &str| {
        (name.to_owned(), unit.to_owned(), vec![kind.to_owned()])
    };
    let gate = entry("gate:learned", "1", "CD8 T cell");
    assert_eq!(
        listed(Uncertainty::Ignore)[..],
        *std::slice::from_ref(&gate)
    );
    assert_eq!(
        listed(Uncertainty::Record),
        [entry("spread:hit", "1/min", "tumor"), gate]
    );
}
