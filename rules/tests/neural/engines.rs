//! The two engines, and one that is not there.

use super::*;

#[test]
fn a_missing_onnx_runtime_is_an_error() {
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(Some("no/such/libonnxruntime.so".into()));
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
    assert!(fault.message.contains("no ONNX Runtime library at"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libonnxruntime.so");
    std::fs::write(&file, b"no library").unwrap();
    binding.engine = Engine::OnnxRuntime(Some(file));
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
}

#[test]
fn onnx_runtime_by_its_name_is_what_the_environment_names() {
    if find_onnx_runtime().is_some() {
        eprintln!("skipped: ORT_DYLIB_PATH is set, so nothing is missing");
        return;
    }
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(None);
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
    let way_out = "set ORT_DYLIB_PATH, or name the library: engine = \"/path/libonnxruntime.so\"";
    assert!(fault.message.contains(way_out), "{}", fault.message);
}

#[test]
fn onnx_runtime_agrees_with_the_embedded_engine() {
    if find_onnx_runtime().is_none() {
        eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)");
        return;
    }
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(None);
    for (model, ranges) in [(good_cell(), CELL), (good_dyad(), DYAD)] {
        let native = Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
            .ok()
            .unwrap();
        let embedded = load(&model).unwrap();
        let signals = columns(5000, &ranges);
        let (a, b) = (
            apply(&native, &signals, &[]),
            apply(&embedded, &signals, &[]),
        );
        let mut worst = 0.0f64;
        for (a, b) in a.columns.iter().zip(&b.columns) {
            for (a, b) in a.iter().zip(b) {
                worst = worst.max((a - b).abs());
            }
        }
        eprintln!(
            "{}: largest difference {worst:e}",
            native.provenance().engine
        );
        assert!(
            native
                .provenance()
                .engine
                .starts_with("ONNX Runtime (libonnxruntime.so")
        );
        assert!(worst <= 1e-6);
        let alone = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert_eq!(
            alone.install(|| apply(&native, &signals, &[])).columns,
            a.columns
        );
        let fault = |bytes: &[u8]| Model::from_bytes(bytes, &binding, &vocabulary()).err();
        let mut broken = model.clone();
        broken.graph.as_mut().unwrap().initializer[2].dims = vec![16, 3];
        assert_eq!(fault(&broken.encode_to_vec()).unwrap().code, "E-ENGINE");
    }
}
