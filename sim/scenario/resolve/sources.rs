//! Files of rules and models.

use rules::{Adoption, Binding, Engine, adoption::Spread};

use super::super::file::{self, Named, Short};
use super::super::problem::Path;
use super::super::{Clocks, RuleSource};
use super::{Resolver, is_multiple};

impl Resolver<'_> {
    pub(super) fn rules(
        &mut self,
        stated: &Named<Short<file::RuleSource>>,
        clocks: &Clocks,
    ) -> Vec<RuleSource> {
        let at = Path::root().key("rules");
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(&at, &names);
        stated
            .iter()
            .map(|(name, source)| {
                let at = at.key(name);
                let short;
                let (source, file_at) = match source {
                    Short::Full(source) => (source, at.key("file")),
                    Short::Text(file) => {
                        short = file::RuleSource::short(file);
                        (&short, at.clone())
                    }
                };
                let binding = self.binding(name, source, &at, &file_at, clocks);
                RuleSource {
                    name: name.to_owned(),
                    binding,
                }
            })
            .collect()
    }

    fn binding(
        &mut self,
        name: &str,
        source: &file::RuleSource,
        at: &Path,
        file_at: &Path,
        clocks: &Clocks,
    ) -> Binding {
        let file = self.file(file_at, &source.file);
        let extension = file.extension().and_then(|text| text.to_str());
        let extension = extension.unwrap_or("").to_owned();
        if !["rules", "csv", "onnx"].contains(&extension.as_str()) {
            let message = format!("`{}` is not a file of rules", source.file);
            let help = "sentences end in .rules, tables in .csv, models in .onnx".into();
            self.complain(file_at, message, help);
        }
        if let Some(clock) = source.clock
            && !is_multiple(clock.0, clocks.mechanics)
        {
            let message = format!(
                "{} min is not a multiple of the mechanics step, {} min",
                clock.0, clocks.mechanics
            );
            let help = "rules are called after whole mechanics steps".into();
            self.complain(&at.key("clock"), message, help);
        }
        let sha256 = source.sha256.as_ref().map(|hash| hash.to_lowercase());
        if let Some(hash) = &sha256
            && (hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let message = format!("`{hash}` is not a SHA-256");
            let help = "write its 64 hex digits, as `sha256sum FILE` prints them".into();
            self.complain(&at.key("sha256"), message, help);
        }
        let engine = match source.engine.as_str() {
            "embedded" => Engine::Embedded,
            "onnxruntime" => Engine::OnnxRuntime(None),
            library => {
                let at = at.key("engine");
                // A bare name is for the system's loader to find.
                if !library.contains('/') && !self.tree.folder(&at).join(library).exists() {
                    Engine::OnnxRuntime(Some(library.into()))
                } else {
                    Engine::OnnxRuntime(Some(self.file(&at, library)))
                }
            }
        };
        let adoption = self.adoption(source, at, extension == "onnx");
        Binding {
            name: name.to_owned(),
            file,
            clock: source.clock.map(|clock| clock.0),
            combine: source.combine,
            sha256,
            engine,
            adoption,
        }
    }

    /// How a model is taken up; for written rules that has no meaning, which is noted.
    fn adoption(&mut self, source: &file::RuleSource, at: &Path, is_model: bool) -> Adoption {
        let stated = [
            ("mode", source.mode.is_some()),
            ("mechanistic", source.mechanistic.is_some()),
            ("guard", source.guard.is_some()),
            ("return_after", source.return_after.is_some()),
            ("uncertainty", source.uncertainty.is_some()),
            ("stop_above", source.stop_above.is_some()),
            ("max_fallback", source.max_fallback.is_some()),
            ("max_clamped", source.max_clamped.is_some()),
        ];
        // So that a model is swapped for the rules behind it by its file's name alone.
        if !is_model {
            let stated = stated.iter().filter(|(_, is_stated)| *is_stated);
            let keys: Vec<String> = stated.map(|(key, _)| format!("`{key}`")).collect();
            if !keys.is_empty() {
                self.notes.push(format!(
                    "{at}: {} for models; `{}` is written and acts by itself",
                    match keys.len() {
                        1 => format!("{} is", keys[0]),
                        _ => format!("{} are", keys.join(", ")),
                    },
                    source.file
                ));
            }
            return Adoption::default();
        }
        let usual = Adoption::default();
        let mechanistic = source.mechanistic.as_ref().map(|name| {
            let at = at.key("mechanistic");
            let file = self.file(&at, name);
            if !name.ends_with(".rules") && !name.ends_with(".csv") {
                let message = format!("`{name}` is not a file of written rules");
                let help = "sentences end in .rules, tables in .csv".into();
                self.complain(&at, message, help);
            }
            file
        });
        let return_after = source.return_after.unwrap_or(usual.return_after);
        if return_after == 0 {
            let message = "0 calls are too few".into();
            let help = "1 lets the model act as soon as a row is inside its domain".into();
            self.complain(&at.key("return_after"), message, help);
        }
        let mut share = |key: &str, stated: Option<f64>, usual: f64| {
            let share = stated.unwrap_or(usual);
            if !(0.0..=1.0).contains(&share) {
                let message = format!("{share} is not a share");
                self.complain(&at.key(key), message, "write a number from 0 to 1".into());
            }
            share
        };
        let max_fallback = share("max_fallback", source.max_fallback, usual.max_fallback);
        let max_clamped = share("max_clamped", source.max_clamped, usual.max_clamped);
        let mut stop_above = Vec::new();
        for (name, most) in source.stop_above.iter().flat_map(Named::iter) {
            // A text is read with the model, which has the unit.
            if let Spread::Number(most) = most
                && !(*most >= 0.0 && most.is_finite())
            {
                let message = format!("{most} is not a standard deviation");
                let at = at.key("stop_above").key(name);
                self.complain(&at, message, "write a number that is not negative".into());
            }
            stop_above.push((name.to_owned(), most.clone()));
        }
        Adoption {
            mode: source.mode,
            mechanistic,
            guard: source.guard,
            return_after,
            uncertainty: source.uncertainty.unwrap_or(usual.uncertainty),
            stop_above,
            max_fallback,
            max_clamped,
        }
    }
}
