//! What one subset of the losses says, as a few sums.

use super::basis::{Basis, DEGREE as D, RANK, gaussian_weights};
use crate::real::Real;

/// Samples that are summed at a time.
const BLOCK: usize = 16;

/// The likelihood of a subset `(x_i, y_i)` as a function of `f` and of the hyper-parameters: one factor of the evidence and of the
/// posterior, and the sums that determine it.
///
/// The posterior needs `ΨᵀΨ`, `Ψᵀy` and `Ψᵀ1` for the basis `ψ_k = g(t) T_k(t)`. Because `2 T_j T_k = T_{j+k} + T_{|j−k|}`,
///
/// `(ΨᵀΨ)_jk = ½(ν_{j+k} + ν_{|j−k|})`, `ν_m = Σ_i g_i² T_m(t_i)`, and `ν_{2m} = 2 Σ ψ_m² − ν_0`, `ν_{2m+1} = 2 Σ ψ_m ψ_{m+1} − ν_1`:
///
/// 4 D = 96 multiply-adds a sample, where a triangular factor of 32 features takes 1024 and a 500 × 500 Cholesky factor 42 000 (`n²/6`).
/// Samples stream through; nothing grows with their number. The sums are in double precision whatever `T` is: squares lose
/// half of the digits, and 24 bits do not have them.
#[derive(Clone, Debug)]
pub struct Factor<T> {
    /// `Σ ψ_m²`
    even: [f64; D],
    /// `Σ ψ_m ψ_{m+1}`
    odd: [f64; D],
    /// `Ψᵀy`
    pub(super) y: [f64; D],
    /// `Ψᵀ1`
    pub(super) one: [f64; D],
    /// `Σ y²`, `Σ y`
    pub(super) squares: [f64; 2],
    /// Samples taken in.
    n: u32,
    pub(super) length_scale: T,
}

impl<T: Real> Factor<T> {
    /// The sums over the samples `(x_i, y_i)`, `x_i` in [0, 1]; every order gives the same up to rounding.
    pub fn of(samples: impl IntoIterator<Item = (T, T)>, length_scale: T) -> Self {
        let zero = [0.0; D];
        let mut factor = Factor { even: zero, odd: zero, y: zero, one: zero, squares: [0.0; 2], n: 0, length_scale };
        let mut block = Block::EMPTY;
        for (x, y) in samples {
            let i = block.filled;
            (block.t[i], block.y[i]) = (2.0 * x.wide() - 1.0, y.wide());
            block.filled += 1;
            factor.n = factor.n.saturating_add(1);
            if block.filled == BLOCK {
                factor.absorb(&block);
                block = Block::EMPTY;
            }
        }
        if block.filled > 0 {
            factor.absorb(&block);
        }
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

    fn absorb(&mut self, block: &Block) {
        let Block { t, y, filled } = block;
        let mut now = gaussian_weights(t, self.length_scale.wide());
        for unused in &mut now[*filled..] {
            *unused = 0.0;
        }
        let mut next: [f64; BLOCK] = core::array::from_fn(|i| t[i] * now[i]);
        for m in 0..D {
            self.even[m] += dot(&now, &now);
            self.odd[m] += dot(&now, &next);
            self.y[m] += dot(&now, y);
            self.one[m] += sum(&now);
            for i in 0..BLOCK {
                (now[i], next[i]) = (next[i], 2.0 * t[i] * next[i] - now[i]);
            }
        }
        self.squares[0] += dot(y, y);
        self.squares[1] += sum(y);
    }

    /// `Lᵀ ΨᵀΨ L`: the Gram matrix of the subset in the prior's directions.
    pub(super) fn gram(&self, basis: &Basis) -> [[f64; RANK]; RANK] {
        // ν_m at D − 1 ± m, so that ν_{|j−k|} is contiguous too.
        const CENTER: usize = D - 1;
        let mut nu = [0.0; 3 * D - 2];
        for m in 0..=2 * D - 2 {
            let value = match m {
                0 => self.even[0],
                1 => self.odd[0],
                m if m % 2 == 0 => 2.0 * self.even[m / 2] - self.even[0],
                m => 2.0 * self.odd[m / 2] - self.odd[0],
            };
            nu[CENTER + m] = value;
            if m < D {
                nu[CENTER - m] = value;
            }
        }
        core::array::from_fn(|j| {
            // ΨᵀΨ L, column j
            let mut column = [0.0; D];
            for (l, value) in basis.column(j) {
                let half = 0.5 * value;
                let (sums, differences) = (&nu[CENTER + l..][..D], &nu[CENTER - l..][..D]);
                for ((c, s), d) in column.iter_mut().zip(sums).zip(differences) {
                    *c += half * (s + d);
                }
            }
            basis.project(&column)
        })
    }
}

/// Samples on their way into the sums.
struct Block {
    t: [f64; BLOCK],
    y: [f64; BLOCK],
    filled: usize,
}

impl Block {
    const EMPTY: Block = Block { t: [0.0; BLOCK], y: [0.0; BLOCK], filled: 0 };
}

/// `aᵀb`, summed as a tree: a fixed order that vectorises.
#[inline]
fn dot(a: &[f64; BLOCK], b: &[f64; BLOCK]) -> f64 {
    let mut s = [0.0; 4];
    for i in 0..BLOCK / 4 {
        for (lane, s) in s.iter_mut().enumerate() {
            *s += a[4 * i + lane] * b[4 * i + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}

#[inline]
fn sum(a: &[f64; BLOCK]) -> f64 {
    let mut s = [0.0; 4];
    for i in 0..BLOCK / 4 {
        for (lane, s) in s.iter_mut().enumerate() {
            *s += a[4 * i + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}

#[cfg(test)]
mod tests {
    use super::super::basis::basis_functions;
    use super::*;

    #[test]
    fn the_sums_give_the_gram_matrix() {
        for n in [1, 2, 15, 16, 17, 33, 100] {
            let samples: [(f64, f64); 100] = core::array::from_fn(|i| (i as f64 / 100.0, (0.07 * i as f64).sin()));
            let samples = &samples[..n];
            let basis = Basis::new(0.2);
            let gram = Factor::of(samples.iter().copied(), 0.2).gram(&basis);
            let mut dense = [[0.0; RANK]; RANK];
            for &(x, _) in samples {
                let row = basis.project(&basis_functions(x, 0.2));
                for (a, d) in row.iter().zip(&mut dense) {
                    for (b, d) in row.iter().zip(d) {
                        *d += a * b;
                    }
                }
            }
            for (g, d) in gram.as_flattened().iter().zip(dense.as_flattened()) {
                assert!((g - d).abs() < 1e-13 * (1.0 + n as f64), "n {n}: {g} {d}");
            }
        }
    }
}
