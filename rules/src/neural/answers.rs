//! The numbers of one row in tensors that hold many.

/// What a graph gave for a row.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    tensors: &'a [Vec<f32>],
    widths: &'a [usize],
    row: usize,
}

impl<'a> Answers<'a> {
    /// Row `row` of row-major `tensors` with these widths.
    pub fn new(tensors: &'a [Vec<f32>], widths: &'a [usize], row: usize) -> Answers<'a> {
        Answers {
            tensors,
            widths,
            row,
        }
    }

    /// The number in one column.
    pub fn number(&self, tensor: usize, column: usize) -> f64 {
        f64::from(self.tensors[tensor][self.row * self.widths[tensor] + column])
    }
}
