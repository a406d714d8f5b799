//! The posterior of the loss curve given one subset.

use super::basis::{Basis, DEGREE as D, RANK as R, basis_functions};
use super::factor::Factor;
use super::hyper::Hyper;
use crate::real::Real;
use num_traits::Float;

/// Columns of `M` that are solved for together.
const GROUP: usize = 4;
/// Bytes of such a group.
pub(super) const GROUPS: usize = size_of::<[[f64; GROUP]; R]>();

/// The posterior of `f = Σ v_k ψ_k` given one subset: `v ~ N(v̂, MᵀM)`.
///
/// The prior is `v = L w`, `w ~ N(0, s² I)`. With `A = I + (s²/σ²) Lᵀ ΨᵀΨ L = R Rᵀ`, `R` upper
/// triangular, `M = s R⁻¹ Lᵀ` is upper trapezoidal, and `v̂ = Mᵀ M Ψᵀ(y − μ)/σ²`. The factorisation
/// is in double precision, its result in `T`.
#[derive(Clone, Debug)]
pub struct Posterior<T> {
    /// `M`, of which row `i` begins at column `i`.
    pub(super) root: [[T; D]; R],
    /// `v̂`
    pub(super) weights: [T; D],
    pub(super) mean: T,
    pub(super) length_scale: T,
    /// `2 s²`: no difference of two values of `f` varies more.
    pub(super) widest: T,
}

impl<T: Real> Posterior<T> {
    /// Conditions the GP on the factor's samples.
    pub fn condition(factor: &Factor<T>, hyper: &Hyper<T>) -> Self {
        let mut posterior = Self::unsolved(factor, hyper);
        posterior.solve(&Basis::new(factor.length_scale.wide()), factor, hyper);
        posterior
    }

    #[inline]
    pub(super) fn unsolved(factor: &Factor<T>, hyper: &Hyper<T>) -> Self {
        Posterior {
            root: [[T::zero(); D]; R],
            weights: [T::zero(); D],
            mean: hyper.mean,
            length_scale: factor.length_scale,
            widest: hyper.output_scale + hyper.output_scale,
        }
    }

    /// `M` and `v̂`: `R³/6 + R²D/2` multiply-adds, and 8000 for the Gram matrix: 15 000.
    pub(super) fn solve(&mut self, basis: &Basis, factor: &Factor<T>, hyper: &Hyper<T>) {
        let (mean, scale, noise) =
            (hyper.mean.wide(), hyper.output_scale.wide(), hyper.noise.wide());
        let mut a = [[0.0; R]; R];
        factor.gram(basis, &mut a);
        let ratio = scale / noise;
        for (i, row) in a.iter_mut().enumerate() {
            for x in row.iter_mut() {
                *x *= ratio;
            }
            row[i] += 1.0;
        }
        reverse_cholesky(&mut a);

        // M by groups of columns: only one group at a time is in double precision.
        let deviation = Float::sqrt(scale);
        for first in (0..D).step_by(GROUP) {
            let mut columns = [[0.0; GROUP]; R];
            for k in first..first + GROUP {
                for (j, l) in basis.row(k) {
                    columns[j][k - first] = deviation * l;
                }
            }
            solve(&a, &mut columns, R.min(first + GROUP));
            for (row, column) in self.root.iter_mut().zip(&columns) {
                for (m, &c) in row[first..].iter_mut().zip(column) {
                    *m = T::of(c);
                }
            }
        }

        // v̂ = s² L R⁻ᵀ R⁻¹ Lᵀ Ψᵀ(y − μ)/σ²
        let pull: [f64; D] = core::array::from_fn(|k| (factor.y[k] - mean * factor.one[k]) / noise);
        let mut along = basis.project(&pull).map(|x| [scale * x]);
        solve(&a, &mut along, R);
        solve_transposed(&a, &mut along);
        self.weights = basis.combine(&along.map(|[x]| x)).map(T::of);
    }

    /// The same posterior with `shift` added to the mean.
    pub(crate) fn shifted(self, shift: T) -> Self {
        Posterior { mean: self.mean + shift, ..self }
    }

    /// `μ + ψ(x)ᵀv̂`
    pub fn mean_at(&self, x: T) -> T {
        let psi = basis_functions(x, self.length_scale);
        self.mean + psi.iter().zip(&self.weights).fold(T::zero(), |sum, (&p, &w)| sum + p * w)
    }

    /// `Var[f(x)] = ‖M ψ(x)‖²`
    pub fn variance_at(&self, x: T) -> T {
        self.square(&basis_functions(x, self.length_scale))
    }

    /// `Var[f(x) − f(z)] = ‖M (ψ(x) − ψ(z))‖²`: a sum of squares, so it cannot come out negative.
    pub fn variance_of_difference(&self, x: T, z: T) -> T {
        let (mut a, b) =
            (basis_functions(x, self.length_scale), basis_functions(z, self.length_scale));
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a - b;
        }
        self.square(&a)
    }

    /// `‖M a‖²`
    #[inline]
    fn square(&self, a: &[T; D]) -> T {
        self.root.iter().enumerate().fold(T::zero(), |sum, (i, row)| {
            let v = dot_from(i, row, a);
            sum + v * v
        })
    }
}

/// `Σ_{k ≥ i} a_k b_k`, by fours; `a_k = 0` for `k < i`.
#[inline]
pub(super) fn dot_from<T: Real>(i: usize, a: &[T; D], b: &[T; D]) -> T {
    let mut s = [T::zero(); 4];
    for k in (i & !3..D).step_by(4) {
        for lane in 0..4 {
            s[lane] = s[lane] + a[k + lane] * b[k + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}

/// `A = R Rᵀ` with `R` upper triangular, in place; `R_ij` is left at `[j][i]`, and `1/R_ii` at
/// `[i][i]`.
///
/// `A − I` has no negative eigenvalue, so every pivot is at least 1 but for rounding.
fn reverse_cholesky(a: &mut [[f64; R]; R]) {
    for j in (0..R).rev() {
        let inverse = Float::sqrt(a[j][j].max(1.0)).recip();
        let (above, rest) = a.split_at_mut(j);
        let row = &mut rest[0];
        row[j] = inverse;
        for x in &mut row[..j] {
            *x *= inverse;
        }
        for (i, target) in above.iter_mut().enumerate() {
            let r = row[i];
            for (x, y) in target[..=i].iter_mut().zip(row.iter()) {
                *x -= r * y;
            }
        }
    }
}

/// `x ← R⁻¹ x`, for columns that are zero from row `filled` on.
fn solve<const L: usize>(r: &[[f64; R]; R], x: &mut [[f64; L]; R], filled: usize) {
    for k in (0..filled).rev() {
        let solved = x[k].map(|x| x * r[k][k]);
        x[k] = solved;
        for (x, r) in x.iter_mut().zip(&r[k][..k]) {
            for (x, s) in x.iter_mut().zip(&solved) {
                *x -= r * s;
            }
        }
    }
}

/// `x ← R⁻ᵀ x`
fn solve_transposed(r: &[[f64; R]; R], x: &mut [[f64; 1]; R]) {
    for k in 0..R {
        let known: f64 = r[k][..k].iter().zip(x.iter()).map(|(r, [x])| r * x).sum();
        x[k][0] = (x[k][0] - known) * r[k][k];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A textbook GP with the exact kernel: `K + σ²I = C Cᵀ`, mean `μ + kᵀ(K + σ²I)⁻¹(y − μ)`,
    /// variance `s² − ‖C⁻¹k‖²`.
    struct Dense {
        x: Vec<f64>,
        lower: Vec<Vec<f64>>,
        solved: Vec<f64>,
        hyper: Hyper<f64>,
    }

    impl Dense {
        fn of(samples: &[(f64, f64)], hyper: Hyper<f64>) -> Self {
            let mut dense = Dense {
                x: samples.iter().map(|s| s.0).collect(),
                lower: Vec::new(),
                solved: samples.iter().map(|s| s.1 - hyper.mean).collect(),
                hyper,
            };
            for i in 0..samples.len() {
                let mut row: Vec<f64> =
                    dense.x[..=i].iter().map(|&z| dense.kernel(dense.x[i], z)).collect();
                row[i] += hyper.noise;
                for j in 0..=i {
                    let known: f64 = (0..j)
                        .map(|k| row[k] * if j == i { row[k] } else { dense.lower[j][k] })
                        .sum();
                    row[j] = if j == i {
                        (row[j] - known).sqrt()
                    } else {
                        (row[j] - known) / dense.lower[j][j]
                    };
                }
                dense.lower.push(row);
            }
            dense.solved = dense.forward(dense.solved.clone());
            dense
        }

        fn kernel(&self, x: f64, z: f64) -> f64 {
            self.hyper.output_scale * (-12.5 * (x - z) * (x - z)).exp()
        }

        fn forward(&self, mut b: Vec<f64>) -> Vec<f64> {
            for i in 0..b.len() {
                let known: f64 = (0..i).map(|k| self.lower[i][k] * b[k]).sum();
                b[i] = (b[i] - known) / self.lower[i][i];
            }
            b
        }

        fn mean_and_variance(&self, at: f64) -> (f64, f64) {
            let v = self.forward(self.x.iter().map(|&x| self.kernel(at, x)).collect());
            let mean =
                self.hyper.mean + v.iter().zip(&self.solved).map(|(a, b)| a * b).sum::<f64>();
            (mean, self.hyper.output_scale - v.iter().map(|v| v * v).sum::<f64>())
        }
    }

    fn samples(n: u32, place: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let noise = |i: u32| f64::from(i.wrapping_mul(0x9e37_79b9) >> 16) / 65536.0 - 0.5;
        (0..n)
            .map(|i| {
                (
                    place(f64::from(i) / f64::from(n)),
                    (9.0 * f64::from(i) / f64::from(n)).cos() + 0.3 * noise(i),
                )
            })
            .collect()
    }

    /// A way to place samples, and the tolerances of mean and variance at σ² = 1e-4, in double and
    /// in single precision.
    type Case = (fn(f64) -> f64, [f64; 2], [f64; 2]);

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_posterior_is_that_of_the_dense_gp() {
        // The noise floor makes the dense matrix as ill-conditioned as it gets: 5e6. In a tenth of
        // [0, 1] extrapolation costs digits, of the dense GP as well.
        let everywhere: Case = (|x| x, [2e-10, 5e-10], [2e-6, 2e-6]);
        let in_a_tenth: Case = (|x| 0.1 * x, [2e-7, 2e-10], [2e-4, 2e-6]);
        let in_one_place: Case = (|_| 0.3, [2e-9, 2e-8], [2e-6, 2e-6]);
        for (place, double_off, single_off) in [everywhere, in_a_tenth, in_one_place] {
            for (n, noise) in [(3, 1e-4), (40, 1e-4), (200, 1e-4), (200, 1e-2), (200, 1.0)] {
                let samples = samples(n, place);
                let hyper = Hyper { mean: 0.2, output_scale: 0.7, noise };
                let dense = Dense::of(&samples, hyper);
                let double =
                    Posterior::condition(&Factor::of(samples.iter().copied(), 0.2), &hyper);
                let rounded = samples.iter().map(|&(x, y)| (x as f32, y as f32));
                let hyper = Hyper { mean: 0.2, output_scale: 0.7, noise: noise as f32 };
                let single = Posterior::condition(&Factor::of(rounded, 0.2), &hyper);
                for i in 0..=20 {
                    let x = f64::from(i) / 20.0;
                    let (mean, variance) = dense.mean_and_variance(x);
                    let off = |m: f64, v: f64, allowed: [f64; 2]| {
                        let off = [(m - mean).abs(), (v - variance).abs()];
                        assert!(
                            off[0] < allowed[0] && off[1] < allowed[1],
                            "n {n}, σ² {noise}, x {x}: {off:?}"
                        );
                    };
                    off(double.mean_at(x), double.variance_at(x), double_off);
                    off(
                        single.mean_at(x as f32).into(),
                        single.variance_at(x as f32).into(),
                        single_off,
                    );
                }
            }
        }
    }
}
