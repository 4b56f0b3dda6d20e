//! The coarse face: substrates and bodies together, advanced step by step.
//!
//! The tissue owns what lives in space: fields, positions, velocities, radii, walks, damage,
//! attacks in progress, attachments, the memory of pairs. Whoever drives it owns what numbers mean. It tells
//! the tissue of births, removals and new rates, and is told which contact events fired, in the
//! order of (acting id, other id).
//!
//! Rows stand in spatial order, a function of the state at the last [`Tissue::settle`]; the caller
//! counts cells by ascending id, and [`Tissue::row`] leads from that rank to the row.

mod attachments;
mod hazards;
mod rows;
mod state;
mod steps;
mod turns;
mod walks;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Grid, Pool, Real,
    channels::{Channel, Channels},
    compartments::Compartments,
    contact::{Contact, Contacts, Voxels},
    conventions::{Bodies, Conventions, Fields, FirstStep, Held, Inheritance, Leaving, Meeting},
    diffusion::{Diffusion, Method, Substrate, unsplit::Unsplit},
    exchange::Exchange,
    gradient::Slopes,
    motion::Domain,
    moves::Moves,
    pairs::{Pair, PairTable},
    portable,
    random::Draws,
};

use attachments::Attachments;
pub use hazards::{Fired, Prey};
use rows::Rows;
pub use state::State;
use steps::Worked;
pub use walks::Walk;

/// No cell: what an attack's target is when there is none.
pub const NOBODY: u64 = u64::MAX;

/// Edge of the voxels by which [`Meeting::Voxels`] finds neighbors, µm.
pub const MECHANICS_VOXEL: Real = 30.0;

/// What is left of the uptake of a cell that dies, where it keeps its own numbers.
pub const UPTAKE_OF_DEAD: Real = 0.1;

/// Rows that a thread takes at a time where each costs little.
const PIECE: usize = 1024;

/// Which random streams the tissue draws from.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    /// Renewal and direction of walks.
    pub motility: Draws,
    /// Meals.
    pub meal: Draws,
    /// Starts of attacks.
    pub attack_start: Draws,
    /// Ends of attacks.
    pub attack_end: Draws,
    /// Fusions.
    pub fusion: Draws,
    /// New attachments.
    pub attachment: Draws,
    /// Attachments that break.
    pub detachment: Draws,
}

/// How the kernels see a group of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Kind of cell, for rates that depend on the other's kind.
    pub kind: u16,
    /// Live cells act; dead ones are acted on.
    pub prey: Prey,
}

/// A substrate's density at the start, in its own unit, ≥ 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// The same everywhere.
    Everywhere(Real),
    /// `[voxel]`.
    Voxels(Vec<Real>),
}

/// What a tissue is made from.
#[derive(Debug)]
pub struct Setup {
    /// Voxels of the domain.
    pub grid: Grid,
    /// What diffuses.
    pub substrates: Vec<Substrate>,
    /// Density of each substrate at the start. A boundary's own density stands in its voxels from
    /// the start, but with [`Held::BetweenSweeps`] only from the first step on.
    pub initial: Vec<Initial>,
    /// Who solves the equation of diffusion.
    pub method: Method,
    /// min.
    pub diffusion_step: Real,
    /// min; a multiple of the diffusion step.
    pub mechanics_step: Real,
    /// By number.
    pub groups: Vec<Group>,
    /// Tables of every channel, by group.
    pub channels: Channels,
    /// `[group]`.
    pub walks: Vec<Walk>,
    /// Whether attachments come, go and pull by themselves.
    pub springs: bool,
    /// Which usages the bodies follow.
    pub conventions: Conventions,
    /// Velocity of a wall's push at its face, µm/min.
    pub wall_repulsion: Real,
    /// Boxes that hold the cells, each its own, if there are any: inner edge and pitch, µm. They
    /// take the place of the domain's walls, with the usages of [`Conventions::default`] only.
    pub compartments: Option<[Real; 2]>,
    /// `[group]`: bit s is set if the group counts in slot s of [`Tissue::contacts`].
    pub watched: Vec<u64>,
    /// Number of slots.
    pub slots: usize,
    /// Ordered pairs of groups whose contacts are remembered.
    pub remembered: Vec<(u16, u16)>,
    /// min after which a separated pair is forgotten.
    pub memory: Real,
    /// Random streams.
    pub streams: Streams,
    /// Whether cells keep account of what they exchange: [`Tissue::internalized`].
    pub internalized: bool,
}

/// A cell to be placed.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// Its id, new to the tissue.
    pub id: u64,
    /// Its group.
    pub group: u16,
    /// µm, inside the domain unless who is outside is to be [frozen](Leaving::Freeze).
    pub position: [Real; 3],
    /// µm³.
    pub volume: Real,
    /// A cell whose own numbers and damage it inherits, and by
    /// [one usage](Inheritance::OwnNumbers) attack and walk too: its mother.
    pub like: Option<u64>,
}

/// Fields and bodies.
#[derive(Debug)]
pub struct Tissue {
    setup: Setup,
    pool: Pool,
    domain: Domain,
    compartments: Option<Compartments>,
    diffusion: Diffusion,
    /// Where it solves in place of `diffusion`, which then only knows the boundaries.
    unsplit: Option<Unsplit>,
    exchange: Exchange,
    /// [substrate][voxel].
    densities: Vec<Real>,
    rows: Rows,
    worked: Worked,
    /// Ids, ascending; the rank of a cell is its place here.
    ids: Vec<u64>,
    /// [rank].
    row_of_rank: Vec<u32>,
    /// Rows with a target, by ascending id.
    attackers: Vec<u32>,
    /// Voxel of each row.
    voxels: Vec<u32>,
    contact: Contact,
    contacts: Contacts,
    /// [slot][row].
    counts: Vec<u32>,
    attachments: Attachments,
    pairs: PairTable,
    touching: Vec<Pair>,
    work_is_stale: bool,
    exchange_is_stale: bool,
    /// Whether a cell has changed its voxel since exchange was told.
    voxels_changed: bool,
    /// Corrections that were needed to keep the state physical.
    pub clamps: Clamps,
}

/// How often the state had to be put back into its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clamps {
    /// Densities that export would have made negative.
    pub negative_density: u64,
    /// Cells whose center had left the domain.
    pub outside: u64,
}

impl Tissue {
    /// A tissue without cells.
    ///
    /// # Errors
    /// Whatever is out of range in `setup`.
    pub fn new(setup: Setup, pool: Pool) -> Result<Tissue, Error> {
        let fields = setup.conventions.fields;
        let (grid, step) = (&setup.grid, setup.diffusion_step);
        let diffusion = Diffusion::after(fields, grid, &setup.substrates, step)?;
        let unsplit = match setup.method {
            Method::Split => None,
            Method::Unsplit { .. } if fields != Fields::default() => {
                let cannot = "knows Milieu's own usages of fields only";
                return Err(Error::Unsplit { cannot });
            }
            Method::Unsplit { .. } if setup.internalized => {
                let cannot = "keeps no account of what single cells exchange";
                return Err(Error::Unsplit { cannot });
            }
            Method::Unsplit { tolerance } => {
                let mechanics = setup.mechanics_step;
                Some(Unsplit::new(grid, &setup.substrates, tolerance, mechanics)?)
            }
        };
        crate::same_length(
            "initial densities",
            setup.substrates.len(),
            setup.initial.len(),
        )?;
        crate::same_length("groups with walks", setup.groups.len(), setup.walks.len())?;
        let voxels = setup.grid.len();
        let mut densities = Vec::with_capacity(setup.initial.len() * voxels);
        for initial in &setup.initial {
            match initial {
                Initial::Everywhere(value) => densities.extend(std::iter::repeat_n(value, voxels)),
                Initial::Voxels(values) => {
                    crate::same_length("a substrate's initial densities", voxels, values.len())?;
                    densities.extend(values);
                }
            }
        }
        for &density in &densities {
            crate::not_negative("an initial density", density)?;
        }
        if fields.held == Held::Through {
            diffusion.hold(&mut densities)?;
        }
        let affinities = affinities(&setup.groups, &setup.channels);
        let domain = Domain {
            min: setup.grid.origin,
            max: setup.grid.end(),
            dimensions: setup.grid.dimensions(),
        };
        let mut contact = Contact::new(affinities, setup.watched.clone(), setup.slots, domain)?;
        if setup.conventions.bodies.meeting == Meeting::Voxels {
            contact.meet_in(Voxels {
                min: domain.min,
                max: domain.max,
                edge: MECHANICS_VOXEL,
            })?;
        }
        let compartments = setup
            .compartments
            .map(|[size, pitch]| Compartments::new(domain, size, pitch))
            .transpose()?;
        if compartments.is_some() && setup.conventions.bodies != Bodies::default() {
            return Err(Error::Usages);
        }
        Ok(Tissue {
            pool,
            domain,
            compartments,
            diffusion,
            exchange: match unsplit {
                Some(_) => Exchange::of_rates(),
                None => Exchange::after(fields.exchange),
            },
            unsplit,
            densities,
            rows: Rows {
                internalized: if setup.internalized {
                    vec![Vec::new(); setup.substrates.len()]
                } else {
                    Vec::new()
                },
                ..Rows::default()
            },
            worked: Worked::default(),
            ids: Vec::new(),
            row_of_rank: Vec::new(),
            attackers: Vec::new(),
            voxels: Vec::new(),
            contact,
            contacts: Contacts::default(),
            counts: Vec::new(),
            attachments: Attachments::default(),
            pairs: PairTable::new(),
            touching: Vec::new(),
            work_is_stale: true,
            exchange_is_stale: true,
            voxels_changed: false,
            clamps: Clamps::default(),
            setup,
        })
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Ids, ascending, as of the last [`Tissue::settle`].
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// The rank of a cell.
    pub fn rank(&self, id: u64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// The row of the cell at a rank.
    #[inline]
    pub fn row(&self, rank: usize) -> usize {
        self.row_of_rank[rank] as usize
    }

    /// The threads that its steps run on.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The voxels.
    pub fn grid(&self) -> &Grid {
        &self.setup.grid
    }

    /// The boxes that hold the cells, if there are any.
    pub fn compartments(&self) -> Option<&Compartments> {
        self.compartments.as_ref()
    }

    /// `[substrate][voxel]`, each in its substrate's unit.
    pub fn densities(&self) -> &[Real] {
        &self.densities
    }

    // Cells come and go. Ranks stay as they are until `settle`.

    /// Makes room for so many more cells.
    pub fn reserve(&mut self, cells: usize) {
        self.rows.reserve(cells);
        self.setup.channels.reserve(cells);
    }

    /// Adds a cell. It has no rank until [`Tissue::settle`].
    pub fn insert(&mut self, body: &Body) {
        let like = body
            .like
            .and_then(|id| self.rank(id))
            .map(|rank| self.row(rank));
        let conventions = self.setup.conventions.bodies;
        let heir = like.filter(|_| conventions.inheritance == Inheritance::OwnNumbers);
        let frozen = self.freezes(body.position);
        let rows = &mut self.rows;
        rows.id.push(body.id);
        rows.group.push(body.group);
        rows.position.push(body.position);
        rows.velocity.push([0.0; 3]);
        rows.previous_velocity.push([0.0; 3]);
        // Who has moved before, with a previous velocity of zero, was at rest.
        rows.moved
            .push(conventions.first_step == FirstStep::FromRest);
        rows.volume.push(body.volume);
        rows.radius.push(radius_of(body.volume));
        rows.direction
            .push(heir.map_or([0.0; 3], |row| rows.direction[row]));
        rows.pressure
            .push(like.map_or(0.0, |row| rows.pressure[row]));
        rows.damage.push(like.map_or(0.0, |row| rows.damage[row]));
        rows.target
            .push(heir.map_or(NOBODY, |row| rows.target[row]));
        rows.frozen.push(frozen);
        rows.removed.push(false);
        for column in &mut rows.internalized {
            column.push(0.0);
        }
        let channels = &mut self.setup.channels;
        channels.push(usize::from(body.group), like);
        if heir.is_some() && channels.column(Channel::Movable).is_owned() {
            // There, being immovable is no part of what a daughter inherits.
            channels.set_row(Channel::Movable, self.rows.id.len() - 1, 1.0);
        }
    }

    /// Gives the cell inserted last a number of its own.
    pub fn set_newest(&mut self, channel: Channel, value: Real) {
        self.own(channel);
        let row = self.rows.id.len() - 1;
        self.setup.channels.set_row(channel, row, value);
    }

    /// Gives the cell inserted last an amount (density × µm³) of a substrate; like
    /// [`Tissue::set_internalized`].
    pub fn set_newest_internalized(&mut self, substrate: usize, amount: Real) {
        let column = self.rows.internalized.get_mut(substrate);
        if let Some(newest) = column.and_then(|column| column.last_mut()) {
            *newest = amount;
        }
    }

    /// Marks a cell as gone; it leaves with the next [`Tissue::settle`].
    pub fn remove(&mut self, id: u64) {
        if let Some(rank) = self.rank(id) {
            let row = self.row(rank);
            self.rows.removed[row] = true;
        }
    }

    /// Drops removed cells, sorts rows in space, and ranks all cells anew. The order of rows is
    /// (voxel, id), as of now: it decides the order of sums until the next call, and so belongs to
    /// the state that a restart would have to restore.
    ///
    /// The moves of rows, for who keeps columns of its own beside these.
    pub fn settle(&mut self) -> Moves {
        self.exchange_changes();
        let rows = &mut self.rows;
        if self.setup.conventions.bodies.leaving == Leaving::PutBack {
            for position in &mut rows.position {
                let inside = (self.compartments.as_ref())
                    .map_or(self.domain, |compartments| compartments.around(*position));
                if confine(position, &inside) {
                    self.clamps.outside += 1;
                }
            }
        }
        let gone: Vec<u64> = {
            let ids = rows.id.iter().zip(&rows.removed);
            let mut gone: Vec<u64> = ids
                .filter(|(_, removed)| **removed)
                .map(|(id, _)| *id)
                .collect();
            gone.sort_unstable();
            gone
        };
        self.pairs.remove(&gone);
        // Those who were there are ranked, so that only newcomers need sorting.
        let mut ranked = std::mem::take(&mut self.row_of_rank);
        let (ranks, known) = (ranked.len() as u32, rows.id.len());
        let stays = |row: &u32| !rows.removed[*row as usize];
        ranked.retain(stays);
        let stayed = ranked.len();
        ranked.extend((ranks..known as u32).filter(stays));
        if ranked.len() > stayed || !gone.is_empty() {
            // A stable sort merges two ascending runs as they are.
            ranked[stayed..].sort_unstable_by_key(|&row| rows.id[row as usize]);
            ranked.sort_by_key(|&row| rows.id[row as usize]);
            self.ids = ranked.iter().map(|&row| rows.id[row as usize]).collect();
        }
        // (voxel, rank) is (voxel, id) in one word.
        let mut places: Vec<u64> = (0..ranked.len() as u64).collect();
        let is_large = places.len() > PIECE;
        self.pool.pieces(&mut places, PIECE, is_large, |_, places| {
            for place in places {
                let position = rows.position[ranked[*place as usize] as usize];
                *place |= (self.setup.grid.voxel_of(position) as u64) << 32;
            }
        });
        self.pool.sort(&mut places, is_large);
        self.voxels = places.iter().map(|place| (place >> 32) as u32).collect();
        let order: Vec<u32> = (places.iter())
            .map(|&place| ranked[place as u32 as usize])
            .collect();
        for (place, row) in places.into_iter().zip(0..) {
            ranked[place as u32 as usize] = row;
        }
        self.row_of_rank = ranked;
        let moves = Moves::new(order, known);
        rows.permute(&moves, &self.pool);
        self.setup.channels.permute(&moves);
        for target in &mut rows.target {
            if *target != NOBODY && gone.binary_search(target).is_ok() {
                *target = NOBODY;
            }
        }
        let leaves = |id: &u64| gone.binary_search(id).is_ok();
        if !gone.is_empty() {
            self.attachments.retain(|(a, b)| !leaves(a) && !leaves(b));
        }
        self.attachments.move_rows();
        self.find_attackers();
        // What contacts said of rows is void; counts by row are kept until the next mechanics step.
        let slots = self.setup.slots;
        let cells = self.rows.id.len();
        let counts = std::mem::take(&mut self.counts);
        let before = counts.len().checked_div(slots).unwrap_or(0);
        self.counts.reserve(slots * cells);
        for slot in 0..slots {
            let mut column = counts[slot * before..][..before].to_vec();
            column.resize(known, 0);
            moves.apply(&mut column);
            self.counts.append(&mut column);
        }
        self.contacts = Contacts::default();
        self.work_is_stale = true;
        moves
    }

    /// Finds who stands where and who attacks.
    fn enroll(&mut self) {
        let rows = &self.rows;
        let mut ranked: Vec<u32> = (0..rows.id.len() as u32).collect();
        ranked.sort_unstable_by_key(|&row| rows.id[row as usize]);
        self.ids = ranked.iter().map(|&row| rows.id[row as usize]).collect();
        self.row_of_rank = ranked;
        self.find_attackers();
    }

    fn find_attackers(&mut self) {
        let rows = &self.rows;
        let attacks = |row: &u32| rows.target[*row as usize] != NOBODY;
        self.attackers = self.row_of_rank.iter().copied().filter(attacks).collect();
    }

    // What the caller writes.

    /// Moves the cell at a rank, µm. [`Tissue::settle`] must follow.
    pub fn place(&mut self, rank: usize, position: [Real; 3]) {
        let row = self.row(rank);
        self.rows.position[row] = position;
        if self.freezes(position) {
            self.rows.frozen[row] = true;
        }
    }

    /// Whether a cell at this position takes no part from then on.
    fn freezes(&self, position: [Real; 3]) -> bool {
        let leaving = self.setup.conventions.bodies.leaving;
        leaving == Leaving::Freeze && !self.domain.holds(position)
    }

    /// Sets the volume (µm³) of the cell at a rank.
    pub fn set_volume(&mut self, rank: usize, volume: Real) {
        let row = self.row(rank);
        if self.rows.volume[row] == volume {
            return;
        }
        self.rows.volume[row] = volume;
        self.rows.radius[row] = radius_of(volume);
        self.work_is_stale = true;
        self.exchange_changes();
    }

    /// Sets the volumes (µm³) of all cells, by row.
    pub fn set_volumes(&mut self, volumes: impl Fn(usize) -> Real + Sync) {
        let Rows { volume, radius, .. } = &mut self.rows;
        if (volume.iter().enumerate()).all(|(row, old)| volumes(row) == *old) {
            return;
        }
        let large = volume.len() > PIECE;
        self.pool.pieces(radius, PIECE, large, |piece, radii| {
            for (radius, row) in radii.iter_mut().zip(piece * PIECE..) {
                let new = volumes(row);
                if new != volume[row] {
                    *radius = radius_of(new);
                }
            }
        });
        for (row, volume) in volume.iter_mut().enumerate() {
            *volume = volumes(row);
        }
        self.work_is_stale = true;
        self.exchange_changes();
    }

    /// Puts the cell at a rank into another group: it follows that group's tables in every
    /// channel, lets go of its target, and has no direction. Its attachments stay.
    pub fn set_group(&mut self, rank: usize, group: u16) {
        let row = self.row(rank);
        let movable = self.channel(Channel::Movable, rank);
        self.change_group(row, group);
        let channels = &mut self.setup.channels;
        channels.reset_row(row, usize::from(group));
        if self.setup.conventions.bodies.inheritance == Inheritance::OwnNumbers
            && channels.column(Channel::Movable).is_owned()
        {
            // There, being immovable belongs to the cell and not to its type.
            channels.set_row(Channel::Movable, row, movable);
        }
    }

    /// Puts the cell at a rank into a group of the dead: [`Tissue::set_group`], or, where the dead
    /// keep their [own numbers](Inheritance::OwnNumbers), all that but the reset of those it owns;
    /// it secretes and exports nothing then, and takes up [`UPTAKE_OF_DEAD`] of what it did.
    pub fn die(&mut self, rank: usize, group: u16) {
        match self.setup.conventions.bodies.inheritance {
            Inheritance::OfGroup => self.set_group(rank, group),
            Inheritance::OwnNumbers => {
                let row = self.row(rank);
                self.change_group(row, group);
                let channels = &mut self.setup.channels;
                channels.keep_row_of_dead(row, UPTAKE_OF_DEAD);
            }
        }
    }

    fn change_group(&mut self, row: usize, group: u16) {
        self.rows.group[row] = group;
        self.rows.direction[row] = [0.0; 3];
        self.end_attacks(&[row]);
        self.work_is_stale = true;
        self.exchange_changes();
    }

    /// Gives every cell a number of its own in a channel.
    pub fn own(&mut self, channel: Channel) {
        self.setup.channels.own(channel, &self.rows.group);
    }

    /// The number of the cell at a rank.
    pub fn channel(&self, channel: Channel, rank: usize) -> Real {
        let row = self.row(rank);
        self.setup
            .channels
            .column(channel)
            .get(row, self.rows.group[row])
    }

    /// Sets the number of the cell at a rank; the channel must be [owned](Tissue::own).
    /// [`Tissue::rates_changed`] must follow.
    pub fn set_channel(&mut self, channel: Channel, rank: usize, value: Real) {
        let row = self.row(rank);
        self.setup.channels.set_row(channel, row, value);
    }

    /// `[row]`: the cells' own numbers in a channel, to write; it is [owned](Tissue::own) then.
    /// [`Tissue::rates_changed`] must follow.
    pub fn own_rows(&mut self, channel: Channel) -> &mut [Real] {
        self.own(channel);
        self.setup.channels.rows_mut(channel)
    }

    /// Takes the numbers of [`Tissue::own_rows`] out, until they are
    /// [returned](Tissue::return_rows); nothing may happen in the tissue before.
    pub fn lend_rows(&mut self, channel: Channel) -> Vec<Real> {
        self.own(channel);
        std::mem::take(self.setup.channels.rows_mut(channel))
    }

    /// Puts numbers back that were [lent](Tissue::lend_rows).
    pub fn return_rows(&mut self, channel: Channel, rows: Vec<Real>) {
        *self.setup.channels.rows_mut(channel) = rows;
    }

    /// Says that channels were written.
    pub fn rates_changed(&mut self) {
        self.work_is_stale = true;
        self.exchange_changes();
    }

    /// Adds damage to the cell at a rank.
    pub fn harm(&mut self, rank: usize, damage: Real) {
        let row = self.row(rank);
        self.rows.damage[row] += damage;
    }

    /// Takes all damage from the cell at a rank.
    pub fn heal(&mut self, rank: usize) {
        let row = self.row(rank);
        self.rows.damage[row] = 0.0;
    }

    /// Sets what the cell at a rank has taken up of a substrate, an amount (density × µm³).
    /// Nothing happens unless [`Setup::internalized`] asked for the account.
    pub fn set_internalized(&mut self, substrate: usize, rank: usize, amount: Real) {
        let row = self.row(rank);
        if let Some(column) = self.rows.internalized.get_mut(substrate) {
            column[row] = amount;
        }
    }

    /// Adds an amount (density × µm³) of a substrate to the voxel of the cell at a rank, if no
    /// boundary holds the voxel. The cell's own account stays as it is.
    pub fn release(&mut self, substrate: usize, rank: usize, amount: Real) {
        let voxel = self.voxels[self.row(rank)] as usize;
        let density = amount / self.setup.grid.voxel_volume();
        self.add(substrate, density, std::iter::once(voxel));
    }

    /// Raises the density of a substrate (in its unit) in each voxel whose center, µm, is to have
    /// it and that no boundary holds.
    pub fn dose(&mut self, substrate: usize, density: Real, is_dosed: impl Fn([Real; 3]) -> bool) {
        let grid = self.setup.grid;
        let voxels = (0..grid.len()).filter(|&voxel| is_dosed(grid.center(voxel)));
        self.add(substrate, density, voxels);
    }

    /// Raises the density of a substrate in those of these voxels that no boundary holds.
    fn add(&mut self, substrate: usize, density: Real, voxels: impl Iterator<Item = usize>) {
        self.catch_up();
        let first = substrate * self.setup.grid.len();
        for voxel in voxels.filter(|&voxel| !self.diffusion.is_held(substrate, voxel)) {
            self.densities[first + voxel] += density;
            if let Some(unsplit) = &mut self.unsplit {
                unsplit.receive(substrate, voxel, density);
            }
        }
        if let Some(unsplit) = &mut self.unsplit {
            unsplit.take_care();
        }
    }

    // What the caller reads of many cells, by row. Rows that follow each other are near each
    // other in space, so that who reads in their order finds most of it in the cache.

    /// `[row]`: ids.
    pub fn row_ids(&self) -> &[u64] {
        &self.rows.id
    }

    /// `[row]`: groups.
    pub fn groups(&self) -> &[u16] {
        &self.rows.group
    }

    /// `[row]`: volumes, µm³.
    pub fn volumes(&self) -> &[Real] {
        &self.rows.volume
    }

    /// `[row]`: see [`Tissue::target`].
    pub fn targets(&self) -> &[u64] {
        &self.rows.target
    }

    /// `[row]`: see [`Tissue::is_frozen`].
    pub fn frozen_rows(&self) -> &[bool] {
        &self.rows.frozen
    }

    /// `[row]`: see [`Tissue::internalized`]; `None` unless [`Setup::internalized`] asked.
    pub fn internalized_rows(&self, substrate: usize) -> Option<&[Real]> {
        self.rows.internalized.get(substrate).map(Vec::as_slice)
    }

    /// `[row]`: the cell's voxel.
    pub fn voxels(&self) -> &[u32] {
        &self.voxels
    }

    /// `[row]`: see [`Tissue::pressure`].
    pub fn pressures(&self) -> &[Real] {
        &self.rows.pressure
    }

    /// `[row]`: see [`Tissue::damage`].
    pub fn damages(&self) -> &[Real] {
        &self.rows.damage
    }

    /// `[row]`: see [`Tissue::contacts`].
    pub fn contact_counts(&self, slot: usize) -> &[u32] {
        &self.counts[slot * self.ids.len()..][..self.ids.len()]
    }

    /// `[voxel]`: the density of a substrate.
    pub fn density_of(&self, substrate: usize) -> &[Real] {
        let voxels = self.setup.grid.len();
        &self.densities[substrate * voxels..][..voxels]
    }

    /// The slopes of a substrate, density per µm.
    pub fn slopes(&self, substrate: usize) -> Slopes<'_> {
        Slopes::new(&self.setup.grid, self.density_of(substrate))
    }

    // What the caller reads, by rank.

    /// Center, µm.
    pub fn position(&self, rank: usize) -> [Real; 3] {
        self.rows.position[self.row(rank)]
    }

    /// Velocity of a cell in the last mechanics step, µm/min; zero before the first.
    pub fn velocity(&self, rank: usize) -> [Real; 3] {
        self.rows.velocity[self.row(rank)]
    }

    /// Radius, µm.
    pub fn radius(&self, rank: usize) -> Real {
        self.rows.radius[self.row(rank)]
    }

    /// The first substrate with a density that is no finite number.
    pub fn substrate_not_finite(&self) -> Option<usize> {
        let mut densities = self.densities.iter();
        let place = densities.position(|density| !density.is_finite());
        place.map(|place| place / self.setup.grid.len())
    }

    /// How many cells have left the domain for good.
    pub fn frozen(&self) -> usize {
        self.rows.frozen.iter().filter(|frozen| **frozen).count()
    }

    /// Whether the cell has left the domain for good; nothing happens in it any more.
    pub fn is_frozen(&self, rank: usize) -> bool {
        self.rows.frozen[self.row(rank)]
    }

    /// Group.
    pub fn group(&self, rank: usize) -> u16 {
        self.rows.group[self.row(rank)]
    }

    /// Density of a substrate in the cell's voxel.
    pub fn density(&self, substrate: usize, rank: usize) -> Real {
        self.densities[substrate * self.setup.grid.len() + self.voxels[self.row(rank)] as usize]
    }

    /// What the cell has taken up of a substrate less what it has secreted and exported, an amount
    /// (density × µm³) since its account was last set; 0 unless [`Setup::internalized`] asked.
    pub fn internalized(&self, substrate: usize, rank: usize) -> Real {
        let column = self.rows.internalized.get(substrate);
        column.map_or(0.0, |column| column[self.row(rank)])
    }

    /// Gradient of a substrate at the cell's voxel, density per µm.
    pub fn gradient(&self, substrate: usize, rank: usize) -> [Real; 3] {
        self.gradient_of_row(substrate, self.row(rank))
    }

    fn gradient_of_row(&self, substrate: usize, row: usize) -> [Real; 3] {
        self.slopes(substrate).at(self.voxels[row] as usize)
    }

    /// Pressure in the last mechanics step, dimensionless.
    pub fn pressure(&self, rank: usize) -> Real {
        self.rows.pressure[self.row(rank)]
    }

    /// Damage.
    pub fn damage(&self, rank: usize) -> Real {
        self.rows.damage[self.row(rank)]
    }

    /// Who is under attack by the cell, or [`NOBODY`].
    pub fn target(&self, rank: usize) -> u64 {
        self.rows.target[self.row(rank)]
    }

    /// Neighbors of a slot's groups in the last mechanics step.
    pub fn contacts(&self, slot: usize, rank: usize) -> Real {
        Real::from(self.counts[slot * self.ids.len() + self.row(rank)])
    }

    /// What ordered pairs remember.
    pub fn pairs(&self) -> &PairTable {
        &self.pairs
    }

    /// The same, to count hits and to let go.
    pub fn pairs_mut(&mut self) -> &mut PairTable {
        &mut self.pairs
    }
}

/// `[group][group]`: √(A_i(j) A_j(i)), from the tables.
fn affinities(groups: &[Group], channels: &Channels) -> Vec<Real> {
    let of = |own: usize, other: &Group| {
        let channel = Channel::Affinity(usize::from(other.kind));
        channels.column(channel).of_group(own)
    };
    let pairs = groups.iter().enumerate().flat_map(|(i, own)| {
        let others = groups.iter().enumerate();
        others.map(move |(j, other)| (i, own, j, other))
    });
    pairs
        .map(|(i, own, j, other)| (of(i, other) * of(j, own)).sqrt())
        .collect()
}

/// Radius of the sphere of a volume (µm³), µm.
fn radius_of(volume: Real) -> Real {
    portable::cbrt(volume * (3.0 / (4.0 * core::f64::consts::PI)))
}

/// Puts a center back into the domain; says whether that was needed.
fn confine(position: &mut [Real; 3], domain: &Domain) -> bool {
    let before = *position;
    for axis in 0..domain.dimensions {
        position[axis] = position[axis].max(domain.min[axis]).min(domain.max[axis]);
    }
    *position != before
}
