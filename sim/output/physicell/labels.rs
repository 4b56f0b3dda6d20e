//! The rows of the cells' matrix: PhysiCell's labels in its order, with its units, and what Milieu
//! has for each.

use std::f64::consts::PI;

use super::codes;
use crate::cell::radius;
use crate::detail::{Detail, Inside};
use crate::output::{CellTable, Vitality};
use crate::scenario::{CellType, Scenario};
use crate::semantics::Semantics;

/// A label, and where its rows come from.
pub struct Label {
    /// PhysiCell's name.
    pub name: String,
    /// PhysiCell's words for the unit.
    pub units: String,
    /// Number of rows.
    pub size: usize,
    rows: Rows,
}

/// Where rows come from.
#[derive(Clone, Copy)]
enum Rows {
    /// One number of the cell.
    One(fn(&Cell<'_>) -> f64),
    /// Along x, y, z.
    Three(fn(&Cell<'_>) -> [f64; 3]),
    /// A number by name, one for each substrate, type or way to die that the name leaves open, and
    /// PhysiCell's default where Milieu has no such number.
    Named(&'static str, f64),
    /// The custom number with the label's name.
    Custom,
}

/// Name, units and rows.
type Row = (&'static str, &'static str, Rows);

/// A cell, as rows see it.
struct Cell<'a> {
    scenario: &'a Scenario,
    cell_type: &'a CellType,
    table: &'a CellTable,
    inside: &'a Inside,
    /// The column of speeds, if there is one.
    speeds: &'a [f64],
    /// `[substrate]`: the column of its sensitivities, if there is one.
    sensitivities: &'a [&'a [f64]],
    row: usize,
    number: u64,
    /// Number of the cell it attacks.
    target: Option<u64>,
}

impl Cell<'_> {
    fn state(&self) -> Vitality {
        self.table.state[self.row]
    }

    /// The only substrate that chemotaxis follows, and whether up (1) or down (−1) its gradient.
    fn chemotaxis(&self) -> [f64; 2] {
        if let Some((substrate, sign)) = self.cell_type.motility.toward {
            return [substrate as f64, sign];
        }
        let substrates = self.sensitivities.iter().enumerate();
        let mut followed = substrates.filter_map(|(number, weights)| {
            let weight = weights.get(self.row).copied().unwrap_or(0.0);
            (weight != 0.0).then_some([number as f64, weight.signum()])
        });
        match (followed.next(), followed.next()) {
            (Some(only), None) => only,
            _ => [0.0, 1.0],
        }
    }

    fn codes(&self) -> [f64; 2] {
        codes::of(self.cell_type, self.state(), self.inside.phase)
    }

    /// 1 in 2D.
    fn flatness(&self) -> f64 {
        flag(self.scenario.domain.dimensions == 2)
    }

    /// PhysiCell sets velocities back before it saves them.
    fn velocity(&self) -> [f64; 3] {
        match self.scenario.semantics {
            Semantics::Milieu => self.inside.velocity,
            Semantics::PhysiCell => [0.0; 3],
        }
    }

    /// PhysiCell's cells may be motile at speed 0.
    fn is_motile(&self) -> f64 {
        let moves = self.speeds.get(self.row).is_some_and(|speed| *speed > 0.0)
            || self.scenario.semantics == Semantics::PhysiCell;
        let is_live = self.state() == Vitality::Live;
        flag(is_live && self.cell_type.motility.enabled && moves)
    }
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

const NONE: &str = "none";
const MIN: &str = "min";
const RATE: &str = "1/min";
const SPEED: &str = "micron/min";
const CUBIC: &str = "cubic microns";
const LENGTH: &str = "microns";

/// A label with one number.
const fn one(name: &'static str, units: &'static str, number: fn(&Cell<'_>) -> f64) -> Row {
    (name, units, Rows::One(number))
}

/// A label with three numbers, along x, y and z.
const fn three(name: &'static str, units: &'static str, of: fn(&Cell<'_>) -> [f64; 3]) -> Row {
    (name, units, Rows::Three(of))
}

/// A label with a number by name, or PhysiCell's default.
const fn named(name: &'static str, units: &'static str, of: &'static str, default: f64) -> Row {
    (name, units, Rows::Named(of, default))
}

/// Every label but those of custom numbers.
#[rustfmt::skip] // A table, a label a line.
const LABELS: &[Row] = &[
    one("ID", NONE, |it| it.number as f64),
    three("position", LENGTH, |it| it.table.position[it.row]),
    one("total_volume", CUBIC, |it| it.inside.volume),
    one("cell_type", NONE, |it| it.table.cell_type[it.row].into()),
    one("cycle_model", NONE, |it| it.codes()[0]),
    one("current_phase", NONE, |it| it.codes()[1]),
    one("elapsed_time_in_phase", MIN, |it| it.inside.elapsed),
    one("nuclear_volume", CUBIC, |it| it.inside.nuclear),
    one("cytoplasmic_volume", CUBIC, |it| it.inside.volume - it.inside.nuclear),
    one("fluid_fraction", NONE, |it| it.inside.fluid / it.inside.volume.max(f64::MIN_POSITIVE)),
    one("calcified_fraction", NONE, |it| it.inside.calcified),
    // Cells divide in the plane in 2D, anywhere in 3D; nothing else has an orientation.
    three("orientation", NONE, |it| [0.0, 0.0, it.flatness()]),
    one("polarity", NONE, |it| it.flatness()),
    three("velocity", SPEED, |it| it.velocity()),
    one("pressure", NONE, |it| it.inside.pressure),
    named("number_of_nuclei", NONE, "number of nuclei", 1.0),
    one("total_attack_time", MIN, |it| it.inside.attacked),
    named("contact_with_basement_membrane", NONE, "contact with basement membrane", 0.0),
    one("current_cycle_phase_exit_rate", RATE, |it| it.inside.exit_rate),
    // PhysiCell has it twice.
    one("elapsed_time_in_phase", MIN, |it| it.inside.elapsed),
    one("dead", NONE, |it| flag(it.state() != Vitality::Live)),
    one("current_death_model", NONE, |it| flag(it.state() == Vitality::Necrotic)),
    named("death_rates", RATE, "{death}", 0.0),
    one("cytoplasmic_biomass_change_rate", RATE, |it| it.inside.cytoplasmic_change_rate),
    one("nuclear_biomass_change_rate", RATE, |it| it.inside.nuclear_change_rate),
    one("fluid_change_rate", RATE, |it| it.inside.fluid_change_rate),
    one("calcification_rate", RATE, |it| it.inside.calcification_rate),
    one("target_solid_cytoplasmic", CUBIC, |it| it.inside.target_cytoplasmic_solid),
    one("target_solid_nuclear", CUBIC, |it| it.inside.target_nuclear_solid),
    one("target_fluid_fraction", NONE, |it| it.inside.target_fluid_fraction),
    one("radius", LENGTH, |it| it.table.radius[it.row]),
    one("nuclear_radius", LENGTH, |it| radius(it.inside.nuclear)),
    one("surface_area", "square microns", |it| 4.0 * PI * it.table.radius[it.row].powi(2)),
    named("cell_cell_adhesion_strength", SPEED, "cell-cell adhesion", 0.4),
    named("cell_BM_adhesion_strength", SPEED, "cell-BM adhesion", 4.0),
    named("cell_cell_repulsion_strength", SPEED, "cell-cell repulsion", 10.0),
    named("cell_BM_repulsion_strength", SPEED, "cell-BM repulsion", 100.0),
    named("cell_adhesion_affinities", NONE, "adhesive affinity to {type}", 1.0),
    named("relative_maximum_adhesion_distance", NONE, "relative maximum adhesion distance", 1.25),
    named("maximum_number_of_attachments", NONE, "maximum number of cell attachments", 12.0),
    named("attachment_elastic_constant", RATE, "cell-cell adhesion elastic constant", 0.01),
    named("attachment_rate", RATE, "cell attachment rate", 0.0),
    named("detachment_rate", RATE, "cell detachment rate", 0.0),
    one("is_motile", NONE, |it| it.is_motile()),
    named("persistence_time", MIN, "migration persistence time", 1.0),
    named("migration_speed", SPEED, "migration speed", 1.0),
    three("migration_bias_direction", NONE, |it| it.inside.sensed),
    named("migration_bias", NONE, "migration bias", 0.0),
    three("motility_vector", SPEED, |it| it.inside.crawl),
    one("chemotaxis_index", NONE, |it| it.chemotaxis()[0]),
    one("chemotaxis_direction", NONE, |it| it.chemotaxis()[1]),
    named("chemotactic_sensitivities", NONE, "chemotactic response to {substrate}", 0.0),
    named("secretion_rates", RATE, "{substrate} secretion", 0.0),
    named("uptake_rates", RATE, "{substrate} uptake", 0.0),
    named("saturation_densities", "stuff/cubic micron", "{substrate} secretion target", 0.0),
    named("net_export_rates", "stuff/min", "{substrate} export", 0.0),
    named("internalized_total_substrates", "stuff", "internalized {substrate}", 0.0),
    named("fraction_released_at_death", NONE, "{substrate} released at death", 0.0),
    named("fraction_transferred_when_ingested", NONE, "{substrate} kept by eaters", 1.0),
    named("apoptotic_phagocytosis_rate", RATE, "phagocytose apoptotic cell", 0.0),
    named("necrotic_phagocytosis_rate", RATE, "phagocytose necrotic cell", 0.0),
    named("other_dead_phagocytosis_rate", RATE, "phagocytose other dead cell", 0.0),
    named("live_phagocytosis_rates", RATE, "phagocytose {type}", 0.0),
    named("attack_rates", RATE, "attack {type}", 0.0),
    named("immunogenicities", NONE, "immunogenicity to {type}", 1.0),
    one("attack_target", NONE, |it| it.target.map_or(-1.0, |number| number as f64)),
    named("attack_damage_rate", RATE, "attack damage rate", 1.0),
    named("attack_duration", MIN, "attack duration", 30.0),
    one("attack_total_damage_delivered", NONE, |it| it.inside.delivered),
    named("fusion_rates", RATE, "fuse to {type}", 0.0),
    named("transformation_rates", RATE, "transform to {type}", 0.0),
    named("asymmetric_division_probabilities", NONE, "asymmetric division to {type}", 0.0),
    one("damage", NONE, |it| it.inside.damage),
    named("damage_rate", RATE, "damage rate", 0.0),
    named("damage_repair_rate", RATE, "damage repair rate", 0.0),
];

/// The labels of a scenario, in order; none without rows.
pub fn labels(scenario: &Scenario) -> Vec<Label> {
    let mut labels: Vec<Label> = LABELS
        .iter()
        .map(|(name, units, rows)| Label {
            name: (*name).to_owned(),
            units: (*units).to_owned(),
            size: match rows {
                Rows::One(_) | Rows::Custom => 1,
                Rows::Three(_) => 3,
                Rows::Named(of, _) => filled(of, scenario).len(),
            },
            rows: *rows,
        })
        .filter(|label| label.size > 0)
        .collect();
    let customs = scenario.cell_types.iter().flat_map(|it| &it.custom);
    for custom in customs {
        let is_same = |label: &Label| {
            matches!(label.rows, Rows::Custom)
                && rules::dictionary::normal(&label.name) == rules::dictionary::normal(&custom.name)
        };
        if labels.iter().any(is_same) {
            continue;
        }
        labels.push(Label {
            name: custom.name.clone(),
            units: words(&custom.unit.to_string()),
            size: 1,
            rows: Rows::Custom,
        });
    }
    labels
}

/// PhysiCell's word for the unit 1; others are as they are.
pub fn words(unit: &str) -> String {
    match unit {
        "1" | "" => "dimensionless".to_owned(),
        unit => unit.to_owned(),
    }
}

/// A name with each substrate or type where it leaves a place for one.
fn filled(name: &str, scenario: &Scenario) -> Vec<String> {
    if name == "{death}" {
        vec!["apoptosis".to_owned(), "necrosis".to_owned()]
    } else if name.contains("{substrate}") {
        let substrates = scenario.substrates.iter();
        substrates
            .map(|it| name.replace("{substrate}", &it.name))
            .collect()
    } else if name.contains("{type}") {
        let types = scenario.cell_types.iter();
        types.map(|it| name.replace("{type}", &it.name)).collect()
    } else {
        vec![name.to_owned()]
    }
}

/// Rows of the matrix.
pub fn height(scenario: &Scenario) -> usize {
    labels(scenario).iter().map(|label| label.size).sum()
}

/// Where a row of the matrix, or three, come from in one frame.
enum Source<'a> {
    One(fn(&Cell<'_>) -> f64),
    Three(fn(&Cell<'_>) -> [f64; 3]),
    Column(&'a [f64]),
    Constant(f64),
}

/// The cells' matrix, a column a cell in the order of `order`; `number` is the small number of a row's cell.
pub fn cells(
    scenario: &Scenario,
    table: &CellTable,
    detail: &Detail,
    order: &[u32],
    number: impl Fn(u32) -> u64,
) -> Vec<f64> {
    let labels = labels(scenario);
    let column = |name: &str, default: f64| match detail.numbers.get(name) {
        Some(column) => Source::Column(column),
        None => Source::Constant(default),
    };
    let mut sources = Vec::new();
    for label in &labels {
        match label.rows {
            Rows::One(one) => sources.push(Source::One(one)),
            Rows::Three(three) => sources.push(Source::Three(three)),
            Rows::Custom => sources.push(column(&format!("custom:{}", label.name), f64::NAN)),
            Rows::Named(of, default) => {
                let names = filled(of, scenario);
                sources.extend(names.iter().map(|name| column(name, default)));
            }
        }
    }
    let all = |name: &str| detail.numbers.get(name).unwrap_or(&[]);
    let speeds = all("migration speed");
    let sensitivities = filled("chemotactic response to {substrate}", scenario);
    let sensitivities: Vec<&[f64]> = sensitivities.iter().map(|name| all(name)).collect();
    let mut values = Vec::with_capacity(order.len() * height(scenario));
    for row in order {
        let inside = &detail.cells[*row as usize];
        let row = *row as usize;
        let cell = Cell {
            scenario,
            cell_type: &scenario.cell_types[usize::from(table.cell_type[row])],
            table,
            inside,
            speeds,
            sensitivities: &sensitivities,
            row,
            number: number(row as u32),
            target: inside.target.map(&number),
        };
        for source in &sources {
            match source {
                Source::One(one) => values.push(one(&cell)),
                Source::Three(three) => values.extend(three(&cell)),
                Source::Column(column) => values.push(column[row]),
                Source::Constant(value) => values.push(*value),
            }
        }
    }
    values
}
