//! Files: which are read, and what is refused before an engine sees it.

use super::*;

#[test]
fn an_empty_file_is_called_empty() {
    let fault = Model::from_bytes(&[], &binding(), &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.to_string(), "E-CONTRACT: the file is empty");
}

#[test]
fn the_file_is_checked_before_an_engine_sees_it() {
    let spoil = |change: &dyn Fn(&mut proto::Model)| {
        let mut model = good_cell();
        change(&mut model);
        model
    };
    let first = |model: &mut proto::Model, change: &dyn Fn(&mut Node)| {
        change(&mut model.graph.as_mut().unwrap().node[0])
    };
    for version in [15, 22] {
        expect(
            &spoil(&|model| model.opset_import[0].version = Some(version)),
            "E-OPSET",
            "opset",
        );
    }
    expect(
        &spoil(&|model| model.opset_import.clear()),
        "E-OPSET",
        "opset 18",
    );
    expect(
        &spoil(&|model| model.ir_version = Some(11)),
        "E-OPSET",
        "ir_version 11",
    );
    expect(
        &spoil(&|model| model.functions.push(vec![])),
        "E-OP",
        "functions",
    );
    expect(
        &spoil(&|model| model.training_info.push(vec![])),
        "E-CONTRACT",
        "training",
    );
    expect(
        &spoil(&|model| {
            model
                .graph
                .as_mut()
                .unwrap()
                .sparse_initializer
                .push(vec![])
        }),
        "E-CONTRACT",
        "sparse",
    );
    expect(
        &spoil(&|model| first(model, &|node| node.domain = Some("com.microsoft".into()))),
        "E-OP",
        "com.microsoft",
    );
    for op in ["If", "Loop", "Scan"] {
        expect(
            &spoil(&|model| first(model, &|node| node.op_type = Some(op.into()))),
            "E-OP",
            op,
        );
    }
    expect(
        &spoil(&|model| first(model, &|node| node.op_type = Some("Frobnicate".into()))),
        "E-OP",
        "node 0: `Frobnicate`",
    );
    for op in [
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
    ] {
        expect(
            &spoil(&|model| first(model, &|node| node.op_type = Some(op.into()))),
            "E-RANDOM-OP",
            "`noise`",
        );
    }
    let graph = proto::Attribute {
        name: Some("body".into()),
        g: Some(vec![]),
        ..Default::default()
    };
    expect(
        &spoil(&|model| first(model, &|node| node.attribute.push(graph.clone()))),
        "E-OP",
        "`body`",
    );
    expect(
        &spoil(&|model| {
            let weights = &mut model.graph.as_mut().unwrap().initializer[0];
            weights.data_location = Some(1);
        }),
        "E-CONTRACT",
        "external_data=False",
    );
    expect(
        &spoil(&|model| model.graph.as_mut().unwrap().initializer[0].dims = vec![-1, 3]),
        "E-CONTRACT",
        "shape",
    );
    let huge = Tensor::ints("shape", &[1 << 40, 1]);
    expect(
        &spoil(&|model| model.graph.as_mut().unwrap().initializer.push(huge.clone())),
        "E-OP",
        "memory",
    );

    let dropout = |flag: &[u8]| {
        let mut node = Node::new("Dropout", &["x", "", "training"], "y");
        node.name = Some("drop".into());
        let mut model = bare(&[node], small_spec("rate"));
        model.graph.as_mut().unwrap().initializer.push(Tensor {
            data_type: Some(9),
            name: Some("training".into()),
            raw_data: Some(flag.to_vec()),
            ..Default::default()
        });
        model
    };
    expect(
        &dropout(&[1]),
        "E-RANDOM-OP",
        "node 0 `drop`: `Dropout (in training mode)`",
    );
    let mut quiet = dropout(&[0]);
    seal(
        &mut quiet,
        &golden_rows(&fixture::spec(&small_spec("rate")), 64),
    )
    .unwrap();
    assert!(load(&quiet).is_ok());
}

#[test]
fn the_hash_is_checked_if_pinned() {
    let bytes = good_cell().encode_to_vec();
    let mut binding = binding();
    binding.sha256 = Some("sha256:00".into());
    let fault = Model::from_bytes(&bytes, &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-HASH");
    let hash = load(&good_cell()).unwrap().provenance().sha256;
    binding.sha256 = Some(format!("sha256:{}", hash.to_uppercase()));
    assert!(Model::from_bytes(&bytes, &binding, &vocabulary()).is_ok());
}

#[test]
fn files_are_found_and_errors_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut binding = binding();
    binding.file = folder.path().join("none.onnx");
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(matches!(error, Error::File { .. }), "{error}");
    std::fs::write(&binding.file, b"").unwrap();
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(error.to_string().contains("none.onnx: E-"), "{error}");
    std::fs::write(&binding.file, good_dyad().encode_to_vec()).unwrap();
    assert!(Model::load(&binding, &vocabulary()).is_ok());
    // Sparse, so it takes no room; too large to be read all the same.
    let file = std::fs::File::create(&binding.file).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("E-CONTRACT: the file has 268435457 bytes"),
        "{error}"
    );
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    assert!(!survives(b""));
    assert!(!survives(b"not a model at all"));
    let noise: Vec<u8> = (0..4096)
        .map(|at| (256.0 * mlp::uniform(4, at)) as u8)
        .collect();
    assert!(!survives(&noise));
    let bytes = good_dyad().encode_to_vec();
    for length in (0..bytes.len()).step_by(bytes.len() / 200) {
        assert!(
            !survives(&bytes[..length]),
            "cut to {length} of {}",
            bytes.len()
        );
    }
    let mut spoiled = bytes.clone();
    for flip in 0..1500u64 {
        let bit = (mlp::uniform(11, flip) * (bytes.len() * 8) as f64) as usize;
        spoiled[bit / 8] ^= 1 << (bit % 8);
        survives(&spoiled);
        spoiled[bit / 8] = bytes[bit / 8];
    }
    // The head of the file, where the structure is, bit by bit.
    for bit in 0..8 * 400 {
        spoiled[bit / 8] ^= 1 << (bit % 8);
        survives(&spoiled);
        spoiled[bit / 8] = bytes[bit / 8];
    }
}

/// Never a panic; what loads all the same has passed its golden rows.
fn survives(bytes: &[u8]) -> bool {
    Model::from_bytes(bytes, &binding(), &vocabulary()).is_ok()
}
