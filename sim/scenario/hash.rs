//! What makes two scenarios the same: everything resolved, and the contents of the files of rules.

use std::io;

use rules::Engine;
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
            sources.push(json!({
                "name": source.name,
                "clock": binding.clock,
                "combine": binding.combine,
                "engine": engine,
                "sha256": hex(&Sha256::digest(std::fs::read(&binding.file)?)),
            }));
        }
        if let Value::Object(fields) = &mut whole {
            fields.remove("file");
            fields.insert("rules".into(), sources.into());
        }
        Ok(hex(&Sha256::digest(whole.to_string())))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
