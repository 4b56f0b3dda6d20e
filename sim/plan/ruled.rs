//! Where the ECS keeps what rules write.

use crate::dictionary::Table;

/// Which behaviors of each type the ECS holds a value of, because a rule or a founder's own
/// number may set it.
#[derive(Debug, Clone, Default)]
pub struct RuledSlots {
    /// [type]: behaviors, in the order of the `Ruled` component.
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

    /// The place of a behavior in the `Ruled` component of a type.
    pub fn slot(&self, kind: usize, behavior: usize) -> Option<usize> {
        self.by_type[kind]
            .iter()
            .position(|other| *other == behavior)
    }

    /// The component of a new cell: its type's own values.
    pub fn new_cell(&self, table: &Table, kind: usize) -> Box<[f64]> {
        self.by_type[kind]
            .iter()
            .map(|&behavior| table.base(kind, behavior))
            .collect()
    }
}
