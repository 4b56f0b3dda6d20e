//! ONNX Runtime, loaded at run time from a library somebody names.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ::ort::environment::Environment;
use ::ort::logging::LogLevel;
use ::ort::session::{Session as OrtSession, SessionInputValue};
use ::ort::value::TensorRef;

use super::engine::{Data, Feed, Session, Tensor, guarded};

/// The library and its environment, once loaded; a process can hold only one.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Sessions of one model. Each is used by one caller at a time, and another is made when all
/// are taken: the bindings want a session for themselves while it runs.
struct Native {
    model: Vec<u8>,
    idle: Mutex<Vec<OrtSession>>,
    engine: String,
}

/// Opens a model with the library at `library`.
///
/// # Errors
/// Why the library cannot be used, or ONNX Runtime's own words.
pub fn open(library: &Path, model: &[u8]) -> Result<Box<dyn Session>, String> {
    if !library.is_file() {
        return Err(format!(
            "there is no ONNX Runtime library at `{}`; `pip download onnxruntime` holds one \
             (capi/libonnxruntime.so.*), or use the embedded engine",
            library.display()
        ));
    }
    // A relative name would be looked up beside the program, not here.
    let library = library.canonicalize().map_err(|error| error.to_string())?;
    let session = session(&library, model)?;
    // The bindings tell no version: the library's name has it, and the commit pins the build.
    let info = guarded(|| Ok(::ort::info()))?;
    let commit = info
        .split_once("git-commit-id=")
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .unwrap_or("unknown");
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    Ok(Box::new(Native {
        model: model.to_vec(),
        idle: Mutex::new(vec![session]),
        engine: format!("ONNX Runtime ({name}, commit {commit})"),
    }))
}

fn session(library: &Path, model: &[u8]) -> Result<OrtSession, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((other, _)) = loaded.as_ref().filter(|(other, _)| other != library) {
        return Err(format!(
            "this process has loaded ONNX Runtime from `{}` and cannot load another",
            other.display()
        ));
    }
    // Loading must come first and by this path alone: without it any call of the binding panics.
    if loaded.is_none() {
        let environment = guarded(|| {
            let builder = ::ort::init_from(library).map_err(|error| error.to_string())?;
            builder.build().map_err(|error| error.to_string())
        })?;
        *loaded = Some((library.to_owned(), environment));
    }
    let (_, environment) = loaded.as_ref().expect("loaded above");
    guarded(|| {
        OrtSession::builder(environment)
            .map_err(|error| error.to_string())?
            .with_intra_threads(1)
            .map_err(|error| error.to_string())?
            // What is wrong comes back as an error; the library need not print it too.
            .with_log_level(LogLevel::Fatal)
            .map_err(|error| error.to_string())?
            .commit_from_memory(model)
            .map_err(|error| error.to_string())
    })
}

impl Native {
    fn take(&self) -> Result<OrtSession, String> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(session) = idle {
            return Ok(session);
        }
        let library = LOADED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|(library, _)| library.clone())
            .expect("a session exists, so a library is loaded");
        session(&library, &self.model)
    }
}

impl Session for Native {
    fn run(&self, feeds: &[Feed<'_>], outputs: &[String]) -> Result<Vec<Tensor>, String> {
        let mut session = self.take()?;
        // Values are made afresh for each call; cloning one can lock up (seen in 2.0.0-rc.15).
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(feeds.len());
        for feed in feeds {
            let shape = feed.shape.to_vec();
            let view: Result<SessionInputValue<'_>, _> = match feed.data {
                Data::Floats(data) => TensorRef::from_array_view((shape, data)).map(Into::into),
                Data::Ints(data) => TensorRef::from_array_view((shape, data)).map(Into::into),
                Data::Bools(data) => TensorRef::from_array_view((shape, data)).map(Into::into),
            };
            let view = view.map_err(|error| error.to_string())?;
            inputs.push((feed.name.to_owned(), view));
        }
        let tensors = {
            let values = session.run(inputs).map_err(|error| error.to_string())?;
            let tensor = |name: &String| {
                let value = values
                    .get(name)
                    .ok_or_else(|| format!("no output `{name}`"))?;
                let (shape, data) = value
                    .try_extract_tensor::<f32>()
                    .map_err(|error| error.to_string())?;
                Ok(Tensor {
                    shape: shape.iter().map(|&length| length as usize).collect(),
                    data: data.to_vec(),
                })
            };
            outputs
                .iter()
                .map(tensor)
                .collect::<Result<Vec<_>, String>>()?
        };
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session);
        Ok(tensors)
    }

    fn engine(&self) -> String {
        self.engine.clone()
    }
}
