//! The posterior of the loss curve given one subset.

use super::basis::{Basis, DEGREE as D, RANK as R, basis_functions};
use super::factor::Factor;
use super::fit::Hyper;
use crate::real::Real;
use num_traits::Float;

/// The posterior of `f = Σ v_k ψ_k` given one subset: `v ~ N(v̂, MᵀM)`.
///
/// The prior is `v = L w`, `w ~ N(0, s² I)`. With `A = I + (s²/σ²) Lᵀ ΨᵀΨ L = R Rᵀ`, `R` upper triangular, `M = s R⁻¹ Lᵀ` is upper
/// trapezoidal, and `v̂ = Mᵀ M Ψᵀ(y − μ)/σ²`. The factorisation is in double precision; what is kept of it is in `T`.
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
    /// Conditions the GP on the factor's samples. `length_scale` must be the factor's.
    pub fn condition(factor: Factor<T>, hyper: &Hyper<T>, length_scale: T) -> Self {
        Self::on(&Basis::new(length_scale.wide()), &factor, hyper)
    }

    /// `R³/6 + R²D/2 + R D²` ≈ 18 000 multiply-adds.
    pub(crate) fn on(basis: &Basis, factor: &Factor<T>, hyper: &Hyper<T>) -> Self {
        let (mean, scale, noise) = (hyper.mean.wide(), hyper.output_scale.wide(), hyper.noise.wide());
        let mut a = factor.gram(basis);
        let ratio = scale / noise;
        for (i, row) in a.iter_mut().enumerate() {
            for x in row.iter_mut() {
                *x *= ratio;
            }
            row[i] += 1.0;
        }
        reverse_cholesky(&mut a);

        let deviation = Float::sqrt(scale);
        let mut root = [[0.0; D]; R];
        for (i, row) in root.iter_mut().enumerate() {
            for (k, l) in basis.column(i) {
                row[k] = deviation * l;
            }
        }
        for k in (0..R).rev() {
            let inverse = a[k][k].recip();
            let (above, rest) = root.split_at_mut(k);
            let row = &mut rest[0][k..];
            for x in row.iter_mut() {
                *x *= inverse;
            }
            for (row_above, &r) in above.iter_mut().zip(&a[k]) {
                for (x, m) in row_above[k..].iter_mut().zip(row.iter()) {
                    *x -= r * m;
                }
            }
        }

        let pull: [f64; D] = core::array::from_fn(|k| (factor.y[k] - mean * factor.one[k]) / noise);
        let mut weights = [0.0; D];
        for (i, row) in root.iter().enumerate() {
            let along: f64 = row[i..].iter().zip(&pull[i..]).map(|(m, g)| m * g).sum();
            for (w, m) in weights[i..].iter_mut().zip(&row[i..]) {
                *w += along * m;
            }
        }
        Posterior {
            root: root.map(|row| row.map(T::of)),
            weights: weights.map(T::of),
            mean: hyper.mean,
            length_scale: factor.length_scale,
            widest: hyper.output_scale + hyper.output_scale,
        }
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
        let (mut a, b) = (basis_functions(x, self.length_scale), basis_functions(z, self.length_scale));
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

/// `A = R Rᵀ` with `R` upper triangular, in place; `R_ij` is left at `[j][i]`.
///
/// `A − I` has no negative eigenvalue, so every pivot is at least 1 but for rounding.
fn reverse_cholesky(a: &mut [[f64; R]; R]) {
    for j in (0..R).rev() {
        let pivot = Float::sqrt(a[j][j].max(1.0));
        let inverse = pivot.recip();
        let (above, rest) = a.split_at_mut(j);
        let row = &mut rest[0];
        row[j] = pivot;
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
