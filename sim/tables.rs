//! Numbers of cells whose count depends on the cell's type, by column: what rules read and write as
//! columns lies in memory as columns.
//!
//! Rows are the tissue's, as long as every cell that enters gets a row here too and
//! [`crate::arrays::settle`] moves both.

use bevy_ecs::resource::Resource;
use kernels::moves::Moves;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// What a table holds: numbers of 64 or of 32 bits.
pub trait Number: Copy + Default + Send + Sync + Into<f64> {
    /// The number itself.
    fn get(self) -> f64 {
        self.into()
    }

    /// The nearest number of this kind.
    fn of(value: f64) -> Self;
}

impl Number for f64 {
    fn of(value: f64) -> f64 {
        value
    }
}

impl Number for f32 {
    fn of(value: f64) -> f32 {
        value as f32
    }
}

/// Columns of numbers. The place of a number among those of a type is its column; a type that has
/// fewer leaves the rest of its cells' rows alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Table<T> {
    /// `[place][row]`.
    columns: Vec<Vec<T>>,
}

impl<T: Number> Table<T> {
    /// A table without cells, with room for the type that has most.
    pub(crate) fn new(width: usize) -> Table<T> {
        Table {
            columns: vec![Vec::new(); width],
        }
    }

    /// Makes room for so many more rows.
    fn reserve(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.reserve(rows);
        }
    }

    /// Adds a row.
    pub fn push(&mut self, values: &[T]) {
        for (place, column) in self.columns.iter_mut().enumerate() {
            column.push(values.get(place).copied().unwrap_or_default());
        }
    }

    /// Adds a row like another.
    pub fn push_like(&mut self, row: usize) {
        for column in &mut self.columns {
            column.push(column[row]);
        }
    }

    /// The numbers of a row; those beyond its type's mean nothing.
    pub fn row(&self, row: usize) -> Vec<T> {
        self.columns.iter().map(|column| column[row]).collect()
    }

    /// Replaces the numbers of a row.
    pub fn set_row(&mut self, row: usize, values: &[T]) {
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column[row] = value;
        }
    }

    /// Replaces the numbers of the row added last.
    pub fn set_newest(&mut self, values: &[T]) {
        for (column, &value) in self.columns.iter_mut().zip(values) {
            if let Some(newest) = column.last_mut() {
                *newest = value;
            }
        }
    }

    /// One number of a row.
    pub fn get(&self, place: usize, row: usize) -> T {
        self.columns[place][row]
    }

    /// The same, to write.
    pub fn get_mut(&mut self, place: usize, row: usize) -> &mut T {
        &mut self.columns[place][row]
    }

    /// `[row]`.
    pub fn column(&self, place: usize) -> &[T] {
        &self.columns[place]
    }

    /// The same, to write.
    pub fn column_mut(&mut self, place: usize) -> &mut [T] {
        &mut self.columns[place]
    }

    /// Takes a column out, until it is [returned](Table::return_column).
    pub fn lend_column(&mut self, place: usize) -> Vec<T> {
        std::mem::take(&mut self.columns[place])
    }

    /// Puts a column back that was [lent](Table::lend_column).
    pub fn return_column(&mut self, place: usize, column: Vec<T>) {
        self.columns[place] = column;
    }

    /// Moves the rows of all columns.
    fn permute(&mut self, moves: &Moves) {
        for column in &mut self.columns {
            moves.apply(column);
        }
    }
}

/// All of them.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// Custom numbers, in the order of the type's.
    pub custom: Table<f64>,
    /// Behaviors that rules write and no kernel knows (rates of death, of phase exits, of
    /// transformations), by their slots in `plan::ruled`.
    pub ruled: Table<f64>,
    /// The latent vectors of all the spaces of the type, one after the other, as `plan::latents` says.
    pub latent: Table<f32>,
    /// What models record and nothing acts on, by its places in `plan::latents`; NaN until it is
    /// first written.
    pub recorded: Table<f64>,
    /// min with at least one live neighbor of each watched type, in the order of the watch list.
    pub contact_time: Table<f64>,
}

impl Tables {
    /// Tables without cells.
    pub fn new(plan: &Plan) -> Tables {
        let types = 0..plan.scenario.cell_types.len();
        let most = |width: &dyn Fn(usize) -> usize| types.clone().map(width).max().unwrap_or(0);
        Tables {
            custom: Table::new(most(&|kind| plan.scenario.cell_types[kind].custom.len())),
            ruled: Table::new(most(&|kind| plan.ruled.new_cell(&plan.table, kind).len())),
            latent: Table::new(most(&|kind| plan.latents.new_cell(kind).len())),
            recorded: Table::new(most(&|kind| plan.latents.unrecorded(kind).len())),
            contact_time: Table::new(plan.contact_times.len()),
        }
    }

    /// Makes room for so many more cells.
    pub fn reserve(&mut self, cells: usize) {
        self.custom.reserve(cells);
        self.ruled.reserve(cells);
        self.latent.reserve(cells);
        self.recorded.reserve(cells);
        self.contact_time.reserve(cells);
    }

    /// Adds the row of a daughter: her mother's numbers.
    pub fn push_like(&mut self, row: usize) {
        self.custom.push_like(row);
        self.ruled.push_like(row);
        self.latent.push_like(row);
        self.recorded.push_like(row);
        self.contact_time.push_like(row);
    }

    /// Moves the rows of all of them.
    pub fn permute(&mut self, moves: &Moves) {
        self.custom.permute(moves);
        self.ruled.permute(moves);
        self.latent.permute(moves);
        self.recorded.permute(moves);
        self.contact_time.permute(moves);
    }
}
