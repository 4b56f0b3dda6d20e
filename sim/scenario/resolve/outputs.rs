//! What is written, and what is measured.

use super::super::file::{self, Named};
use super::super::problem::{Path, misspelled};
use super::super::{Clocks, Measure, Outputs, Readout};
use super::{Resolver, is_multiple};

impl Resolver<'_> {
    pub(super) fn outputs(&mut self, stated: &file::Outputs, clocks: &Clocks) -> Outputs {
        let at = Path::root().key("outputs");
        let interval = stated.interval.0;
        if !is_multiple(interval, clocks.diffusion) {
            let message = format!(
                "{interval} min is not a multiple of the diffusion step, {} min",
                clocks.diffusion
            );
            let help = "frames are taken after whole diffusion steps".into();
            self.complain(&at.key("interval"), message, help);
        }
        let picture_substrate = stated
            .picture_substrate
            .as_ref()
            .and_then(|name| self.number(&at.key("picture_substrate"), "substrate", name));
        for (number, name) in stated.write.iter().enumerate() {
            let mut writers = crate::output::LIST.iter().map(|(name, _)| *name);
            // A build without writers knows no name to compare with.
            if writers.len() > 0 && !writers.clone().any(|known| known == name) {
                let (message, help) = misspelled("writer", name, &mut writers);
                self.complain(&at.key("write").index(number), message, help);
            }
        }
        Outputs {
            interval,
            write: stated.write.clone(),
            cell_columns: stated.cell_columns.clone(),
            picture_substrate,
        }
    }

    pub(super) fn readouts(&mut self, stated: &Named<file::Readout>) -> Vec<Readout> {
        let at = Path::root().key("readouts");
        let mut readouts = Vec::new();
        for (name, stated) in stated.iter() {
            let at = at.key(name);
            if let Some([low, high]) = stated.published
                && low > high
            {
                let message = format!("the range begins at {low} and ends at {high}");
                self.complain(&at.key("published"), message, "write [low, high]".into());
            }
            if let Some(measure) = self.measure(&at, stated) {
                readouts.push(Readout {
                    name: name.to_owned(),
                    measure,
                    published: stated.published,
                    source: stated.source.clone(),
                });
            }
        }
        readouts
    }

    /// What is measured; each measure has its own keys, all of them needed and no others.
    fn measure(&mut self, at: &Path, stated: &file::Readout) -> Option<Measure> {
        use file::Measure as Stated;
        let (name, wanted): (_, &[&str]) = match stated.measure {
            Stated::KillsPerCellDay => ("kills per cell and day", &["effectors", "target"]),
            Stated::MeanSpeed => ("mean speed", &["type"]),
            Stated::MotilityCoefficient => ("motility coefficient", &["type", "lag"]),
            Stated::FieldSpread => ("field spread", &["substrate", "sources"]),
            Stated::InfiltrationDepth => ("infiltration depth", &["type", "target"]),
        };
        let before = self.problems.len();
        for (key, is_there) in [
            ("type", stated.cell_type.is_some()),
            ("effectors", stated.effectors.is_some()),
            ("target", stated.target.is_some()),
            ("lag", stated.lag.is_some()),
            ("substrate", stated.substrate.is_some()),
            ("sources", stated.sources.is_some()),
        ] {
            let help = || format!("it wants {}", and(wanted));
            match (wanted.contains(&key), is_there) {
                (true, false) => {
                    let message = format!("`{name}` needs `{key}`");
                    self.complain(&at.key(key), message, help());
                }
                (false, true) => {
                    let message = format!("`{name}` has no use for `{key}`");
                    self.complain(&at.key(key), message, help());
                }
                _ => {}
            }
        }
        let one = |this: &mut Self, key: &str, what, name: &Option<String>| {
            let name = name.as_ref()?;
            this.number(&at.key(key), what, name)
        };
        let many = |this: &mut Self, key: &str, names: &Option<Vec<String>>| {
            let at = at.key(key);
            let names = names.iter().flatten().enumerate();
            names
                .filter_map(|(index, name)| this.number(&at.index(index), "cell type", name))
                .collect::<Vec<usize>>()
        };
        let cell_type = one(self, "type", "cell type", &stated.cell_type);
        let target = one(self, "target", "cell type", &stated.target);
        let substrate = one(self, "substrate", "substrate", &stated.substrate);
        let effectors = many(self, "effectors", &stated.effectors);
        let sources = many(self, "sources", &stated.sources);
        if self.problems.len() > before {
            return None;
        }
        Some(match stated.measure {
            Stated::KillsPerCellDay => Measure::KillsPerCellDay {
                effectors,
                target: target?,
            },
            Stated::MeanSpeed => Measure::MeanSpeed {
                cell_type: cell_type?,
            },
            Stated::MotilityCoefficient => Measure::MotilityCoefficient {
                cell_type: cell_type?,
                lag: stated.lag?.0,
            },
            Stated::FieldSpread => Measure::FieldSpread {
                substrate: substrate?,
                sources,
            },
            Stated::InfiltrationDepth => Measure::InfiltrationDepth {
                cell_type: cell_type?,
                target: target?,
            },
        })
    }
}

/// `a`, `a` and `b`.
fn and(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(" and ")
}
