//! Golden rows are wanted, and reproduced.

use super::*;

#[test]
fn golden_rows_are_wanted_and_reproduced() {
    let mut model = good_cell();
    model
        .metadata_props
        .retain(|property| property.key() != contract::KEY_GOLDEN);
    expect(
        &model,
        "E-GOLDEN",
        "at least 64 golden rows are part of every model",
    );

    let golden = |change: &dyn Fn(&mut Arrays)| {
        let mut model = good_cell();
        let mut arrays = Arrays::read(model.metadata(contract::KEY_GOLDEN).unwrap()).unwrap();
        change(&mut arrays);
        model.set_metadata(contract::KEY_GOLDEN, arrays.write());
        model
    };
    assert!(load(&golden(&|_| ())).is_ok());
    for name in ["x", "rates", "atol", "rtol"] {
        expect(
            &golden(&|arrays| drop(arrays.0.remove(name))),
            "E-GOLDEN",
            &format!("`{name}`"),
        );
    }
    expect(
        &golden(&|arrays| {
            for name in ["x", "rates", "speed", "note"] {
                let array = arrays.0.get_mut(name).unwrap();
                let width = array.shape[1];
                array.shape[0] = 63;
                array.data.truncate(63 * width);
            }
        }),
        "E-GOLDEN",
        "63 rows; at least 64",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("atol").unwrap().data[0] = 1.0),
        "E-GOLDEN",
        "prove nothing",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("rtol").unwrap().data[0] = 0.1),
        "E-GOLDEN",
        "prove nothing",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("speed").unwrap().data[3] = f32::NAN),
        "E-GOLDEN",
        "not finite",
    );
    expect(
        &golden(&|arrays| {
            let stray = arrays.0["x"].clone();
            arrays.0.insert("xs".into(), stray);
        }),
        "E-GOLDEN",
        "array `xs` is none of the tensors of milieu.spec (x, rates, speed, note)\n  leave it out",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("speed").unwrap().data[17] += 0.01),
        "E-GOLDEN",
        "output `speed`, row 17, column 0: made",
    );

    let mut drifted = good_cell();
    let weights = &mut drifted.graph.as_mut().unwrap().initializer[4];
    let raw = weights.raw_data.as_mut().unwrap();
    let weight = f32::from_le_bytes(raw[..4].try_into().unwrap()) * 1.001;
    raw[..4].copy_from_slice(&weight.to_le_bytes());
    expect(&drifted, "E-GOLDEN", "difference");
    for text in ["%%%", "AAAA"] {
        let mut model = good_cell();
        model.set_metadata(contract::KEY_GOLDEN, text.into());
        expect(&model, "E-GOLDEN", "not");
    }
}

#[test]
fn an_output_of_the_graph_that_the_spec_leaves_out_is_told_what_to_do_with_its_golden_array() {
    let mut spec = cell_spec();
    spec["outputs"]
        .as_array_mut()
        .unwrap()
        .retain(|output| output["tensor"] != "note");
    expect(
        &with_spec(good_cell(), spec),
        "E-GOLDEN",
        "array `note` is none of the tensors of milieu.spec (x, rates, speed)\n  leave it out of the \
         archive; or, if the graph gives it and it is wanted, name it in `outputs`",
    );
}

#[test]
fn golden_rows_that_prove_little_are_told_of() {
    let spec = fixture::spec(&cell_spec());
    let doubts = |rows: &[Vec<f32>]| {
        let mut model = good_cell();
        seal(&mut model, rows).unwrap();
        rules::neural::golden::doubts(&Arrays::of(&model).unwrap(), &spec)
    };
    let sound = golden_rows(&spec, 64);
    assert_eq!(doubts(&sound), [""; 0]);
    let alike = vec![sound[0].clone(); 64];
    assert_eq!(doubts(&alike), ["all rows are alike"]);
    // Half of them far outside may be meant; more are a mistake.
    let mut far = sound.clone();
    far.iter_mut().take(32).for_each(|row| row[0] += 1000.0);
    assert_eq!(doubts(&far), [""; 0]);
    far[32][0] += 1000.0;
    let said = doubts(&far);
    assert_eq!(said.len(), 1);
    let begins = "33 of 64 rows have `oxygen` far outside 0 to 8";
    assert!(said[0].starts_with(begins), "{}", said[0]);
}

#[test]
fn the_example_of_the_documentation_loads() {
    // Written by the Python program in docs/models.md; its golden rows come from the reference
    // evaluator of the package `onnx`.
    let bytes = include_bytes!("hypoxia.onnx");
    let model = Model::from_bytes(bytes, &binding(), &vocabulary()).unwrap();
    assert_eq!(model.provenance().model.as_deref(), Some("hypoxia 1.0.0"));
    let page = include_str!("../../../docs/models.md");
    for op in rules::neural::check::OPERATORS {
        assert!(page.contains(op), "docs/models.md does not list {op}");
    }
}
