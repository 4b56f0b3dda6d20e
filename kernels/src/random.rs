//! Random numbers as a function of (seed, who, when, what for, how many before).
//!
//! Philox4x32-10: a counter of four words is scrambled under a key of two into four random words.
//! Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
//! doi:10.1145/2063384.2063405. Frozen, because a seed stands in every published run:
//!
//! ```text
//! key     = [seed low, seed high]
//! counter = [id low, id high, tick low, purpose << 24 | (tick >> 32) << 8 | draw]
//!                                       8 bits         16 bits             8 bits
//! ```

use core::convert::Infallible;

use rand_core::TryRng;

use crate::{Real, portable};

/// Four random words for a counter and a key.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(c0) * 0xD251_1F53;
        let p1 = u64::from(c2) * 0xCD9E_8D57;
        (c0, c1, c2, c3) = (
            (p1 >> 32) as u32 ^ c1 ^ k0,
            p1 as u32,
            (p0 >> 32) as u32 ^ c3 ^ k1,
            p0 as u32,
        );
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    [c0, c1, c2, c3]
}

/// The draws of one run for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The run's seed.
    pub seed: u64,
    /// What the numbers are for. Numbers of two purposes are independent.
    pub purpose: u8,
}

impl Draws {
    /// Four random words for cell or pair `id` at `tick` < 2^48. A purpose that needs more than
    /// one block in a tick counts them with `draw`.
    pub fn block(&self, id: u64, tick: u64, draw: u8) -> [u32; 4] {
        debug_assert!(tick < 1 << 48);
        let high = (tick >> 32) as u32 & 0xFFFF;
        philox(
            [
                id as u32,
                (id >> 32) as u32,
                tick as u32,
                u32::from(self.purpose) << 24 | high << 8 | u32::from(draw),
            ],
            [self.seed as u32, (self.seed >> 32) as u32],
        )
    }

    /// Uniform in the open interval (0, 1): an odd multiple of 2^-53.
    pub fn uniform(&self, id: u64, tick: u64, draw: u8) -> Real {
        self.uniforms(id, tick, draw)[0]
    }

    /// Two independent uniforms in (0, 1), from one block; the first is [`Draws::uniform`]'s.
    pub fn uniforms(&self, id: u64, tick: u64, draw: u8) -> [Real; 2] {
        let [a, b, c, d] = self.block(id, tick, draw);
        [open_unit(a, b), open_unit(c, d)]
    }

    /// Standard normal, mean 0 and variance 1, by Box and Muller.
    pub fn normal(&self, id: u64, tick: u64, draw: u8) -> Real {
        let [u, v] = self.uniforms(id, tick, draw);
        (-2.0 * portable::ln(u)).sqrt() * portable::cos(core::f64::consts::TAU * v)
    }

    /// A uniform unit vector in the xy plane; z is 0. It takes this draw and, one time in five,
    /// more after it.
    pub fn direction_2d(&self, id: u64, tick: u64, draw: u8) -> [Real; 3] {
        direction(true, self.each_uniforms(id, tick, draw))
    }

    /// A uniform unit vector in space; draws as [`Draws::direction_2d`].
    pub fn direction_3d(&self, id: u64, tick: u64, draw: u8) -> [Real; 3] {
        direction(false, self.each_uniforms(id, tick, draw))
    }

    /// Pairs of uniforms from a draw on.
    fn each_uniforms(&self, id: u64, tick: u64, mut draw: u8) -> impl FnMut() -> [Real; 2] {
        let draws = *self;
        move || {
            let uniforms = draws.uniforms(id, tick, draw);
            draw = draw.wrapping_add(1);
            uniforms
        }
    }
}

/// A uniform unit vector of pairs of uniforms, asked for until one lies in the unit disc. With
/// nothing but arithmetic and a square root, so that every device gives the same bits.
/// Source: von Neumann 1951 in the plane, Marsaglia 1972, doi:10.1214/aoms/1177692644, in space.
pub(crate) fn direction(flat: bool, mut uniforms: impl FnMut() -> [Real; 2]) -> [Real; 3] {
    loop {
        let [x, y] = uniforms().map(|u| 2.0 * u - 1.0);
        let square = x * x + y * y;
        if square >= 1.0 || square == 0.0 {
            continue;
        }
        if flat {
            return [(x * x - y * y) / square, 2.0 * x * y / square, 0.0];
        }
        let ring = 2.0 * (1.0 - square).sqrt();
        return [x * ring, y * ring, 1.0 - 2.0 * square];
    }
}

/// 52 bits and a half: with 53 the topmost value would round to 1.
pub(crate) fn open_unit(low: u32, high: u32) -> Real {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as Real + 0.5) * (1.0 / (1u64 << 52) as Real)
}

/// The finalizer of SplitMix64 after one step of its counter: a bijection of 64 bits in which
/// each input bit flips each output bit about half of the time.
/// Source: Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195.
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The id of the ordered pair (a, b): mix(mix(a) + b). For one `a`, no two `b` share an id.
pub fn pair_id(a: u64, b: u64) -> u64 {
    mix(mix(a).wrapping_add(b))
}

/// The id of a mother's child: mix(mix(mother ⊕ "daughter") + ordinal), where `ordinal` counts
/// that mother's births. One mother's children never share an id; a child's name does not depend
/// on what other cells do. Unlike [`pair_id`] of the same numbers.
pub fn child_id(mother: u64, ordinal: u32) -> u64 {
    const DAUGHTER: u64 = u64::from_be_bytes(*b"daughter");
    mix(mix(mother ^ DAUGHTER).wrapping_add(u64::from(ordinal)))
}

/// The blocks of one id read one after another, as a generator for code that wants one: placing
/// the first cells, sampling a distribution. Block n has draw = n mod 256 and tick = n / 256.
#[derive(Clone, Debug)]
pub struct Sequence {
    draws: Draws,
    id: u64,
    blocks: u64,
    words: [u32; 4],
    used: usize,
}

impl Sequence {
    /// The sequence of `id`, from its beginning.
    pub fn new(draws: Draws, id: u64) -> Sequence {
        Sequence {
            draws,
            id,
            blocks: 0,
            words: [0; 4],
            used: 4,
        }
    }

    /// The next uniform in (0, 1), made like [`Draws::uniform`].
    pub fn uniform(&mut self) -> Real {
        let (low, high) = (self.word(), self.word());
        open_unit(low, high)
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self
                .draws
                .block(self.id, self.blocks >> 8, self.blocks as u8);
            self.blocks += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

impl TryRng for Sequence {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (low, high) = (self.word(), self.word());
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for piece in bytes.chunks_mut(4) {
            piece.copy_from_slice(&self.word().to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }
}
