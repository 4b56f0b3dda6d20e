//! Spaces of latent vectors that the scenario settles or declares.

use rules::Inherit;
use rules::neural::contract::{WIDEST, width};

use super::super::LatentSpace;
use super::super::file::latents::Components;
use super::super::file::{self, Named, Short};
use super::super::problem::Path;
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn latents(&mut self, stated: &Named<file::LatentSpace>) -> Vec<LatentSpace> {
        let at = Path::root().key("latents");
        let ids: Vec<String> = stated.iter().map(|(id, _)| id.to_owned()).collect();
        self.distinct(&at, &ids);
        let spaces = stated.iter();
        spaces
            .filter_map(|(id, space)| self.space(&at.key(id), id, space))
            .collect()
    }

    fn space(&mut self, at: &Path, id: &str, stated: &file::LatentSpace) -> Option<LatentSpace> {
        let Some(width) = width(id) else {
            self.complain(
                at,
                format!("E-SPACE: `{id}` is no NAME/WIDTH"),
                format!(
                    "a space is called by its name and the numbers in a vector, 1 to {WIDEST}: \
                     [latents.\"cd8-exhaustion-v1/8\"]"
                ),
            );
            return None;
        };
        let inherit = stated.inherit.as_ref().and_then(|inherit| match inherit {
            Short::Text(word) if word == "copy" => Some(Inherit::Copy),
            Short::Text(word) if word == "split" => Some(Inherit::Split),
            Short::Full(noise) if noise.noise >= 0.0 => Some(Inherit::Noise(noise.noise)),
            Short::Full(noise) => {
                let message = format!("the standard deviation {} is negative", noise.noise);
                let help = "write 0 or more".into();
                self.complain(&at.key("inherit").key("noise"), message, help);
                None
            }
            Short::Text(word) => {
                let message = format!("`{word}` is no way to inherit");
                let help = "write \"copy\", \"split\" or { noise = 0.1 }".into();
                self.complain(&at.key("inherit"), message, help);
                None
            }
        });
        let initial = stated.initial.as_ref().map(|initial| match initial {
            Components::All(number) => vec![*number; width],
            Components::Each(numbers) => numbers.clone(),
        });
        if let Some(initial) = &initial {
            let at = at.key("initial");
            let finite = |number: &f64| (*number as f32).is_finite();
            if initial.len() != width {
                let message = format!("E-SPACE: these are {} numbers", initial.len());
                let help = format!("a vector of this space has {width}; one alone is for all");
                self.complain(&at, message, help);
            } else if !initial.iter().all(finite) {
                let message = "a component is beyond the numbers of 32 bits".into();
                self.complain(&at, message, "write less than 3e38".into());
            }
        }
        let types: Vec<usize> = stated
            .types
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                self.number(&at.key("types").index(index), "cell type", name)
            })
            .collect();
        Some(LatentSpace {
            id: id.to_owned(),
            width,
            inherit,
            initial: initial.map(|numbers| numbers.iter().map(|&number| number as f32).collect()),
            types,
        })
    }
}
