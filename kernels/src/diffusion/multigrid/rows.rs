//! What multigrid does to rows of voxels, in vector registers.

use super::{HELD, Level};
use crate::{
    Real,
    diffusion::lanes::{LANES, Lanes, Work},
};

/// A Jacobi step of some rows, or their residual.
pub(super) struct Pass<'a> {
    pub(super) level: &'a Level,
    pub(super) x: &'a [Real],
    pub(super) first: usize,
    pub(super) out: &'a mut [Real],
    pub(super) weight: Option<Real>,
}

impl Work for Pass<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) {
        let level = self.level;
        let ([nx, ny, nz], r) = (level.shape, level.r);
        for (index, out) in (self.first..).zip(self.out.chunks_mut(nx)) {
            let (j, k) = (index % ny, index / ny);
            // Beyond an end stands what is before it.
            let row = &self.x[index * nx..][..nx];
            let down = &self.x[(index - usize::from(j > 0)) * nx..][..nx];
            let up = &self.x[(index + usize::from(j + 1 < ny)) * nx..][..nx];
            let below = &self.x[(index - ny * usize::from(k > 0)) * nx..][..nx];
            let above = &self.x[(index + ny * usize::from(k + 1 < nz)) * nx..][..nx];
            let b = &level.b[index * nx..][..nx];
            let diagonal = &level.diagonal[index * nx..][..nx];
            let inverse = &level.inverse[index * nx..][..nx];
            // All lists as long as the row, so that one check is enough.
            let around = Around {
                row,
                sides: [down, up, below, above],
                b,
                diagonal,
                inverse,
                r,
                weight: self.weight,
            };
            let inner = 1..nx.max(2) - 1;
            if inner.len() < LANES {
                for i in 0..nx {
                    let [left, right] = [row[i.saturating_sub(1)], row[(i + 1).min(nx - 1)]];
                    out[i] = around.one(i, left, right);
                }
            } else {
                out[0] = around.one(0, row[0], row[1]);
                out[nx - 1] = around.one(nx - 1, row[nx - 2], row[nx - 1]);
                let mut i = inner.start;
                while i < inner.end {
                    // The last eight reach back over some that are done.
                    i = i.min(inner.end - LANES);
                    around.eight(lanes, i, &mut out[i..i + LANES]);
                    i += LANES;
                }
            }
        }
    }
}

/// A row and what lies about it.
struct Around<'a> {
    row: &'a [Real],
    sides: [&'a [Real]; 4],
    b: &'a [Real],
    diagonal: &'a [Real],
    inverse: &'a [Real],
    r: [Real; 3],
    weight: Option<Real>,
}

impl Around<'_> {
    #[inline(always)]
    fn one(&self, i: usize, left: Real, right: Real) -> Real {
        let [down, up, below, above] = self.sides;
        let mut sum = self.r[0] * left + self.b[i];
        sum += self.r[0] * right;
        sum += self.r[1] * down[i];
        sum += self.r[1] * up[i];
        sum += self.r[2] * below[i];
        sum += self.r[2] * above[i];
        match self.weight {
            Some(weight) => weight * (sum * self.inverse[i]) + (1.0 - weight) * self.row[i],
            None => -self.diagonal[i] * self.row[i] + sum,
        }
    }

    #[inline(always)]
    fn eight<L: Lanes>(&self, lanes: L, i: usize, out: &mut [Real]) {
        let r = self.r;
        let (rx, ry, rz) = (lanes.all(r[0]), lanes.all(r[1]), lanes.all(r[2]));
        let [down, up, below, above] = self.sides;
        let mut sum = lanes.load(eight(&self.b[i..]));
        sum = lanes.times_plus(rx, lanes.load(eight(&self.row[i - 1..])), sum);
        sum = lanes.times_plus(rx, lanes.load(eight(&self.row[i + 1..])), sum);
        sum = lanes.times_plus(ry, lanes.load(eight(&down[i..])), sum);
        sum = lanes.times_plus(ry, lanes.load(eight(&up[i..])), sum);
        sum = lanes.times_plus(rz, lanes.load(eight(&below[i..])), sum);
        sum = lanes.times_plus(rz, lanes.load(eight(&above[i..])), sum);
        let row = lanes.load(eight(&self.row[i..]));
        let value = match self.weight {
            Some(weight) => {
                let full = lanes.times(sum, lanes.load(eight(&self.inverse[i..])));
                let kept = lanes.times(lanes.all(1.0 - weight), row);
                lanes.times_plus(lanes.all(weight), full, kept)
            }
            None => {
                let minus = lanes.times(lanes.all(-1.0), lanes.load(eight(&self.diagonal[i..])));
                lanes.times_plus(minus, row, sum)
            }
        };
        lanes.store(value, out.first_chunk_mut().expect("eight numbers"));
    }
}

#[inline(always)]
fn eight(from: &[Real]) -> &[Real; LANES] {
    from.first_chunk().expect("eight numbers")
}

/// Adds four weighted rows to one, where it is not held.
pub(super) struct Between<'a> {
    pub(super) rows: [(&'a [Real], Real); 4],
    pub(super) diagonal: &'a [Real],
    pub(super) x: &'a mut [Real],
}

impl Work for Between<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, _: L) {
        let n = self.x.len();
        let [(a, of_a), (b, of_b), (c, of_c), (d, of_d)] = self.rows;
        let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
        let diagonal = &self.diagonal[..n];
        for i in 0..n {
            let by = of_a * a[i] + of_b * b[i] + (of_c * c[i] + of_d * d[i]);
            self.x[i] += if diagonal[i] < HELD { by } else { 0.0 };
        }
    }
}
