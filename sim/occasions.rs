//! Rules that are called on an occasion: encoders when cells enter the tissue, models of division
//! when cells divide; and decoders, which record what rules and people read, before any rule acts.

use std::collections::HashMap;

use bevy_ecs::{
    change_detection::Mut,
    resource::Resource,
    system::{Res, ResMut, SystemState},
    world::World,
};
use rules::{Occasion, Rule, Side, Target};

use crate::{
    arrays::{Roster, Seedling, Space, plant, settle},
    clock::Clock,
    decide::{Around, CellRule, evaluate},
    guard::Guards,
    plan::Plan,
    record::{Clamps, Failure},
    sense::{Senses, Sources},
    stores::{Lent, Pending, Stores},
    tables::Tables,
};

/// The rules of a run that are not called by the clock alone.
#[derive(Resource, Default)]
pub struct Occasions {
    encoders: Vec<CellRule>,
    /// Also called by the clock, before all other rules.
    pub decoders: Vec<CellRule>,
    divisions: Vec<CellRule>,
}

impl Occasions {
    /// Keeps a rule whose occasion is not the clock's alone.
    ///
    /// Numbers key noise, and must not depend on rules of another kind: encoders and models of
    /// division have purposes of their own; decoders share that of cell rules, which count from 0,
    /// and count down from the end.
    pub fn add(&mut self, rule: Box<dyn Rule>, period: u64, guard: Option<usize>) {
        let (number, of) = match rule.signature().occasion {
            Occasion::Entry => (self.encoders.len() as u8, &mut self.encoders),
            Occasion::Division => (self.divisions.len() as u8, &mut self.divisions),
            Occasion::Decoding | Occasion::Clock => {
                (u8::MAX - self.decoders.len() as u8, &mut self.decoders)
            }
        };
        of.push(CellRule::new(rule, number, period, guard));
    }
}

/// Lets new cells into the tissue: they are made, encoded, and then decoded.
pub fn admit(world: &mut World, seedlings: &[Seedling]) {
    plant(world, seedlings);
    settle(world);
    let ids: Vec<u64> = seedlings.iter().map(|seedling| seedling.id).collect();
    consult(world, &ids, |occasions| &mut occasions.encoders);
    decode(world, &ids);
}

/// Records anew what decoders say of these cells, whatever the clock says.
pub fn decode(world: &mut World, ids: &[u64]) {
    consult(world, ids, |occasions| &mut occasions.decoders);
}

/// Calls rules for these cells, and writes what they say.
fn consult(world: &mut World, ids: &[u64], which: fn(&mut Occasions) -> &mut Vec<CellRule>) {
    if world.resource::<Failure>().0.is_some() {
        return;
    }
    world.resource_scope(|world, mut occasions: Mut<'_, Occasions>| {
        let rules = which(&mut occasions);
        if rules.is_empty() {
            return;
        }
        let tissue = &world.resource::<Space>().0;
        let ranks = ids.iter().filter_map(|&id| tissue.rank(id));
        match ask(
            world,
            rules,
            ranks.map(|rank| tissue.row(rank) as u32).collect(),
        ) {
            Ok(()) => with_stores(world, |stores| {
                // What several rules share by the clock waits here too, though an occasion has one
                // source.
                let mut pending = Pending::new();
                for rule in rules {
                    stores.write(rule, &mut pending);
                }
                stores.write_shared(pending);
            }),
            Err(message) => world.resource_mut::<Failure>().0 = Some(message),
        }
    });
}

/// Asks models of division about the mothers at these ranks; [`endow`] carries out what they say, when the
/// children are there.
///
/// # Errors
/// Why a model cannot answer.
pub fn foresee(world: &mut World, mothers: &[usize]) -> Result<(), String> {
    let tissue = &world.resource::<Space>().0;
    let rows = mothers
        .iter()
        .map(|&rank| tissue.row(rank) as u32)
        .collect();
    world.resource_scope(|world, mut occasions: Mut<'_, Occasions>| {
        ask(world, &mut occasions.divisions, rows)
    })
}

/// A division that has happened.
#[derive(Debug, Clone, Copy)]
pub struct Birth {
    /// The mother's row when [`foresee`] was called.
    pub row: u32,
    /// Her id, which one of the children keeps.
    pub mother: u64,
    /// The id of the other child.
    pub daughter: u64,
}

/// Gives children what models of division said of their mothers; what they said nothing of, the
/// children have inherited.
pub fn endow(world: &mut World, births: &[Birth]) {
    world.resource_scope(|world, occasions: Mut<'_, Occasions>| {
        if occasions.divisions.is_empty() || births.is_empty() {
            return;
        }
        let births: HashMap<u32, &Birth> = births.iter().map(|birth| (birth.row, birth)).collect();
        with_stores(world, |stores| {
            for rule in &occasions.divisions {
                bequeath(rule, &births, stores);
            }
        });
    });
}

fn bequeath(rule: &CellRule, births: &HashMap<u32, &Birth>, stores: &mut Stores<'_>) {
    let signature = rule.rule.signature();
    for (rows, outputs) in rule.said() {
        for (place, (write, values)) in signature.writes.iter().zip(&outputs.columns).enumerate() {
            let by = rule.guard.map(|guard| (guard, place));
            let Target::Behavior(number) = write.target else {
                continue;
            };
            for (row, &value) in rows.iter().zip(values) {
                let child = births.get(row).map(|birth| match write.side {
                    Side::ChildB => birth.daughter,
                    _ => birth.mother,
                });
                let child = child.and_then(|id| stores.tissue.rank(id));
                // Whoever has gone or changed in this very step gets nothing; NaN says nothing.
                let child = child.filter(|&rank| {
                    let kind = usize::from(stores.roster.kinds[rank]);
                    rule.types.contains(&kind) && !value.is_nan()
                });
                if let Some(child) = child {
                    let cell = std::iter::once((stores.tissue.row(child) as u32, value));
                    stores.put(number, &write.kind, signature.clock, by, cell);
                }
            }
        }
    }
}

/// What rules read.
type Reading<'w, 's> = (
    Res<'w, Space>,
    Res<'w, Roster>,
    Res<'w, Plan>,
    Res<'w, Clock>,
    Res<'w, Tables>,
    ResMut<'w, Guards>,
    ResMut<'w, Clamps>,
    Senses<'w, 's>,
);

/// Asks rules about the cells of their types in these rows.
fn ask(world: &mut World, rules: &mut [CellRule], mut rows: Vec<u32>) -> Result<(), String> {
    if rules.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let mut state: SystemState<Reading<'_, '_>> = SystemState::new(world);
    let reading = state.get_mut(world).map_err(|error| error.to_string())?;
    let (space, roster, plan, clock, tables, mut guards, mut clamps, cells) = reading;
    let around = Around {
        tissue: &space.0,
        roster: &roster,
        plan: &plan,
        clock: &clock,
        sources: Sources::new(&space.0, &tables, &cells, &plan, &clock),
    };
    for rule in rules {
        rule.choose(rows.iter().copied(), &space.0);
        evaluate(
            rule,
            &around,
            &mut Lent::default(),
            &mut guards,
            &mut clamps,
        )?;
    }
    Ok(())
}

/// What rules write.
type Writing<'w> = (
    ResMut<'w, Space>,
    ResMut<'w, Tables>,
    Res<'w, Roster>,
    Res<'w, Plan>,
    ResMut<'w, Clamps>,
    ResMut<'w, Guards>,
);

/// Opens the stores that behaviors live in.
pub(crate) fn with_stores(world: &mut World, work: impl FnOnce(&mut Stores<'_>)) {
    let mut state: SystemState<Writing<'_>> = SystemState::new(world);
    let writing = state.get_mut(world);
    let (mut space, mut tables, roster, plan, mut clamps, mut guards) =
        writing.expect("a world has its resources as long as it lives");
    work(&mut Stores {
        tissue: &mut space.0,
        tables: &mut tables,
        roster: &roster,
        plan: &plan,
        clamps: &mut clamps,
        guards: &mut guards,
    });
}
