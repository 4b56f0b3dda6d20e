//! What a scenario says of a readout: keys, and what is given for each.
//!
//! Which keys a readout takes is in its [`Measure`](super::Measure), and is checked when the
//! scenario is read; then everything is there.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::output::Vitality;

/// What can be said of a readout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The type whose cells are looked at.
    Type,
    /// The type they are related to.
    Target,
    /// Types that kill.
    Effectors,
    /// Types around which a field is looked at.
    Sources,
    /// The field.
    Substrate,
    /// Alive or how dead.
    State,
    /// x, y or z.
    Axis,
    /// A time, min.
    Lag,
    /// Times, min, ascending.
    Lags,
    /// Distances of pairs, µm, ascending, at most half of the domain's shortest side.
    Radii,
    /// Distances from sources, µm, ascending.
    Distances,
    /// A number of cells.
    Threshold,
    /// Between two surfaces that still touch, µm.
    Gap,
    /// Up to which two centers are neighbors, µm.
    Radius,
    /// How many nearest cells are neighbors.
    Neighbors,
    /// How often types are shuffled.
    Permutations,
    /// The index of a bottom that is covered whole.
    Gain,
}

/// Whether a key has to be stated.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// It has.
    Must,
    /// It has not, and then it is not there.
    May,
    /// It has not, and then it is this.
    Else(Given),
}

impl Key {
    /// All of them.
    pub const ALL: [Key; 17] = [
        Key::Type,
        Key::Target,
        Key::Effectors,
        Key::Sources,
        Key::Substrate,
        Key::State,
        Key::Axis,
        Key::Lag,
        Key::Lags,
        Key::Radii,
        Key::Distances,
        Key::Threshold,
        Key::Gap,
        Key::Radius,
        Key::Neighbors,
        Key::Permutations,
        Key::Gain,
    ];

    /// As a scenario writes it.
    pub fn name(self) -> &'static str {
        match self {
            Key::Type => "type",
            Key::Target => "target",
            Key::Effectors => "effectors",
            Key::Sources => "sources",
            Key::Substrate => "substrate",
            Key::State => "state",
            Key::Axis => "axis",
            Key::Lag => "lag",
            Key::Lags => "lags",
            Key::Radii => "radii",
            Key::Distances => "distances",
            Key::Threshold => "threshold",
            Key::Gap => "gap",
            Key::Radius => "radius",
            Key::Neighbors => "neighbors",
            Key::Permutations => "permutations",
            Key::Gain => "gain",
        }
    }

    /// Its unit, where it has one.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Key::Lag | Key::Lags => Some("min"),
            Key::Radii | Key::Distances | Key::Gap | Key::Radius => Some("µm"),
            _ => None,
        }
    }

    /// Whether it has to be stated.
    pub fn need(self) -> Need {
        match self {
            Key::State => Need::Else(Given::State(Vitality::Live)),
            Key::Threshold | Key::Gap => Need::Else(Given::Numbers(vec![0.0])),
            Key::Gain => Need::Else(Given::Numbers(vec![1.0])),
            // squidpy's own default.
            Key::Permutations => Need::Else(Given::Numbers(vec![1000.0])),
            Key::Radius | Key::Neighbors => Need::May,
            _ => Need::Must,
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What is given for a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// Cell types.
    Types(Vec<usize>),
    /// A substrate.
    Substrate(usize),
    /// Alive or how dead.
    State(Vitality),
    /// 0, 1, 2 for x, y, z.
    Axis(usize),
    /// In the key's unit.
    Numbers(Vec<f64>),
}

/// What is asked of a measure. Whoever reads a key that the measure does not name finds a mistake
/// in the program, and a test that opens every measure finds it first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Asked(BTreeMap<Key, Given>);

impl Asked {
    /// From what is given for each key.
    pub fn new(given: impl IntoIterator<Item = (Key, Given)>) -> Asked {
        Asked(given.into_iter().collect())
    }

    /// Key and what is given for it.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Given)> {
        self.0.iter().map(|(&key, given)| (key, given))
    }

    fn get(&self, key: Key) -> &Given {
        let given = self.0.get(&key);
        given.expect("what a measure needs is checked when the scenario is read")
    }

    /// Several cell types.
    pub fn types(&self, key: Key) -> &[usize] {
        match self.get(key) {
            Given::Types(types) => types,
            other => unreachable!("{key:?} is {other:?}"),
        }
    }

    /// The number of a type, a substrate or an axis.
    pub fn number_of(&self, key: Key) -> usize {
        match self.get(key) {
            Given::Types(types) => types[0],
            Given::Substrate(number) | Given::Axis(number) => *number,
            other => unreachable!("{key:?} is {other:?}"),
        }
    }

    /// Several numbers.
    pub fn values(&self, key: Key) -> &[f64] {
        match self.get(key) {
            Given::Numbers(numbers) => numbers,
            other => unreachable!("{key:?} is {other:?}"),
        }
    }

    /// A number.
    pub fn value(&self, key: Key) -> f64 {
        self.values(key)[0]
    }

    /// A number that need not be there.
    pub fn value_if_any(&self, key: Key) -> Option<f64> {
        self.0.contains_key(&key).then(|| self.value(key))
    }

    /// Alive or how dead.
    pub fn state(&self) -> Vitality {
        match self.get(Key::State) {
            Given::State(state) => *state,
            other => unreachable!("a state is {other:?}"),
        }
    }
}
