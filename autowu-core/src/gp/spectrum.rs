//! The evidence of a subset as a sum over eigenvalues.

use super::basis::{Basis, RANK as R};
use super::factor::Factor;
use super::hyper::Hyper;
use crate::real::Real;
use num_traits::Float;

/// What the evidence takes from a factor: the eigenvalues `λ` of `K/s²`, and `Uᵀy`, `Uᵀ1` for its
/// eigenvectors `U`.
///
/// `K/s² = Φ Φᵀ` with `Φ = ΨL`, so `λ` are the eigenvalues of the small `ΦᵀΦ = V diag(λ) Vᵀ`, and
/// `Uᵀy = λ^{−½} Vᵀ Φᵀy`.
#[derive(Clone, Debug)]
pub struct Spectrum<T> {
    lambda: [T; R],
    y: [T; R],
    one: [T; R],
    /// `yᵀy`, `yᵀ1`, `1ᵀ1` outside the span of `U`. Rounding moves a part from here to the others,
    /// so this can be below 0.
    rest: [T; 3],
    n: u32,
}

impl<T: Real> Spectrum<T> {
    /// Householder tridiagonalisation and implicit QL (Golub, Van Loan, *Matrix Computations*): `3
    /// R³` multiply-adds. The eigenvectors are never formed: only the two right-hand sides are
    /// rotated.
    pub fn of(factor: &Factor<T>) -> Self {
        Self::on(&Basis::new(factor.length_scale.wide()), factor)
    }

    /// Out of line, so that its arrays are not on the stack during the rest of a test.
    #[inline(never)]
    pub(crate) fn on(basis: &Basis, factor: &Factor<T>) -> Self {
        let mut sides = [basis.project(&factor.y), basis.project(&factor.one)];
        let mut gram = [[0.0; R]; R];
        factor.gram(basis, &mut gram);
        let (mut lambda, mut off) = tridiagonal(&mut gram, &mut sides);
        implicit_ql(&mut lambda, &mut off, &mut sides);
        let [mut y, mut one] = sides;
        // Below this an eigenvalue is rounding, and far below σ²/s²: its share goes to the rest.
        let largest = lambda.iter().fold(0.0_f64, |top, &l| top.max(l));
        let negligible = largest * 16.0 * f64::EPSILON;
        let [yy, y1] = factor.squares;
        let mut rest = [yy, y1, f64::from(factor.len())];
        for ((l, y), o) in lambda.iter_mut().zip(&mut y).zip(&mut one) {
            if !(*l > negligible) {
                (*l, *y, *o) = (0.0, 0.0, 0.0);
                continue;
            }
            let inverse = Float::sqrt(*l).recip();
            (*y, *o) = (*y * inverse, *o * inverse);
            rest = [rest[0] - *y * *y, rest[1] - *y * *o, rest[2] - *o * *o];
        }
        Spectrum {
            lambda: lambda.map(T::of),
            y: y.map(T::of),
            one: one.map(T::of),
            rest: rest.map(T::of),
            n: factor.len(),
        }
    }

    /// Negative log evidence per sample, without its constant `½ ln 2π`:
    /// `(Σ_j [ln A_j + c_j²/A_j] + (n − R) ln σ² + rest/σ²)/2n` with `A_j = s² λ_j + σ²`, `c = Uᵀy
    /// − μ Uᵀ1`.
    pub fn negative_log_evidence(&self, hyper: &Hyper<T>) -> T {
        let Hyper { mean, output_scale, noise } = *hyper;
        let mut sum = self.spread() * noise.ln_() + self.rest_at(mean) / noise;
        for j in 0..R {
            let a = output_scale * self.lambda[j] + noise;
            let c = self.y[j] - mean * self.one[j];
            sum = sum + a.ln_() + c * c / a;
        }
        sum * T::of(0.5) / self.count()
    }

    /// Gradient of [`negative_log_evidence`](Self::negative_log_evidence) with respect to (μ, s²,
    /// σ²): `R` divisions, which vectorise, and `7 R` multiply-adds.
    pub fn gradient(&self, hyper: &Hyper<T>) -> [T; 3] {
        let Hyper { mean, output_scale, noise } = *hyper;
        let half = T::of(0.5);
        let inverse_noise = noise.recip();
        let inverse = self.lambda.map(|l| (output_scale * l + noise).recip());
        let [mut mean_parts, mut scale_parts, mut noise_parts] = [[T::zero(); 4]; 3];
        for j in (0..R).step_by(4) {
            for lane in 0..4 {
                let k = j + lane;
                let c = (self.y[k] - mean * self.one[k]) * inverse[k];
                let g = inverse[k] - c * c;
                mean_parts[lane] = mean_parts[lane] + self.one[k] * c;
                scale_parts[lane] = scale_parts[lane] + self.lambda[k] * g;
                noise_parts[lane] = noise_parts[lane] + g;
            }
        }
        let [mean_part, scale_part, noise_part] =
            [mean_parts, scale_parts, noise_parts].map(|s| (s[0] + s[2]) + (s[1] + s[3]));
        let d_mean = (mean * self.rest[2] - self.rest[1]) * inverse_noise - mean_part;
        let d_noise =
            inverse_noise * (self.spread() - self.rest_at(mean) * inverse_noise) + noise_part;
        let n = self.count();
        [d_mean / n, half * scale_part / n, half * d_noise / n]
    }

    /// `Σ (y − μ)²` outside the span of `U`, less what rounding added to the `c²`. An almost
    /// negligible eigenvalue, and so its `c`, has lost half of its digits, but `c²/A − c²/σ²` is as
    /// small as `s²λ/σ²`. Clipping at 0 would lose this cancellation.
    fn rest_at(&self, mean: T) -> T {
        let [yy, y1, oo] = self.rest;
        yy - mean * (y1 + y1) + mean * mean * oo
    }

    /// `n − R`; negative for a small subset, where `λ` is 0 from the n-th on.
    fn spread(&self) -> T {
        T::of_u64(u64::from(self.n)) - T::of(R as f64)
    }

    fn count(&self) -> T {
        T::of_u64(u64::from(self.n.max(1)))
    }
}

/// `QᵀAQ` tridiagonal for symmetric `a`, which is overwritten: its diagonal, its subdiagonal (in
/// 0..R−1), and `Qᵀ` applied to `sides`.
fn tridiagonal(a: &mut [[f64; R]; R], sides: &mut [[f64; R]; 2]) -> ([f64; R], [f64; R]) {
    let mut off = [0.0; R];
    for k in 0..R - 1 {
        let m = k + 1;
        let alpha = a[k][m];
        let below: f64 = a[k][m + 1..].iter().map(|x| x * x).sum();
        off[k] = alpha;
        if !(below > 0.0) {
            continue;
        }
        let norm = Float::sqrt(alpha * alpha + below);
        // The sign that avoids cancellation in alpha − beta.
        let beta = if alpha > 0.0 { -norm } else { norm };
        off[k] = beta;
        let mut v = [0.0; R];
        let inverse = (alpha - beta).recip();
        v[m] = 1.0;
        for i in m + 1..R {
            v[i] = a[k][i] * inverse;
        }
        let tau = (beta - alpha) / beta;
        let mut w = [0.0; R];
        for i in m..R {
            w[i] = tau * dot(&a[i], &v);
        }
        let shift = 0.5 * tau * dot(&v, &w);
        for (w, v) in w.iter_mut().zip(&v) {
            *w -= shift * v;
        }
        for i in m..R {
            let (vi, wi) = (v[i], w[i]);
            for ((x, v), w) in a[i].iter_mut().zip(&v).zip(&w) {
                *x -= vi * w + wi * v;
            }
        }
        for side in sides.iter_mut() {
            let along = tau * dot(side, &v);
            for (s, v) in side.iter_mut().zip(&v) {
                *s -= along * v;
            }
        }
    }
    (core::array::from_fn(|i| a[i][i]), off)
}

/// The eigenvalues of the tridiagonal matrix in `d`, and `Vᵀ` applied to `sides`, by QL steps with
/// Wilkinson's shift.
fn implicit_ql(d: &mut [f64; R], e: &mut [f64; R], sides: &mut [[f64; R]; 2]) {
    let scale = d.iter().chain(e.iter()).fold(0.0_f64, |top, x| top.max(x.abs()));
    let negligible = scale * f64::EPSILON;
    for l in 0..R {
        // Two steps an eigenvalue are usual; a matrix that is not finite ends here too.
        for _ in 0..30 {
            let m = (l..R - 1).find(|&m| e[m].abs() <= negligible).unwrap_or(R - 1);
            if m == l {
                break;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = Float::sqrt(g * g + 1.0);
            g = d[m] - d[l] + e[l] / (g + if g >= 0.0 { r } else { -r });
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                r = Float::sqrt(f * f + g * g);
                e[i + 1] = r;
                // Nothing to rotate: f and g have underflowed.
                (s, c) = if r > 0.0 { (f / r, g / r) } else { (0.0, 1.0) };
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                for side in sides.iter_mut() {
                    let (low, high) = (side[i], side[i + 1]);
                    (side[i], side[i + 1]) = (c * low - s * high, s * low + c * high);
                }
            }
            d[l] -= p;
            e[l] = g;
            e[m] = 0.0;
        }
    }
}

#[inline]
fn dot(a: &[f64; R], b: &[f64; R]) -> f64 {
    let mut s = [0.0; 4];
    for i in 0..R / 4 {
        for (lane, s) in s.iter_mut().enumerate() {
            *s += a[4 * i + lane] * b[4 * i + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric matrix and its eigenvalues in ascending order.
    type Case = (fn(usize, usize) -> f64, fn(usize) -> f64);

    fn sum_of_squares(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum()
    }

    /// `QᵀAQ` keeps trace and norm, and `Qᵀs` the length of `s`: also for an almost tridiagonal
    /// matrix, where a reflection is lost by cancellation, and for one with nothing to reflect.
    #[test]
    fn a_rotation_keeps_lengths() {
        let noise = |i: usize, j: usize| {
            let (i, j) = (i.min(j) as u64, i.max(j) as u64);
            (crate::sampling::mix(i * 100 + j) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        };
        for far in [1.0, 1e-4, 1e-8, 1e-12, 0.0] {
            for near in [1.0, -1.0, 0.0] {
                let of = |i: usize, j: usize| match i.abs_diff(j) {
                    0 => 2.0 + noise(i, i),
                    1 => near,
                    _ => far * noise(i, j),
                };
                let mut a: [[f64; R]; R] =
                    core::array::from_fn(|i| core::array::from_fn(|j| of(i, j)));
                let (trace, norm): (f64, f64) =
                    ((0..R).map(|i| a[i][i]).sum(), sum_of_squares(a.as_flattened()));
                let before: [[f64; R]; 2] =
                    core::array::from_fn(|k| core::array::from_fn(|i| noise(i, 50 + k)));
                let mut sides = before;
                let (mut d, mut e) = tridiagonal(&mut a, &mut sides);
                let after = sum_of_squares(&d) + 2.0 * sum_of_squares(&e[..R - 1]);
                assert!((d.iter().sum::<f64>() - trace).abs() < 1e-13 * norm, "{far} {near}");
                assert!((after / norm - 1.0).abs() < 1e-13, "{far} {near}: {after} {norm}");
                implicit_ql(&mut d, &mut e, &mut sides);
                assert!((d.iter().sum::<f64>() - trace).abs() < 1e-13 * norm, "{far} {near}");
                assert!((sum_of_squares(&d) / norm - 1.0).abs() < 1e-13, "{far} {near}");
                for (s, b) in sides.iter().zip(&before) {
                    assert!(
                        (sum_of_squares(s) / sum_of_squares(b) - 1.0).abs() < 1e-13,
                        "{far} {near}"
                    );
                }
            }
        }
    }

    #[test]
    fn eigenvalues_are_those_of_the_closed_form() {
        use core::f64::consts::PI;
        let second_differences: Case = (
            |i, j| match i.abs_diff(j) {
                0 => 2.0,
                1 => -1.0,
                _ => 0.0,
            },
            |k| 2.0 - 2.0 * (PI * (k + 1) as f64 / (R + 1) as f64).cos(),
        );
        let no_diagonal: Case = (
            |i, j| if i.abs_diff(j) == 1 { 1.0 } else { 0.0 },
            |k| -2.0 * (PI * (k + 1) as f64 / (R + 1) as f64).cos(),
        );
        // The covariance of a random walk.
        let random_walk: Case = (
            |i, j| (i.min(j) + 1) as f64,
            |k| 0.25 / (PI * (2 * (R - k) - 1) as f64 / (4 * R + 2) as f64).sin().powi(2),
        );
        let ones: Case = (|_, _| 1.0, |k| if k == R - 1 { R as f64 } else { 0.0 });
        let nothing: Case = (|_, _| 0.0, |_| 0.0);
        for (case, (entry, expected)) in
            [second_differences, no_diagonal, random_walk, ones, nothing].into_iter().enumerate()
        {
            let mut a: [[f64; R]; R] =
                core::array::from_fn(|i| core::array::from_fn(|j| entry(i, j)));
            let (mut d, mut e) = tridiagonal(&mut a, &mut [[0.0; R]; 2]);
            implicit_ql(&mut d, &mut e, &mut [[0.0; R]; 2]);
            d.sort_by(f64::total_cmp);
            for (k, d) in d.iter().enumerate() {
                assert!(
                    (d - expected(k)).abs() < 4e-11,
                    "case {case}, {k}: {d} for {}",
                    expected(k)
                );
            }
        }
    }

    /// With all samples at one place, `K = s² 1 1ᵀ`: the evidence is that of their mean, and of the
    /// deviations from it. What rounding adds to the components of almost negligible eigenvalues it
    /// takes from the rest.
    #[test]
    fn a_kernel_of_almost_nothing_leaves_white_noise() {
        for n in 1..=40 {
            let y = |i: u32| f64::from(i.wrapping_mul(0x9e37_79b9) >> 16) / 65536.0 - 0.3;
            let spectrum =
                Spectrum::of(&Factor::of((0..n).map(|i| (f64::from(i) / 40.0, y(i))), 0.2));
            let (mean, noise) = (0.9, 0.1);
            let squares: f64 = (0..n).map(|i| (y(i) - mean).powi(2)).sum();
            let expected = 0.5 * (f64::ln(noise) + squares / noise / f64::from(n));
            let ours = spectrum.negative_log_evidence(&Hyper { mean, output_scale: 1e-18, noise });
            assert!((ours / expected - 1.0).abs() < 1e-12, "{n}: {ours} {expected}");
        }
    }

    #[test]
    fn the_evidence_at_one_place_is_that_of_a_mean() {
        for place in [0.0, 0.3, 0.5, 1.0] {
            for n in [1, 2, 19, 20, 21, 300] {
                let y = |i: u32| f64::from(i.wrapping_mul(0x9e37_79b9) >> 16) / 65536.0 - 0.3;
                let spectrum = Spectrum::of(&Factor::of((0..n).map(|i| (place, y(i))), 0.2));
                let (count, mean) = (f64::from(n), (0..n).map(y).sum::<f64>() / f64::from(n));
                let within: f64 = (0..n).map(|i| (y(i) - mean).powi(2)).sum();
                for (mu, output_scale, noise) in
                    [(0.0, 0.7, 1e-2), (2.0, 1e-3, 0.5), (-0.5, 40.0, 1e-3)]
                {
                    let along: f64 = count * output_scale + noise;
                    let logarithms = along.ln() + (count - 1.0) * f64::ln(noise);
                    let expected = 0.5
                        * (logarithms + count * (mean - mu).powi(2) / along + within / noise)
                        / count;
                    let ours =
                        spectrum.negative_log_evidence(&Hyper { mean: mu, output_scale, noise });
                    assert!(
                        (ours - expected).abs() < 1e-9 * (1.0 + within / noise),
                        "{place} {n}: {ours} {expected}"
                    );
                }
            }
        }
    }
}
