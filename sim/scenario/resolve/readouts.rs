//! What is measured, and what is said of it.

use super::super::file::{
    self, Named, Quantity,
    quantity::Kind,
    readouts::{Axis, State},
};
use super::super::problem::Path;
use super::super::{Domain, Readout};
use super::{Resolver, is_multiple};
use crate::output::Vitality;
use crate::readouts::asked::{Asked, Given, Key, Need};
use crate::readouts::{spatial::Window, tracks::SAMPLE};

impl Resolver<'_> {
    pub(super) fn readouts(
        &mut self,
        stated: &Named<file::Readout>,
        domain: &Domain,
        write: &[String],
    ) -> Vec<Readout> {
        let at = Path::root().key("readouts");
        let is_written = write.iter().position(|name| name == "readouts");
        if let (true, Some(number)) = (stated.iter().next().is_none(), is_written) {
            let message = "there are no readouts of which to write a table".into();
            let help = "state some as `[readouts.NAME]`".into();
            let at = Path::root().key("outputs").key("write").index(number);
            self.complain(&at, message, help);
        }
        let mut readouts = Vec::new();
        for (name, stated) in stated.iter() {
            let at = at.key(name);
            if let Some([low, high]) = stated.published
                && low > high
            {
                let message = format!("the range begins at {low} and ends at {high}");
                self.complain(&at.key("published"), message, "write [low, high]".into());
            }
            if let Some(margin) = stated.margin
                && !(margin > 0.0 && margin < 1.0)
            {
                let message = format!("{margin} is no margin");
                let help = "write a share between 0 and 1: 0.1 for 10 %".into();
                self.complain(&at.key("margin"), message, help);
            }
            if let (Some(_), Some(_)) = (stated.margin, stated.measure.0.along) {
                let message = format!("`{}` is a curve", stated.measure.0.name);
                let help = "leave it out: margins are of numbers".into();
                self.complain(&at.key("margin"), message, help);
            }
            if let Some(asked) = self.asked(&at, stated, domain) {
                readouts.push(Readout {
                    name: name.to_owned(),
                    measure: stated.measure.0,
                    asked,
                    published: stated.published,
                    source: stated.source.clone(),
                    margin: stated.margin,
                });
            }
        }
        readouts
    }

    /// What is said of it: each measure has its own keys.
    fn asked(&mut self, at: &Path, stated: &file::Readout, domain: &Domain) -> Option<Asked> {
        let (name, wanted) = (stated.measure.0.name, stated.measure.0.keys);
        let before = self.problems.len();
        let mut asked = Vec::new();
        for key in Key::ALL {
            let here = at.key(key.name());
            let is_stated = is_stated(stated, key);
            match (wanted.contains(&key), is_stated, key.need()) {
                (true, true, _) => {
                    if let Some(given) = self.given(&here, stated, key, domain) {
                        asked.push((key, given));
                    }
                }
                (true, false, Need::Else(given)) => asked.push((key, given)),
                (true, false, Need::Must) => {
                    let message = format!("`{name}` needs `{}`", key.name());
                    self.complain(&here, message, format!("it wants {}", and(wanted)));
                }
                (false, true, _) => {
                    let message = format!("`{name}` has no use for `{}`", key.name());
                    self.complain(&here, message, format!("it wants {}", and(wanted)));
                }
                _ => {}
            }
        }
        let graphs = [Key::Gap, Key::Radius, Key::Neighbors];
        let mut graphs = graphs.into_iter().filter(|&key| is_stated(stated, key));
        if let (Some(one), Some(other)) = (graphs.next(), graphs.next()) {
            let message = format!("`{}` and `{}` exclude each other", one.name(), other.name());
            let help = "neighbors touch, or are within a radius, or are so many nearest";
            self.complain(&at.key(other.name()), message, help.into());
        }
        (self.problems.len() == before).then(|| Asked::new(asked))
    }

    /// What is stated for a key, checked.
    fn given(
        &mut self,
        at: &Path,
        stated: &file::Readout,
        key: Key,
        domain: &Domain,
    ) -> Option<Given> {
        let number = |quantity: Option<f64>| quantity.map(|it| Given::Numbers(vec![it]));
        match key {
            Key::Type => self.one_type(at, stated.cell_type.as_deref()?),
            Key::Target => self.one_type(at, stated.target.as_deref()?),
            Key::Effectors => self.types_among(at, stated.effectors.as_deref()?),
            Key::Sources => self.types_among(at, stated.sources.as_deref()?),
            Key::Substrate => {
                let name = stated.substrate.as_deref()?;
                self.number(at, "substrate", name).map(Given::Substrate)
            }
            Key::State => Some(Given::State(match stated.state? {
                State::Live => Vitality::Live,
                State::Apoptotic => Vitality::Apoptotic,
                State::Necrotic => Vitality::Necrotic,
            })),
            Key::Axis => {
                let axis = match stated.axis? {
                    Axis::X => 0,
                    Axis::Y => 1,
                    Axis::Z => 2,
                };
                if axis >= usize::from(domain.dimensions) {
                    let message = "there is one layer of voxels along z".into();
                    self.complain(at, message, "in 2D write \"x\" or \"y\"".into());
                }
                Some(Given::Axis(axis))
            }
            Key::Lag => number(stated.lag.map(|it| it.0)),
            Key::Lags => self.lags(at, stated.lags.as_deref()?),
            Key::Radii => {
                let farthest = Window::of(domain).farthest();
                self.ascending(at, stated.radii.as_deref()?, farthest)
            }
            Key::Distances => self.ascending(at, stated.distances.as_deref()?, f64::INFINITY),
            Key::Threshold => number(stated.threshold.map(|it| it.0)),
            Key::Gap => number(stated.gap.map(|it| it.0)),
            Key::Radius => number(stated.radius.map(|it| it.0)),
            Key::Neighbors => number(self.at_least(at, stated.neighbors?, 1)),
            Key::Permutations => number(self.at_least(at, stated.permutations?, 2)),
            Key::Gain => number(stated.gain.map(|it| it.0)),
        }
    }

    fn one_type(&mut self, at: &Path, name: &str) -> Option<Given> {
        let number = self.number(at, "cell type", name)?;
        Some(Given::Types(vec![number]))
    }

    fn types_among(&mut self, at: &Path, names: &[String]) -> Option<Given> {
        if names.is_empty() {
            self.complain(at, "the list is empty".into(), "name a cell type".into());
        }
        let names = names.iter().enumerate();
        let numbers = names.map(|(index, name)| self.number(&at.index(index), "cell type", name));
        Some(Given::Types(numbers.flatten().collect()))
    }

    fn at_least(&mut self, at: &Path, number: u32, least: u32) -> Option<f64> {
        if number < least {
            let help = format!("write {least} or more");
            self.complain(at, format!("{number} is too few"), help);
        }
        Some(f64::from(number))
    }

    /// Numbers, each greater than the one before, and none greater than `most`.
    fn ascending<K: Kind>(
        &mut self,
        at: &Path,
        stated: &[Quantity<K>],
        most: f64,
    ) -> Option<Given> {
        let numbers: Vec<f64> = stated.iter().map(|it| it.0).collect();
        if numbers.is_empty() {
            let help = format!("write one such as [\"{}\"]", K::EXAMPLE);
            self.complain(at, "the list is empty".into(), help);
        }
        for (index, pair) in numbers.windows(2).enumerate() {
            if pair[1] <= pair[0] {
                let message = format!("{} comes after {}", pair[1], pair[0]);
                let help = "write them in ascending order, each once".into();
                self.complain(&at.index(index + 1), message, help);
            }
        }
        if let Some(index) = numbers.iter().position(|&number| number > most) {
            let message = format!(
                "{} {} is more than half of the domain's shortest side",
                numbers[index],
                K::UNIT
            );
            let help = format!(
                "at most {most} {}: few pairs so far apart lie in the domain",
                K::UNIT
            );
            self.complain(&at.index(index), message, help);
        }
        Some(Given::Numbers(numbers))
    }

    fn lags(&mut self, at: &Path, stated: &[Quantity<file::quantity::Duration>]) -> Option<Given> {
        for (index, lag) in stated.iter().enumerate() {
            if !is_multiple(lag.0, SAMPLE) {
                let message = format!("{} min is not a multiple of {SAMPLE} min", lag.0);
                let help = format!("tracks are sampled every {SAMPLE} min");
                self.complain(&at.index(index), message, help);
            }
        }
        self.ascending(at, stated, f64::INFINITY)
    }
}

fn is_stated(stated: &file::Readout, key: Key) -> bool {
    match key {
        Key::Type => stated.cell_type.is_some(),
        Key::Target => stated.target.is_some(),
        Key::Effectors => stated.effectors.is_some(),
        Key::Sources => stated.sources.is_some(),
        Key::Substrate => stated.substrate.is_some(),
        Key::State => stated.state.is_some(),
        Key::Axis => stated.axis.is_some(),
        Key::Lag => stated.lag.is_some(),
        Key::Lags => stated.lags.is_some(),
        Key::Radii => stated.radii.is_some(),
        Key::Distances => stated.distances.is_some(),
        Key::Threshold => stated.threshold.is_some(),
        Key::Gap => stated.gap.is_some(),
        Key::Radius => stated.radius.is_some(),
        Key::Neighbors => stated.neighbors.is_some(),
        Key::Permutations => stated.permutations.is_some(),
        Key::Gain => stated.gain.is_some(),
    }
}

/// `a`, `b` and `c`; those that need not be stated last.
fn and(keys: &[Key]) -> String {
    let names = |is_wanted: fn(Need) -> bool| {
        let keys = keys.iter().filter(move |key| is_wanted(key.need()));
        let names: Vec<String> = keys.map(|key| format!("`{}`", key.name())).collect();
        match names.split_last() {
            Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            _ => names.concat(),
        }
    };
    let must = names(|need| need == Need::Must);
    match names(|need| need != Need::Must).as_str() {
        "" => must,
        may => format!("{must}, and takes {may}"),
    }
}
