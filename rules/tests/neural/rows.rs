//! Rows of cells and pairs: their numbers, whatever the batch, the threads and the other rows.

use super::*;

#[test]
fn a_cell_model_gives_the_numbers_of_its_network_in_the_units_of_the_dictionary() {
    let (network, model) = (cell_network(), load(&good_cell()).unwrap());
    let signature = model.signature();
    assert_eq!(signature.subject, Subject::Cell { types: vec![1] });
    assert_eq!(signature.clock, 6.0);
    let signals: Vec<usize> = signature.reads.iter().map(|read| read.signal).collect();
    assert_eq!(signals, [0, 4, 2]);
    assert_eq!(signature.writes[0].kind, Kind::Rate);
    assert_eq!(signature.writes[1].kind, Kind::Rate);
    assert_eq!(
        signature.writes[2].kind,
        Kind::Parameter {
            relaxation: Some(12.0)
        }
    );
    assert_eq!(signature.writes[2].target, Target::Behavior(2));
    assert_eq!(
        signature.writes[3].target,
        Target::Readout("readout:stress".into())
    );

    let signals = columns(2500, &CELL);
    let out = apply(&model, &signals, &[]);
    assert_eq!(out.failed, []);
    for row in 0..2500 {
        let kilopascal = signals[0][row] * 0.133_322_387_415;
        let y = forward(
            &network,
            &[kilopascal, signals[1][row] / 60.0, signals[2][row]],
        );
        let wanted = [
            y[0] / 60.0,
            -(1.0 - y[1] / 100.0).ln() / 60.0,
            y[2] / 60.0,
            y[3],
        ];
        // f32 inside against f64 here: a few of its roundings of numbers of this size.
        let sizes = [1e-3, 1e-3, 1.0, 1.0];
        for ((column, wanted), size) in out.columns.iter().zip(wanted).zip(sizes) {
            assert!(
                (column[row] - wanted).abs() < 2e-6 * size,
                "{} {wanted}",
                column[row]
            );
        }
    }
}

#[test]
fn a_dyad_model_gives_hits_and_pair_events() {
    let (network, model) = (dyad_network(), load(&good_dyad()).unwrap());
    let signature = model.signature();
    assert_eq!(signature.subject, Subject::Dyad { a: 0, b: 1 });
    assert_eq!(signature.clock, 0.1);
    let sides: Vec<Side> = signature.reads.iter().map(|read| read.side).collect();
    assert_eq!(sides, [Side::A, Side::B, Side::Pair]);
    assert_eq!(signature.writes[0].side, Side::B);
    assert_eq!(signature.writes[0].kind, Kind::Hit { size: 1.0 });
    assert_eq!(signature.writes[0].target, Target::PairBehavior(0));
    assert_eq!(signature.writes[1].side, Side::Pair);
    assert_eq!(signature.writes[1].target, Target::PairBehavior(1));

    let signals = columns(700, &DYAD);
    let out = apply(&model, &signals, &[]);
    for row in 0..700 {
        let x: Vec<f64> = signals.iter().map(|column| column[row]).collect();
        for (column, wanted) in out.columns.iter().zip(forward(&network, &x)) {
            assert!((column[row] / wanted - 1.0).abs() < 2e-5);
        }
    }
    let lines = model.describe().join("\n");
    for part in [
        "fixture 1.2.3",
        "CD8 T cell → tumor",
        "rten 0.27.0",
        "contact age in min, trained on 0 to 120",
        "hit on tumor (b) as hit in 1/min, hits of size 1",
        "every 0.1 min",
    ] {
        assert!(lines.contains(part), "`{part}` is not in:\n{lines}");
    }
    let provenance = model.provenance();
    assert_eq!(provenance.model.as_deref(), Some("fixture 1.2.3"));
    assert_eq!(provenance.sha256.len(), 64);
    assert_eq!(provenance.engine, "rten 0.27.0, rows bitwise");
}

#[test]
fn the_same_bits_come_for_any_number_of_threads() {
    let model = Arc::new(load(&good_cell()).unwrap());
    let signals = columns(5000, &CELL);
    let bits = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let out = pool.install(|| apply(&model, &signals, &[]));
        let column = |column: &Vec<f64>| column.iter().map(|value| value.to_bits()).collect();
        out.columns.iter().map(column).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, bits(threads), "{threads} threads");
    }
}

#[test]
fn a_bitwise_model_gives_a_row_the_same_bits_in_any_batch() {
    let model = load(&good_cell()).unwrap();
    assert_eq!(model.row_class(), RowClass::Bitwise);
    let signals = columns(1500, &CELL);
    let whole = apply(&model, &signals, &[]);
    for rows in [1, 2, 3, 15, 16, 17, 100, 1023, 1025] {
        let part: Vec<Vec<f64>> = signals
            .iter()
            .map(|column| column[1500 - rows..].to_vec())
            .collect();
        let part = apply(&model, &part, &[]);
        for (whole, part) in whole.columns.iter().zip(&part.columns) {
            assert_eq!(&whole[1500 - rows..], part, "{rows} rows");
        }
    }
}

#[test]
fn an_empty_batch_is_nothing_to_do() {
    let model = load(&good_cell()).unwrap();
    let out = apply(&model, &[vec![], vec![], vec![]], &[]);
    assert!(out.columns.iter().all(Vec::is_empty) && out.failed.is_empty());
}

#[test]
fn rows_that_fail_fail_alone() {
    let model = load(&good_cell()).unwrap();
    let mut signals = columns(50, &CELL);
    let good = apply(&model, &signals, &[]);
    signals[0][7] = f64::NAN;
    signals[2][9] = 1e39; // beyond f32
    let out = apply(&model, &signals, &[]);
    let rows: Vec<usize> = out.failed.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [7, 9]);
    assert!(
        out.failed[0].1.contains("E-NONFINITE") && out.failed[0].1.contains("oxygen = NaN kPa"),
        "{}",
        out.failed[0].1
    );
    for (good, column) in good.columns.iter().zip(&out.columns) {
        for row in (0..50).filter(|row| ![7, 9].contains(row)) {
            assert_eq!(good[row], column[row]);
        }
    }

    // log(x − 1): no number below an oxygen of 1, where none of the golden rows is.
    let spec = changed(small_spec("rate"), "/inputs/0/lo", json!(2));
    let model = load(&small(
        &[
            Node::new("Sub", &["x", "one"], "s"),
            Node::new("Log", &["s"], "y"),
        ],
        spec,
    ))
    .unwrap();
    let out = apply(&model, &[vec![3.0, 0.5, 4.0]], &[]);
    assert_eq!(out.failed.len(), 1);
    assert_eq!(out.failed[0].0, 1);
    assert!(
        out.failed[0].1.contains("E-NONFINITE") && out.failed[0].1.contains("output `apoptosis`"),
        "{}",
        out.failed[0].1
    );
    assert!((out.columns[0][2] - 3f64.ln()).abs() < 1e-6);
}

#[test]
fn a_probability_of_one_or_more_fails_its_row() {
    let spec = changed(small_spec("probability"), "/outputs/0/per", json!("30 min"));
    let spec = changed(spec, "/inputs/0/hi", json!(0.9));
    let model = load(&small(&[Node::new("Identity", &["x"], "y")], spec)).unwrap();
    let out = apply(&model, &[vec![0.5, 1.0, -0.25, 0.0]], &[]);
    let rows: Vec<usize> = out.failed.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [1, 2]);
    assert!(out.failed[0].1.contains("E-RANGE"));
    assert!((out.columns[0][0] - 2f64.ln() / 30.0).abs() < 1e-9);
    assert_eq!(out.columns[0][3], 0.0);
}

#[test]
fn nothing_of_the_dead_can_fail() {
    let model = load(&good_cell()).unwrap();
    let signals = [vec![f64::NAN, 1.0], vec![1.0, 1.0], vec![1.0, 1.0]];
    let mut out = Outputs::default();
    out.reset(4, 2);
    let batch = Batch {
        rows: 2,
        signals: &rules::lent(&signals),
        noise: &[],
        dead: &[true, false],
        dt: 6.0,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    assert_eq!(out.failed, []);
}

#[test]
fn noise_and_time_step_reach_the_graph() {
    let spec = changed(
        small_spec("rate"),
        "/noise",
        json!({"dist": "uniform", "lanes": 1}),
    );
    let mut model = bare(
        &[
            Node::new("Add", &["x", "noise"], "s"),
            Node::new("Mul", &["s", "dt"], "y"),
        ],
        spec.clone(),
    );
    let input = &mut model.graph.as_mut().unwrap().input;
    input.push(ValueInfo::floats("noise", &[None, Some(1)], "n"));
    input.push(ValueInfo::floats("dt", &[Some(1)], ""));
    seal(&mut model, &golden_rows(&fixture::spec(&spec), 64)).unwrap();
    let model = load(&model).unwrap();
    let wanted = Noise {
        distribution: rules::Distribution::Uniform,
        lanes: 1,
    };
    assert_eq!(model.signature().noise, Some(wanted));
    let out = apply(&model, &[vec![0.5, 0.25]], &[0.25, 0.5]);
    assert_eq!(out.columns[0], [4.5, 4.5]);
}

#[test]
fn changes_and_clocks_are_bound() {
    let volume = |kind: &str, unit: &str, per: serde_json::Value| {
        let mut spec = small_spec(kind);
        spec["outputs"][0] =
            json!({"tensor": "y", "name": "target_volume", "kind": kind, "unit": unit});
        if !per.is_null() {
            spec["outputs"][0]["per"] = per;
        }
        small(&[Node::new("Identity", &["x"], "y")], spec)
    };
    let kind =
        |model: &proto::Model| load(model).map(|model| model.signature().writes[0].kind.clone());
    assert_eq!(
        kind(&volume("delta", "fL", json!("step"))),
        Ok(Kind::Delta { per: None })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!("min"))),
        Ok(Kind::Delta { per: Some(1.0) })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!(12))),
        Ok(Kind::Delta { per: Some(12.0) })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!("1 h"))),
        Ok(Kind::Delta { per: Some(60.0) })
    );
    let derivative = volume("derivative", "pL/h", json!(null));
    let model = load(&derivative).unwrap();
    assert_eq!(
        model.signature().writes[0].kind,
        Kind::Delta { per: Some(1.0) }
    );
    let value = apply(&model, &[vec![0.5]], &[]).columns[0][0];
    assert!((value - 0.5 * 1000.0 / 60.0).abs() < 1e-9);

    let bound = |clock: f64, model: &proto::Model| {
        let mut binding = binding();
        binding.clock = Some(clock);
        binding.combine = Some(Combine::Sum);
        Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
    };
    let model = bound(12.0, &derivative).ok().unwrap();
    assert_eq!(model.signature().clock, 12.0);
    assert_eq!(model.signature().combine, Some(Combine::Sum));
    for (clock, model, part) in [
        (66.0, &derivative, "good for 1 to 60 min"),
        (7.0, &derivative, "no multiple of the phenotype step"),
        (
            12.0,
            &volume("delta", "fL", json!("step")),
            "holds only for the step trained with, 6 min",
        ),
    ] {
        let fault = bound(clock, model).err().unwrap();
        assert_eq!(fault.code, "E-DT");
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[test]
fn models_that_mix_rows_are_refused() {
    let nodes: [(&str, Vec<Node>); 4] = [
        (
            "mean over the rows",
            vec![
                Node::new("ReduceMean", &["x", "axis_0"], "m"),
                Node::new("Add", &["x", "m"], "y"),
            ],
        ),
        (
            "softmax over the rows",
            vec![Node::new("Softmax", &["x"], "y").with("axis", 0)],
        ),
        (
            "a thousandth of a percent of the mean",
            vec![
                Node::new("ReduceMean", &["x", "axis_0"], "m"),
                Node::new("Mul", &["m", "tiny"], "t"),
                Node::new("Add", &["x", "t"], "y"),
            ],
        ),
        (
            "the greatest of the rows",
            vec![
                Node::new("ReduceMax", &["x", "axis_0"], "m"),
                Node::new("Sub", &["x", "m"], "y"),
            ],
        ),
    ];
    for (what, nodes) in nodes {
        let model = small(&nodes, small_spec("rate"));
        let fault = refused(&model);
        assert_eq!(fault.code, "E-ROWS", "{what}: {fault}");
    }
}
