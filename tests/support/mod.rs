//! Scenarios and frames made by hand, for the tests of writers.

use rules::Unit;
use sim::assay::{Dyad, Tally};
use sim::detail::{Detail, Inside};
use sim::output::guard::{Firing, Row};
use sim::output::{CellTable, Column, Dose, Event, EventKind, Frame, Vitality};
use sim::readouts::{self, Asked, Given, Key, LIST, Point};
use sim::scenario::*;
use sim::semantics::Semantics;

/// A frame that owns what it shows.
#[derive(Default)]
pub struct Owned {
    pub index: u64,
    pub time: f64,
    pub cells: CellTable,
    pub fields: Vec<f64>,
    pub events: Vec<Event>,
    pub doses: Vec<Dose>,
    pub guards: Vec<Firing>,
    pub readouts: Vec<readouts::Row>,
    pub dyads: Vec<Dyad>,
}

impl Owned {
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            index: self.index,
            time: self.time,
            cells: &self.cells,
            fields: &self.fields,
            events: &self.events,
            doses: &self.doses,
            guards: &self.guards,
            readouts: &self.readouts,
            dyads: &self.dyads,
        }
    }
}

/// A number, a curve of two points, and a time that is told at the end.
fn asked() -> Vec<Readout> {
    let types = |key| (key, Given::Types(vec![0]));
    let radii = (Key::Radii, Given::Numbers(vec![5.0, 10.0]));
    let threshold = (Key::Threshold, Given::Numbers(vec![0.0]));
    let state = (Key::State, Given::State(Vitality::Live));
    let asked = [
        ("tumor, alive", "count", vec![types(Key::Type), state]),
        ("K", "Ripley's K", vec![types(Key::Type), radii]),
        (
            "cleared",
            "time to clearance",
            vec![types(Key::Type), threshold],
        ),
    ];
    let readout = |(name, measure, asked): (&str, &str, Vec<(Key, Given)>)| Readout {
        name: name.to_owned(),
        measure: LIST.iter().find(|it| it.name == measure).unwrap(),
        asked: Asked::new(asked),
        published: None,
        margin: None,
        source: String::new(),
    };
    asked.into_iter().map(readout).collect()
}

/// What they might say; K of the second radius is not known.
fn rows(count: f64, is_last: bool) -> Vec<readouts::Row> {
    let mut points = vec![(0, Point::number(Some(count)))];
    let curve = Point::curve(&[5.0, 10.0], vec![Some(count / 3.0), None]);
    points.extend(curve.into_iter().map(|point| (1, point)));
    if is_last {
        let censored = Point {
            censored: true,
            ..Point::number(None)
        };
        points.push((2, censored));
    }
    let points = points.into_iter();
    points
        .map(|(readout, point)| readouts::Row { readout, point })
        .collect()
}

/// A domain of `voxels` boxes of 20 µm, with the given types and substrates (name, unit).
pub fn scenario(
    name: &str,
    dimensions: u8,
    voxels: [u32; 3],
    types: &[(&str, &str)],
    substrates: &[(&str, &str)],
) -> Scenario {
    let extent = voxels.map(|count| f64::from(count) * 20.0);
    let write = sim::output::LIST.iter().map(|(name, _)| (*name).to_owned());
    Scenario {
        name: name.to_owned(),
        description: "Made by hand.".to_owned(),
        file: "by_hand.toml".into(),
        semantics: Semantics::Milieu,
        seed: 7,
        settings: None,
        notes: Vec::new(),
        duration: 150.0,
        domain: Domain {
            dimensions,
            min: extent.map(|length| -length / 2.0),
            max: extent.map(|length| length / 2.0),
            voxel: [20.0; 3],
            wall_repulsion: 0.0,
            compartments: None,
        },
        clocks: Clocks {
            diffusion: 0.01,
            mechanics: 0.1,
            phenotype: 6.0,
        },
        substrates: substrates
            .iter()
            .map(|(name, unit)| Substrate {
                name: (*name).to_owned(),
                unit: Unit::parse(unit).unwrap(),
                diffusion_coefficient: 1e5,
                decay_rate: 0.1,
                initial: 38.0,
                initial_field: None,
                boundary: [Boundary::Fixed(38.0); 6],
            })
            .collect(),
        cell_types: types
            .iter()
            .map(|(name, color)| cell_type(name, color))
            .collect(),
        cells: Vec::new(),
        arrivals: Vec::new(),
        latents: Vec::new(),
        interventions: vec![Intervention {
            name: "course, \"first\"".to_owned(),
            schedule: Schedule {
                start: 12.5,
                every: Some(30.0),
                doses: 3,
                over: 0.0,
            },
            action: Action::Drug { drug: 0, dose: 2.5 },
        }],
        drugs: vec![Drug {
            name: "IL-2".to_owned(),
            unit: Unit::parse("nM").unwrap(),
            half_life: Some(60.0),
        }],
        rules: Vec::new(),
        contact_memory: 0.0,
        springs: true,
        solver: Solver::Lod,
        polar_division_axes: false,
        track_internalized_substrates: false,
        outputs: Outputs {
            interval: 60.0,
            write: write.collect(),
            cell_columns: Vec::new(),
            picture_substrate: (!substrates.is_empty()).then_some(0),
        },
        readouts: asked(),
    }
}

fn cell_type(name: &str, color: &str) -> CellType {
    let death = Death {
        rate: 0.0,
        swelling: Span {
            duration: 0.0,
            fixed: true,
        },
        removal: Span {
            duration: 500.0,
            fixed: true,
        },
        unlysed_fluid_change_rate: 0.0,
        lysed_fluid_change_rate: 0.0,
        cytoplasmic_change_rate: 0.0,
        nuclear_change_rate: 0.0,
        calcification_rate: 0.0,
        relative_rupture_volume: 2.0,
    };
    CellType {
        name: name.to_owned(),
        color: color.to_owned(),
        cycle: Cycle {
            model: "live".to_owned(),
            phases: Vec::new(),
        },
        asymmetric_division: Vec::new(),
        apoptosis: death.clone(),
        necrosis: death,
        volume: Volume {
            total: 2494.0,
            nuclear: 540.0,
            fluid_fraction: 0.75,
            fluid_change_rate: 0.05,
            cytoplasmic_change_rate: 0.0045,
            nuclear_change_rate: 0.0055,
            calcified_fraction: 0.0,
            calcification_rate: 0.0,
        },
        mechanics: Mechanics {
            repulsion: 10.0,
            adhesion: 0.4,
            relative_maximum_adhesion_distance: 1.25,
            adhesion_affinities: Vec::new(),
            attachment_elastic_constant: 0.01,
            attachment_rate: 0.0,
            detachment_rate: 0.0,
            maximum_attachments: 12.0,
            movable: true,
            basement_membrane_adhesion: 4.0,
            basement_membrane_repulsion: 100.0,
        },
        motility: Motility {
            enabled: true,
            in_plane: false,
            toward: None,
            speed: 0.0,
            persistence_time: 1.0,
            bias: 0.0,
            chemotaxis: Vec::new(),
            normalize_each_gradient: false,
        },
        exchange: Vec::new(),
        interactions: Interactions {
            phagocytose_apoptotic: 0.0,
            phagocytose_necrotic: 0.0,
            phagocytose_other_dead: 0.0,
            fusion: Vec::new(),
            phagocytose: Vec::new(),
            attack: Vec::new(),
            attack_damage_rate: 0.0,
            attack_duration: 0.1,
            immunogenicity: Vec::new(),
        },
        transformations: Vec::new(),
        damage_rate: 0.0,
        damage_repair_rate: 0.0,
        custom: Vec::new(),
        initial: Vec::new(),
    }
}

/// Cells at rest, the last row born first.
fn detail(cells: &CellTable) -> Detail {
    let rows = 0..cells.id.len() as u32;
    let inside = |row: u32| Inside {
        volume: 2494.0 + f64::from(row),
        neighbors: rows.clone().filter(|other| *other != row).collect(),
        ..Inside::default()
    };
    Detail {
        cells: rows.clone().map(inside).collect(),
        order: rows.rev().collect(),
        ..Detail::default()
    }
}

/// Types with everything in their names that has ever broken a reader.
pub const TYPES: [(&str, &str); 4] = [
    ("tumor", "#E69F00"),
    ("CD8+ T cell, \"young\"", "#0072B2"),
    ("μακροφάγος ☂", "#009E73"),
    ("cost $5", "#CC79A7"),
];

/// Rows of the dyad table.
pub fn dyads(rows: u64, substrates: usize) -> Vec<Dyad> {
    let row = |compartment: u64| Dyad {
        compartment,
        placement: 0,
        tally: Tally {
            first_contact: Some((compartment as f64).sqrt()),
            hits: vec![1.5, (compartment as f64 + 2.5).sqrt()],
            ..Tally::default()
        },
        activation: Vec::new(),
        secretion: vec![(compartment as f64 + 0.5).sqrt(); substrates],
    };
    (0..rows).map(row).collect()
}

/// What a guard kept since the frame before.
pub fn firing(rows: u64) -> Firing {
    let row = |number: u64| Row {
        time: (number as f64).sqrt(),
        who: (
            number * 40_503 % 1_000_003,
            number.is_multiple_of(2).then_some(7),
        ),
        cell_type: 0,
        tiers: "box, score".to_owned(),
        fallback: true,
        inputs: vec![(number as f64 + 0.5).sqrt()],
        model: vec![f64::NAN],
        mechanistic: vec![(number as f64 + 0.25).sqrt()],
    };
    Firing {
        entry: "learned".to_owned(),
        inputs: vec![("oxygen".to_owned(), "mmHg".to_owned())],
        outputs: vec![("apoptosis".to_owned(), Some("1/min".to_owned()))],
        rows: (0..rows).map(row).collect(),
    }
}

/// Three frames, at 0, 60 and 150 min: some cells, none, some others.
pub fn three_frames(scenario: &Scenario) -> Vec<Owned> {
    let types = scenario.cell_types.len() as u16;
    let voxels: usize = (0..3)
        .map(|axis| {
            let domain = &scenario.domain;
            ((domain.max[axis] - domain.min[axis]) / domain.voxel[axis]).round() as usize
        })
        .product();
    let fields = |frame: usize| {
        (0..scenario.substrates.len() * voxels)
            .map(|place| place as f64 / 3.0 + 1000.0 * frame as f64)
            .collect()
    };
    let cells = |count: u64, first: u64| {
        let mut cells = CellTable::default();
        let mut oxygen = Vec::new();
        for i in 0..count {
            cells.id.push(first + 3 * i);
            cells.cell_type.push((i % u64::from(types)) as u16);
            cells.state.push(Vitality::ALL[(i % 3) as usize]);
            let x = i as f64 / 3.0 - 7.0;
            let z = if scenario.domain.dimensions == 2 {
                0.0
            } else {
                x / 2.0
            };
            cells.position.push([x, -x, z]);
            cells.radius.push(8.4 + 0.1 * i as f64);
            oxygen.push(if i == 1 {
                f64::NAN
            } else {
                38.0 - i as f64 / 7.0
            });
        }
        cells.extra = vec![Column {
            name: "oxygen".to_owned(),
            unit: "mmHg".to_owned(),
            values: oxygen,
        }];
        cells.detail = Some(detail(&cells));
        cells
    };
    let event = |time: f64, kind: EventKind, partner: Option<u64>| Event {
        time,
        kind,
        cell: 3,
        cell_type: 1,
        partner,
        partner_type: partner.map(|_| types - 1),
        cause: (kind == EventKind::Death).then_some("necrosis"),
        position: [1.5, -2.5, 0.0],
        value: if kind == EventKind::Hit { 0.75 } else { 0.0 },
    };
    let dose = |(time, number)| Dose {
        time,
        intervention: 0,
        number,
        cells: None,
    };
    vec![
        Owned {
            index: 0,
            time: 0.0,
            cells: cells(2 * u64::from(types), 0),
            fields: fields(0),
            events: Vec::new(),
            doses: Vec::new(),
            guards: vec![firing(2)],
            readouts: rows(8.0, false),
            dyads: Vec::new(),
        },
        Owned {
            index: 1,
            time: 60.0,
            cells: cells(0, 0),
            fields: fields(1),
            events: vec![
                event(0.1, EventKind::Division, Some(40)),
                event(12.3, EventKind::Hit, Some(41)),
                event(60.0, EventKind::Death, None),
            ],
            doses: [12.5, 42.5].into_iter().zip(0..).map(dose).collect(),
            guards: vec![firing(0)],
            readouts: rows(0.0, false),
            dyads: Vec::new(),
        },
        Owned {
            index: 2,
            time: 150.0,
            cells: cells(u64::from(types) + 1, 1 << 40),
            fields: fields(2),
            events: vec![event(149.9, EventKind::Removal, None)],
            doses: vec![dose((72.5, 2))],
            guards: vec![firing(1)],
            readouts: rows(5.0, true),
            dyads: dyads(2, scenario.substrates.len()),
        },
    ]
}
