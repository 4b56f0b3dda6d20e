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
//! the cells of a voxel one after another; to first order in dt the result is the same. With
//! [`Sharing::InTurn`] so does this: the maps of single cells are composed in ascending row, and
//! nothing is cut.

#[cfg(feature = "cuda")]
pub mod cuda;

use std::ops::Range;

use crate::{Error, Grid, Pool, Real, conventions::Sharing, positive, same_length};

/// Below this many maps, or sums of them, an exchange is shorter than waking the threads.
const LARGE: usize = 1 << 15;

/// Maps that one task applies.
const PIECE: usize = 1 << 12;

/// Where one row of so many moves, all are listed anew; else those that moved.
const MANY: usize = 16;

/// No row: the end of a voxel's list.
const NOBODY: u32 = u32::MAX;

/// The maps of all voxels with cells, for each substrate in ascending voxel.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    entries: Entries,
    cells: Cells,
    /// dt / W, min/µm³; of an exchange of rates 1 / W.
    factor: Real,
    voxel_volume: Real,
    substrates: Vec<Maps>,
    /// Scratch: voxels with cells; (row, voxel left, voxel entered).
    occupied: Vec<u32>,
    moves: Vec<[u32; 3]>,
}

/// What is kept of each voxel with cells.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Entries {
    /// Its map, after this convention.
    Maps(Sharing),
    /// Its rates, in the place of a map: the sink as its scale, the source as its shift.
    Rates,
}

impl Default for Entries {
    fn default() -> Entries {
        Entries::Maps(Sharing::default())
    }
}

/// Which cells are in which voxel.
#[derive(Clone, Debug, Default)]
struct Cells {
    voxel_of_row: Vec<u32>,
    /// `[voxel]`: its lowest row, or [`NOBODY`].
    first: Vec<u32>,
    /// `[row]`: the next higher row of the same voxel, or [`NOBODY`].
    next: Vec<u32>,
}

/// One substrate.
#[derive(Clone, Debug, Default)]
struct Maps {
    maps: Vec<Map>,
    terms: Columns,
    /// Scratch: voxels whose maps are made anew, those among them that have none any more, and
    /// the maps of those that had none.
    renewed: Vec<u32>,
    gone: Vec<u32>,
    fresh: Vec<Map>,
}

/// What cells add to the sums of their voxels: VS, VSρ*, VU and E, `[row]`, a column empty where it
/// would be all zeros.
#[derive(Clone, Debug, Default)]
struct Columns([Vec<Real>; 4]);

/// ρ ← scale ρ + shift.
#[derive(Clone, Copy, Debug)]
struct Map {
    scale: Real,
    shift: Real,
    voxel: u32,
}

/// What a [`Map`] is made of: VS, VSρ*, VU and E of a cell; of a voxel their sums.
#[derive(Clone, Copy, Debug, Default)]
struct Terms {
    secretion: Real,
    target: Real,
    uptake: Real,
    export: Real,
}

/// What the cells of a voxel do, as a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// 1/min, ≥ 0.
    pub sink: Real,
    /// density/min; negative where cells export less than nothing.
    pub source: Real,
}

/// Amounts (density × µm³) of one substrate that cells moved in a step.
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
    /// An exchange without cells, after Milieu's own convention.
    pub fn new() -> Exchange {
        Exchange::default()
    }

    /// An exchange without cells, after this convention.
    pub fn after(sharing: Sharing) -> Exchange {
        Exchange {
            entries: Entries::Maps(sharing),
            ..Exchange::default()
        }
    }

    /// An exchange without cells that tells [`Exchange::rates`] and is not to be applied.
    pub fn of_rates() -> Exchange {
        Exchange {
            entries: Entries::Rates,
            ..Exchange::default()
        }
    }

    /// Sums the cells of each voxel, for steps of `dt` min.
    ///
    /// `voxels_of_cells` and `volumes` (µm³) are `[row]`; `rates(substrate, row)` is `[S, ρ*, U, E]`
    /// in 1/min, density, 1/min, amount/min; `held(substrate, voxel)` says where a boundary holds
    /// the density: such a voxel is skipped, its cells exchange nothing. To be called again when
    /// a cell changed its volume or rates; where cells have only moved, [`Exchange::follow`] does.
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
        voxels_of_cells
            .iter()
            .try_for_each(|&voxel| inside(voxel, grid.len()))?;
        self.voxel_volume = grid.voxel_volume();
        let factor = match self.entries {
            Entries::Maps(_) => dt / self.voxel_volume,
            Entries::Rates => 1.0 / self.voxel_volume,
        };
        self.factor = factor;
        self.cells.list(grid.len(), voxels_of_cells);
        self.cells.occupied(&mut self.occupied);
        self.substrates.resize_with(substrates, Maps::default);
        let (cells, occupied, entries) = (&self.cells, &self.occupied, self.entries);
        let large = volumes.len() * substrates >= LARGE;
        pool.pieces(&mut self.substrates, 1, large, |substrate, list| {
            let list = &mut list[0];
            list.terms.fill(volumes, |row| rates(substrate, row));
            let held = |voxel| held(substrate, voxel);
            match entries {
                Entries::Maps(Sharing::Together) => {
                    list.make(occupied, cells, factor, held, Maps::together)
                }
                Entries::Maps(Sharing::InTurn) => {
                    list.make(occupied, cells, factor, held, Maps::in_turn)
                }
                Entries::Rates => list.make(occupied, cells, factor, held, Maps::rates),
            }
        });
        Ok(())
    }

    /// Cells have moved, and nothing else has changed since [`Exchange::prepare`]: sums anew the
    /// voxels that were left or entered by a cell that exchanges anything. The bits are those of
    /// [`Exchange::prepare`].
    ///
    /// # Errors
    /// [`Error::Length`] if the number of cells has changed, [`Error::Range`] if a cell's voxel is
    /// not in the grid.
    pub fn follow(
        &mut self,
        voxels_of_cells: &[u32],
        held: impl Fn(usize, usize) -> bool + Sync,
        pool: &Pool,
    ) -> Result<(), Error> {
        let before = &self.cells.voxel_of_row;
        same_length("voxels of cells", before.len(), voxels_of_cells.len())?;
        self.moves.clear();
        for (row, (&left, &entered)) in before.iter().zip(voxels_of_cells).enumerate() {
            if left != entered {
                inside(entered, self.cells.first.len())?;
                self.moves.push([row as u32, left, entered]);
            }
        }
        if self.moves.is_empty() {
            return Ok(());
        }
        if self.moves.len() > voxels_of_cells.len() / MANY {
            self.cells.list(self.cells.first.len(), voxels_of_cells);
        } else {
            self.cells.follow(&self.moves);
        }
        let (cells, moves, factor) = (&self.cells, &self.moves, self.factor);
        let entries = self.entries;
        let large = moves.len() * self.substrates.len() >= LARGE;
        pool.pieces(&mut self.substrates, 1, large, |substrate, list| {
            let list = &mut list[0];
            list.renewed.clear();
            for &[row, left, entered] in moves {
                if !list.terms.of(row as usize).are_zero() {
                    list.renewed.extend([left, entered]);
                }
            }
            list.renewed.sort_unstable();
            list.renewed.dedup();
            let held = |voxel| held(substrate, voxel);
            match entries {
                Entries::Maps(Sharing::Together) => list.renew(cells, factor, held, Maps::together),
                Entries::Maps(Sharing::InTurn) => list.renew(cells, factor, held, Maps::in_turn),
                Entries::Rates => list.renew(cells, factor, held, Maps::rates),
            }
        });
        Ok(())
    }

    /// Applies the maps to `densities`, `[substrate][voxel]`. `counted_negative` grows by the number
    /// of densities that fell below zero and were set to zero.
    ///
    /// # Panics
    /// If `densities` is not as long as the last [`Exchange::prepare`] was told, or this is an
    /// exchange [of rates](Exchange::of_rates).
    pub fn apply(&self, densities: &mut [Real], counted_negative: &mut u64, pool: &Pool) {
        self.assert_applicable(densities);
        if densities.is_empty() {
            return;
        }
        let cuts = self.cuts();
        let fields = densities.chunks_exact_mut(self.cells.first.len());
        let lists = self.substrates.iter().map(|list| &list.maps[..]);
        if !(self.is_large() && pool.threads() > 1) {
            for (maps, density) in lists.zip(fields) {
                *counted_negative += apply_all(maps, density, 0, cuts);
            }
            return;
        }
        let mut tasks = vec![];
        for (maps, mut density) in lists.zip(fields) {
            let mut first = 0;
            for maps in maps.chunks(PIECE) {
                // Voxels ascend, so that what is left of the field is the next pieces' own.
                let past = maps.last().map_or(first, |map| map.voxel as usize + 1);
                let (own, others) = density.split_at_mut(past - first);
                tasks.push((maps, own, first));
                (density, first) = (others, past);
            }
        }
        let negative = std::sync::atomic::AtomicU64::new(0);
        pool.pieces(&mut tasks, 1, true, |_, task| {
            let (maps, density, first) = &mut task[0];
            // Whole numbers add to the same sum in any order.
            let below = apply_all(maps, density, *first, cuts);
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
        let voxels = self.cells.first.len();
        self.assert_applicable(densities);
        let account = |(substrate, list): (usize, &Maps)| {
            let mut total = Moved::default();
            for map in &list.maps {
                let value = &mut densities[substrate * voxels + map.voxel as usize];
                self.shares(list, map, *value, |_, moved| {
                    total.secreted += moved.secreted;
                    total.taken_up += moved.taken_up;
                    total.exported += moved.exported;
                });
                *counted_negative += u64::from(map.apply(value, self.cuts()));
            }
            total
        };
        self.substrates.iter().enumerate().map(account).collect()
    }

    /// [`Exchange::apply`] with the same bits, and each cell's gain is added to `internalized`,
    /// `[substrate][row]`, as an amount (density × µm³): what it took up, less what it secreted
    /// and exported. What the cells of a voxel gain is what the voxel loses, to rounding. Where a
    /// density was cut at zero, those who drew on it miss in proportion to what they drew.
    ///
    /// # Errors
    /// [`Error::Length`] if `internalized` has other substrates or rows than the last
    /// [`Exchange::prepare`] was told.
    ///
    /// # Panics
    /// Like [`Exchange::apply`].
    pub fn apply_internalized(
        &self,
        densities: &mut [Real],
        internalized: &mut [Vec<Real>],
        counted_negative: &mut u64,
        pool: &Pool,
    ) -> Result<(), Error> {
        let voxels = self.cells.first.len();
        self.assert_applicable(densities);
        same_length(
            "internalized substrates",
            self.substrates.len(),
            internalized.len(),
        )?;
        for column in internalized.iter() {
            let rows = self.cells.voxel_of_row.len();
            same_length("internalized amounts", rows, column.len())?;
        }
        if densities.is_empty() {
            return Ok(());
        }
        let cuts = self.cuts();
        let negative = std::sync::atomic::AtomicU64::new(0);
        let mut tasks: Vec<_> = densities
            .chunks_exact_mut(voxels)
            .zip(internalized)
            .collect();
        pool.pieces(&mut tasks, 1, self.is_large(), |substrate, task| {
            let (density, amounts) = &mut task[0];
            let list = &self.substrates[substrate];
            let mut below = 0;
            for map in &list.maps {
                let value = &mut density[map.voxel as usize];
                self.shares(list, map, *value, |row, moved| {
                    amounts[row] += moved.taken_up - moved.secreted - moved.exported;
                });
                below += u64::from(map.apply(value, cuts));
            }
            negative.fetch_add(below, std::sync::atomic::Ordering::Relaxed);
        });
        *counted_negative += negative.into_inner();
        Ok(())
    }

    /// What the cells of each of these voxels do to a substrate, in ascending voxel: ρ' = source −
    /// sink ρ, with the sink Σ V (S + U) / W (1/min) and the source Σ (V S ρ* + E) / W (density/min).
    ///
    /// # Panics
    /// If this is no exchange [of rates](Exchange::of_rates).
    pub fn rates(
        &self,
        substrate: usize,
        voxels: Range<usize>,
    ) -> impl Iterator<Item = (u32, Rates)> + '_ {
        assert_eq!(self.entries, Entries::Rates);
        let list = &self.substrates[substrate].maps;
        let from = |voxel: usize| list.partition_point(|map| (map.voxel as usize) < voxel);
        list[from(voxels.start)..from(voxels.end)]
            .iter()
            .map(|map| {
                let (sink, source) = (map.scale, map.shift);
                (map.voxel, Rates { sink, source })
            })
    }

    fn assert_applicable(&self, densities: &[Real]) {
        assert_ne!(self.entries, Entries::Rates, "rates are not applied");
        assert_eq!(
            densities.len(),
            self.substrates.len() * self.cells.first.len()
        );
    }

    /// Whether applying is worth waking the threads for.
    fn is_large(&self) -> bool {
        self.substrates.iter().map(|s| s.maps.len()).sum::<usize>() >= LARGE
    }

    /// Whether densities below zero are cut.
    fn cuts(&self) -> bool {
        self.entries == Entries::Maps(Sharing::Together)
    }

    /// Tells `visit` what each cell of a map's voxel, by row, moves when the density is `before`.
    #[inline]
    fn shares(&self, list: &Maps, map: &Map, before: Real, mut visit: impl FnMut(usize, Moved)) {
        let terms_of = |row: usize| list.terms.of(row).times(self.factor);
        // A cell's part when secretion and uptake see this density.
        let part = |terms: &Terms, density: Real| Moved {
            secreted: self.voxel_volume * (terms.target - terms.secretion * density),
            taken_up: self.voxel_volume * terms.uptake * density,
            exported: self.voxel_volume * terms.export,
        };
        match self.entries {
            Entries::Maps(Sharing::Together) => {
                let sum = list.sum(&self.cells, map.voxel).times(self.factor);
                let between = (before + sum.target) * map.scale;
                let short = -(between + sum.export);
                let drawn = |row| -terms_of(row).export.min(0.0);
                // What is missing below zero goes back to those who drew it.
                let kept = if short > 0.0 {
                    1.0 - short / self.cells.of(map.voxel).map(drawn).sum::<Real>()
                } else {
                    1.0
                };
                for row in self.cells.of(map.voxel) {
                    let mut moved = part(&terms_of(row), between);
                    if moved.exported < 0.0 {
                        moved.exported *= kept;
                    }
                    visit(row, moved);
                }
            }
            Entries::Maps(Sharing::InTurn) => {
                let mut density = before;
                for row in self.cells.of(map.voxel) {
                    let terms = terms_of(row);
                    density = (density + terms.target) / (1.0 + terms.secretion + terms.uptake);
                    visit(row, part(&terms, density));
                    density += terms.export;
                }
            }
            Entries::Rates => unreachable!("rates are not applied"),
        }
    }
}

/// Applies maps to the densities of voxels from `first` on, and counts those cut at zero.
fn apply_all(maps: &[Map], density: &mut [Real], first: usize, cuts: bool) -> u64 {
    let mut below = 0;
    for map in maps {
        below += u64::from(map.apply(&mut density[map.voxel as usize - first], cuts));
    }
    below
}

/// `Ok` if the grid has such a voxel.
fn inside(voxel: u32, voxels: usize) -> Result<(), Error> {
    if (voxel as usize) < voxels {
        return Ok(());
    }
    Err(Error::Range {
        what: "a cell's voxel",
        value: voxel.into(),
        range: "below the number of voxels",
    })
}

impl Cells {
    /// Lists the rows of each of `voxels` voxels.
    fn list(&mut self, voxels: usize, voxel_of_row: &[u32]) {
        if self.first.len() == voxels {
            // Where cells are few, a pass over all voxels would be most of the work.
            for &voxel in &self.voxel_of_row {
                self.first[voxel as usize] = NOBODY;
            }
        } else {
            self.first.clear();
            self.first.resize(voxels, NOBODY);
        }
        self.voxel_of_row.clear();
        self.voxel_of_row.extend_from_slice(voxel_of_row);
        self.next.resize(voxel_of_row.len(), NOBODY);
        // Each row goes before the higher ones, so that the lists ascend.
        for (row, &voxel) in voxel_of_row.iter().enumerate().rev() {
            let first = &mut self.first[voxel as usize];
            self.next[row] = std::mem::replace(first, row as u32);
        }
    }

    /// Takes rows from voxel to voxel.
    fn follow(&mut self, moves: &[[u32; 3]]) {
        for &[row, left, entered] in moves {
            let place = row as usize;
            let after = self.next[place];
            *self.link(left, row) = after;
            self.next[place] = std::mem::replace(self.link(entered, row), row);
            self.voxel_of_row[place] = entered;
        }
    }

    /// Where the list of a voxel names its lowest row that is not below `row`, or its end.
    fn link(&mut self, voxel: u32, row: u32) -> &mut u32 {
        let (mut before, mut at) = (NOBODY, self.first[voxel as usize]);
        while at < row {
            (before, at) = (at, self.next[at as usize]);
        }
        match before {
            NOBODY => &mut self.first[voxel as usize],
            row => &mut self.next[row as usize],
        }
    }

    /// Fills `out` with the voxels that have cells, ascending.
    fn occupied(&self, out: &mut Vec<u32>) {
        out.clear();
        // Where cells are few, comparing is cheaper than a pass over all voxels.
        if self.first.len() > 64 * self.voxel_of_row.len() {
            out.extend_from_slice(&self.voxel_of_row);
            out.sort_unstable();
            out.dedup();
        } else {
            let voxels = 0..self.first.len() as u32;
            out.extend(voxels.filter(|&voxel| self.first[voxel as usize] != NOBODY));
        }
    }

    /// The rows in a voxel, ascending.
    #[inline]
    fn of(&self, voxel: u32) -> impl Iterator<Item = usize> + '_ {
        let some = |row: u32| (row != NOBODY).then_some(row as usize);
        std::iter::successors(some(self.first[voxel as usize]), move |&row| {
            some(self.next[row])
        })
    }
}

impl Map {
    /// Applies the map, and says whether the density was cut at zero.
    #[inline]
    fn apply(&self, value: &mut Real, cuts: bool) -> bool {
        *value = *value * self.scale + self.shift;
        let cut = *value < 0.0 && cuts;
        if cut {
            *value = 0.0;
        }
        cut
    }
}

impl Columns {
    /// What cells of these volumes add at these rates.
    fn fill(&mut self, volumes: &[Real], rates: impl Fn(usize) -> [Real; 4]) {
        self.0.iter_mut().for_each(Vec::clear);
        for (row, &volume) in volumes.iter().enumerate() {
            let [secretion, target, uptake, export] = rates(row);
            let terms = [
                volume * secretion,
                volume * secretion * target,
                volume * uptake,
                export,
            ];
            for (column, term) in self.0.iter_mut().zip(terms) {
                if let Some(place) = column.get_mut(row) {
                    *place = term;
                } else if term != 0.0 {
                    column.resize(volumes.len(), 0.0);
                    column[row] = term;
                }
            }
        }
    }

    #[inline]
    fn of(&self, row: usize) -> Terms {
        let [secretion, target, uptake, export] = &self.0;
        let at = |column: &[Real]| column.get(row).copied().unwrap_or(0.0);
        Terms {
            secretion: at(secretion),
            target: at(target),
            uptake: at(uptake),
            export: at(export),
        }
    }
}

impl Terms {
    fn are_zero(&self) -> bool {
        [self.secretion, self.target, self.uptake, self.export] == [0.0; 4]
    }

    fn times(self, factor: Real) -> Terms {
        Terms {
            secretion: self.secretion * factor,
            target: self.target * factor,
            uptake: self.uptake * factor,
            export: self.export * factor,
        }
    }
}

impl Maps {
    fn sum(&self, cells: &Cells, voxel: u32) -> Terms {
        let mut sum = Terms::default();
        for row in cells.of(voxel) {
            let terms = self.terms.of(row);
            sum.secretion += terms.secretion;
            sum.target += terms.target;
            sum.uptake += terms.uptake;
            sum.export += terms.export;
        }
        sum
    }

    /// A voxel's map from the sums of its cells; none if they move nothing.
    #[inline]
    fn together(&self, cells: &Cells, voxel: u32, factor: Real) -> Option<Map> {
        let terms = self.sum(cells, voxel);
        if terms.secretion == 0.0 && terms.uptake == 0.0 && terms.export == 0.0 {
            return None;
        }
        let terms = terms.times(factor);
        let scale = 1.0 / (1.0 + terms.secretion + terms.uptake);
        Some(Map {
            scale,
            shift: terms.target * scale + terms.export,
            voxel,
        })
    }

    /// A voxel's map: those of its cells, one after another; none if they move nothing.
    fn in_turn(&self, cells: &Cells, voxel: u32, factor: Real) -> Option<Map> {
        let (mut scale, mut shift, mut nothing) = (1.0, 0.0, true);
        for row in cells.of(voxel) {
            let terms = self.terms.of(row);
            if terms.are_zero() {
                continue;
            }
            let terms = terms.times(factor);
            let own = 1.0 / (1.0 + terms.secretion + terms.uptake);
            scale *= own;
            shift = (shift + terms.target) * own + terms.export;
            nothing = false;
        }
        (!nothing).then_some(Map {
            scale,
            shift,
            voxel,
        })
    }

    /// A voxel's rates in the place of a map; none if its cells move nothing.
    #[inline]
    fn rates(&self, cells: &Cells, voxel: u32, factor: Real) -> Option<Map> {
        let terms = self.sum(cells, voxel).times(factor);
        let rates = Map {
            scale: terms.secretion + terms.uptake,
            shift: terms.target + terms.export,
            voxel,
        };
        (rates.scale != 0.0 || rates.shift != 0.0).then_some(rates)
    }

    /// Makes the maps of these voxels, which ascend, and no others.
    fn make(
        &mut self,
        voxels: &[u32],
        cells: &Cells,
        factor: Real,
        held: impl Fn(usize) -> bool,
        map_of: impl Fn(&Maps, &Cells, u32, Real) -> Option<Map>,
    ) {
        let mut maps = std::mem::take(&mut self.maps);
        maps.clear();
        let voxels = voxels.iter().filter(|&&voxel| !held(voxel as usize));
        maps.extend(voxels.filter_map(|&voxel| map_of(self, cells, voxel, factor)));
        self.maps = maps;
    }

    /// Makes the maps of the `renewed` voxels anew, which ascend; in place, since those of all
    /// voxels are much more memory.
    fn renew(
        &mut self,
        cells: &Cells,
        factor: Real,
        held: impl Fn(usize) -> bool,
        map_of: impl Fn(&Maps, &Cells, u32, Real) -> Option<Map>,
    ) {
        self.gone.clear();
        self.fresh.clear();
        for at in 0..self.renewed.len() {
            let voxel = self.renewed[at];
            let map = map_of(self, cells, voxel, factor).filter(|_| !held(voxel as usize));
            let place = self.maps.binary_search_by_key(&voxel, |map| map.voxel);
            match (place, map) {
                (Ok(place), Some(map)) => self.maps[place] = map,
                (Ok(_), None) => self.gone.push(voxel),
                (Err(_), Some(map)) => self.fresh.push(map),
                (Err(_), None) => {}
            }
        }
        if !self.gone.is_empty() {
            let mut gone = self.gone.iter().peekable();
            self.maps
                .retain(|map| gone.next_if(|&&voxel| voxel == map.voxel).is_none());
        }
        // From the back, where there is room.
        let (mut kept, mut place) = (self.maps.len(), self.maps.len() + self.fresh.len());
        self.maps.extend_from_slice(&self.fresh);
        for map in self.fresh.iter().rev() {
            let lower = self.maps[..kept].partition_point(|other| other.voxel < map.voxel);
            place -= kept - lower;
            self.maps.copy_within(lower..kept, place);
            kept = lower;
            place -= 1;
            self.maps[place] = *map;
        }
    }
}
