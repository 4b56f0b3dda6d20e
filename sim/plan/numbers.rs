//! Numbers that single cells have of their own: from tables of cells, and from distributions.

use crate::{
    dictionary::{Behavior, Table},
    scenario::{Distribution, Place, Scenario},
};
use rules::dictionary::normal;

/// Drops what PhysiCell would warn of and pass over: columns of tables of cells that are no
/// behavior, or none of the cell's type. Each column becomes a note.
pub fn drop_unknown(scenario: &mut Scenario, table: &Table) {
    for placement in &mut scenario.cells {
        let (Place::Explicit { cells }, Some(stated)) = (&mut placement.place, &placement.table)
        else {
            continue;
        };
        let mut dropped: Vec<String> = Vec::new();
        for founder in cells {
            founder.values.retain(|(name, _)| {
                let number = table.vocabulary.behaviors.find(name);
                let known =
                    number.is_ok_and(|number| table.behaviors[number].is_of(founder.cell_type));
                if !known && !dropped.contains(name) {
                    dropped.push(name.clone());
                }
                known
            });
        }
        scenario.notes.extend(dropped.iter().map(|name| {
            format!(
                "{}: the column `{name}` is no behavior of its cells and is passed over",
                stated.file.display()
            )
        }));
    }
}

/// The behaviors that distributions give founders numbers of, as (type, behavior); refuses those
/// that are none, or whose ends leave out the type's own value.
pub fn distributed(scenario: &Scenario, table: &Table) -> Result<Vec<(usize, usize)>, String> {
    let mut found = Vec::new();
    for (kind, cell_type) in scenario.cell_types.iter().enumerate() {
        for initial in &cell_type.initial {
            let place = format!(
                "cell_types.\"{}\".initial.\"{}\"",
                cell_type.name, initial.what
            );
            let own = if normal(&initial.what) == "volume" {
                cell_type.volume.total
            } else {
                let number = table.vocabulary.behaviors.find(&initial.what);
                let number = number.map_err(|error| format!("{place}: {error}"))?;
                let behavior = &table.behaviors[number];
                if !behavior.is_of(kind) {
                    return Err(match behavior {
                        Behavior::Latent(_) => format!(
                            "{place}: the type has no such latent vector\n  \
                             add it to the `types` of the space, under `latents`"
                        ),
                        _ => format!(
                            "{place}: the type has no such custom number\n  state it under `custom`"
                        ),
                    });
                }
                found.push((kind, number));
                table.base(kind, number)
            };
            let [min, max] = ends(&initial.distribution);
            if initial.check_base && !(min..=max).contains(&own) {
                return Err(format!(
                    "{place}: the type's own value, {own}, lies outside {min} to {max}\n  \
                     move the ends, or write check_base = false"
                ));
            }
        }
    }
    Ok(found)
}

fn ends(distribution: &Distribution) -> [f64; 2] {
    match *distribution {
        Distribution::Uniform { min, max }
        | Distribution::LogUniform { min, max }
        | Distribution::Normal { min, max, .. }
        | Distribution::LogNormal { min, max, .. } => [min, max],
    }
}
