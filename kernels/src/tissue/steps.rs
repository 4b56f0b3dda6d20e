//! The steps of a tissue: fields, then the parts of mechanics.

use super::{NOBODY, Tissue, hazards};
use crate::{
    Error, Grid, Real,
    channels::{Channel, Channels},
    compartments::Compartments,
    contact::{Columns, Contacts, OwnAffinities, Response},
    conventions::{Events, Immovable, Leaving, Repair, Walks, Walls},
    diffusion::unsplit::Unsplit,
    motility,
    motion::Domain,
    portable,
    springs::{self, Spring},
};

/// Rows per piece of work; below so many in all a pass is shorter than waking the threads.
const PIECE: usize = 2048;
const LARGE: usize = 8192;

/// What mechanics reads of each row, filled anew when rates, volumes or rows have changed.
#[derive(Debug, Default)]
pub(super) struct Worked {
    /// Empty where rows have numbers of their own, as the next two.
    speed: Vec<Real>,
    persistence: Vec<Real>,
    bias: Vec<Real>,
    pub(super) crawls: Vec<bool>,
    /// [row]: factor on damage per mechanics step; empty where no damage changes by itself.
    repair: Vec<Real>,
    /// [row]: damage per mechanics step that comes by itself; empty where none does.
    gain: Vec<Real>,
    /// Rows that take no step.
    pub(super) resting: Vec<u32>,
    /// [row]: whether the row attaches to others; and the rows that do.
    pub(super) attaches: Vec<bool>,
    pub(super) attaching: Vec<u32>,
    /// Whether attachments may break.
    pub(super) detaches: bool,
    /// Rows with a rate of eating, attacking or fusing.
    pub(super) acting: Vec<u32>,
    /// Rows that remember whom they touch.
    pub(super) remembering: Vec<u32>,
    /// [row]: whether anybody asks whom the row touches.
    pub(super) listed: Vec<bool>,
}

impl Worked {
    /// `[row]`: what a walk is made of: speeds, persistence times and biases.
    pub(super) fn walks<'a>(&'a self, channels: &'a Channels) -> [&'a [Real]; 3] {
        [
            (Channel::Speed, &self.speed),
            (Channel::PersistenceTime, &self.persistence),
            (Channel::Bias, &self.bias),
        ]
        .map(|(channel, filled)| channels.column(channel).rows().unwrap_or(filled))
    }
}

impl Tissue {
    /// One tick of the fields: diffusion, decay and exchange with cells.
    ///
    /// The unsplit solver takes a step when one is due, and else leaves the fields as they were at
    /// its last. It brings them to the present after `left` further ticks, and before cells come, go
    /// or change what they exchange.
    ///
    /// # Errors
    /// None in a tissue that was built; the kernels' doors check again.
    pub fn diffuse(&mut self, left: u64) -> Result<(), Error> {
        let dt = self.setup.diffusion_step;
        let left = left as Real * dt;
        if self.exchange_is_stale {
            self.tell_exchange()?;
        } else if (self.unsplit.as_ref()).is_none_or(|it| it.is_due(dt, left)) {
            self.follow_cells()?;
        }
        let (densities, negative) = (&mut self.densities, &mut self.clamps.negative_density);
        if let Some(unsplit) = &mut self.unsplit {
            unsplit.advance(densities, &self.exchange, dt, left, negative, &self.pool);
            return Ok(());
        }
        self.diffusion.step(densities, &self.pool);
        if self.setup.internalized {
            let amounts = &mut self.rows.internalized;
            return self
                .exchange
                .apply_internalized(densities, amounts, negative, &self.pool);
        }
        self.exchange.apply(densities, negative, &self.pool);
        Ok(())
    }

    /// What cells exchange is about to change. What they did until now is done first.
    pub(super) fn exchange_changes(&mut self) {
        self.catch_up();
        self.exchange_is_stale = true;
        if let Some(unsplit) = &mut self.unsplit {
            unsplit.take_care();
        }
    }

    /// Brings the fields to the present.
    pub(super) fn catch_up(&mut self) {
        if !self.unsplit.as_ref().is_some_and(Unsplit::is_behind) {
            return;
        }
        self.follow_cells()
            .expect("cells are as many as the exchange was told, and in the grid");
        let (densities, negative) = (&mut self.densities, &mut self.clamps.negative_density);
        if let Some(unsplit) = &mut self.unsplit {
            unsplit.catch_up(densities, &self.exchange, negative, &self.pool);
        }
    }

    /// Tells the exchange where cells have moved to.
    fn follow_cells(&mut self) -> Result<(), Error> {
        if self.voxels_changed {
            let held = |substrate, voxel| self.diffusion.is_held(substrate, voxel);
            self.exchange.follow(&self.voxels, held, &self.pool)?;
            self.voxels_changed = false;
        }
        Ok(())
    }

    /// Tells the exchange of all cells.
    pub(super) fn tell_exchange(&mut self) -> Result<(), Error> {
        let channels = &self.setup.channels;
        let columns: Vec<_> = (0..self.setup.substrates.len())
            .map(|s| {
                [
                    channels.column(Channel::SecretionRate(s)),
                    channels.column(Channel::SecretionTarget(s)),
                    channels.column(Channel::UptakeRate(s)),
                    channels.column(Channel::ExportRate(s)),
                ]
            })
            .collect();
        let (group, frozen) = (&self.rows.group, &self.rows.frozen);
        self.exchange.prepare(
            &self.setup.grid,
            columns.len(),
            &self.voxels,
            &self.rows.volume,
            |substrate, row| {
                if frozen[row] {
                    return [0.0; 4];
                }
                // Written out, because `map` over an array is not inlined here.
                let [secretion, target, uptake, export] = &columns[substrate];
                let group = group[row];
                [
                    secretion.get(row, group),
                    target.get(row, group),
                    uptake.get(row, group),
                    export.get(row, group),
                ]
            },
            self.setup.diffusion_step,
            |substrate, voxel| self.diffusion.is_held(substrate, voxel),
            &self.pool,
        )?;
        (self.exchange_is_stale, self.voxels_changed) = (false, false);
        Ok(())
    }

    /// First half of a mechanics step: walks are renewed, contacts found, velocities summed.
    ///
    /// # Errors
    /// None in a tissue that was built; the kernels' doors check again.
    pub fn push(&mut self, tick: u64) -> Result<(), Error> {
        if self.work_is_stale {
            self.refresh()?;
        }
        let conventions = self.setup.conventions.bodies;
        let rows = &mut self.rows;
        if rows.id.is_empty() {
            return Ok(());
        }
        let is_large = rows.id.len() >= LARGE;
        self.pool
            .pieces(&mut rows.velocity, PIECE, is_large, |_, velocity| {
                velocity.fill([0.0; 3]);
            });
        self.counts.resize(self.setup.slots * rows.id.len(), 0);
        let lists = !self.setup.remembered.is_empty() || self.worked.listed.contains(&true);
        if !lists {
            self.contacts = Contacts::default();
        }
        let response = Response {
            velocity: &mut rows.velocity,
            pressure: &mut rows.pressure,
            counts: &mut self.counts,
            contacts: lists.then_some(&mut self.contacts),
            listed: &self.worked.listed,
        };
        self.contact
            .step(&rows.id, &rows.position, response, &self.pool)?;
        self.numb();
        if conventions.events == Events::CompetingRisks {
            self.bond()?;
        }
        self.renew_attachments(tick);
        self.pull_attached()?;
        self.renew_walks(tick)?;
        let rows = &mut self.rows;
        let (domain, strength) = (&self.domain, self.setup.wall_repulsion);
        let compartments = self.compartments.as_ref();
        let (position, radius, direction) = (&rows.position, &rows.radius, &rows.direction);
        let [speed, ..] = self.worked.walks(&self.setup.channels);
        let pushed = |index: usize, velocity: &mut [[Real; 3]]| {
            let rows = index * PIECE..index * PIECE + velocity.len();
            let direction = &direction[rows.clone()];
            match conventions.walks {
                Walks::PresentSpeed => motility::crawl(direction, &speed[rows.clone()], velocity)?,
                Walks::KeptVector => motility::carry(direction, velocity)?,
            }
            let (position, radius) = (&position[rows.clone()], &radius[rows]);
            if let Some(compartments) = compartments {
                return compartments.push_from_walls(strength, position, radius, velocity);
            }
            match conventions.walls {
                Walls::EveryFace => domain.push_from_walls(strength, position, radius, velocity),
                Walls::NearestFace => {
                    domain.push_from_nearest_wall(strength, position, radius, velocity)
                }
            }
        };
        self.pool
            .pieces(&mut rows.velocity, PIECE, is_large, |index, velocity| {
                pushed(index, velocity).expect("columns of rows are of one length");
            });
        // Their velocities are zero before as well, or the next step would remember them.
        for &row in &self.worked.resting {
            rows.velocity[row as usize] = [0.0; 3];
            rows.previous_velocity[row as usize] = [0.0; 3];
        }
        Ok(())
    }

    /// Takes pressure and contacts from immovable cells, where they feel nothing.
    fn numb(&mut self) {
        if self.setup.conventions.bodies.immovable == Immovable::FeelsNothing {
            let cells = self.rows.id.len();
            for &row in &self.worked.resting {
                self.rows.pressure[row as usize] = 0.0;
                for slot in 0..self.setup.slots {
                    self.counts[slot * cells + row as usize] = 0;
                }
            }
        }
    }

    /// Attackers and their targets hold each other.
    fn bond(&mut self) -> Result<(), Error> {
        let rows = &self.rows;
        let column = self.setup.channels.column(Channel::BondStiffness);
        let mut bonds = Vec::new();
        for &row in &self.attackers {
            let a = row as usize;
            if let Some(target) = self.rank(rows.target[a]) {
                let b = self.row(target);
                let stiffness =
                    (column.get(a, rows.group[a]) * column.get(b, rows.group[b])).sqrt();
                bonds.push(Spring {
                    a: row,
                    b: b as u32,
                    stiffness,
                });
            }
        }
        springs::pull(&bonds, &self.rows.position, &mut self.rows.velocity)
    }

    /// Last part of a mechanics step: damage is repaired, cells move, and find their voxels.
    ///
    /// # Errors
    /// None in a tissue that was built; the kernels' doors check again.
    pub fn advance(&mut self) -> Result<(), Error> {
        let conventions = self.setup.conventions.bodies;
        let dt = self.setup.mechanics_step;
        let rows = &mut self.rows;
        if conventions.repair == Repair::EachMechanicsStep {
            for (damage, factor) in rows.damage.iter_mut().zip(&self.worked.repair) {
                *damage *= factor;
            }
            for (damage, gain) in rows.damage.iter_mut().zip(&self.worked.gain) {
                *damage += gain;
            }
        }
        let is_large = rows.id.len() >= LARGE;
        let moves = rows.velocity.chunks(PIECE);
        let moves = moves.zip(rows.position.chunks_mut(PIECE));
        let moves = moves.zip(rows.previous_velocity.chunks_mut(PIECE));
        let moves = moves.zip(rows.moved.chunks_mut(PIECE));
        let moves = moves.zip(rows.frozen.chunks_mut(PIECE));
        let moves = moves.zip(self.voxels.chunks_mut(PIECE));
        let moves = moves.map(
            |(((((velocity, position), previous), moved), frozen), voxel)| Move {
                velocity,
                position,
                previous,
                moved,
                frozen,
                voxel,
                left: 0,
                voxels_changed: false,
            },
        );
        let mut moves: Vec<_> = moves.collect();
        let (domain, grid, leaving) = (&self.domain, &self.setup.grid, conventions.leaving);
        let compartments = self.compartments.as_ref();
        self.pool.pieces(&mut moves, 1, is_large, |_, piece| {
            let by = match compartments {
                Some(compartments) => piece[0].make_within(compartments, dt),
                None => piece[0].make(domain, leaving, dt),
            };
            by.expect("columns of rows are of one length");
            piece[0].find_voxels(grid);
        });
        let left: u64 = moves.iter().map(|piece| piece.left).sum();
        self.voxels_changed |= moves.iter().any(|piece| piece.voxels_changed);
        match leaving {
            Leaving::PutBack => self.clamps.outside += left,
            Leaving::Freeze if left > 0 => {
                self.work_is_stale = true;
                self.exchange_changes();
            }
            Leaving::Freeze => {}
        }
        Ok(())
    }

    /// Repairs damage for a step of `dt` min, d ← (d + dt · rate) / (1 + dt · repair), where that is
    /// [done so](Repair::EachPhenotypeStep); else [`Tissue::advance`] does it, and this does nothing.
    pub fn repair(&mut self, dt: Real) {
        if self.setup.conventions.bodies.repair == Repair::EachMechanicsStep {
            return;
        }
        let channels = &self.setup.channels;
        let (rate, repair) = (
            channels.column(Channel::DamageRate),
            channels.column(Channel::RepairRate),
        );
        let rows = &mut self.rows;
        for (row, damage) in rows.damage.iter_mut().enumerate() {
            let group = rows.group[row];
            let (rate, repair) = (rate.get(row, group), repair.get(row, group));
            if !rows.frozen[row] && rate.max(repair) > LEAST_RATE_OF_REPAIR {
                *damage = (*damage + dt * rate) / (1.0 + dt * repair);
            }
        }
    }

    /// Ordered pairs of the remembered groups that touch: their memory is brought up to date.
    pub fn remember(&mut self) {
        if self.setup.remembered.is_empty() || self.contacts.rows() != self.rows.id.len() {
            return;
        }
        let rows = &self.rows;
        self.touching.clear();
        for &row in &self.worked.remembering {
            let row = row as usize;
            let group = rows.group[row];
            for &(_, other) in self
                .setup
                .remembered
                .iter()
                .filter(|(own, _)| *own == group)
            {
                let neighbors = self.contacts.of(row).iter();
                let others = neighbors.filter(|&&j| rows.group[j as usize] == other);
                self.touching
                    .extend(others.map(|&j| (rows.id[row], rows.id[j as usize])));
            }
        }
        self.touching.sort_unstable();
        self.touching.dedup();
        self.pairs
            .update(&self.touching, self.setup.mechanics_step, self.setup.memory);
    }

    /// Fills the columns that mechanics reads.
    fn refresh(&mut self) -> Result<(), Error> {
        let rows = &self.rows;
        let cells = rows.id.len();
        let channels = &self.setup.channels;
        let worked = &mut self.worked;
        let fill = |out: &mut Vec<Real>, channel: Channel| {
            let column = channels.column(channel);
            out.clear();
            if column.rows().is_none() {
                let groups = rows.group.iter().map(|&group| usize::from(group));
                out.extend(groups.map(|group| column.of_group(group)));
            }
        };
        fill(&mut worked.speed, Channel::Speed);
        fill(&mut worked.persistence, Channel::PersistenceTime);
        fill(&mut worked.bias, Channel::Bias);
        let [mut repulsion, mut adhesion] = [const { Vec::new() }; 2];
        fill(&mut repulsion, Channel::Repulsion);
        fill(&mut adhesion, Channel::Adhesion);
        let relative = channels.column(Channel::RelativeReach);
        let reach = rows.group.iter().zip(&rows.radius).enumerate();
        let reach = reach.map(|(row, (&group, radius))| relative.get(row, group) * radius);
        let reach: Vec<Real> = reach.collect();
        if let Some(compartments) = &self.compartments {
            // Centers in two compartments are never nearer than the wall between is thick.
            let most = reach.iter().chain(&rows.radius).copied();
            let most = most.fold(0.0, Real::max);
            if 2.0 * most > compartments.wall() {
                return Err(Error::Wall {
                    wall: compartments.wall(),
                    reach: most,
                });
            }
        }
        let conventions = self.setup.conventions.bodies;
        let keeps_vectors = conventions.walks == Walks::KeptVector;
        let mut crawls = std::mem::take(&mut worked.crawls);
        let [speed, ..] = worked.walks(channels);
        crawls.clear();
        crawls.extend(rows.group.iter().enumerate().map(|(row, &group)| {
            let walk = &self.setup.walks[usize::from(group)];
            // A kept vector of speed zero is zero, but is kept until the next renewal.
            let fast = keeps_vectors || speed[row] > 0.0;
            fast && walk.motile && !rows.frozen[row]
        }));
        worked.crawls = crawls;
        let (damage_rate, repair_rate) = (
            channels.column(Channel::DamageRate),
            channels.column(Channel::RepairRate),
        );
        let dt = self.setup.mechanics_step;
        let mut known = ([Real::NAN; 2], [1.0, 0.0]);
        worked.repair.clear();
        worked.gain.clear();
        if !damage_rate.is_zero() || !repair_rate.is_zero() {
            worked.repair.resize(cells, 1.0);
            for (row, &group) in rows.group.iter().enumerate() {
                let rates = [damage_rate.get(row, group), repair_rate.get(row, group)];
                if rates != known.0 {
                    known = (rates, repair(rates, dt));
                }
                let [factor, gain] = known.1;
                worked.repair[row] = factor;
                if gain != 0.0 {
                    worked.gain.resize(cells, 0.0);
                    worked.gain[row] = gain;
                }
            }
        }
        worked.acting = hazards::acting(channels, &self.setup.groups, &rows.group);
        worked.acting.retain(|&row| !rows.frozen[row as usize]);
        let movable = channels.column(Channel::Movable);
        let rests = |row: &usize| rows.frozen[*row] || movable.get(*row, rows.group[*row]) <= 0.5;
        worked.resting = (0..cells).filter(rests).map(|row| row as u32).collect();
        let (attachment, most) = (
            channels.column(Channel::AttachmentRate),
            channels.column(Channel::MostAttachments),
        );
        let springs = self.setup.springs;
        worked.attaches.clear();
        worked
            .attaches
            .extend(rows.group.iter().enumerate().map(|(row, &group)| {
                springs
                    && attachment.get(row, group) > 0.0
                    && most.get(row, group) >= 1.0
                    && !rows.frozen[row]
            }));
        let attaches = worked.attaches.iter().enumerate();
        worked.attaching = attaches
            .filter(|(_, attaches)| **attaches)
            .map(|(row, _)| row as u32)
            .collect();
        worked.detaches = !channels.column(Channel::DetachmentRate).is_zero();
        let remembers = |row: &usize| {
            let mut pairs = self.setup.remembered.iter();
            pairs.any(|&(own, _)| own == rows.group[*row])
        };
        worked.remembering = (0..cells).filter(remembers).map(|row| row as u32).collect();
        // An attack in progress goes on when its row has no rate of attacking any more.
        worked.listed.clear();
        worked
            .listed
            .extend(rows.target.iter().map(|&target| target != NOBODY));
        let asking = worked.acting.iter().chain(&worked.remembering);
        for &row in asking.chain(&worked.attaching) {
            worked.listed[row as usize] = true;
        }
        if conventions.immovable == Immovable::FeelsNothing {
            for &row in &worked.resting {
                worked.listed[row as usize] = false;
            }
        }
        let own: Vec<_> = (0..channels.kinds())
            .map(|kind| channels.column(Channel::Affinity(kind)))
            .collect();
        let owned = own.iter().any(|column| column.is_owned());
        self.contact.hold_by(owned.then(|| {
            OwnAffinities {
                kinds: own.len(),
                kind_of_group: self.setup.groups.iter().map(|group| group.kind).collect(),
                values: rows
                    .group
                    .iter()
                    .enumerate()
                    .flat_map(|(row, &group)| own.iter().map(move |column| column.get(row, group)))
                    .collect(),
            }
        }))?;
        let own_or = |channel, filled| channels.column(channel).rows().unwrap_or(filled);
        self.contact.set(&Columns {
            radius: &rows.radius,
            reach: &reach,
            repulsion: own_or(Channel::Repulsion, &repulsion),
            adhesion: own_or(Channel::Adhesion, &adhesion),
            group: &rows.group,
        })?;
        self.work_is_stale = false;
        Ok(())
    }
}

/// Some rows' part of [`Tissue::advance`], and how many of them left the domain.
struct Move<'a> {
    velocity: &'a [[Real; 3]],
    position: &'a mut [[Real; 3]],
    previous: &'a mut [[Real; 3]],
    moved: &'a mut [bool],
    frozen: &'a mut [bool],
    voxel: &'a mut [u32],
    left: u64,
    voxels_changed: bool,
}

impl Move<'_> {
    fn make(&mut self, domain: &Domain, leaving: Leaving, dt: Real) -> Result<(), Error> {
        let (position, previous, moved) =
            (&mut *self.position, &mut *self.previous, &mut *self.moved);
        self.left = match leaving {
            Leaving::PutBack => domain.advance(dt, self.velocity, position, previous, moved),
            Leaving::Freeze => {
                let frozen = &mut *self.frozen;
                domain.advance_or_freeze(dt, self.velocity, position, previous, moved, frozen)
            }
        }?;
        Ok(())
    }

    fn make_within(&mut self, compartments: &Compartments, dt: Real) -> Result<(), Error> {
        let (position, previous) = (&mut *self.position, &mut *self.previous);
        self.left = compartments.advance(dt, self.velocity, position, previous, self.moved)?;
        Ok(())
    }

    fn find_voxels(&mut self, grid: &Grid) {
        for (voxel, position) in self.voxel.iter_mut().zip(&*self.position) {
            let now = grid.voxel_of(*position) as u32;
            self.voxels_changed |= now != *voxel;
            *voxel = now;
        }
    }
}

/// Damage whose rates are all below this, 1/min, is left as it is by [`Tissue::repair`].
const LEAST_RATE_OF_REPAIR: Real = 1e-8;

/// Exact solution of d' = rate − repair · d over `dt`: d ← factor · d + gain.
fn repair([rate, repair]: [Real; 2], dt: Real) -> [Real; 2] {
    if repair == 0.0 {
        return [1.0, rate * dt];
    }
    let factor = portable::exp(-repair * dt);
    [factor, rate / repair * (1.0 - factor)]
}
