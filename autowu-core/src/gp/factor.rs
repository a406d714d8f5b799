//! One subset of the losses as one triangular factor.

use super::features::{FEATURES as R, features};
use crate::real::Real;

/// Rows that one pass of Householder reflections takes in.
const BLOCK: usize = 16;
/// Columns of a row: the features, and the two right-hand sides `y` and 1.
const COLUMNS: usize = R + 2;
const Y: usize = R;
const ONE: usize = R + 1;

/// The triangular factor of the rows `[φ(x_i) | y_i | 1]` of a subset, and what is left of the right-hand sides.
///
/// With `Q` orthogonal and `Qᵀ [Φ | y | 1] = [C | z | o]`, the leading `R × R` block of `C`, the leading parts of `z` and
/// `o`, and the sums of squares and products of their rests are all that the evidence and the posterior need, for every
/// value of the hyper-parameters (METHOD section 4). Householder reflections on blocks of 16 rows: `R² = 1024`
/// multiply-adds a row. The square-root form keeps `f32` honest: the Gram matrix would square the condition number.
#[derive(Clone, Debug)]
pub struct Factor<T> {
    /// Upper triangular `C`, with `z` and `o` as its last two columns.
    pub(super) rows: [[T; COLUMNS]; R],
    /// `Σ z²`, `Σ z o`, `Σ o²` over the rows below the leading block.
    pub(super) rest: [T; 3],
    /// Rows taken in.
    pub(super) n: u32,
}

impl<T: Real> Factor<T> {
    /// The factor of no rows.
    pub fn empty() -> Self {
        Factor { rows: [[T::zero(); COLUMNS]; R], rest: [T::zero(); 3], n: 0 }
    }

    /// The factor of the samples `(x_i, y_i)`, `x_i` in [0, 1]; every order gives the same up to rounding.
    pub fn of(samples: impl IntoIterator<Item = (T, T)>, length_scale: T) -> Self {
        let mut factor = Self::empty();
        let mut block = Block::empty();
        for (x, y) in samples {
            block.push(&features(x, length_scale), y, T::one());
            factor.n = factor.n.saturating_add(1);
            if block.filled == BLOCK {
                factor.absorb(&mut block);
            }
        }
        factor.absorb(&mut block);
        factor
    }

    /// Number of samples.
    pub fn len(&self) -> u32 {
        self.n
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Takes in `scale · e_j` for every feature `j`, with zero right-hand sides: the prior's rows.
    pub(super) fn push_scaled_identity(&mut self, scale: T) {
        let mut block = Block::empty();
        for j in 0..R {
            let mut row = [T::zero(); R];
            row[j] = scale;
            block.push(&row, T::zero(), T::zero());
            if block.filled == BLOCK {
                self.absorb(&mut block);
            }
        }
        self.absorb(&mut block);
    }

    /// Reduces `[self; block]` to triangular form again and empties the block.
    fn absorb(&mut self, block: &mut Block<T>) {
        if block.filled == 0 {
            return;
        }
        for j in 0..R {
            let v = block.columns[j];
            let below = dot(&v, &v);
            if !(below > T::zero()) {
                continue;
            }
            let alpha = self.rows[j][j];
            let norm = (alpha * alpha + below).sqrt();
            // The sign that avoids cancellation in alpha − beta.
            let beta = if alpha > T::zero() { -norm } else { norm };
            let inverse = (alpha - beta).recip();
            let v = v.map(|x| x * inverse);
            let tau = (beta - alpha) / beta;
            self.rows[j][j] = beta;
            for k in j + 1..COLUMNS {
                let column = &mut block.columns[k];
                let w = tau * (self.rows[j][k] + dot(&v, column));
                self.rows[j][k] = self.rows[j][k] - w;
                for (c, &v) in column.iter_mut().zip(&v) {
                    *c = *c - w * v;
                }
            }
        }
        let (y, one) = (&block.columns[Y], &block.columns[ONE]);
        self.rest[0] = self.rest[0] + dot(y, y);
        self.rest[1] = self.rest[1] + dot(y, one);
        self.rest[2] = self.rest[2] + dot(one, one);
        *block = Block::empty();
    }
}

/// Rows on their way into a factor, stored by columns so that reflections run over contiguous memory.
struct Block<T> {
    columns: [[T; BLOCK]; COLUMNS],
    filled: usize,
}

impl<T: Real> Block<T> {
    fn empty() -> Self {
        Block { columns: [[T::zero(); BLOCK]; COLUMNS], filled: 0 }
    }

    #[inline]
    fn push(&mut self, phi: &[T; R], y: T, one: T) {
        let i = self.filled;
        if i < BLOCK {
            for (column, &p) in self.columns.iter_mut().zip(phi) {
                column[i] = p;
            }
            self.columns[Y][i] = y;
            self.columns[ONE][i] = one;
            self.filled = i + 1;
        }
    }
}

/// `aᵀb`, summed as a tree: a fixed order that vectorises.
#[inline]
fn dot<T: Real>(a: &[T; BLOCK], b: &[T; BLOCK]) -> T {
    let mut s = [T::zero(); 4];
    for i in 0..BLOCK / 4 {
        for (lane, s) in s.iter_mut().enumerate() {
            *s = *s + a[4 * i + lane] * b[4 * i + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Gram matrix of the rows, which any orthogonal reduction must keep.
    #[test]
    fn the_factor_keeps_the_gram_matrix() {
        for n in [1, 2, 15, 16, 17, 33, 100] {
            let samples: [(f64, f64); 100] = core::array::from_fn(|i| {
                let x = i as f64 / 100.0;
                (x, (7.0 * x).sin() + 0.1 * ((i * 37 % 11) as f64 - 5.0))
            });
            let samples = &samples[..n];
            let factor = Factor::of(samples.iter().copied(), 0.2);
            let row = |&(x, y): &(f64, f64)| {
                let phi = features(x, 0.2);
                core::array::from_fn::<f64, COLUMNS, _>(|k| match k {
                    Y => y,
                    ONE => 1.0,
                    k => phi[k],
                })
            };
            for a in 0..COLUMNS {
                for b in a..COLUMNS {
                    let dense: f64 = samples.iter().map(|s| row(s)[a] * row(s)[b]).sum();
                    let mut reduced: f64 =
                        (0..R).filter(|&j| j <= a.min(b)).map(|j| factor.rows[j][a] * factor.rows[j][b]).sum();
                    if a >= R {
                        reduced += factor.rest[(a - R) + (b - R)];
                    }
                    assert!((dense - reduced).abs() < 1e-12 * (1.0 + n as f64), "n {n}, {a} {b}: {dense} {reduced}");
                }
            }
        }
    }
}
