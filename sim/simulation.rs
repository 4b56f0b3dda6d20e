//! A simulation: world, schedule, and the steps that advance them.

use bevy_ecs::{component::Component, schedule::Schedule, system::SystemState, world::World};
use kernels::{Pool, tissue::Tissue};
use rules::{Occasion, Rule, Subject, dictionary::normal};

use crate::{
    arrays::{Roster, Space, settle},
    cell::Vitality,
    clock::Clock,
    decide::{CellRule, CellRules},
    detail::Detail,
    dictionary::Behavior,
    dyads::{DyadRule, DyadRules},
    events::{Risks, die},
    founders::founders,
    guard::Guards,
    interventions::{Arrived, Changed},
    occasions::{Occasions, admit},
    output::{CellTable, Column, Event, Frame, needs_detail},
    plan::{Bound, Extra, Plan},
    record::{Clamps, Failure, Log, Timings},
    recorder::{Drawn, Recorder},
    schedule::schedule,
    sense::{Readers, Senses, Sources, sense},
    setup::setup,
    tables::Tables,
};

/// A running tissue.
pub struct Simulation {
    pub(crate) world: World,
    schedule: Schedule,
    /// Ticks done.
    pub(crate) tick: u64,
}

impl Simulation {
    /// Builds the tissue at t = 0.
    ///
    /// # Errors
    /// A message for what only shows when the cells are placed.
    pub fn new(bound: Bound, threads: usize) -> Result<Simulation, String> {
        let mut simulation = Simulation::empty(bound, threads)?;
        let seedlings = founders(simulation.plan())?;
        admit(&mut simulation.world, &seedlings);
        match simulation.world.resource_mut::<Failure>().0.take() {
            Some(message) => Err(message),
            None => Ok(simulation),
        }
    }

    /// Builds a tissue without cells, at t = 0.
    pub(crate) fn empty(bound: Bound, threads: usize) -> Result<Simulation, String> {
        let Bound { plan, rules, sites } = bound;
        let pool = Pool::new(threads).map_err(|error| error.to_string())?;
        let tissue =
            Tissue::new(setup(&plan, &rules, &sites)?, pool).map_err(|error| error.to_string())?;
        let clocks = &plan.scenario.clocks;
        let clock = Clock {
            tick: 0,
            diffusion_step: clocks.diffusion,
            mechanics_ticks: clocks.mechanics_ticks(),
            phenotype_ticks: clocks.phenotype_ticks(),
            lead: plan.scenario.semantics.lead(),
        };
        let risks = Risks::new(&plan);
        let mut guards = Guards::default();
        let (cell_rules, dyad_rules, occasions) = install(rules, &plan, &clock, &mut guards);
        let mut world = World::new();
        world.insert_resource(Clamps::new(plan.table.behaviors.len()));
        world.insert_resource(risks);
        world.insert_resource(Tables::new(&plan));
        world.insert_resource(plan);
        world.insert_resource(clock);
        world.insert_resource(Space(tissue));
        world.insert_resource(cell_rules);
        world.insert_resource(dyad_rules);
        world.insert_resource(occasions);
        world.insert_resource(guards);
        world.init_resource::<Roster>();
        world.init_resource::<Log>();
        world.init_resource::<Failure>();
        world.init_resource::<Timings>();
        world.init_resource::<Arrived>();
        world.init_resource::<Changed>();
        if !sites.is_empty() {
            world.insert_resource(Recorder::new(sites));
            world.init_resource::<Drawn>();
        }
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

    /// Lets the cell at a rank die now, whatever its rates: for who steers a tissue from outside.
    pub fn start_death(&mut self, rank: usize, vitality: Vitality) {
        let clock = Clock {
            // Nothing has happened in the tick that comes next.
            tick: self.tick + self.world.resource::<Clock>().lead,
            ..*self.world.resource::<Clock>()
        };
        die(&mut self.world, &clock, rank, vitality, 0.0);
        settle(&mut self.world);
    }

    /// Seconds spent so far, by stage.
    pub fn timings(&mut self) -> &mut Timings {
        self.world.resource_mut::<Timings>().into_inner()
    }

    /// What has happened since the last [`Simulation::forget_events`].
    pub fn events(&self) -> &[Event] {
        &self.world.resource::<Log>().events
    }

    /// Forgets events, doses and rows outside a model's domain that have been written.
    pub fn forget_events(&mut self) {
        let mut log = self.world.resource_mut::<Log>();
        log.events.clear();
        log.doses.clear();
        self.world.resource_mut::<Guards>().forget();
        if let Some(mut recorder) = self.world.get_resource_mut::<Recorder>() {
            recorder.followed = 0;
        }
    }

    /// The guards of learned rules, with their ledgers.
    pub fn guards(&self) -> &Guards {
        self.world.resource()
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
            ("negative rate of a pair", clamps.negative_pair_rates),
        ] {
            if count > 0 {
                all.push((name.into(), count, 0));
            }
        }
        all
    }

    /// What is recorded for training, if anything is.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        Some(self.world.get_resource_mut::<Recorder>()?.into_inner())
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
        let mut state: SystemState<Senses<'_, '_>> = SystemState::new(&mut self.world);
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
            detail: needs_detail(&plan.scenario.outputs.write).then(|| Detail::of(self)),
        };
        let all: Vec<u32> = ranks.map(|rank| tissue.row(rank) as u32).collect();
        let cells = state
            .get(world)
            .expect("a query of components is always valid");
        // A frame is the state before its own tick.
        let clock = world.resource::<Clock>();
        let clock = &Clock {
            tick: self.tick + clock.lead,
            ..*clock
        };
        let sources = Sources::new(tissue, world.resource(), &cells, plan, clock);
        let mut readers = Readers::default();
        readers.look_up(&all, &sources);
        for extra in &plan.columns {
            let mut values = Vec::with_capacity(all.len());
            let entry = match extra {
                Extra::Signal(number) => {
                    let signal = &plan.table.signals[*number];
                    sense(signal, &readers, &sources, &mut values);
                    plan.table.vocabulary.signals.entry(*number)
                }
                Extra::Behavior(number) => {
                    let ranks = 0..roster.len();
                    values.extend(ranks.map(|rank| self.behavior(*number, rank)));
                    plan.table.vocabulary.behaviors.entry(*number)
                }
            };
            table.extra.push(Column {
                name: entry.name.clone(),
                unit: match plan.latents.named(&entry.name) {
                    Some(record) => record.unit.clone(),
                    None => entry.unit.to_string(),
                },
                values,
            });
        }
        table
    }

    /// The present value of a behavior of the cell at a rank.
    pub(crate) fn behavior(&self, number: usize, rank: usize) -> f64 {
        let (roster, plan) = (self.roster(), self.plan());
        let kind = usize::from(roster.kinds[rank]);
        let (row, tables) = (self.tissue().row(rank), self.world.resource::<Tables>());
        match &plan.table.behaviors[number] {
            Behavior::Kernel(channel) => self.tissue().channel(*channel, rank),
            Behavior::Custom(places) => {
                places[kind].map_or(f64::NAN, |place| tables.custom.get(place, row))
            }
            Behavior::Latent(places) => {
                places[kind].map_or(f64::NAN, |place| tables.latent.get(place, row).into())
            }
            _ => match plan.ruled.slot(kind, number) {
                Some(slot) => tables.ruled.get(slot, row),
                None => plan.table.base(kind, number),
            },
        }
    }

    /// A component of the cell at a rank; every cell has those of `arrays::plant`.
    pub(crate) fn component<C: Component>(&self, rank: usize) -> &C {
        let entity = self.roster().entities[rank];
        self.world
            .get(entity)
            .expect("every cell has every component")
    }

    /// The present moment as writers see it, but for readouts; `cells` is [`Simulation::table`]'s.
    pub fn frame<'a>(&'a self, index: u64, cells: &'a CellTable) -> Frame<'a> {
        Frame {
            index,
            time: self.time(),
            cells,
            fields: self.tissue().densities(),
            events: self.events(),
            doses: &self.world.resource::<Log>().doses,
            guards: self.guards().firings(),
            readouts: &[],
            dyads: &[],
        }
    }
}

/// Sorts rules by who is asked and when, and says when each is due.
fn install(
    rules: Vec<Box<dyn Rule>>,
    plan: &Plan,
    clock: &Clock,
    guards: &mut Guards,
) -> (CellRules, DyadRules, Occasions) {
    let (mut cell_rules, mut dyad_rules) = (CellRules::default(), DyadRules::default());
    let mut occasions = Occasions::default();
    let numbers = numbers(&rules);
    let mut on_occasion = Vec::new();
    for (rule, number) in rules.into_iter().zip(numbers) {
        let period = plan.scenario.clocks.ticks(rule.signature().clock);
        let period = period.max(clock.mechanics_ticks);
        let guard = guards.watch(rule.as_ref(), plan);
        if rule.signature().occasion != Occasion::Clock {
            on_occasion.push((rule, period, guard));
            continue;
        }
        match rule.signature().subject {
            Subject::Dyad { .. } => {
                dyad_rules
                    .0
                    .push(DyadRule::new(rule, number, period, guard));
            }
            Subject::Cell { .. } => {
                cell_rules
                    .0
                    .push(CellRule::new(rule, number, period, guard));
            }
        }
    }
    // What fires together is carried out in this order.
    dyad_rules.0.sort_by_key(DyadRule::number);
    // They are counted as they come.
    on_occasion.sort_by_key(|(rule, ..)| normal(&rule.signature().source));
    for (rule, period, guard) in on_occasion {
        occasions.add(rule, period, guard);
    }
    (cell_rules, dyad_rules, occasions)
}

/// What keys the draws of each rule that acts by the clock; the others are not counted. In the order
/// of names, so that none depends on where in the file a rule stands.
fn numbers(rules: &[Box<dyn Rule>]) -> Vec<u8> {
    let name = |at: &usize| normal(&rules[*at].signature().source);
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(name);
    let mut numbers = vec![0; rules.len()];
    let mut next: u8 = 0;
    for at in order {
        numbers[at] = next;
        if rules[at].signature().occasion == Occasion::Clock {
            // `limits` has seen that there are not too many.
            next = next.saturating_add(rules[at].numbers() as u8);
        }
    }
    numbers
}
