//! Files of rules and models.

use rules::{Binding, Engine};

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
                        short = file::RuleSource {
                            file: file.clone(),
                            clock: None,
                            combine: None,
                            sha256: None,
                            engine: "embedded".into(),
                        };
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
        let extension = file
            .extension()
            .and_then(|text| text.to_str())
            .unwrap_or("");
        if !["rules", "csv", "onnx"].contains(&extension) {
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
        Binding {
            name: name.to_owned(),
            file,
            clock: source.clock.map(|clock| clock.0),
            combine: source.combine,
            sha256,
            engine,
            adoption: rules::Adoption::default(),
        }
    }
}
