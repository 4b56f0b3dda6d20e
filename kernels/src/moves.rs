//! Rows on their way to other places: one permutation, carried out on many columns.
//!
//! Most rows stay or go next door. In place, along the cycles of the permutation, each that moves
//! is read and written once, those that stay are not touched, and no column needs room for a copy.

use crate::Pool;

/// Where fewer rows go, columns are moved sooner than threads wake.
const LARGE: usize = 1 << 12;

/// Where rows go.
#[derive(Debug, Default)]
pub struct Moves {
    /// Rows there are afterwards.
    len: usize,
    /// Places, cycle after cycle: each gets what the next one has, the last what the first had.
    places: Vec<u32>,
    /// Where each cycle ends.
    ends: Vec<u32>,
}

impl Moves {
    /// The moves by which place `i` gets what place `order[i]` had, of `rows` places; what no place
    /// gets is dropped. `order` names no place twice.
    pub fn new(mut order: Vec<u32>, rows: usize) -> Moves {
        let len = order.len();
        if len < rows {
            let mut stays = vec![false; rows];
            for &place in &order {
                stays[place as usize] = true;
            }
            // The dropped ones go behind the others.
            order.extend((0..rows as u32).filter(|&place| !stays[place as usize]));
        }
        let (mut places, mut ends) = (Vec::new(), Vec::new());
        for first in 0..order.len() as u32 {
            if order[first as usize] == first {
                continue;
            }
            let mut place = first;
            loop {
                places.push(place);
                // What has been visited looks as if it stayed.
                let from = std::mem::replace(&mut order[place as usize], place);
                if from == first {
                    break;
                }
                place = from;
            }
            ends.push(places.len() as u32);
        }
        Moves { len, places, ends }
    }

    /// Rows there are afterwards.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves the rows of a column; those to be dropped stand at its end.
    pub fn permute<T: Copy>(&self, column: &mut [T]) {
        let mut start = 0;
        for &end in &self.ends {
            let cycle = &self.places[start..end as usize];
            let first = column[cycle[0] as usize];
            for pair in cycle.windows(2) {
                column[pair[0] as usize] = column[pair[1] as usize];
            }
            column[cycle[cycle.len() - 1] as usize] = first;
            start = end as usize;
        }
    }

    /// Moves the rows of many columns, several at a time.
    pub fn carry(&self, columns: &mut [&mut dyn Column], pool: &Pool) {
        let is_large = self.places.len() >= LARGE;
        pool.pieces(columns, 1, is_large, |_, column| column[0].follow(self));
    }

    /// [`Moves::permute`] for what cannot be copied.
    pub fn swap<T>(&self, column: &mut [T]) {
        let mut start = 0;
        for &end in &self.ends {
            for pair in self.places[start..end as usize].windows(2) {
                column.swap(pair[0] as usize, pair[1] as usize);
            }
            start = end as usize;
        }
    }

    /// Moves the rows of a column, and drops those that go.
    pub fn apply<T: Copy>(&self, column: &mut Vec<T>) {
        self.permute(column);
        column.truncate(self.len);
    }
}

/// A column that goes along, whatever its numbers are.
pub trait Column: Send {
    /// Moves its rows, and drops those that go.
    fn follow(&mut self, moves: &Moves);
}

impl<T: Copy + Send> Column for Vec<T> {
    fn follow(&mut self, moves: &Moves) {
        moves.apply(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gets_what_the_order_says() {
        for (order, rows) in [
            (vec![], 0),
            (vec![0, 1, 2], 3),
            (vec![2, 0, 1, 3, 5, 4], 6),
            (vec![4, 1, 0], 6),
            (vec![], 3),
            (vec![5, 4, 3, 2, 1, 0], 7),
        ] {
            let wanted: Vec<u32> = order.iter().map(|place| 10 * place).collect();
            let mut column: Vec<u32> = (0..rows).map(|place| 10 * place).collect();
            let mut swapped = column.clone();
            let moves = Moves::new(order, rows as usize);
            moves.apply(&mut column);
            moves.swap(&mut swapped);
            assert_eq!(column, wanted);
            assert_eq!(swapped[..wanted.len()], wanted);
        }
    }

    #[test]
    fn columns_on_many_threads_move_alike() {
        let rows = 2 * LARGE as u32;
        let moves = Moves::new((0..rows - 1).rev().collect(), rows as usize);
        let (mut small, mut large): (Vec<u16>, Vec<[f64; 3]>) = (0..rows)
            .map(|row| (row as u16, [f64::from(row); 3]))
            .unzip();
        moves.carry(&mut [&mut small, &mut large], &Pool::new(3).unwrap());
        assert!(small.iter().copied().eq((0..rows as u16 - 1).rev()));
        assert!(large.iter().all(|row| row == &[row[0]; 3]));
        assert!(
            large
                .iter()
                .map(|row| row[0])
                .eq((0..rows - 1).rev().map(f64::from))
        );
    }
}
