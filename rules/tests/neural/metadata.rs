//! What a file says of itself against the graph and the scenario.

use super::*;

#[test]
fn the_example_of_the_contract_loads() {
    let spec = json!({"form":"dyad","acts_on":{"a":"CD8 T cell","b":"tumor"},
        "inputs":[{"tensor":"e","col":0,"name":"contact_age","unit":"min","lo":0,"hi":120,"mean":11.2,"std":14.0}],
        "outputs":[{"tensor":"hit","name":"hit","on":"b","kind":"rate","unit":"1/min","size":1,"reduce":"sum","uncertainty":{"ens":"hit.ens","k":5}},
                   {"tensor":"detach","name":"detach","on":"pair","kind":"rate","unit":"1/min"}],
        "dt":{"trained":1,"min":0.1,"max":6,"unit":"min"}, "noise":{"dist":"normal","lanes":0}});
    let network = Mlp::new(
        &[(0.0, 120.0)],
        &[4],
        Activation::Tanh,
        &[Link::Exp, Link::Exp],
        1,
    );
    let plain = without(spec.clone(), "/outputs/0/uncertainty");
    let mut model = write(&network, &plain);
    expect(
        &with_spec(model.clone(), spec.clone()),
        "E-CONTRACT",
        "hit.ens",
    );
    let graph = model.graph.as_mut().unwrap();
    graph
        .node
        .push(Node::new("Concat", &["hit", "hit", "hit", "hit", "hit"], "hit.ens").with("axis", 1));
    graph
        .output
        .push(ValueInfo::floats("hit.ens", &[None, Some(5)], "n_pairs"));
    let mut model = with_spec(model, spec.clone());
    expect(&model, "E-GOLDEN", "no array for the output `hit.ens`");
    seal(&mut model, &golden_rows(&fixture::spec(&spec), 64)).unwrap();
    let loaded = load(&model).unwrap();
    assert_eq!(loaded.signature().writes[0].kind, Kind::Hit { size: 1.0 });
}

#[test]
fn the_metadata_are_read_strictly() {
    let cell = || (good_cell(), cell_spec());
    let (mut model, spec) = cell();
    model.metadata_props.clear();
    expect(&model, "E-CONTRACT", "no metadata key `milieu.contract`");
    let (mut model, _) = cell();
    model.set_metadata("milieu.contract", "2".into());
    expect(&model, "E-CONTRACT", "version `2`");
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.gold", "".into());
    expect(&model, "E-CONTRACT", "unknown key `milieu.gold`");
    let (mut model, _) = cell();
    model.set_metadata("milieu.spec", "{".into());
    expect(&model, "E-CONTRACT", "not JSON");
    let (mut model, _) = cell();
    model.set_metadata("milieu.card", "[]".into());
    expect(&model, "E-CONTRACT", "milieu.card");
    for (card, part) in [
        (json!({"name": 3}), "milieu.card: name: 3 is not a text"),
        (
            json!({"version": "1.0"}),
            "version: \"1.0\" is no semantic version",
        ),
        (json!({"version": 1}), "version: 1 is no semantic version"),
    ] {
        model.set_metadata("milieu.card", card.to_string());
        expect(&model, "E-CONTRACT", part);
    }
    let (mut model, _) = cell();
    model.set_metadata("milieu.parent", "hypoxia 1.0.0".into());
    expect(
        &model,
        "E-CONTRACT",
        "milieu.parent: `hypoxia 1.0.0` is no SHA-256",
    );
    model.set_metadata("milieu.parent", format!("sha256:{}", "0f".repeat(32)));
    assert!(load(&model).is_ok());

    let cases = [
        (
            "/form",
            json!("blob"),
            "form: unknown variant `blob`, expected one of `cell`, `dyad`, `graph`",
        ),
        ("/form", json!("graph"), "form `graph` wants `messages`"),
        (
            "/colour",
            json!(1),
            "unknown field `colour`, expected one of `form`",
        ),
        (
            "/hops",
            json!(2),
            "`hops` is for form `graph`, and this is `cell`",
        ),
        ("/sees", json!(["tumor"]), "`sees` is for form `graph`"),
        (
            "/acts_on",
            json!({"a": "tumor", "b": "tumor"}),
            "form `cell` wants",
        ),
        (
            "/inputs/0/colour",
            json!(1),
            "inputs[0] `oxygen`: colour: unknown field `colour`",
        ),
        ("/inputs/0/tensor", json!("b"), "signals enter by `x`"),
        ("/inputs/0/col", json!(1), "named twice"),
        ("/inputs/0/col", json!(3), "none numbered 3"),
        ("/inputs/0/lo", json!(9), "lo 9 and hi 8"),
        (
            "/inputs/0/transform",
            json!("logp1"),
            "transform: `logp1` is none of none, log, log2, log10, log1p",
        ),
        ("/inputs/0/std", json!(-1), "inputs[0] `oxygen`: std -1"),
        (
            "/acts_on",
            json!(["tumor", "macrophage", "tumor"]),
            "acts_on: the type `tumor` stands twice",
        ),
        (
            "/inputs/0/frame",
            json!("gradient"),
            "inputs[0] `oxygen`: frame: ",
        ),
        (
            "/outputs/0/kind",
            json!("guess"),
            "outputs[0] `apoptosis`: kind: unknown variant `guess`",
        ),
        (
            "/outputs/0/kind",
            json!("logits"),
            "`col` is not for kind `logits`",
        ),
        ("/outputs/0/size", json!(1), "a hit lands on"),
        ("/outputs/0/tau", json!(1), "`tau` is not for kind `rate`"),
        ("/outputs/0/per", json!(1), "`per` is not for kind `rate`"),
        (
            "/outputs/0/on",
            json!("a"),
            "`on` is for forms `dyad` and `division`",
        ),
        (
            "/outputs/0/reduce",
            json!("sum"),
            "`reduce` is for what a dyad does",
        ),
        ("/outputs/2/tau", json!(-1), "tau -1"),
        ("/outputs/1/per", json!(0), "per 0 must be"),
        (
            "/outputs/1/per",
            json!("step"),
            "a probability belongs to minutes",
        ),
        ("/dt/min", json!(7), "min ≤ trained"),
    ];
    for (pointer, value, part) in cases {
        expect(
            &with_spec(good_cell(), changed(spec.clone(), pointer, value)),
            "E-CONTRACT",
            part,
        );
    }
    for (pointer, part) in [
        ("/form", "missing field `form`"),
        ("/dt", "`dt` is missing"),
        ("/outputs/0/kind", "missing field `kind`"),
        ("/outputs/0/unit", "`unit` is missing: kind `rate` needs it"),
        ("/outputs/1/per", "`per` is missing"),
        ("/outputs/1/col", "needs its `col`"),
        ("/inputs/2/hi", "missing field `hi`"),
    ] {
        expect(
            &with_spec(good_cell(), without(spec.clone(), pointer)),
            "E-CONTRACT",
            part,
        );
    }
    let dyad = [
        ("/outputs/0/size", "`size` is missing"),
        ("/outputs/0/reduce", "`reduce` is missing"),
        ("/outputs/0/on", "`on` must be"),
    ];
    for (pointer, part) in dyad {
        expect(
            &with_spec(good_dyad(), without(dyad_spec(), pointer)),
            "E-CONTRACT",
            part,
        );
    }
    let mean = changed(dyad_spec(), "/outputs/0/reduce", json!("mean"));
    expect(
        &with_spec(good_dyad(), mean),
        "E-CONTRACT",
        "events are drawn for each pair: only `reduce`: \"sum\"",
    );
}

#[test]
fn tensors_must_be_those_of_the_spec() {
    let with_input = |info: ValueInfo| {
        let mut model = good_cell();
        model.graph.as_mut().unwrap().input[0] = info;
        model
    };
    expect(
        &with_input(ValueInfo::floats("x", &[Some(32), Some(3)], "")),
        "E-SHAPE",
        "is [32, 3], expected [symbolic, 3]; the first axis counts rows",
    );
    expect(
        &with_input(ValueInfo::floats("x", &[None, Some(4)], "n")),
        "E-SHAPE",
        "is [n, 4], expected [symbolic, 3]",
    );
    expect(
        &with_input(ValueInfo::floats("x", &[None], "n")),
        "E-SHAPE",
        "is [n]",
    );
    let mut wide = ValueInfo::floats("x", &[None, Some(3)], "n");
    wide.r#type
        .as_mut()
        .unwrap()
        .tensor
        .as_mut()
        .unwrap()
        .elem_type = Some(11);
    expect(
        &with_input(wide),
        "E-DTYPE",
        "input `x` is float64, expected float32",
    );
    expect(
        &with_input(ValueInfo {
            name: Some("x".into()),
            r#type: None,
        }),
        "E-DTYPE",
        "not a tensor",
    );
    expect(
        &with_input(ValueInfo::floats("y", &[None, Some(3)], "n")),
        "E-CONTRACT",
        "the graph reads `y`",
    );
    for (name, part) in [
        ("z", "no latent state that enters"),
        ("cond", "may add x, cond"),
    ] {
        let mut model = good_cell();
        model
            .graph
            .as_mut()
            .unwrap()
            .input
            .push(ValueInfo::floats(name, &[None, Some(3)], "n"));
        expect(&model, "E-CONTRACT", part);
    }
    let mut model = good_cell();
    model
        .graph
        .as_mut()
        .unwrap()
        .input
        .push(ValueInfo::floats("noise", &[None, Some(3)], "n"));
    expect(&model, "E-CONTRACT", "declares no lanes");
    let mut model = good_cell();
    model
        .graph
        .as_mut()
        .unwrap()
        .input
        .push(ValueInfo::floats("dt", &[Some(2)], "n"));
    expect(&model, "E-SHAPE", "expected [1]");
    let mut model = good_cell();
    model.graph.as_mut().unwrap().output[0] = ValueInfo::floats("rates", &[Some(1), Some(2)], "");
    expect(&model, "E-SHAPE", "output `rates` is [1, 2]");
    let mut model = good_cell();
    model.graph.as_mut().unwrap().output.remove(1);
    expect(&model, "E-CONTRACT", "output tensor `speed`");

    // Shapes that only a run shows: weights that do not fit, and an output narrower than promised.
    let mut model = good_cell();
    model.graph.as_mut().unwrap().initializer[2].dims = vec![16, 3];
    expect(&model, "E-ENGINE", "");
    let unknown = ValueInfo {
        name: Some("y".into()),
        r#type: Some(proto::Type {
            tensor: Some(proto::TensorType {
                elem_type: Some(1),
                shape: None,
            }),
        }),
    };
    let mut model = small(&[Node::new("Identity", &["x"], "y")], small_spec("rate"));
    let graph = model.graph.as_mut().unwrap();
    graph.output[0] = unknown;
    graph.node[0] = Node::new("Concat", &["x", "x"], "y").with("axis", 1);
    expect(
        &model,
        "E-SHAPE",
        "output `y` has the shape [64, 2], expected [64, 1]",
    );
}

#[test]
fn names_and_units_are_those_of_the_scenario() {
    let spec = cell_spec();
    for (pointer, value, code, part) in [
        (
            "/acts_on",
            json!("tumour"),
            "E-TYPE",
            "did you mean `tumor`? known cell types: CD8 T cell, macrophage, tumor",
        ),
        (
            "/acts_on",
            json!(["tumor", "neuron"]),
            "E-TYPE",
            "unknown cell type `neuron`",
        ),
        (
            "/inputs/0/name",
            json!("oxigen"),
            "E-SIGNAL",
            "inputs[0] `oxigen`: unknown signal `oxigen`\n  did you mean `oxygen`",
        ),
        (
            "/outputs/0/name",
            json!("apoptosys"),
            "E-SIGNAL",
            "did you mean `apoptosis`",
        ),
        ("/inputs/0/unit", json!("µM"), "E-UNIT", "`µM` is a"),
        (
            "/inputs/0/unit",
            json!("furlong"),
            "E-UNIT",
            "unknown unit `furlong`; write `mmHg`, or a multiple",
        ),
        (
            "/outputs/0/unit",
            json!("damage"),
            "E-UNIT",
            "unknown unit `damage`; write `1/min`, or a multiple",
        ),
        (
            "/outputs/0/kind",
            json!("parameter"),
            "E-CONTRACT",
            "`apoptosis` is an event, which is drawn and not set; declare the kind `rate`",
        ),
        (
            "/outputs/2",
            json!({"tensor": "speed", "name": "migration speed", "kind": "rate", "unit": "1/min"}),
            "E-CONTRACT",
            "`migration speed` is not an event that could have a rate",
        ),
        ("/outputs/0/unit", json!("µm"), "E-UNIT", "such as `1/min`"),
        ("/outputs/1/unit", json!("1/min"), "E-UNIT", "pure number"),
        ("/outputs/1/per", json!("3 µm"), "E-UNIT", "per: "),
        ("/dt/unit", json!("µm"), "E-UNIT", "dt: "),
        (
            "/outputs/1/name",
            json!("apoptosis"),
            "E-CONFLICT",
            "writes this twice",
        ),
        (
            "/outputs/0/name",
            json!("oxygen secretion"),
            "E-CONTRACT",
            "declare the kind `parameter`",
        ),
        ("/dt/max", json!(5), "E-CONTRACT", "trained"),
    ] {
        expect(
            &with_spec(good_cell(), changed(spec.clone(), pointer, value)),
            code,
            part,
        );
    }
    let short = changed(changed(spec, "/dt/max", json!(5)), "/dt/trained", json!(5));
    expect(
        &with_spec(good_cell(), short),
        "E-DT",
        "would run every 6 min",
    );
    let pair = changed(dyad_spec(), "/inputs/2/name", json!("contact edge"));
    expect(
        &with_spec(good_dyad(), pair),
        "E-SIGNAL",
        "known signals: contact age, gap, hits",
    );
    let event = changed(dyad_spec(), "/outputs/1/name", json!("apoptosis"));
    expect(
        &with_spec(good_dyad(), event),
        "E-SIGNAL",
        "known behaviors: detach, hit",
    );
}
