//! What is written, and when.

use super::super::file;
use super::super::problem::{Path, misspelled};
use super::super::{Clocks, Outputs};
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
}
