//! The steps of a tissue: fields, then the parts of mechanics.

use super::{NOBODY, Tissue, hazards};
use crate::{
    Error, Real,
    channels::Channel,
    contact::{Bodies, Columns, Response},
    motility::{self, Walkers},
    neighbors::Bins,
    portable,
    springs::{self, Spring},
};

/// What mechanics reads of each row, filled anew when rates, volumes or rows have changed.
#[derive(Debug, Default)]
pub(super) struct Worked {
    pub(super) reach: Vec<Real>,
    pub(super) repulsion: Vec<Real>,
    pub(super) adhesion: Vec<Real>,
    pub(super) speed: Vec<Real>,
    pub(super) persistence: Vec<Real>,
    pub(super) bias: Vec<Real>,
    pub(super) crawls: Vec<bool>,
    pub(super) sensed: Vec<[Real; 3]>,
    /// Rows that crawl with a bias, and so sense.
    pub(super) sensing: Vec<u32>,
    /// [row]: factor on damage per mechanics step, and damage that comes by itself.
    pub(super) repair: Vec<[Real; 2]>,
    /// Rows with a rate of eating or attacking.
    pub(super) acting: Vec<u32>,
    /// Rows that remember whom they touch.
    pub(super) remembering: Vec<u32>,
    /// [row]: whether anybody asks whom the row touches.
    pub(super) listed: Vec<bool>,
}

impl Tissue {
    /// One tick of the fields: diffusion and decay, then exchange with cells.
    ///
    /// # Errors
    /// None in a tissue that was built; the kernels' doors check again.
    pub fn diffuse(&mut self) -> Result<(), Error> {
        if self.exchange_is_stale {
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
            let group = &self.rows.group;
            self.exchange.prepare(
                &self.setup.grid,
                columns.len(),
                &self.voxels,
                &self.rows.volume,
                |substrate, row| {
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
            self.exchange_is_stale = false;
        } else if self.voxels_changed {
            let held = |substrate, voxel| self.diffusion.is_held(substrate, voxel);
            self.exchange.follow(&self.voxels, held, &self.pool)?;
        }
        self.voxels_changed = false;
        self.diffusion.step(&mut self.densities, &self.pool);
        let (densities, negative) = (&mut self.densities, &mut self.clamps.negative_density);
        if self.setup.internalized {
            let amounts = &mut self.rows.internalized;
            return self
                .exchange
                .apply_internalized(densities, amounts, negative, &self.pool);
        }
        self.exchange.apply(densities, negative, &self.pool);
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
        let rows = &mut self.rows;
        rows.velocity.fill([0.0; 3]);
        if rows.id.is_empty() {
            return Ok(());
        }
        self.bins.rebuild(&rows.position);
        let columns = Columns {
            id: &rows.id,
            position: &rows.position,
            radius: &rows.radius,
            reach: &self.worked.reach,
            repulsion: &self.worked.repulsion,
            adhesion: &self.worked.adhesion,
            group: &rows.group,
        };
        self.counts.resize(self.setup.slots * rows.id.len(), 0);
        let lists = !self.setup.remembered.is_empty() || self.worked.listed.contains(&true);
        let response = Response {
            velocity: &mut rows.velocity,
            pressure: &mut rows.pressure,
            counts: &mut self.counts,
            contacts: lists.then_some(&mut self.contacts),
            listed: &self.worked.listed,
        };
        let bodies = Bodies::new(columns, self.setup.groups.len())?;
        self.contact
            .step(&bodies, &self.bins, response, &self.pool)?;
        self.bond()?;
        self.walk(tick)?;
        let rows = &mut self.rows;
        let strength = self.setup.wall_repulsion;
        self.domain
            .push_from_walls(strength, &rows.position, &rows.radius, &mut rows.velocity)
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

    fn walk(&mut self, tick: u64) -> Result<(), Error> {
        let mut sensed = std::mem::take(&mut self.worked.sensed);
        for &row in &self.worked.sensing {
            let row = row as usize;
            let group = self.rows.group[row];
            let gradients = (0..self.setup.substrates.len()).filter_map(|substrate| {
                let weight = self
                    .setup
                    .channels
                    .column(Channel::Sensitivity(substrate))
                    .get(row, group);
                (weight != 0.0).then(|| (weight, self.gradient_of_row(substrate, row)))
            });
            let each = self.setup.normalize_each_gradient[usize::from(group)];
            sensed[row] = motility::chemotaxis(gradients, each);
        }
        self.worked.sensed = sensed;
        let rows = &mut self.rows;
        let walkers = Walkers {
            id: &rows.id,
            persistence: &self.worked.persistence,
            bias: &self.worked.bias,
            sensed: &self.worked.sensed,
            crawls: &self.worked.crawls,
        };
        let (step, dimensions) = (self.setup.mechanics_step, self.domain.dimensions);
        motility::renew(
            &walkers,
            &mut rows.direction,
            step,
            dimensions,
            self.setup.streams.motility,
            tick,
            &self.pool,
        )?;
        motility::crawl(&rows.direction, &self.worked.speed, &mut rows.velocity)
    }

    /// Last part of a mechanics step: damage is repaired, cells move, and find their voxels.
    ///
    /// # Errors
    /// None in a tissue that was built; the kernels' doors check again.
    pub fn advance(&mut self) -> Result<(), Error> {
        let rows = &mut self.rows;
        for (damage, [factor, gain]) in rows.damage.iter_mut().zip(&self.worked.repair) {
            *damage = *damage * factor + gain;
        }
        self.clamps.outside += self.domain.advance(
            self.setup.mechanics_step,
            &rows.velocity,
            &mut rows.position,
            &mut rows.previous_velocity,
            &mut rows.moved,
        )?;
        for (voxel, position) in self.voxels.iter_mut().zip(&rows.position) {
            let now = self.setup.grid.voxel_of(*position) as u32;
            self.voxels_changed |= now != *voxel;
            *voxel = now;
        }
        Ok(())
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
            out.extend(
                rows.group
                    .iter()
                    .enumerate()
                    .map(|(row, &group)| column.get(row, group)),
            );
        };
        fill(&mut worked.repulsion, Channel::Repulsion);
        fill(&mut worked.adhesion, Channel::Adhesion);
        fill(&mut worked.speed, Channel::Speed);
        fill(&mut worked.persistence, Channel::PersistenceTime);
        fill(&mut worked.bias, Channel::Bias);
        fill(&mut worked.reach, Channel::RelativeReach);
        for (reach, radius) in worked.reach.iter_mut().zip(&rows.radius) {
            *reach *= radius;
        }
        worked.crawls.clear();
        worked
            .crawls
            .extend(worked.speed.iter().map(|&speed| speed > 0.0));
        worked.sensed.clear();
        worked.sensed.resize(cells, [0.0; 3]);
        let senses = |row: &usize| worked.crawls[*row] && worked.bias[*row] > 0.0;
        worked.sensing = (0..cells).filter(senses).map(|row| row as u32).collect();
        let (damage_rate, repair_rate) = (
            channels.column(Channel::DamageRate),
            channels.column(Channel::RepairRate),
        );
        let dt = self.setup.mechanics_step;
        let mut known = ([Real::NAN; 2], [1.0, 0.0]);
        worked.repair.clear();
        worked
            .repair
            .extend(rows.group.iter().enumerate().map(|(row, &group)| {
                let rates = [damage_rate.get(row, group), repair_rate.get(row, group)];
                if rates != known.0 {
                    known = (rates, repair(rates, dt));
                }
                known.1
            }));
        worked.acting = hazards::acting(channels, &self.setup.groups, &rows.group);
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
        for &row in worked.acting.iter().chain(&worked.remembering) {
            worked.listed[row as usize] = true;
        }
        let columns = Columns {
            id: &rows.id,
            position: &rows.position,
            radius: &rows.radius,
            reach: &worked.reach,
            repulsion: &worked.repulsion,
            adhesion: &worked.adhesion,
            group: &rows.group,
        };
        let range = Bodies::new(columns, self.setup.groups.len())?.range();
        if range > 0.0 {
            // The width follows from the state, so the order of sums does too.
            self.bins = Bins::new(
                self.domain.min,
                self.domain.max,
                range,
                self.domain.dimensions,
            )?;
        }
        self.work_is_stale = false;
        Ok(())
    }
}

/// Exact solution of d' = rate − repair · d over `dt`: d ← factor · d + gain.
fn repair([rate, repair]: [Real; 2], dt: Real) -> [Real; 2] {
    if repair == 0.0 {
        return [1.0, rate * dt];
    }
    let factor = portable::exp(-repair * dt);
    [factor, rate / repair * (1.0 - factor)]
}
