//! Where what rules write is kept, if no kernel knows it.

use crate::dictionary::Table;

/// Which behaviors of each type cells have values of in `Tables::ruled`, because a rule or a founder's own
/// number may set it.
#[derive(Debug, Clone, Default)]
pub struct RuledSlots {
    /// [type]: behaviors, in the order of the columns.
    by_type: Vec<Vec<usize>>,
}

impl RuledSlots {
    /// No slots, for so many types.
    pub fn new(types: usize) -> RuledSlots {
        RuledSlots {
            by_type: vec![Vec::new(); types],
        }
    }

    /// Makes room for a behavior of a type.
    pub fn add(&mut self, kind: usize, behavior: usize) {
        if self.slot(kind, behavior).is_none() {
            self.by_type[kind].push(behavior);
        }
    }

    /// The column of a behavior of a type.
    pub fn slot(&self, kind: usize, behavior: usize) -> Option<usize> {
        self.by_type[kind]
            .iter()
            .position(|other| *other == behavior)
    }

    /// `[slot]`: the behaviors of a type.
    pub fn behaviors(&self, kind: usize) -> &[usize] {
        &self.by_type[kind]
    }

    /// The numbers of a new cell: its type's own.
    pub fn new_cell(&self, table: &Table, kind: usize) -> Box<[f64]> {
        self.by_type[kind]
            .iter()
            .map(|&behavior| table.base(kind, behavior))
            .collect()
    }
}
