//! Scenario files: what they mean, and what is said of broken ones.

use std::f64::consts::PI;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sim::scenario::parse::read;
use sim::scenario::problem::Problem;
use sim::scenario::schema::schema;
use sim::scenario::{Boundary, Phase, Place, Region, Scenario};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn killing(settings: &[&str]) -> Result<Scenario, Vec<Problem>> {
    let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
    read(
        &root().join("tests/scenarios_good/killing"),
        &settings,
        None,
    )
}

fn good(settings: &[&str]) -> Scenario {
    killing(settings).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// Each file says on its `#!` lines what is wrong with it. `#set` and `#cells` lines are what the
/// command line adds.
#[test]
fn broken_scenarios_are_told_what_is_wrong_where_and_the_way_out() {
    let folder = root().join("tests/scenarios_bad");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|text| text == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 40, "only {} files", files.len());
    let mut different = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let marked = |mark: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(mark));
            lines
                .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
                .collect()
        };
        let expected = marked("#!").join("\n");
        let cells = marked("#cells").first().map(|name| folder.join(name));
        let found = match read(&file, &marked("#set"), cells.as_deref()) {
            Ok(_) => "nothing is wrong".to_owned(),
            Err(problems) => lines(&problems),
        };
        let found = found.replace(&format!("{}/", folder.display()), "");
        if found != expected {
            different.push(format!("--- {}\n{found}", file.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn values_are_read_in_base_units_and_names_become_numbers() {
    let scenario = good(&[]);
    assert_eq!(scenario.name, "killing");
    assert_eq!(scenario.duration, 2880.0);
    assert_eq!(scenario.domain.min, [-200.0, -150.0, -10.0]);
    assert_eq!(scenario.end_tick(), 288_000);
    let oxygen = &scenario.substrates[0];
    assert_eq!(oxygen.boundary[0], Boundary::Fixed(38.0));
    assert_eq!(oxygen.boundary[3..], [Boundary::NoFlux; 3]);
    assert!((scenario.substrates[1].diffusion_coefficient / 6000.0 - 1.0).abs() < 1e-12);
    let tumor = &scenario.cell_types[0];
    assert_eq!(tumor.volume.nuclear, 540.0);
    let phase = &tumor.cycle.phases[3];
    assert_eq!(
        (phase.exit_rate, phase.fixed, phase.next),
        (1.0 / 60.0, true, 0)
    );
    let killer = &scenario.cell_types[2];
    assert_eq!(killer.interactions.attack, [0.1, 1.0 / 60.0, 0.0, 0.0]);
    assert_eq!(killer.motility.chemotaxis, [0.0, 1.0]);
    assert!((killer.exchange[1].secretion_target / 100.0 - 1.0).abs() < 1e-12);
    assert!((scenario.arrivals[0].rate * 30.0 - 1.0).abs() < 1e-12);
    assert_eq!(scenario.arrivals[0].stop, scenario.duration);
    assert_eq!(scenario.rules[1].binding.clock, Some(1.0));
    assert_eq!(scenario.outputs.picture_substrate, Some(1));
}

#[test]
fn one_speed_in_many_units_is_one_speed() {
    let speed = |text: &str| {
        let setting = format!("cell_types.CD8 T cell.motility.speed={text}");
        good(&[&setting]).cell_types[2].motility.speed
    };
    for text in [
        "4",
        "4.0",
        "\"4 µm/min\"",
        "4 µm/min",
        "4 um/min",
        "4µm/min",
    ] {
        assert_eq!(speed(text), 4.0, "{text}");
    }
    for text in ["0.24 mm/h", "4e-6 m/min", "6.666666666666667e-2 µm/s"] {
        assert!((speed(text) - 4.0).abs() < 1e-12, "{text}");
    }
}

#[test]
fn an_heir_has_what_it_does_not_state() {
    let scenario = good(&[]);
    let (tumor, heir) = (&scenario.cell_types[0], &scenario.cell_types[1]);
    assert_eq!(heir.apoptosis.rate, tumor.apoptosis.rate);
    assert_eq!(heir.exchange[0].uptake_rate, 10.0);
    assert_ne!(heir.color, tumor.color);
    // Its rate of M stands in for the inherited duration, and its radius for the volume.
    assert_eq!(heir.cycle.phases[3].exit_rate, 1.0 / 60.0);
    assert_eq!(heir.cycle.phases[0].exit_rate, 1.0 / 300.0);
    assert!(heir.volume.total < tumor.volume.total);
    let own: Vec<_> = heir
        .custom
        .iter()
        .map(|own| (own.value, own.unit.to_string()))
        .collect();
    assert_eq!(
        own,
        [(1.0, "1".into()), (0.5, "µM".into()), (3.0, "nM".into())]
    );
    // What the parent becomes is what this type is.
    assert_eq!(scenario.cell_types[3].transformations, [0.0; 4]);
}

#[test]
fn settings_reach_every_kind_of_value() {
    let scenario = good(&[
        "seed=11",
        "description=hunting",
        "duration=5 d",
        "cell_types.\"CD8 T cell\".motility.persistence_time=3",
        "cell_types.cd8_t_cell.volume.total=200",
        "cell_types.tumor.custom.PD-L1=0.1",
        "cell_types.tumor.custom.MHC-I=4",
        "cell_types.tumor.cycle.rates.M=0.5",
        "cells.nodule.count=12",
        "readouts.kills.published=[1, 20]",
    ]);
    assert_eq!((scenario.seed, scenario.duration), (11, 7200.0));
    assert_eq!(scenario.description, "hunting");
    assert_eq!(scenario.cell_types[2].motility.persistence_time, 3.0);
    assert_eq!(scenario.cell_types[2].volume.total, 200.0);
    assert_eq!(scenario.cell_types[0].custom[0].value, 0.1);
    assert_eq!(scenario.cell_types[0].cycle.phases[3].exit_rate, 0.5);
    // The heir takes what is set on the type it inherits from, unless it states its own.
    assert_eq!(scenario.cell_types[1].custom[0].value, 0.1);
    assert_eq!(scenario.cell_types[1].custom[1].value, 0.5);
    assert_eq!(scenario.cell_types[1].custom[1].unit.to_string(), "µM");
    let Place::Region { count, .. } = scenario.cells[0].place else {
        panic!("the nodule is a region");
    };
    assert_eq!(count, Some(12));
    assert_eq!(scenario.readouts[0].published, Some([1.0, 20.0]));
}

#[test]
fn a_table_of_cells_keeps_what_its_rows_state() {
    let scenario = good(&[]);
    let Place::Explicit { cells } = &scenario.cells[3].place else {
        panic!("a table states each cell");
    };
    assert_eq!(cells[0].volume, Some(2000.0));
    assert_eq!(cells[0].values, [("custom:PD-L1".to_owned(), 0.4)]);
    assert_eq!(cells[1].cell_type, 2);
    assert_eq!(
        (cells[1].volume, cells[1].position),
        (None, [-10.0, 20.0, 0.0])
    );
    assert_eq!(cells[1].values, [("migration speed".to_owned(), 6.0)]);
}

#[test]
fn the_cycle_models_close_their_rings() {
    for (model, phases) in [
        ("none", 0),
        ("live", 1),
        ("Ki67 basic", 2),
        ("ki67-advanced", 3),
        ("flow cytometry basic", 3),
        ("flow_cytometry_separated", 4),
        ("cycling quiescent", 2),
    ] {
        let setting = format!("cell_types.CD8 T cell.cycle.model={model}");
        let cycle = good(&[&setting]).cell_types.swap_remove(2).cycle;
        assert_eq!(cycle.phases.len(), phases, "{model}");
        let count = |claim: fn(&Phase) -> bool| cycle.phases.iter().filter(|p| claim(p)).count();
        assert_eq!(count(|phase| phase.divides), phases.min(1), "{model}");
        assert_eq!(count(|phase| phase.grows), phases.min(1), "{model}");
        assert!(
            cycle
                .phases
                .iter()
                .all(|phase| phase.next < phases && phase.exit_rate > 0.0)
        );
    }
}

#[test]
fn the_hash_knows_meaning_and_not_spelling() {
    let hash = |settings: &[&str]| good(settings).hash().unwrap();
    let plain = hash(&[]);
    assert_eq!(
        plain,
        hash(&["duration=48 h", "cell_types.tumor.necrosis.rate=0"])
    );
    assert_ne!(plain, hash(&["cell_types.tumor.necrosis.rate=1e-9"]));
    assert_ne!(plain, hash(&["rules.again.clock=2"]));
    // The same scenario elsewhere, and then with another file of rules.
    let folder = tempfile::tempdir().unwrap();
    for file in ["scenario.toml", "cells.csv", "cells.rules"] {
        let from = root().join("tests/scenarios_good/killing").join(file);
        std::fs::copy(from, folder.path().join(file)).unwrap();
    }
    let elsewhere = || {
        read(folder.path(), &["name=killing".into()], None)
            .unwrap()
            .hash()
            .unwrap()
    };
    assert_eq!(plain, elsewhere());
    std::fs::write(folder.path().join("cells.rules"), "# other\n").unwrap();
    assert_ne!(plain, elsewhere());
}

#[test]
fn what_a_file_states_stands_on_top_of_what_it_extends() {
    let below = good(&[]);
    let extended = root().join("tests/scenarios_good/extended");
    let scenario = read(&extended, &["seed=12".into()], None)
        .unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    // What neither states, what only the lower file states, what the upper one does, what is set.
    assert_eq!(scenario.name, "extended");
    assert_eq!(scenario.duration, below.duration);
    assert!(scenario.description.contains("smaller"));
    assert_eq!(scenario.seed, 12);
    // Keys that exclude one another give way, and names are compared as everywhere.
    assert_eq!(scenario.domain.max, [150.0, 150.0, 10.0]);
    let names: Vec<&str> = scenario.cell_types.iter().map(|one| &*one.name).collect();
    let known = [
        "tumor",
        "resistant tumor",
        "CD8 T cell",
        "exhausted",
        "fibroblast",
    ];
    assert_eq!(names, known);
    let volume = |number: usize| scenario.cell_types[number].volume.total;
    assert_eq!((volume(0), volume(1)), (volume(4), 1000.0));
    assert!((volume(0) - 4.0 / 3.0 * PI * 343.0).abs() < 1e-9);
    let own = &scenario.cell_types[4].custom[1];
    assert_eq!((own.value, own.unit.to_string()), (5.0, "µM".into()));
    // Entries are dropped and added.
    let groups: Vec<&str> = scenario.cells.iter().map(|one| &*one.name).collect();
    assert_eq!(groups, ["nodule", "patch", "biopsy", "stroma"]);
    assert!(matches!(&scenario.cells[0].place, Place::Explicit { cells } if cells.len() == 1));
    assert!(matches!(
        &scenario.cells[1].place,
        Place::Region { region: Region::Ball { outer, .. }, .. } if *outer == 20.0
    ));
    assert!(scenario.arrivals.is_empty());
    let sources: Vec<&str> = scenario.rules.iter().map(|one| &*one.name).collect();
    assert_eq!(sources, ["behavior", "late"]);
    assert_eq!(scenario.outputs.interval, 30.0);
}

#[test]
fn the_hash_is_that_of_the_whole_in_however_many_files_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let killing = root().join("tests/scenarios_good/killing");
    let text = std::fs::read_to_string(killing.join("scenario.toml")).unwrap();
    let (lower, upper) = text.split_once("[contacts]").unwrap();
    let (lowest, middle) = lower.split_once("[cells.nodule]").unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    // The lowest file's seed gives way, and each file's paths are seen from its own folder.
    write("1/scenario.toml", &lowest.replace("seed = 7", "seed = 8"));
    for file in ["cells.csv", "cells.rules"] {
        std::fs::create_dir_all(folder.path().join("2")).unwrap();
        std::fs::copy(killing.join(file), folder.path().join("2").join(file)).unwrap();
    }
    let middle = format!("extends = \"../1\"\nseed = 7\n[cells.nodule]{middle}");
    write("2/middle.toml", &middle);
    let upper = format!("extends = \"2/middle.toml\"\nname = \"killing\"\n[contacts]{upper}");
    write("scenario.toml", &upper);
    let split = read(folder.path(), &[], None).unwrap_or_else(|p| panic!("{}", lines(&p)));
    assert_eq!(split.hash().unwrap(), good(&[]).hash().unwrap());
    assert_eq!(split.file, folder.path().join("scenario.toml"));
}

#[test]
fn a_missing_scenario_says_where_it_was_looked_for() {
    let problems = read(&root().join("tests/scenarios_good"), &[], None).unwrap_err();
    let text = lines(&problems);
    assert!(
        text.contains("scenarios_good/scenario.toml: cannot be read"),
        "{text}"
    );
    assert!(
        text.contains("a folder that holds a scenario.toml"),
        "{text}"
    );
}

/// 3,029 segmented cells of a human tumor, which lie outside the repository.
#[test]
fn a_real_segmentation_is_imported() {
    let table = root().join("../shared/data/tumor_cycif_cells.csv");
    if !table.exists() {
        eprintln!(
            "skipped: import of a real segmentation ({} is absent)",
            table.display()
        );
        return;
    }
    let scenario = root().join("tests/scenarios_good/segmentation.toml");
    let scenario = read(&scenario, &[], Some(&table)).unwrap_or_else(|p| panic!("{}", lines(&p)));
    let Place::Explicit { cells } = &scenario.cells[0].place else {
        panic!("an import states each cell");
    };
    // Counted with `cut -d, -f4 | sort | uniq -c`: 3029 cells, of them 447 of phenotypes left out.
    assert_eq!(cells.len(), 3029 - 447);
    assert!(
        scenario.notes[0].contains("447 left out"),
        "{}",
        scenario.notes[0]
    );
    let of_type = |number| cells.iter().filter(|cell| cell.cell_type == number).count();
    assert_eq!(of_type(0), 245 + 86 + 1169 + 2);
    // The first row: 132 px² at 0.65 µm a pixel.
    let radius = (132.0 * 0.65_f64.powi(2) / PI).sqrt();
    let volume = 4.0 / 3.0 * PI * radius.powi(3);
    assert!((cells[0].volume.unwrap() / volume - 1.0).abs() < 1e-12);
    // The middle of the table's extent is the middle of the domain.
    let x = (107.008 - (107.008 + 1095.961) / 2.0) * 0.65;
    assert!((cells[0].position[0] - x).abs() < 1e-9);
}

/// Every table of the schema with its path.
fn tables<'a>(schema: &'a Value, path: String, found: &mut Vec<(String, &'a Map<String, Value>)>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.push((path.clone(), properties));
            }
            for (key, value) in object {
                tables(value, format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| tables(item, path.clone(), found)),
        _ => {}
    }
}

#[test]
fn the_schema_and_the_manual_describe_every_key() {
    let schema = schema();
    let manual = std::fs::read_to_string(root().join("docs/scenario.md")).unwrap();
    let mut found = Vec::new();
    tables(&schema, String::new(), &mut found);
    assert!(found.len() > 20, "{}", found.len());
    for (table, properties) in found {
        for (key, value) in properties {
            let description = value["description"].as_str().unwrap_or("");
            assert!(description.len() > 5, "{table}: `{key}` is not described");
            let is_told = ["`KEY`", "`[KEY]`", "`[KEY.", ".KEY`", "`KEY."]
                .iter()
                .any(|form| manual.contains(&form.replace("KEY", key)));
            assert!(
                is_told,
                "docs/scenario.md does not speak of `{key}` ({table})"
            );
            assert!(
                !value.to_string().contains("null"),
                "{table}: `{key}` may be null"
            );
        }
    }
}

/// Why a value is not what a schema of the kind we write allows, or `None`.
fn refuses(schema: &Value, value: &Value, top: &Value) -> Option<String> {
    let inner = |schema: &Value, value: &Value| refuses(schema, value, top);
    if let Some(reference) = schema["$ref"].as_str() {
        return inner(top.pointer(&reference[1..]).unwrap(), value);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let Some(choices) = schema[key].as_array() else {
            continue;
        };
        let mut refusals = choices.iter().map(|choice| inner(choice, value));
        let refused = match key {
            "allOf" => refusals.find(Option::is_some).flatten(),
            _ if refusals.clone().any(|refusal| refusal.is_none()) => None,
            _ => refusals.next().flatten(),
        };
        if refused.is_some() {
            return refused;
        }
    }
    let is_right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    let number = |key: &str| schema[key].as_f64().zip(value.as_f64());
    let is_right = is_right
        && schema.get("const").is_none_or(|only| only == value)
        && schema["enum"]
            .as_array()
            .is_none_or(|words| words.contains(value))
        && number("minimum").is_none_or(|(least, value)| value >= least)
        && number("exclusiveMinimum").is_none_or(|(least, value)| value > least);
    if !is_right {
        return Some(format!("{value} is not {schema}"));
    }
    if let Some(condition) = schema.get("if") {
        let branch = match inner(condition, value) {
            None => "then",
            Some(_) => "else",
        };
        let refused = schema.get(branch).and_then(|one| inner(one, value));
        if refused.is_some() {
            return refused;
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        return values.iter().find_map(|value| inner(items, value));
    }
    let entries = value.as_object()?;
    let needed = schema["required"].as_array().into_iter().flatten();
    for key in needed.filter_map(Value::as_str) {
        if !entries.contains_key(key) {
            return Some(format!("`{key}` is missing"));
        }
    }
    entries.iter().find_map(|(key, value)| {
        match (
            schema["properties"].get(key),
            &schema["additionalProperties"],
        ) {
            (Some(schema), _) => inner(schema, value),
            (None, Value::Bool(false)) => Some(format!("unknown key `{key}`")),
            (None, others) => inner(others, value),
        }
        .map(|why| format!("{key}: {why}"))
    })
}

#[test]
fn the_schema_accepts_good_scenarios_and_refuses_unknown_keys() {
    let schema = schema();
    let refusal = |text: &str| refuses(&schema, &toml::from_str(text).unwrap(), &schema);
    let good = root().join("tests/scenarios_good");
    for file in [
        "killing/scenario.toml",
        "extended/scenario.toml",
        "segmentation.toml",
        "sphere.toml",
    ] {
        let text = std::fs::read_to_string(good.join(file)).unwrap();
        assert_eq!(refusal(&text), None, "{file}");
    }
    let bad = root().join("tests/scenarios_bad");
    for file in [
        "unknown_key",
        "missing_keys",
        "negative",
        "wrong_type",
        "cycle_model",
        "extends_no_text",
        "extends_mistakes",
    ] {
        let text = std::fs::read_to_string(bad.join(file).with_extension("toml")).unwrap();
        assert!(refusal(&text).is_some(), "{file}");
    }
}

#[test]
fn the_manual_s_examples_are_scenarios() {
    let manual = std::fs::read_to_string(root().join("docs/scenario.md")).unwrap();
    let blocks = manual.split("```toml\n").skip(1);
    let examples: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    // The others extend the first.
    for (name, example, types) in [
        ("nodule", examples[0], 2),
        ("patrol", examples[1], 3),
        ("treated", examples[2], 2),
    ] {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("scenario.toml"), example).unwrap();
        let scenario = read(&folder, &[], None).unwrap_or_else(|p| panic!("{}", lines(&p)));
        assert_eq!(scenario.cell_types.len(), types);
        assert_eq!(scenario.cells.len(), 2);
    }
}

#[test]
fn three_dimensions_take_spheres_boxes_and_unequal_voxels() {
    let file = root().join("tests/scenarios_good/sphere.toml");
    let scenario = read(&file, &[], None).unwrap_or_else(|p| panic!("{}", lines(&p)));
    assert_eq!(scenario.name, "sphere");
    assert_eq!(scenario.domain.voxel, [20.0, 20.0, 10.0]);
    assert_eq!(scenario.domain.max, [400.0, 400.0, 200.0]);
    let Place::Region {
        region: Region::Ball {
            center,
            inner,
            outer,
        },
        spacing,
        count,
        ..
    } = &scenario.cells[0].place
    else {
        panic!("the spheroid is a ball");
    };
    assert_eq!(
        (*center, *inner, *outer),
        ([200.0, 200.0, 100.0], 20.0, 80.0)
    );
    // 1.9 radii of 8.4127 µm.
    assert!((spacing - 1.9 * 8.412_7).abs() < 1e-3);
    assert_eq!(*count, None);
    assert_eq!(scenario.substrates[0].boundary[4], Boundary::Fixed(38.0));
    assert_eq!(scenario.cell_types[0].cycle.phases[1].name, "S");
}

#[test]
fn segmented_cells_are_scaled_centered_and_mapped() {
    let folder = root().join("tests/scenarios_good");
    let table = folder.join("segmentation.csv");
    let scenario = read(&folder.join("segmentation.toml"), &[], Some(&table)).unwrap();
    assert_eq!(scenario.cells[0].name, "segmentation");
    assert!(
        scenario.notes[0].contains("2 cells, 1 left out"),
        "{}",
        scenario.notes[0]
    );
    let Place::Explicit { cells } = &scenario.cells[0].place else {
        panic!("an import states each cell");
    };
    // The extent's middle is (200, 800) px.
    assert_eq!(cells[0].position, [-65.0, -65.0, 0.0]);
    assert_eq!(cells[1].position, [65.0, 65.0, 0.0]);
    assert_eq!((cells[0].cell_type, cells[1].cell_type), (0, 1));
    // A disc of 100 px² at 0.65 µm a pixel is 42.25 µm²: V = 4/3 √(A³/π).
    let volume = 4.0 / 3.0 * (42.25_f64.powi(3) / PI).sqrt();
    assert!((cells[0].volume.unwrap() / volume - 1.0).abs() < 1e-12);
}

#[test]
fn a_plain_table_stands_in_for_all_groups() {
    let folder = root().join("tests/scenarios_good");
    let text = std::fs::read_to_string(folder.join("segmentation.toml")).unwrap();
    let plain = text.split("[import]").next().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("scenario.toml"), plain).unwrap();
    let scenario = read(elsewhere.path(), &[], Some(&folder.join("cells.csv"))).unwrap();
    let Place::Explicit { cells } = &scenario.cells[0].place else {
        panic!("a table states each cell");
    };
    assert!((cells[0].volume.unwrap() - 523.598_775_598).abs() < 1e-6);
    assert_eq!((cells[1].cell_type, cells[1].volume), (1, None));
}
