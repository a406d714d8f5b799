//! The likelihood of one subset of the losses, as a few sums.

use super::basis::{Basis, DEGREE as D, RANK, gaussian_weights};
use crate::real::Real;

/// Samples summed at a time.
const BLOCK: usize = 16;
const LANES: usize = 2;
type Lanes = [f64; LANES];

/// The likelihood of a subset `(x_i, y_i)` as a function of `f` and of the hyper-parameters: one
/// factor of the evidence and of the posterior, and the sums that determine it.
///
/// The posterior needs `ΨᵀΨ`, `Ψᵀy` and `Ψᵀ1` for the basis `ψ_k = g(t) T_k(t)`. Because `2 T_j T_k
/// = T_{j+k} + T_{|j−k|}`,
///
/// `(ΨᵀΨ)_jk = ½(ν_{j+k} + ν_{|j−k|})`, `ν_m = Σ_i g_i² T_m(t_i)`, and `ν_{2m} = 2 Σ ψ_m² − ν_0`,
/// `ν_{2m+1} = 2 Σ ψ_m ψ_{m+1} − ν_1`:
///
/// 4 D = 96 multiply-adds a sample; a triangular factor of 32 features takes 1024, a 500 × 500
/// Cholesky factor 42 000 (`n²/6`). Samples stream through; nothing grows with their number. The
/// sums are in double precision whatever `T` is: squares lose half of the digits, which 24 bits
/// cannot spare.
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
    /// The sums over the samples `(x_i, y_i)`, `x_i` in [0, 1]; every order gives the same up to
    /// rounding.
    pub fn of(samples: impl IntoIterator<Item = (T, T)>, length_scale: T) -> Self {
        let (mut sums, mut block, mut n) = (Sums::default(), Block::EMPTY, 0_u32);
        for (x, y) in samples {
            let i = block.filled;
            (block.t[i], block.y[i]) = (2.0 * x.wide() - 1.0, y.wide());
            block.filled += 1;
            n = n.saturating_add(1);
            if block.filled == BLOCK {
                sums.absorb(&block, length_scale.wide());
                block = Block::EMPTY;
            }
        }
        sums.absorb(&block, length_scale.wide());
        let total = |lanes: &[Lanes; D]| core::array::from_fn(|m| lanes[m][0] + lanes[m][1]);
        Factor {
            even: total(&sums.even),
            odd: total(&sums.odd),
            y: total(&sums.y),
            one: total(&sums.one),
            squares: sums.squares.map(|[a, b]| a + b),
            n,
            length_scale,
        }
    }

    /// Number of samples.
    pub fn len(&self) -> u32 {
        self.n
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// `Lᵀ ΨᵀΨ L`: the Gram matrix of the subset in the prior's directions, written to `gram`: a
    /// returned result of this size would be on the stack twice.
    pub(super) fn gram(&self, basis: &Basis, gram: &mut [[f64; RANK]; RANK]) {
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
        for (j, row) in gram.iter_mut().enumerate() {
            // ΨᵀΨ L, column j
            let mut column = [0.0; D];
            for (l, value) in basis.column(j) {
                let half = 0.5 * value;
                let (sums, differences) = (&nu[CENTER + l..][..D], &nu[CENTER - l..][..D]);
                for ((c, s), d) in column.iter_mut().zip(sums).zip(differences) {
                    *c += half * (s + d);
                }
            }
            *row = basis.project(&column);
        }
    }
}

/// Samples not yet summed.
struct Block {
    t: [f64; BLOCK],
    y: [f64; BLOCK],
    filled: usize,
}

impl Block {
    const EMPTY: Block = Block { t: [0.0; BLOCK], y: [0.0; BLOCK], filled: 0 };
}

/// The sums of a [`Factor`], in two lanes, for the even and the odd places of each block: an order
/// that a compiler can vectorise.
#[derive(Default)]
struct Sums {
    even: [Lanes; D],
    odd: [Lanes; D],
    y: [Lanes; D],
    one: [Lanes; D],
    squares: [Lanes; 2],
}

impl Sums {
    /// Adds a block's sums, so that rounding grows with the number of blocks, not of samples.
    fn absorb(&mut self, block: &Block, length_scale: f64) {
        let Block { t, y, filled } = block;
        let mut now = gaussian_weights(t, length_scale);
        for unused in &mut now[*filled..] {
            *unused = 0.0;
        }
        let mut next: [f64; BLOCK] = core::array::from_fn(|i| t[i] * now[i]);
        let twice = t.map(|t| t + t);
        for m in 0..D {
            let [mut even, mut odd, mut by_y, mut one] = [[0.0; LANES]; 4];
            for i in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let (a, b) = (now[i + lane], next[i + lane]);
                    even[lane] += a * a;
                    odd[lane] += a * b;
                    by_y[lane] += a * y[i + lane];
                    one[lane] += a;
                    (now[i + lane], next[i + lane]) = (b, twice[i + lane] * b - a);
                }
            }
            add(&mut self.even[m], even);
            add(&mut self.odd[m], odd);
            add(&mut self.y[m], by_y);
            add(&mut self.one[m], one);
        }
        let [mut squares, mut sum] = [[0.0; LANES]; 2];
        for i in (0..BLOCK).step_by(LANES) {
            for lane in 0..LANES {
                squares[lane] += y[i + lane] * y[i + lane];
                sum[lane] += y[i + lane];
            }
        }
        add(&mut self.squares[0], squares);
        add(&mut self.squares[1], sum);
    }
}

#[inline]
fn add(total: &mut Lanes, part: Lanes) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

#[cfg(test)]
mod tests {
    use super::super::basis::basis_functions;
    use super::*;

    #[test]
    fn the_sums_give_the_gram_matrix() {
        for n in [1, 2, 15, 16, 17, 33, 100] {
            let samples: [(f64, f64); 100] =
                core::array::from_fn(|i| (i as f64 / 100.0, (0.07 * i as f64).sin()));
            let samples = &samples[..n];
            let basis = Basis::new(0.2);
            let mut gram = [[0.0; RANK]; RANK];
            Factor::of(samples.iter().copied(), 0.2).gram(&basis, &mut gram);
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
