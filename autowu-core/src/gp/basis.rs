//! The basis that the inference works in: Chebyshev polynomials times a Gaussian.

use crate::real::Real;
use num_traits::Float;

/// `D`: polynomials of the basis.
pub(super) const DEGREE: usize = 24;
/// `R`: directions of the prior that matter; the rest of its variance is below the kernel's
/// truncation.
pub(super) const RANK: usize = 20;

const HALF_DEGREE: usize = DEGREE / 2;
const HALF_RANK: usize = RANK / 2;

/// The Gaussian kernel as a prior on the weights of `ψ_k(x) = exp(−zt²/2) T_k(t)`, `t = 2x − 1`, `z
/// = 1/4ℓ²`.
///
/// `exp(−(x − x′)²/2ℓ²) = exp(−zt²/2) exp(−zt′²/2) exp(z t t′)`. In `t`, the last factor's
/// Chebyshev coefficients are Bessel functions of `zt′` (DLMF 10.32.3); theirs are products of two,
/// by Neumann's integral (DLMF 10.32(iii)):
///
/// `exp(z t t′) = Σ_jk S_jk T_j(t) T_k(t′)`, `S_jk = c_j c_k I_{(j+k)/2}(z/2) I_{|j−k|/2}(z/2)` for
/// even `j + k`, else 0, with `c_0 = 1`, `c_k = 2`.
///
/// So `f = Σ v_k ψ_k` with `v ~ N(0, s² S)`, `S = L Lᵀ` up to [`RANK`] columns. The kernel's error
/// is 2e-13 at ℓ = 0.2, and 4e-10 at the shortest ℓ that a configuration can have: below the
/// [bound](super::truncation_bound) of the Taylor features. Advantages over those: a product of two
/// `T_k` is a sum of two, so a subset enters through `O(D)` sums, not `O(D²)`; and `L` is graded,
/// so these sums lose digits only relative to each direction's own variance (Demmel, Veselić 1992).
pub(crate) struct Basis {
    /// `L`, lower triangular, by parity: `L_{2a+p, 2b+p} = prior[p][a][b]`, all else is 0.
    prior: [[[f64; HALF_RANK]; HALF_DEGREE]; 2],
}

impl Basis {
    /// Out of line, so that its temporaries are not on the stack during the rest of a test.
    #[inline(never)]
    pub fn new(length_scale: f64) -> Self {
        let half = 0.125 / (length_scale * length_scale);
        let bessel: [f64; DEGREE] = core::array::from_fn(|m| bessel_i(m, half));
        let mut basis = Basis { prior: [[[0.0; HALF_RANK]; HALF_DEGREE]; 2] };
        for (p, l) in basis.prior.iter_mut().enumerate() {
            let c = |a: usize| if a + p == 0 { 1.0 } else { 2.0 };
            for b in 0..HALF_RANK {
                let pivot_row = l[b];
                let rest = |a: usize, row: &[f64; HALF_RANK]| {
                    let known: f64 = row[..b].iter().zip(&pivot_row).map(|(x, y)| x * y).sum();
                    c(a) * c(b) * bessel[a + b + p] * bessel[a - b] - known
                };
                let pivot = rest(b, &pivot_row);
                // In double precision a long length-scale has fewer directions: the rest stay zero.
                if !(pivot > 0.0) {
                    break;
                }
                let inverse = Float::sqrt(pivot).recip();
                for (a, row) in l.iter_mut().enumerate().skip(b) {
                    row[b] = rest(a, row) * inverse;
                }
            }
        }
        basis
    }

    /// `Lᵀv`
    pub fn project(&self, v: &[f64; DEGREE]) -> [f64; RANK] {
        let mut out = [0.0; RANK];
        for (p, l) in self.prior.iter().enumerate() {
            let mut sums = [0.0; HALF_RANK];
            for (row, v) in l.iter().zip(v.iter().skip(p).step_by(2)) {
                for (sum, l) in sums.iter_mut().zip(row) {
                    *sum += l * v;
                }
            }
            for (b, sum) in sums.into_iter().enumerate() {
                out[2 * b + p] = sum;
            }
        }
        out
    }

    /// `L w`
    pub fn combine(&self, w: &[f64; RANK]) -> [f64; DEGREE] {
        core::array::from_fn(|k| self.row(k).map(|(j, l)| l * w[j]).sum())
    }

    /// Row `k` of `L` as pairs `(j, L_kj)`, without the zeros of the other parity.
    pub fn row(&self, k: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let p = k % 2;
        self.prior[p][k / 2].iter().enumerate().map(move |(b, &l)| (2 * b + p, l))
    }

    /// Column `j` of `L` as pairs `(k, L_kj)`, without its zeros.
    pub fn column(&self, j: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (p, b) = (j % 2, j / 2);
        self.prior[p].iter().enumerate().skip(b).map(move |(a, row)| (2 * a + p, row[b]))
    }
}

/// `ψ(x)`: 24 numbers. `T_{k+2} = 2 T_2 T_k − T_{k−2}`, in two independent chains.
#[inline]
pub(super) fn basis_functions<T: Real>(x: T, length_scale: T) -> [T; DEGREE] {
    let t = x + x - T::one();
    let weight = gaussian_weight(t, length_scale);
    let two_t2 = twice_t2(t);
    let mut psi = [weight; DEGREE];
    psi[1] = t * weight;
    let mut before = [two_t2 * T::of(0.5) * weight, psi[1]];
    for k in 2..DEGREE {
        psi[k] = two_t2 * psi[k - 2] - before[k % 2];
        before[k % 2] = psi[k - 2];
    }
    psi
}

/// `exp(−zt²/2) = exp(−(x − ½)²/2ℓ²)`
#[inline]
pub(super) fn gaussian_weight<T: Real>(t: T, length_scale: T) -> T {
    let u = t * T::of(0.5) / length_scale;
    (-u * u * T::of(0.5)).exp_()
}

/// The same for many `t` at once: a Taylor polynomial of the sixteenth part, squared four times,
/// which vectorises.
///
/// Relative error 4e-15 for the length-scales that a configuration can have, whose exponents lie in
/// [−4.5, 0].
#[inline]
pub(super) fn gaussian_weights<const K: usize>(t: &[f64; K], length_scale: f64) -> [f64; K] {
    let factor = -0.125 / (16.0 * length_scale * length_scale);
    let part = t.map(|t| factor * t * t);
    let mut power = [INVERSE_FACTORIAL[0]; K];
    for c in &INVERSE_FACTORIAL[1..] {
        for (p, q) in power.iter_mut().zip(&part) {
            *p = *p * q + c;
        }
    }
    for p in &mut power {
        for _ in 0..4 {
            *p *= *p;
        }
    }
    power
}

/// `1/12!`, …, `1/0!`
const INVERSE_FACTORIAL: [f64; 13] = {
    let mut table = [1.0; 13];
    let (mut k, mut factorial) = (0, 1.0);
    while k < 13 {
        table[12 - k] = 1.0 / factorial;
        k += 1;
        factorial *= k as f64;
    }
    table
};

/// `2 T_2(t) = 2(2t² − 1)`
#[inline]
pub(super) fn twice_t2<T: Real>(t: T) -> T {
    let s = T::of(2.0) * t * t - T::one();
    s + s
}

/// `I_m(x) = (x/2)^m Σ_k (x²/4)^k / (k! (m+k)!)`, for small `x ≥ 0`.
fn bessel_i(m: usize, x: f64) -> f64 {
    let mut term = 1.0;
    for k in 1..=m {
        term *= 0.5 * x / k as f64;
    }
    let mut sum = term;
    for k in 1..64_usize {
        term *= 0.25 * x * x / (k * (k + m)) as f64;
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_is_the_kernel() {
        for (length_scale, allowed) in
            [(0.168, 4e-10), (0.2, 2e-13), (0.3, 1e-14), (1.0, 1e-14), (1e3, 1e-14), (1e200, 1e-14)]
        {
            let basis = Basis::new(length_scale);
            let at: [_; 41] = core::array::from_fn(|i| i as f64 / 40.0);
            let features = at.map(|x| basis.project(&basis_functions(x, length_scale)));
            for (x, a) in at.iter().zip(&features) {
                for (z, b) in at.iter().zip(&features) {
                    let sum: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    let kernel = (-0.5 * ((x - z) / length_scale).powi(2)).exp();
                    assert!(
                        (sum - kernel).abs() < allowed,
                        "ℓ {length_scale}, {x} {z}: {sum} {kernel}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_functions_are_weighted_chebyshev_polynomials() {
        for i in 0..=20 {
            let x = f64::from(i) / 20.0;
            let angle = (2.0 * x - 1.0).acos();
            for (k, psi) in basis_functions(x, 0.2).into_iter().enumerate() {
                let expected = (-12.5 * (x - 0.5).powi(2)).exp() * (k as f64 * angle).cos();
                assert!((psi - expected).abs() < 1e-13, "{x} {k}");
            }
        }
    }

    #[test]
    fn many_weights_are_those_of_one() {
        for length_scale in [0.168, 0.2, 1.0, 1e9] {
            let t: [f64; 201] = core::array::from_fn(|i| i as f64 / 100.0 - 1.0);
            for (t, weight) in t.iter().zip(gaussian_weights(&t, length_scale)) {
                assert!(
                    (weight / gaussian_weight(*t, length_scale) - 1.0).abs() < 4e-15,
                    "{length_scale} {t}"
                );
            }
        }
    }

    #[test]
    fn bessel_functions_match_the_tables() {
        // Abramowitz, Stegun, table 9.8: e⁻ˣ I_0(x), e⁻ˣ I_1(x) at x = 3.
        assert!((bessel_i(0, 3.0) * (-3.0_f64).exp() - 0.243_000_354_2).abs() < 1e-10);
        assert!((bessel_i(1, 3.0) * (-3.0_f64).exp() - 0.196_826_713_3).abs() < 1e-10);
        assert_eq!(bessel_i(5, 0.0), 0.0);
    }
}
