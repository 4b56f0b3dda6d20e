//! What kernels need to know of each cell: one number per channel, from a table by group or, once
//! a rule writes it, from a column by row.
//!
//! A group is a set of cells with the same parameters; the caller decides what it stands for (a
//! cell type, alive or dead). Most cells follow their group's table in most channels, and then a
//! channel costs no memory per cell.

use std::borrow::Cow;

use crate::{Error, Real, moves::Moves, same_length};

/// A number per cell. `usize` parameters are a substrate (first five) or a kind of cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// 1/min.
    SecretionRate(usize),
    /// Substrate's unit.
    SecretionTarget(usize),
    /// 1/min.
    UptakeRate(usize),
    /// Substrate's unit × µm³/min.
    ExportRate(usize),
    /// Weight of a substrate's gradient in chemotaxis.
    Sensitivity(usize),
    /// µm/min.
    Speed,
    /// 0–1.
    Bias,
    /// min.
    PersistenceTime,
    /// µm/min.
    Repulsion,
    /// µm/min.
    Adhesion,
    /// Adhesion distance over radius.
    RelativeReach,
    /// Dimensionless weight of a kind of neighbor in adhesion, springs and attaching; base 1.
    Affinity(usize),
    /// Above 0.5 the cell moves; base 1.
    Movable,
    /// 1/min: elastic constant of attachments and of the bond of an attack.
    BondStiffness,
    /// 1/min per neighbor.
    AttachmentRate,
    /// 1/min per attachment.
    DetachmentRate,
    /// A cell with so many attachments makes no more.
    MostAttachments,
    /// 1/min per apoptotic neighbor.
    PhagocytoseApoptotic,
    /// 1/min per necrotic neighbor.
    PhagocytoseNecrotic,
    /// 1/min per live neighbor of a kind.
    Phagocytose(usize),
    /// 1/min per live neighbor of a kind.
    Attack(usize),
    /// 1/min per live neighbor of a kind.
    Fuse(usize),
    /// Damage per min of attack.
    AttackDamageRate,
    /// min: mean duration of an attack.
    AttackDuration,
    /// Factor on the attack rate of attackers of a kind.
    Immunogenicity(usize),
    /// Damage per min from nowhere.
    DamageRate,
    /// 1/min: first-order repair.
    RepairRate,
}

/// The numbers of one channel.
#[derive(Debug, Clone)]
struct Values {
    /// [group].
    table: Vec<Real>,
    /// Whether rows have numbers of their own.
    owned: bool,
    /// [row] if owned, else empty.
    rows: Vec<Real>,
}

/// What there is to keep of a channel: its table, and the rows' own numbers where they have any.
pub(crate) type State<'a> = (Cow<'a, [Real]>, Option<Cow<'a, [Real]>>);

/// All channels of all cells.
#[derive(Debug, Clone)]
pub struct Channels {
    substrates: usize,
    kinds: usize,
    groups: usize,
    values: Vec<Values>,
}

/// Channels without a parameter.
const SINGLE: [Channel; 17] = [
    Channel::Speed,
    Channel::Bias,
    Channel::PersistenceTime,
    Channel::Repulsion,
    Channel::Adhesion,
    Channel::RelativeReach,
    Channel::Movable,
    Channel::BondStiffness,
    Channel::AttachmentRate,
    Channel::DetachmentRate,
    Channel::MostAttachments,
    Channel::PhagocytoseApoptotic,
    Channel::PhagocytoseNecrotic,
    Channel::AttackDamageRate,
    Channel::AttackDuration,
    Channel::DamageRate,
    Channel::RepairRate,
];

impl Channels {
    /// Tables for so many substrates, kinds of cell and groups: zeros, or a channel's base.
    pub fn new(substrates: usize, kinds: usize, groups: usize) -> Channels {
        let channels = SINGLE.len() + 5 * substrates + 5 * kinds;
        let values = Values {
            table: vec![0.0; groups],
            owned: false,
            rows: Vec::new(),
        };
        let mut channels = Channels {
            substrates,
            kinds,
            groups,
            values: vec![values; channels],
        };
        let affinities = (0..kinds).map(Channel::Affinity);
        for channel in affinities.chain([Channel::Movable]) {
            let place = channels.place(channel);
            channels.values[place].table.fill(1.0);
        }
        channels
    }

    fn place(&self, channel: Channel) -> usize {
        let substrate = |family: usize, s: usize| SINGLE.len() + family * self.substrates + s;
        let kind =
            |family: usize, k: usize| SINGLE.len() + 5 * self.substrates + family * self.kinds + k;
        match channel {
            Channel::SecretionRate(s) => substrate(0, s),
            Channel::SecretionTarget(s) => substrate(1, s),
            Channel::UptakeRate(s) => substrate(2, s),
            Channel::ExportRate(s) => substrate(3, s),
            Channel::Sensitivity(s) => substrate(4, s),
            Channel::Phagocytose(k) => kind(0, k),
            Channel::Attack(k) => kind(1, k),
            Channel::Immunogenicity(k) => kind(2, k),
            Channel::Fuse(k) => kind(3, k),
            Channel::Affinity(k) => kind(4, k),
            single => SINGLE
                .iter()
                .position(|other| *other == single)
                .expect("every single channel is listed"),
        }
    }

    /// Sets the table's number for a group, as long as no row has its own.
    pub fn set_group(&mut self, channel: Channel, group: usize, value: Real) {
        let place = self.place(channel);
        self.values[place].table[group] = value;
    }

    /// A view of one channel, resolved once, for loops over rows.
    pub fn column(&self, channel: Channel) -> Column<'_> {
        let values = &self.values[self.place(channel)];
        Column {
            table: &values.table,
            owned: values.owned,
            rows: &values.rows,
        }
    }

    /// Gives each row its own number in this channel, starting from its group's; idempotent.
    pub fn own(&mut self, channel: Channel, groups: &[u16]) {
        let place = self.place(channel);
        let values = &mut self.values[place];
        if !values.owned {
            values.owned = true;
            values.rows = groups
                .iter()
                .map(|&group| values.table[usize::from(group)])
                .collect();
        }
    }

    /// Writes a row's own number; the channel must be [owned](Channels::own).
    pub fn set_row(&mut self, channel: Channel, row: usize, value: Real) {
        let place = self.place(channel);
        self.values[place].rows[row] = value;
    }

    /// `[row]`: the rows' own numbers; the channel must be [owned](Channels::own).
    pub(crate) fn rows_mut(&mut self, channel: Channel) -> &mut Vec<Real> {
        let place = self.place(channel);
        &mut self.values[place].rows
    }

    /// Makes a row follow the table of a group in every channel.
    pub(crate) fn reset_row(&mut self, row: usize, group: usize) {
        for values in self.values.iter_mut().filter(|values| values.owned) {
            values.rows[row] = values.table[group];
        }
    }

    /// Makes a row that dies keep its own numbers, but secrete and export nothing and take up
    /// `uptake` times as much.
    pub(crate) fn keep_row_of_dead(&mut self, row: usize, uptake: Real) {
        for substrate in 0..self.substrates {
            for (channel, factor) in [
                (Channel::SecretionRate(substrate), 0.0),
                (Channel::ExportRate(substrate), 0.0),
                (Channel::UptakeRate(substrate), uptake),
            ] {
                let place = self.place(channel);
                if self.values[place].owned {
                    self.values[place].rows[row] *= factor;
                }
            }
        }
    }

    /// Makes room for so many more rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        for values in self.values.iter_mut().filter(|values| values.owned) {
            values.rows.reserve(rows);
        }
    }

    /// Adds a row that follows `group`, or has the numbers of the row `like`.
    pub(crate) fn push(&mut self, group: usize, like: Option<usize>) {
        for values in self.values.iter_mut().filter(|values| values.owned) {
            let value = like.map_or(values.table[group], |row| values.rows[row]);
            values.rows.push(value);
        }
    }

    /// Moves the rows of all channels.
    pub(crate) fn permute(&mut self, moves: &Moves) {
        for values in self.values.iter_mut().filter(|values| values.owned) {
            moves.apply(&mut values.rows);
        }
    }

    /// `[channel]`: the groups' numbers, and the rows' own where they have any.
    pub(crate) fn state(&self) -> Vec<State<'_>> {
        let values = self.values.iter();
        let own = values.map(|values| {
            let own = values.owned.then_some(Cow::Borrowed(&*values.rows));
            (Cow::Borrowed(&*values.table), own)
        });
        own.collect()
    }

    /// Gives the rows of these groups the own numbers that [`Channels::state`] told of. Who has the
    /// number that was its group's gets what is its group's here.
    pub(crate) fn restore(&mut self, groups: &[u16], state: Vec<State<'_>>) -> Result<(), Error> {
        same_length("channels", self.values.len(), state.len())?;
        for (values, (table, own)) in self.values.iter_mut().zip(state) {
            same_length("groups", values.table.len(), table.len())?;
            let of_group = |&group: &u16| values.table[usize::from(group)];
            values.rows = match own {
                Some(own) => {
                    same_length("numbers of a channel", groups.len(), own.len())?;
                    values.owned = true;
                    let number = |(&own, group): (&Real, &u16)| match own.to_bits()
                        == table[usize::from(*group)].to_bits()
                    {
                        true => of_group(group),
                        false => own,
                    };
                    own.iter().zip(groups).map(number).collect()
                }
                None if values.owned => groups.iter().map(of_group).collect(),
                None => Vec::new(),
            };
        }
        Ok(())
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Number of kinds of cell.
    pub fn kinds(&self) -> usize {
        self.kinds
    }

    /// Number of substrates.
    pub fn substrates(&self) -> usize {
        self.substrates
    }
}

/// One channel, by row.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    table: &'a [Real],
    owned: bool,
    rows: &'a [Real],
}

impl<'a> Column<'a> {
    /// The number of a row in a group.
    #[inline]
    pub fn get(&self, row: usize, group: u16) -> Real {
        if self.owned {
            self.rows[row]
        } else {
            self.table[usize::from(group)]
        }
    }

    /// The number of a group's table.
    pub fn of_group(&self, group: usize) -> Real {
        self.table[group]
    }

    /// `[row]`, where rows have numbers of their own.
    pub fn rows(self) -> Option<&'a [Real]> {
        self.owned.then_some(self.rows)
    }

    /// Whether rows have numbers of their own.
    pub fn is_owned(&self) -> bool {
        self.owned
    }

    /// Whether the channel is zero for everybody.
    pub fn is_zero(&self) -> bool {
        let numbers = if self.owned { self.rows } else { self.table };
        numbers.iter().all(|&value| value == 0.0)
    }
}
