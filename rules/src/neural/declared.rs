//! What the models of a scenario add to its dictionary, read before any name is bound.

use prost::Message;

use super::adopt::is_recorded;
use super::contract::{self, ActsOn, Form, Kind, Latent, On, Output, Spec};
use super::{check, proto};
use crate::{Binding, Declared, LatentSpace, Recorded};

/// A file's metadata alone: weights are passed over, not copied.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<proto::Property>,
}

/// What the models among these files declare. Where two say something else of a space, it stands
/// there twice: the scenario may settle it. A file that cannot be read says why when it is opened.
pub fn declared(bindings: &[Binding]) -> Declared {
    let mut declared = Declared::default();
    let mut spoken: Vec<Spoken> = Vec::new();
    let learned = |binding: &&Binding| binding.file.extension().is_some_and(|text| text == "onnx");
    for binding in bindings.iter().filter(learned) {
        let Some(spec) = metadata(binding) else {
            continue;
        };
        spaces(&spec, &mut spoken);
        recorded(&spec, binding, &mut declared.recorded);
    }
    declared.spaces = spoken.into_iter().map(Spoken::space).collect();
    declared
}

fn metadata(binding: &Binding) -> Option<Spec> {
    let length = std::fs::metadata(&binding.file).ok()?.len();
    if length > check::LARGEST {
        return None;
    }
    let bytes = std::fs::read(&binding.file).ok()?;
    let Metadata { metadata_props } = Metadata::decode(&bytes[..]).ok()?;
    let model = proto::Model {
        metadata_props,
        ..proto::Model::default()
    };
    contract::spec(&model).ok()
}

/// A space as far as models have spoken of it.
struct Spoken {
    entry: Latent,
    types: Vec<String>,
}

impl Spoken {
    fn space(self) -> LatentSpace {
        LatentSpace {
            width: self.entry.width(),
            inherit: self.entry.inherit.unwrap_or_default(),
            initial: self.entry.initial(),
            id: self.entry.space,
            types: self.types,
        }
    }

    /// Whether nothing is said differently; what only one says holds for both.
    fn agrees(&self, entry: &Latent) -> bool {
        let differs = |a: bool, b: bool, is_same: bool| a && b && !is_same;
        let (a, b) = (&self.entry, entry);
        a.space == b.space
            && !differs(
                a.inherit.is_some(),
                b.inherit.is_some(),
                a.inherit == b.inherit,
            )
            && !differs(
                a.initial.is_some(),
                b.initial.is_some(),
                a.initial() == b.initial(),
            )
    }
}

fn spaces(spec: &Spec, spoken: &mut Vec<Spoken>) {
    for entry in &spec.latents {
        let types = types_with(spec, entry);
        let place = match spoken.iter().position(|space| space.agrees(entry)) {
            Some(place) => place,
            None => {
                let (entry, types) = (entry.clone(), Vec::new());
                spoken.push(Spoken { entry, types });
                spoken.len() - 1
            }
        };
        let space = &mut spoken[place];
        space.entry.inherit = space.entry.inherit.or(entry.inherit);
        if space.entry.initial.is_none() {
            space.entry.initial = entry.initial.clone();
        }
        for name in types {
            if !space.types.contains(&name) {
                space.types.push(name);
            }
        }
    }
}

/// The types whose cells have the space, as this entry and the outputs that write it say.
fn types_with(spec: &Spec, entry: &Latent) -> Vec<String> {
    let ActsOn::Pair(pair) = &spec.acts_on else {
        return spec.types().into_iter().map(str::to_owned).collect();
    };
    let writes = |side: On| {
        let mut outputs = spec.outputs.iter();
        outputs.any(|output| output.on == Some(side) && output.space.as_ref() == Some(&entry.space))
    };
    let mut types = Vec::new();
    for (side, tensor, name) in [(On::A, "za", &pair.a), (On::B, "zb", &pair.b)] {
        if entry.tensor.as_deref() == Some(tensor) || writes(side) {
            types.push(name.clone());
        }
    }
    types
}

fn recorded(spec: &Spec, binding: &Binding, recorded: &mut Vec<Recorded>) {
    let types = |output: Option<&Output>| -> Vec<String> {
        match (&spec.acts_on, output.and_then(|output| output.on)) {
            (ActsOn::Pair(pair), Some(On::B)) => vec![pair.b.clone()],
            // What belongs to a pair is kept with its acting cell.
            (ActsOn::Pair(pair), _) => vec![pair.a.clone()],
            _ => spec.types().into_iter().map(str::to_owned).collect(),
        }
    };
    let mut add = |name: String, unit: &str, types: Vec<String>| {
        let is_same = |other: &&mut Recorded| other.name == name && other.unit == unit;
        match recorded.iter_mut().find(is_same) {
            Some(other) => {
                let new = types.into_iter();
                let new: Vec<String> = new.filter(|name| !other.types.contains(name)).collect();
                other.types.extend(new);
            }
            None => recorded.push(Recorded {
                name,
                unit: unit.to_owned(),
                types,
            }),
        }
    };
    for output in &spec.outputs {
        let unit = output.unit.as_deref().unwrap_or("1");
        let label = output.label();
        if output.kind == Kind::Readout {
            add(format!("readout:{label}"), unit, types(Some(output)));
        }
        if spec.form == Form::Division || !is_recorded(output, &binding.adoption) {
            continue;
        }
        if output.uncertainty.is_some() {
            add(format!("spread:{label}"), unit, types(Some(output)));
        }
        if spec.conformal.iter().any(|entry| entry.output == label) {
            add(format!("interval:{label}"), unit, types(Some(output)));
        }
    }
    if spec.gate.is_some() {
        add(format!("gate:{}", binding.name), "1", types(None));
    }
}
