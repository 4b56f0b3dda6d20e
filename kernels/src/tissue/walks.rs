//! Walks of cells: what a group's walk is like, and the step that renews them all.

use super::Tissue;
use crate::{
    Error, Real,
    channels::Channel,
    conventions::Walks,
    motility::{self, Renewal, Walkers},
};

/// What all walks of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// Whether chemotaxis takes gradients by direction alone.
    pub normalize_each_gradient: bool,
    /// Whether its cells walk at all, whatever their speed.
    pub motile: bool,
    /// Whether the random part lies in the xy plane in a domain of three dimensions as well.
    pub in_plane: bool,
    /// Chemotaxis along the gradient of this substrate alone, times a sign, whatever the
    /// sensitivities say.
    pub toward: Option<(usize, Real)>,
}

impl Default for Walk {
    fn default() -> Walk {
        Walk {
            normalize_each_gradient: false,
            motile: true,
            in_plane: false,
            toward: None,
        }
    }
}

impl Tissue {
    /// Velocity with which a cell walks by itself, µm/min.
    pub fn crawl(&self, rank: usize) -> [Real; 3] {
        let direction = self.rows.direction[self.row(rank)];
        match self.setup.conventions.bodies.walks {
            Walks::PresentSpeed => direction.map(|part| part * self.channel(Channel::Speed, rank)),
            Walks::KeptVector => direction,
        }
    }

    /// The direction that chemotaxis prefers where a cell is: a unit vector, or zero.
    pub fn sensed_direction(&self, rank: usize) -> [Real; 3] {
        self.sensed(self.row(rank))
    }

    /// Renews walks.
    pub(super) fn renew_walks(&mut self, tick: u64) -> Result<(), Error> {
        match self.setup.conventions.bodies.walks {
            Walks::PresentSpeed => self.walk_at_present_speed(tick),
            Walks::KeptVector => self.walk_by_kept_vectors(tick),
        }
    }

    fn walk_at_present_speed(&mut self, tick: u64) -> Result<(), Error> {
        let mut direction = std::mem::take(&mut self.rows.direction);
        let [_, persistence, bias] = self.worked.walks(&self.setup.channels);
        let walkers = Walkers {
            id: &self.rows.id,
            persistence,
            bias,
            crawls: &self.worked.crawls,
        };
        let flat = self.domain.dimensions == 2;
        motility::renew_each(
            &walkers,
            |row| self.sensed_if(bias[row], row),
            &mut direction,
            self.setup.mechanics_step,
            |row| flat || self.walk_of(row).in_plane,
            self.setup.streams.motility,
            tick,
            &self.pool,
        )?;
        self.rows.direction = direction;
        Ok(())
    }

    fn walk_by_kept_vectors(&mut self, tick: u64) -> Result<(), Error> {
        let mut vector = std::mem::take(&mut self.rows.direction);
        let flat = self.domain.dimensions == 2;
        let [speed, persistence, bias] = self.worked.walks(&self.setup.channels);
        let renewal = |row: usize| {
            let bias = bias[row];
            Renewal {
                speed: speed[row],
                bias,
                sensed: self.sensed_if(bias, row),
                in_plane: flat || self.walk_of(row).in_plane,
            }
        };
        motility::renew_vectors(
            &self.rows.id,
            persistence,
            &self.worked.crawls,
            renewal,
            &mut vector,
            self.setup.mechanics_step,
            self.setup.streams.motility,
            tick,
            &self.pool,
        )?;
        self.rows.direction = vector;
        Ok(())
    }

    fn walk_of(&self, row: usize) -> &Walk {
        &self.setup.walks[usize::from(self.rows.group[row])]
    }

    /// The direction a row senses, unless it has no bias.
    fn sensed_if(&self, bias: Real, row: usize) -> [Real; 3] {
        if bias == 0.0 {
            [0.0; 3]
        } else {
            self.sensed(row)
        }
    }

    /// The direction a row senses.
    fn sensed(&self, row: usize) -> [Real; 3] {
        let group = self.rows.group[row];
        let walk = self.walk_of(row);
        if let Some((substrate, sign)) = walk.toward {
            let gradient = self.gradient_of_row(substrate, row);
            return self.follow([(sign, gradient)], false);
        }
        let gradients = (0..self.setup.substrates.len()).filter_map(|substrate| {
            let weight = self
                .setup
                .channels
                .column(Channel::Sensitivity(substrate))
                .get(row, group);
            (weight != 0.0).then(|| (weight, self.gradient_of_row(substrate, row)))
        });
        self.follow(gradients, walk.normalize_each_gradient)
    }

    fn follow(
        &self,
        gradients: impl IntoIterator<Item = (Real, [Real; 3])>,
        each_normalized: bool,
    ) -> [Real; 3] {
        match self.setup.conventions.bodies.walks {
            Walks::PresentSpeed => motility::chemotaxis(gradients, each_normalized),
            Walks::KeptVector => motility::blunt_chemotaxis(gradients, each_normalized),
        }
    }
}
