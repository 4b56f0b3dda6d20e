//! What cells secrete into, take up from and export to their voxel.
//!
//! All of it is linear in the voxel's density, so the cells of a voxel act as one map
//!
//! ```text
//! ρ ← (ρ + dt Σ V S ρ* / W) / (1 + dt Σ V (S + U) / W) + dt Σ E / W
//! ```
//!
//! with a cell's volume V and a voxel's W (µm³), secretion rate S and uptake rate U (1/min),
//! secretion target ρ* (density) and net export E (amount/min); the sums run over the voxel's
//! cells in ascending row. Uptake is implicit and cannot make a density negative; a negative
//! export can, and is then cut at zero and counted.
//! Source: Ghaffarizadeh, Friedman, Macklin 2016, doi:10.1093/bioinformatics/btv730, which applies
//! the cells of a voxel one after another; to first order in dt the result is the same.

use crate::{Error, Grid, Pool, Real, positive, same_length};

/// Below this many maps, or sums of them, an exchange is shorter than waking the threads.
const LARGE: usize = 1 << 15;

/// The maps of all voxels with cells, for each substrate in ascending voxel.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    voxels: usize,
    voxel_volume: Real,
    substrates: Vec<Maps>,
    /// Rows in the order of (voxel, row), and scratch to get there.
    order: Vec<u32>,
    starts: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Maps {
    maps: Vec<Map>,
    terms: Vec<Terms>,
}

/// ρ ← scale ρ + shift.
#[derive(Clone, Copy, Debug)]
struct Map {
    scale: Real,
    shift: Real,
    voxel: u32,
}

/// What a [`Map`] is made of, as changes of density in one step: dt ΣVS/W, dt ΣVSρ*/W, dt ΣVU/W,
/// dt ΣE/W.
#[derive(Clone, Copy, Debug)]
struct Terms {
    secretion: Real,
    target: Real,
    uptake: Real,
    export: Real,
}

/// Amounts (density × µm³) that one substrate's cells moved in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moved {
    /// Secreted into the field; negative where the density was above the target.
    pub secreted: Real,
    /// Taken up from the field, ≥ 0.
    pub taken_up: Real,
    /// Exported into the field; where the density was cut at zero, what there was to take.
    pub exported: Real,
}

impl Exchange {
    /// An exchange without cells.
    pub fn new() -> Exchange {
        Exchange::default()
    }

    /// Sums the cells of each voxel, for steps of `dt` min.
    ///
    /// `voxels_of_cells` and `volumes` (µm³) are `[row]`; `rates(substrate, row)` is `[S, ρ*, U, E]`
    /// in 1/min, density, 1/min, amount/min; `held(substrate, voxel)` says where a boundary holds
    /// the density: such a voxel is skipped, its cells exchange nothing. To be called again when
    /// a cell changed its voxel, volume or rates.
    ///
    /// # Errors
    /// [`Error::Length`] if the columns differ in length, [`Error::Range`] if `dt` is not positive
    /// or a cell's voxel is not in the grid.
    pub fn prepare(
        &mut self,
        grid: &Grid,
        substrates: usize,
        voxels_of_cells: &[u32],
        volumes: &[Real],
        rates: impl Fn(usize, usize) -> [Real; 4] + Sync,
        dt: Real,
        held: impl Fn(usize, usize) -> bool + Sync,
        pool: &Pool,
    ) -> Result<(), Error> {
        positive("the time step of exchange", dt)?;
        same_length("cell volumes", voxels_of_cells.len(), volumes.len())?;
        if let Some(&voxel) = voxels_of_cells.iter().find(|&&v| v as usize >= grid.len()) {
            return Err(Error::Range {
                what: "a cell's voxel",
                value: voxel.into(),
                range: "below the number of voxels",
            });
        }
        self.voxels = grid.len();
        self.voxel_volume = grid.voxel_volume();
        self.sort(voxels_of_cells);
        self.substrates.resize_with(substrates, Maps::default);
        let factor = dt / self.voxel_volume;
        let order = &self.order;
        let large = order.len() * substrates >= LARGE;
        pool.pieces(&mut self.substrates, 1, large, |substrate, list| {
            let list = &mut list[0];
            list.maps.clear();
            list.terms.clear();
            let same_voxel =
                |a: &u32, b: &u32| voxels_of_cells[*a as usize] == voxels_of_cells[*b as usize];
            for rows in order.chunk_by(same_voxel) {
                let mut terms = Terms {
                    secretion: 0.0,
                    target: 0.0,
                    uptake: 0.0,
                    export: 0.0,
                };
                for &row in rows {
                    let [secretion, target, uptake, export] = rates(substrate, row as usize);
                    let volume = volumes[row as usize];
                    terms.secretion += volume * secretion;
                    terms.target += volume * secretion * target;
                    terms.uptake += volume * uptake;
                    terms.export += export;
                }
                if terms.secretion == 0.0 && terms.uptake == 0.0 && terms.export == 0.0 {
                    continue;
                }
                let voxel = voxels_of_cells[rows[0] as usize];
                if held(substrate, voxel as usize) {
                    continue;
                }
                terms.secretion *= factor;
                terms.target *= factor;
                terms.uptake *= factor;
                terms.export *= factor;
                let scale = 1.0 / (1.0 + terms.secretion + terms.uptake);
                list.maps.push(Map {
                    scale,
                    shift: terms.target * scale + terms.export,
                    voxel,
                });
                list.terms.push(terms);
            }
        });
        Ok(())
    }

    /// Fills `order` with the rows by (voxel, row).
    fn sort(&mut self, voxels_of_cells: &[u32]) {
        let cells = voxels_of_cells.len();
        self.order.clear();
        self.order.extend(0..cells as u32);
        // Counting costs a pass over all voxels; where cells are few, comparing is cheaper. The
        // order is the same.
        if self.voxels > 64 * cells {
            self.order
                .sort_unstable_by_key(|&row| (voxels_of_cells[row as usize], row));
            return;
        }
        self.starts.clear();
        self.starts.resize(self.voxels + 1, 0);
        for &voxel in voxels_of_cells {
            self.starts[voxel as usize + 1] += 1;
        }
        for voxel in 0..self.voxels {
            self.starts[voxel + 1] += self.starts[voxel];
        }
        for (row, &voxel) in voxels_of_cells.iter().enumerate() {
            let next = &mut self.starts[voxel as usize];
            self.order[*next as usize] = row as u32;
            *next += 1;
        }
    }

    /// Applies the maps to `densities`, `[substrate][voxel]`. `counted_negative` grows by the number
    /// of densities that fell below zero and were set to zero.
    ///
    /// # Panics
    /// If `densities` is not as long as the last [`Exchange::prepare`] was told.
    pub fn apply(&self, densities: &mut [Real], counted_negative: &mut u64, pool: &Pool) {
        assert_eq!(densities.len(), self.substrates.len() * self.voxels);
        if self.voxels == 0 {
            return;
        }
        let large = self.substrates.iter().map(|s| s.maps.len()).sum::<usize>() >= LARGE;
        let negative = std::sync::atomic::AtomicU64::new(0);
        pool.pieces(densities, self.voxels, large, |substrate, density| {
            let mut below = 0;
            for map in &self.substrates[substrate].maps {
                let value = &mut density[map.voxel as usize];
                *value = *value * map.scale + map.shift;
                if *value < 0.0 {
                    *value = 0.0;
                    below += 1;
                }
            }
            // Whole numbers add to the same sum in any order.
            negative.fetch_add(below, std::sync::atomic::Ordering::Relaxed);
        });
        *counted_negative += negative.into_inner();
    }

    /// [`Exchange::apply`] with the same bits, and what was moved, per substrate.
    ///
    /// # Panics
    /// Like [`Exchange::apply`].
    pub fn apply_accounted(
        &self,
        densities: &mut [Real],
        counted_negative: &mut u64,
    ) -> Vec<Moved> {
        assert_eq!(densities.len(), self.substrates.len() * self.voxels);
        let volume = self.voxel_volume;
        let account = |(substrate, list): (usize, &Maps)| {
            let mut moved = Moved::default();
            for (map, terms) in list.maps.iter().zip(&list.terms) {
                let value = &mut densities[substrate * self.voxels + map.voxel as usize];
                let between = (*value + terms.target) * map.scale;
                *value = *value * map.scale + map.shift;
                let mut export = terms.export;
                if *value < 0.0 {
                    *value = 0.0;
                    *counted_negative += 1;
                    export = -between;
                }
                moved.secreted += volume * (terms.target - terms.secretion * between);
                moved.taken_up += volume * terms.uptake * between;
                moved.exported += volume * export;
            }
            moved
        };
        self.substrates.iter().enumerate().map(account).collect()
    }
}
