//! Eight numbers side by side, in whatever registers the processor has.
//!
//! The crate is built for any processor of its family and looks at run time for wider registers.
//! Every lane is multiplied and added on its own, rounded after each, as IEEE 754 says; so all
//! kinds of registers give the same bits.

use crate::Real;

/// Numbers that are worked on together.
pub(super) const LANES: usize = 8;

/// Arithmetic on eight numbers. A type of this kind is made only where the processor can do it.
pub(super) trait Lanes: Copy {
    /// Eight numbers.
    type Eight: Copy;
    /// How many times eight numbers there is room for beside what works on them.
    const ABREAST: usize;
    fn load(self, from: &[Real; LANES]) -> Self::Eight;
    fn store(self, eight: Self::Eight, to: &mut [Real; LANES]);
    /// Fewer than eight numbers, and zeros.
    fn load_few(self, from: &[Real]) -> Self::Eight;
    /// The first of them, as many as there is room for.
    fn store_few(self, eight: Self::Eight, to: &mut [Real]);
    fn all(self, value: Real) -> Self::Eight;
    /// a b, rounded, + c.
    fn times_plus(self, a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight;
    fn times(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    fn plus(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    /// The lesser of each two.
    fn least(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    /// Rows become columns.
    fn transposed(self, rows: [Self::Eight; LANES]) -> [Self::Eight; LANES];
}

/// Work that is compiled once for each kind of register.
pub(super) trait Work {
    /// To be marked `#[inline(always)]`, and free of closures that do arithmetic: only what is
    /// inlined is compiled for the caller's registers.
    fn with<L: Lanes>(self, lanes: L);
}

/// Does the work in the widest registers there are.
#[inline]
pub(super) fn widest(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return Registers(Kind::Of512Bits).run(work);
    } else if is_x86_feature_detected!("avx2") {
        return Registers(Kind::Of256Bits).run(work);
    }
    Registers(Kind::Portable).run(work);
}

/// Registers that this processor has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Of256Bits,
    #[cfg(target_arch = "x86_64")]
    Of512Bits,
}

impl Registers {
    /// Every kind there is here.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Registers> {
        let mut all = vec![Registers(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Registers(Kind::Of256Bits));
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Registers(Kind::Of512Bits));
            }
        }
        all
    }

    #[inline]
    pub(super) fn run(self, work: impl Work) {
        match self.0 {
            Kind::Portable => work.with(Portable),
            // SAFETY: `widest` and `all` make this kind only where the processor has it.
            #[cfg(target_arch = "x86_64")]
            Kind::Of256Bits => unsafe { x86::in_256_bits(work) },
            // SAFETY: `widest` and `all` make this kind only where the processor has it.
            #[cfg(target_arch = "x86_64")]
            Kind::Of512Bits => unsafe { x86::in_512_bits(work) },
        }
    }
}

/// What the compiler makes of it.
#[derive(Clone, Copy)]
struct Portable;

impl Lanes for Portable {
    type Eight = [Real; LANES];
    const ABREAST: usize = 2;

    #[inline(always)]
    fn load(self, from: &[Real; LANES]) -> Self::Eight {
        *from
    }

    #[inline(always)]
    fn store(self, eight: Self::Eight, to: &mut [Real; LANES]) {
        *to = eight;
    }

    #[inline(always)]
    fn load_few(self, from: &[Real]) -> Self::Eight {
        let mut eight = [0.0; LANES];
        eight[..from.len()].copy_from_slice(from);
        eight
    }

    #[inline(always)]
    fn store_few(self, eight: Self::Eight, to: &mut [Real]) {
        to.copy_from_slice(&eight[..to.len()]);
    }

    #[inline(always)]
    fn all(self, value: Real) -> Self::Eight {
        [value; LANES]
    }

    #[inline(always)]
    fn times_plus(self, a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight {
        core::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    fn times(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
        core::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn plus(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
        core::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn least(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
        core::array::from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn transposed(self, rows: [Self::Eight; LANES]) -> [Self::Eight; LANES] {
        core::array::from_fn(|column| core::array::from_fn(|row| rows[row][column]))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Intrinsics, because compilers do not find an 8 × 8 transpose in registers by themselves.

    use core::arch::x86_64::*;

    use super::{LANES, Lanes, Work};
    use crate::Real;

    #[derive(Clone, Copy)]
    struct In256Bits(());

    #[derive(Clone, Copy)]
    struct In512Bits(());

    /// Quarters 0 and 2 of one register, then of another; and quarters 1 and 3.
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;

    #[target_feature(enable = "avx2")]
    pub(super) fn in_256_bits(work: impl Work) {
        work.with(In256Bits(()));
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn in_512_bits(work: impl Work) {
        work.with(In512Bits(()));
    }

    impl Lanes for In256Bits {
        type Eight = [__m256d; 2];
        const ABREAST: usize = 4;

        #[inline(always)]
        fn load(self, from: &[Real; LANES]) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`; both halves lie in the array.
            unsafe {
                let start = from.as_ptr();
                [_mm256_loadu_pd(start), _mm256_loadu_pd(start.add(4))]
            }
        }

        #[inline(always)]
        fn store(self, eight: Self::Eight, to: &mut [Real; LANES]) {
            // SAFETY: as in `load`.
            unsafe {
                let start = to.as_mut_ptr();
                _mm256_storeu_pd(start, eight[0]);
                _mm256_storeu_pd(start.add(4), eight[1]);
            }
        }

        #[inline(always)]
        fn load_few(self, from: &[Real]) -> Self::Eight {
            let mut eight = [0.0; LANES];
            eight[..from.len()].copy_from_slice(from);
            self.load(&eight)
        }

        #[inline(always)]
        fn store_few(self, eight: Self::Eight, to: &mut [Real]) {
            let mut all = [0.0; LANES];
            self.store(eight, &mut all);
            to.copy_from_slice(&all[..to.len()]);
        }

        #[inline(always)]
        fn all(self, value: Real) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`.
            unsafe { [_mm256_set1_pd(value); 2] }
        }

        #[inline(always)]
        fn times_plus(self, a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`.
            unsafe {
                [
                    _mm256_add_pd(_mm256_mul_pd(a[0], b[0]), c[0]),
                    _mm256_add_pd(_mm256_mul_pd(a[1], b[1]), c[1]),
                ]
            }
        }

        #[inline(always)]
        fn times(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`.
            unsafe { [_mm256_mul_pd(a[0], b[0]), _mm256_mul_pd(a[1], b[1])] }
        }

        #[inline(always)]
        fn plus(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`.
            unsafe { [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1])] }
        }

        #[inline(always)]
        fn least(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_256_bits`.
            unsafe { [_mm256_min_pd(a[0], b[0]), _mm256_min_pd(a[1], b[1])] }
        }

        #[inline(always)]
        fn transposed(self, rows: [Self::Eight; LANES]) -> [Self::Eight; LANES] {
            let mut columns = rows;
            for half in 0..2 {
                for row in [0, 4] {
                    let (a, b) = (rows[row][half], rows[row + 1][half]);
                    let (c, d) = (rows[row + 2][half], rows[row + 3][half]);
                    // SAFETY: this type exists only inside `in_256_bits`.
                    unsafe {
                        let (ab0, ab1) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                        let (cd0, cd1) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
                        let column = 4 * half;
                        let to = row / 4;
                        columns[column][to] = _mm256_permute2f128_pd::<0x20>(ab0, cd0);
                        columns[column + 1][to] = _mm256_permute2f128_pd::<0x20>(ab1, cd1);
                        columns[column + 2][to] = _mm256_permute2f128_pd::<0x31>(ab0, cd0);
                        columns[column + 3][to] = _mm256_permute2f128_pd::<0x31>(ab1, cd1);
                    }
                }
            }
            columns
        }
    }

    /// A bit for each of the first lanes.
    fn first(count: usize) -> u8 {
        0xff_u8.unbounded_shr(LANES.saturating_sub(count) as u32)
    }

    impl Lanes for In512Bits {
        type Eight = __m512d;
        const ABREAST: usize = 8;

        #[inline(always)]
        fn load(self, from: &[Real; LANES]) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`; the array is as long as that.
            unsafe { _mm512_loadu_pd(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, eight: Self::Eight, to: &mut [Real; LANES]) {
            // SAFETY: as in `load`.
            unsafe { _mm512_storeu_pd(to.as_mut_ptr(), eight) }
        }

        #[inline(always)]
        fn load_few(self, from: &[Real]) -> Self::Eight {
            // SAFETY: as in `load`; what lies beyond the slice is not read.
            unsafe { _mm512_maskz_loadu_pd(first(from.len()), from.as_ptr()) }
        }

        #[inline(always)]
        fn store_few(self, eight: Self::Eight, to: &mut [Real]) {
            // SAFETY: as in `load`; what lies beyond the slice is not written.
            unsafe { _mm512_mask_storeu_pd(to.as_mut_ptr(), first(to.len()), eight) }
        }

        #[inline(always)]
        fn all(self, value: Real) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe { _mm512_set1_pd(value) }
        }

        #[inline(always)]
        fn times_plus(self, a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe { _mm512_add_pd(_mm512_mul_pd(a, b), c) }
        }

        #[inline(always)]
        fn times(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe { _mm512_mul_pd(a, b) }
        }

        #[inline(always)]
        fn plus(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe { _mm512_add_pd(a, b) }
        }

        #[inline(always)]
        fn least(self, a: Self::Eight, b: Self::Eight) -> Self::Eight {
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe { _mm512_min_pd(a, b) }
        }

        #[inline(always)]
        fn transposed(self, rows: [Self::Eight; LANES]) -> [Self::Eight; LANES] {
            let mut columns = rows;
            // SAFETY: this type exists only inside `in_512_bits`.
            unsafe {
                // Numbers go in pairs, in a quarter of a register; of column i and those i + 2, …
                for i in 0..2 {
                    let mut pairs = rows;
                    for row in [0, 2, 4, 6] {
                        pairs[row / 2] = if i == 0 {
                            _mm512_unpacklo_pd(rows[row], rows[row + 1])
                        } else {
                            _mm512_unpackhi_pd(rows[row], rows[row + 1])
                        };
                    }
                    let [ab, cd, ef, gh, ..] = pairs;
                    let (low0, low1) = (
                        _mm512_shuffle_f64x2::<EVEN>(ab, cd),
                        _mm512_shuffle_f64x2::<EVEN>(ef, gh),
                    );
                    columns[i] = _mm512_shuffle_f64x2::<EVEN>(low0, low1);
                    columns[i + 4] = _mm512_shuffle_f64x2::<ODD>(low0, low1);
                    let (high0, high1) = (
                        _mm512_shuffle_f64x2::<ODD>(ab, cd),
                        _mm512_shuffle_f64x2::<ODD>(ef, gh),
                    );
                    columns[i + 2] = _mm512_shuffle_f64x2::<EVEN>(high0, high1);
                    columns[i + 6] = _mm512_shuffle_f64x2::<ODD>(high0, high1);
                }
            }
            columns
        }
    }
}
