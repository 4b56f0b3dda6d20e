//! A simulation: world, schedule, and the loop that advances them.

use std::collections::BTreeMap;

use bevy_ecs::{resource::Resource, schedule::Schedule, world::World};
use kernels::{
    Grid, Pool,
    channels::Channels,
    tissue::{Group, Setup, Streams, Tissue},
};
use rules::{Combine, Kind, Rule, Side, Subject, Target};

use crate::{
    arrays::{Roster, Space, group, plant, prey, settle, ungroup},
    cell::{Custom, History, Lineage, Phase},
    decide::{CellRule, CellRules, RuledSlots},
    dictionary::{Behavior, Signal, Table, Watch},
    dyads::{DyadRule, DyadRules, may_share},
    events::Risks,
    founders::founders,
    interventions::Arrived,
    output::{CellTable, Column, Event, Frame, Vitality},
    record::{Clamps, Failure, Log, Timings},
    scenario::{self, Scenario},
    schedule::schedule,
    semantics,
    sense::{Senses, sense},
    streams::Purpose,
};

/// Everything fixed before the first tick.
#[derive(Resource, Debug)]
pub struct Plan {
    /// What is simulated.
    pub scenario: Scenario,
    /// Names, and where each signal and behavior lives.
    pub table: Table,
    /// Which behaviors of each type have a value per cell in the ECS.
    pub ruled: RuledSlots,
    /// [behavior]: the range a rule's value is kept in.
    pub ranges: Vec<[f64; 2]>,
    /// [watch]: its slot in the kernels' counts, if anybody reads it.
    pub contact_slots: Vec<Option<usize>>,
    /// Watches whose time is kept.
    pub contact_times: Vec<usize>,
    /// Types whose cells keep contact times.
    pub contact_time_types: Vec<usize>,
    /// Further columns of cell tables: signals and behaviors asked for.
    pub columns: Vec<Extra>,
}

/// A further column of cell tables.
#[derive(Debug, Clone)]
pub enum Extra {
    /// A signal, by number.
    Signal(usize),
    /// A behavior, by number.
    Behavior(usize),
}

/// Time, in ticks.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Clock {
    /// Ticks since the start.
    pub tick: u64,
    /// min in one tick.
    pub diffusion_step: f64,
    /// Ticks in one mechanics step.
    pub mechanics_ticks: u64,
    /// Ticks in one phenotype step.
    pub phenotype_ticks: u64,
}

impl Clock {
    /// min since the start: never a running sum.
    pub fn time(&self) -> f64 {
        self.tick as f64 * self.diffusion_step
    }

    /// min.
    pub fn mechanics_step(&self) -> f64 {
        self.mechanics_ticks as f64 * self.diffusion_step
    }

    /// min.
    pub fn phenotype_step(&self) -> f64 {
        self.phenotype_ticks as f64 * self.diffusion_step
    }

    /// Whether mechanics is due. Like all clocks it first strikes after one whole step.
    pub fn is_mechanics(&self) -> bool {
        self.tick > 0 && self.tick.is_multiple_of(self.mechanics_ticks)
    }

    /// Whether phenotype is due.
    pub fn is_phenotype(&self) -> bool {
        self.tick > 0 && self.tick.is_multiple_of(self.phenotype_ticks)
    }
}

/// A scenario with its rules bound: everything that `check` shows and a run needs.
pub struct Bound {
    /// What is fixed.
    pub plan: Plan,
    /// Rules and models.
    pub rules: Vec<Box<dyn Rule>>,
}

/// A running tissue.
pub struct Simulation {
    world: World,
    schedule: Schedule,
    /// Ticks done.
    tick: u64,
}

/// Binds the rules of a scenario to its names.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn bind(scenario: Scenario) -> Result<Bound, String> {
    let table = Table::new(&scenario)?;
    let bindings: Vec<_> = scenario
        .rules
        .iter()
        .map(|source| source.binding.clone())
        .collect();
    let rules = rules::open(&bindings, &table.vocabulary).map_err(|error| error.to_string())?;
    check_customs(&rules, &table, &scenario)?;
    check_conflicts(&rules, &table)?;
    let mut ruled = RuledSlots::new(scenario.cell_types.len());
    let mut add = |kind: usize, behavior: usize| {
        if !matches!(
            table.behaviors[behavior],
            Behavior::Kernel(_) | Behavior::Custom(_)
        ) {
            ruled.add(kind, behavior);
        }
    };
    for rule in &rules {
        let signature = rule.signature();
        if let Subject::Cell { types } = &signature.subject {
            for write in &signature.writes {
                if let Target::Behavior(behavior) = write.target {
                    types.iter().for_each(|&kind| add(kind, behavior));
                }
            }
        }
    }
    for placement in &scenario.cells {
        if let scenario::Place::Explicit { cells } = &placement.place {
            for founder in cells {
                for (name, value) in &founder.values {
                    let behavior = own_behavior(name, *value, founder.cell_type, &scenario, &table)
                        .map_err(|error| format!("cells `{}`: {error}", placement.name))?;
                    add(founder.cell_type, behavior);
                }
            }
        }
    }
    let columns = columns(&scenario, &table)?;
    let (contact_slots, contact_times, contact_time_types) = watched(&rules, &table, &columns);
    if contact_slots.iter().flatten().count() > 64 {
        return Err("rules and outputs count more than 64 kinds of contact; drop some".into());
    }
    let ranges = table.behaviors.iter().map(range).collect();
    let plan = Plan {
        scenario,
        table,
        ruled,
        ranges,
        contact_slots,
        contact_times,
        contact_time_types,
        columns,
    };
    Ok(Bound { plan, rules })
}

/// The behavior that a column of a table of cells speaks of, if a cell of the type may have this
/// value of it.
fn own_behavior(
    name: &str,
    value: f64,
    kind: usize,
    scenario: &Scenario,
    table: &Table,
) -> Result<usize, String> {
    let number = table
        .vocabulary
        .behaviors
        .find(name)
        .map_err(|error| error.to_string())?;
    let behavior = &table.behaviors[number];
    if let Behavior::Custom(places) = behavior
        && places[kind].is_none()
    {
        let kind = &scenario.cell_types[kind].name;
        return Err(format!(
            "the column `{name}` has a value for a `{kind}`, which has no such number\n  \
             state it in [cell_types.\"{kind}\".custom], or leave the field empty"
        ));
    }
    let [low, high] = range(behavior);
    if !(low..=high).contains(&value) {
        let wanted = match high {
            f64::INFINITY => "it must not be negative".to_owned(),
            _ => format!("it must lie between {low} and {high}"),
        };
        return Err(format!(
            "the column `{name}` has the value {value}\n  {wanted}"
        ));
    }
    Ok(number)
}

/// Custom numbers exist by type, so a rule may name one that its cells do not have.
fn check_customs(
    rules: &[Box<dyn Rule>],
    table: &Table,
    scenario: &Scenario,
) -> Result<(), String> {
    for rule in rules {
        let signature = rule.signature();
        let types = |side: Side| match (&signature.subject, side) {
            (Subject::Cell { types }, _) => types.clone(),
            (Subject::Dyad { a, .. }, Side::A) => vec![*a],
            (Subject::Dyad { b, .. }, Side::B) => vec![*b],
            (Subject::Dyad { .. }, _) => Vec::new(),
        };
        let missing = |places: &[Option<usize>], side: Side, name: &str| {
            types(side)
                .into_iter()
                .find(|&kind| places[kind].is_none())
                .map(|kind| {
                    let kind = &scenario.cell_types[kind].name;
                    let key = name.trim_start_matches("custom:");
                    format!(
                        "rules `{}` speak of `{name}` of `{kind}`, which has no such number\n  \
                     add it to the scenario: [cell_types.\"{kind}\".custom] \"{key}\" = 0",
                        signature.source
                    )
                })
        };
        for read in signature
            .reads
            .iter()
            .filter(|read| read.side != Side::Pair)
        {
            if let Signal::Custom(places) = &table.signals[read.signal] {
                let name = &table.vocabulary.signals.entry(read.signal).name;
                missing(places, read.side, name).map_or(Ok(()), Err)?;
            }
        }
        for write in &signature.writes {
            if let Target::Behavior(number) = write.target
                && let Behavior::Custom(places) = &table.behaviors[number]
            {
                let name = &table.vocabulary.behaviors.entry(number).name;
                missing(places, write.side, name).map_or(Ok(()), Err)?;
            }
        }
    }
    Ok(())
}

/// Who writes what: (type or pair of types, target) to sources in order.
type Claims = BTreeMap<(Vec<usize>, String), Vec<(String, Option<Combine>, f64)>>;

fn claims(rules: &[Box<dyn Rule>], table: &Table) -> Claims {
    let mut claims = Claims::new();
    for rule in rules {
        let signature = rule.signature();
        let subjects = match &signature.subject {
            Subject::Cell { types } => types.iter().map(|&kind| vec![kind]).collect(),
            Subject::Dyad { a, b } => vec![vec![*a, *b]],
        };
        for write in &signature.writes {
            let name = match &write.target {
                Target::Behavior(number) => table.vocabulary.behaviors.entry(*number).name.clone(),
                Target::PairBehavior(number) => {
                    table.vocabulary.pair_behaviors.entry(*number).name.clone()
                }
                Target::Readout(_) => continue,
            };
            for subject in &subjects {
                let entry = (signature.source.clone(), signature.combine, signature.clock);
                claims
                    .entry((subject.clone(), name.clone()))
                    .or_default()
                    .push(entry);
            }
        }
    }
    claims
}

/// Two sources may write one behavior only if the later one says how they combine.
fn check_conflicts(rules: &[Box<dyn Rule>], table: &Table) -> Result<(), String> {
    for ((subject, behavior), sources) in claims(rules, table) {
        let subject: Vec<_> = subject
            .iter()
            .map(|&kind| table.vocabulary.types[kind].as_str())
            .collect();
        let subject = subject.join(" on ");
        for pair in sources.windows(2) {
            let ((first, _, clock), (second, combine, other)) = (&pair[0], &pair[1]);
            let allowed = if subject.contains(" on ") {
                may_share(*combine)
            } else {
                combine.is_some()
            };
            if !allowed {
                return Err(format!(
                    "E-CONFLICT: rules `{first}` and `{second}` both write `{behavior}` of `{subject}`\n  \
                     leave one out, or say how they combine: {second} = {{ file = \"…\", combine = \"sum\" }} \
                     (sum, product or priority; pairs only sum)"
                ));
            }
            if clock != other {
                return Err(format!(
                    "E-CONFLICT: rules `{first}` (every {clock} min) and `{second}` (every {other} min) both \
                     write `{behavior}` of `{subject}`\n  give them one clock"
                ));
            }
        }
    }
    Ok(())
}

/// The range a rule's value is kept in; what leaves it is counted.
fn range(behavior: &Behavior) -> [f64; 2] {
    use kernels::channels::Channel;
    match behavior {
        Behavior::Custom(_)
        | Behavior::Kernel(Channel::ExportRate(_) | Channel::Sensitivity(_)) => {
            [f64::NEG_INFINITY, f64::INFINITY]
        }
        Behavior::Kernel(Channel::Bias) => [0.0, 1.0],
        _ => [0.0, f64::INFINITY],
    }
}

fn columns(scenario: &Scenario, table: &Table) -> Result<Vec<Extra>, String> {
    let names = scenario.outputs.cell_columns.iter();
    let find = |name: &String| match table.vocabulary.signals.find(name) {
        Ok(signal) => Ok(Extra::Signal(signal)),
        Err(unknown) => match table.vocabulary.behaviors.find(name) {
            Ok(behavior) => Ok(Extra::Behavior(behavior)),
            Err(_) => Err(format!("outputs.cell_columns: {unknown}")),
        },
    };
    names.map(find).collect()
}

/// Slots for the watches that rules and columns read; watches whose time is kept; types that keep it.
fn watched(
    rules: &[Box<dyn Rule>],
    table: &Table,
    columns: &[Extra],
) -> (Vec<Option<usize>>, Vec<usize>, Vec<usize>) {
    let mut slots = vec![None; table.watches.len()];
    let mut next = 0;
    let mut times = Vec::new();
    let mut types = Vec::new();
    let mut read = |signal: &Signal, readers: &[usize]| {
        let (Signal::Contact(watch) | Signal::ContactTime(watch)) = signal else {
            return;
        };
        if slots[*watch].is_none() {
            slots[*watch] = Some(next);
            next += 1;
        }
        if matches!(signal, Signal::ContactTime(_)) {
            times.push(*watch);
            types.extend_from_slice(readers);
        }
    };
    for rule in rules {
        let signature = rule.signature();
        let readers = match &signature.subject {
            Subject::Cell { types } => types.clone(),
            Subject::Dyad { a, b } => vec![*a, *b],
        };
        for column in signature
            .reads
            .iter()
            .filter(|read| read.side != Side::Pair)
        {
            read(&table.signals[column.signal], &readers);
        }
    }
    let all: Vec<usize> = (0..table.vocabulary.types.len()).collect();
    for column in columns {
        if let Extra::Signal(signal) = column {
            read(&table.signals[*signal], &all);
        }
    }
    times.sort_unstable();
    times.dedup();
    types.sort_unstable();
    types.dedup();
    (slots, times, types)
}

impl Simulation {
    /// Builds the tissue at t = 0.
    ///
    /// # Errors
    /// A message for what only shows when the cells are placed.
    pub fn new(bound: Bound, threads: usize) -> Result<Simulation, String> {
        let Bound { plan, rules } = bound;
        let pool = Pool::new(threads).map_err(|error| error.to_string())?;
        let tissue = Tissue::new(setup(&plan, &rules)?, pool).map_err(|error| error.to_string())?;
        let clocks = &plan.scenario.clocks;
        let clock = Clock {
            tick: 0,
            diffusion_step: clocks.diffusion,
            mechanics_ticks: clocks.mechanics_ticks(),
            phenotype_ticks: clocks.phenotype_ticks(),
        };
        let seedlings = founders(&plan)?;
        let risks = Risks::new(&plan);
        let (cell_rules, dyad_rules) = install(rules, &plan, &clock);
        let mut world = World::new();
        world.insert_resource(Clamps::new(plan.table.behaviors.len()));
        world.insert_resource(risks);
        world.insert_resource(plan);
        world.insert_resource(clock);
        world.insert_resource(Space(tissue));
        world.insert_resource(cell_rules);
        world.insert_resource(dyad_rules);
        world.init_resource::<Roster>();
        world.init_resource::<Log>();
        world.init_resource::<Failure>();
        world.init_resource::<Timings>();
        world.init_resource::<Arrived>();
        plant(&mut world, &seedlings);
        settle(&mut world);
        Ok(Simulation {
            world,
            schedule: schedule(),
            tick: 0,
        })
    }

    /// What was fixed before the first tick.
    pub fn plan(&self) -> &Plan {
        self.world.resource()
    }

    /// Ticks done.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// min done.
    pub fn time(&self) -> f64 {
        self.tick as f64 * self.world.resource::<Clock>().diffusion_step
    }

    /// Number of cells, dead ones included.
    pub fn cells(&self) -> usize {
        self.world.resource::<Roster>().len()
    }

    /// Advances one tick.
    ///
    /// # Errors
    /// Why the run cannot go on.
    pub fn step(&mut self) -> Result<(), String> {
        // The clocks of a tick strike at its end: the first phenotype step is after one whole one.
        self.tick += 1;
        self.world.resource_mut::<Clock>().tick = self.tick;
        self.schedule.run(&mut self.world);
        match self.world.resource_mut::<Failure>().0.take() {
            Some(message) => Err(message),
            None => Ok(()),
        }
    }

    /// Seconds spent so far, by stage.
    pub fn timings(&mut self) -> &mut Timings {
        self.world.resource_mut::<Timings>().into_inner()
    }

    /// What has happened since the last [`Simulation::forget_events`].
    pub fn events(&self) -> &[Event] {
        &self.world.resource::<Log>().events
    }

    /// Forgets events that have been written.
    pub fn forget_events(&mut self) {
        self.world.resource_mut::<Log>().events.clear();
    }

    /// How often values were put back into their range: name, times clamped, times written (0 if not counted).
    pub fn clamps(&self) -> Vec<(String, u64, u64)> {
        let clamps = self.world.resource::<Clamps>();
        let entries = self.plan().table.vocabulary.behaviors.entries();
        let counted = clamps.clamped.iter().zip(&clamps.written).zip(entries);
        let mut all: Vec<_> = counted
            .filter(|((clamped, _), _)| **clamped > 0)
            .map(|((clamped, written), entry)| (entry.name.clone(), *clamped, *written))
            .collect();
        let kernels = self.world.resource::<Space>().0.clamps;
        for (name, count) in [
            ("density below zero", kernels.negative_density),
            ("cell outside the domain", kernels.outside),
        ] {
            if count > 0 {
                all.push((name.into(), count, 0));
            }
        }
        all
    }

    /// The tissue's fields and bodies.
    pub fn tissue(&self) -> &Tissue {
        &self.world.resource::<Space>().0
    }

    /// Types and vitalities, by rank.
    pub fn roster(&self) -> &Roster {
        self.world.resource()
    }

    /// The cells as a table, with the columns the scenario asks for.
    pub fn table(&mut self) -> CellTable {
        let mut query = self.world.query::<(
            &Phase,
            &Lineage,
            &crate::cell::Volume,
            &Custom,
            &History,
            &crate::cell::ContactTime,
        )>();
        let world = &self.world;
        let (roster, plan) = (world.resource::<Roster>(), world.resource::<Plan>());
        let tissue = &world.resource::<Space>().0;
        let ranks = 0..roster.len();
        let mut table = CellTable {
            id: tissue.ids().to_vec(),
            cell_type: roster.kinds.clone(),
            state: roster.vitality.clone(),
            position: ranks.clone().map(|rank| tissue.position(rank)).collect(),
            radius: ranks.clone().map(|rank| tissue.radius(rank)).collect(),
            extra: Vec::new(),
        };
        let all: Vec<u32> = ranks.map(|rank| rank as u32).collect();
        let cells: Senses<'_, '_> = query.query(world);
        for extra in &plan.columns {
            let mut values = Vec::with_capacity(all.len());
            let entry = match extra {
                Extra::Signal(number) => {
                    let signal = &plan.table.signals[*number];
                    let clock = world.resource::<Clock>();
                    sense(
                        signal,
                        &all,
                        tissue,
                        roster,
                        &cells,
                        plan,
                        clock,
                        &mut values,
                    );
                    plan.table.vocabulary.signals.entry(*number)
                }
                Extra::Behavior(number) => {
                    values.extend(
                        all.iter()
                            .map(|&rank| self.behavior(*number, rank as usize)),
                    );
                    plan.table.vocabulary.behaviors.entry(*number)
                }
            };
            table.extra.push(Column {
                name: entry.name.clone(),
                unit: entry.unit.to_string(),
                values,
            });
        }
        table
    }

    /// The present value of a behavior of the cell at a rank.
    fn behavior(&self, number: usize, rank: usize) -> f64 {
        let (roster, plan) = (self.roster(), self.plan());
        let kind = usize::from(roster.kinds[rank]);
        let entity = roster.entities[rank];
        match &plan.table.behaviors[number] {
            Behavior::Kernel(channel) => self.tissue().channel(*channel, rank),
            Behavior::Custom(places) => places[kind].map_or(0.0, |place| {
                self.world
                    .get::<Custom>(entity)
                    .expect("every cell has custom numbers")
                    .0[place]
            }),
            _ => match plan.ruled.slot(kind, number) {
                Some(slot) => {
                    self.world
                        .get::<crate::cell::Ruled>(entity)
                        .expect("every cell has ruled behaviors")
                        .0[slot]
                }
                None => plan.table.base(kind, number),
            },
        }
    }

    /// The present moment as writers see it; `cells` is [`Simulation::table`]'s.
    pub fn frame<'a>(&'a self, index: u64, cells: &'a CellTable) -> Frame<'a> {
        Frame {
            index,
            time: self.time(),
            cells,
            fields: self.tissue().densities(),
            events: self.events(),
        }
    }
}

/// Sorts rules into cell and dyad rules and says when each is due.
fn install(rules: Vec<Box<dyn Rule>>, plan: &Plan, clock: &Clock) -> (CellRules, DyadRules) {
    let (mut cell_rules, mut dyad_rules) = (CellRules::default(), DyadRules::default());
    let mut written: Vec<(usize, usize)> = Vec::new();
    for (number, rule) in rules.into_iter().enumerate() {
        let signature = rule.signature();
        let period = plan
            .scenario
            .clocks
            .ticks(signature.clock)
            .max(clock.mechanics_ticks);
        match &signature.subject {
            Subject::Dyad { .. } => dyad_rules.0.push(DyadRule::new(rule, number as u8, period)),
            Subject::Cell { types } => {
                let mut combine = Vec::new();
                for write in &signature.writes {
                    let Target::Behavior(behavior) = write.target else {
                        combine.push(None);
                        continue;
                    };
                    let before = types
                        .iter()
                        .any(|&kind| written.contains(&(kind, behavior)));
                    combine.push(if before { signature.combine } else { None });
                    written.extend(types.iter().map(|&kind| (kind, behavior)));
                }
                cell_rules
                    .0
                    .push(CellRule::new(rule, number as u8, period, combine));
            }
        }
    }
    (cell_rules, dyad_rules)
}

/// What the kernels are told.
fn setup(plan: &Plan, rules: &[Box<dyn Rule>]) -> Result<Setup, String> {
    let scenario = &plan.scenario;
    let domain = &scenario.domain;
    let grid =
        Grid::new(domain.min, domain.max, domain.voxel).map_err(|error| error.to_string())?;
    if grid.dimensions() != usize::from(domain.dimensions) {
        // One layer of voxels is what 2D is to the kernels.
        return Err(format!(
            "a domain of 3 dimensions that is one voxel thick has no third one\n  \
             make it thicker or `voxel` smaller than {} µm along z, or write `dimensions = 2`",
            domain.voxel[2]
        ));
    }
    let types = scenario.cell_types.len();
    let groups: Vec<Group> = (0..types * Vitality::ALL.len())
        .map(|number| {
            let (kind, vitality) = ungroup(number as u16);
            Group {
                kind,
                prey: prey(vitality),
            }
        })
        .collect();
    let affinity = |a: usize, b: usize| {
        let of = |a: usize, b: usize| scenario.cell_types[a].mechanics.adhesion_affinities[b];
        (of(a, b) * of(b, a)).sqrt()
    };
    let kind = |number: usize| usize::from(groups[number].kind);
    let affinities = (0..groups.len())
        .flat_map(|i| (0..groups.len()).map(move |j| (i, j)))
        .map(|(i, j)| affinity(kind(i), kind(j)))
        .collect();
    let mut watched = vec![0; groups.len()];
    for (watch, slot) in plan.table.watches.iter().zip(&plan.contact_slots) {
        let Some(slot) = slot else { continue };
        for (number, bits) in watched.iter_mut().enumerate() {
            *bits |= u64::from(counts(watch, number)) << slot;
        }
    }
    let mut remembered: Vec<(u16, u16)> = Vec::new();
    for rule in rules {
        if let Subject::Dyad { a, b } = rule.signature().subject {
            remembered.push((
                group(a as u16, Vitality::Live),
                group(b as u16, Vitality::Live),
            ));
        }
    }
    remembered.sort_unstable();
    remembered.dedup();
    let seed = scenario.seed;
    Ok(Setup {
        substrates: scenario.substrates.iter().map(substrate).collect(),
        initial: scenario
            .substrates
            .iter()
            .map(|substrate| substrate.initial)
            .collect(),
        diffusion_step: scenario.clocks.diffusion,
        mechanics_step: scenario.clocks.mechanics_ticks() as f64 * scenario.clocks.diffusion,
        channels: channels(plan, &groups),
        affinities,
        normalize_each_gradient: (0..groups.len())
            .map(|number| {
                scenario.cell_types[kind(number)]
                    .motility
                    .normalize_each_gradient
            })
            .collect(),
        groups,
        wall_repulsion: domain.wall_repulsion,
        watched,
        slots: plan.contact_slots.iter().flatten().count(),
        remembered,
        memory: scenario.contact_memory,
        streams: Streams {
            motility: Purpose::Motility.draws(seed),
            meal: Purpose::Meal.draws(seed),
            attack_start: Purpose::AttackStart.draws(seed),
            attack_end: Purpose::AttackEnd.draws(seed),
        },
        grid,
    })
}

fn counts(watch: &Watch, number: usize) -> bool {
    let (kind, vitality) = ungroup(number as u16);
    watch
        .cell_type
        .is_none_or(|wanted| wanted == usize::from(kind))
        && watch.vitalities.contains(&vitality)
}

fn substrate(substrate: &scenario::Substrate) -> kernels::diffusion::Substrate {
    use kernels::diffusion::Boundary;
    kernels::diffusion::Substrate {
        diffusion_coefficient: substrate.diffusion_coefficient,
        decay_rate: substrate.decay_rate,
        boundary: substrate.boundary.map(|face| match face {
            scenario::Boundary::NoFlux => Boundary::NoFlux,
            scenario::Boundary::Fixed(value) => Boundary::Fixed(value),
        }),
    }
}

/// The tables of all channels: a type's own values for its live cells, and what is left of them in the dead.
fn channels(plan: &Plan, groups: &[Group]) -> Channels {
    use kernels::channels::Channel;
    let scenario = &plan.scenario;
    let mut channels = Channels::new(
        scenario.substrates.len(),
        scenario.cell_types.len(),
        groups.len(),
    );
    for (number, behavior) in plan.table.behaviors.iter().enumerate() {
        let Behavior::Kernel(channel) = behavior else {
            continue;
        };
        for group in 0..groups.len() {
            let (kind, vitality) = ungroup(group as u16);
            let value = plan.table.base(usize::from(kind), number);
            let dead = vitality != Vitality::Live;
            let left = match channel {
                Channel::SecretionRate(_) | Channel::ExportRate(_) | Channel::Speed if dead => 0.0,
                Channel::UptakeRate(_) if dead => semantics::UPTAKE_OF_DEAD * value,
                _ => value,
            };
            channels.set_group(*channel, group, left);
        }
    }
    channels
}

/// Whether a rule writes an event's rate, for descriptions.
pub fn is_rate(kind: &Kind) -> bool {
    matches!(kind, Kind::Rate | Kind::Hit { .. })
}
