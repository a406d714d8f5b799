//! The Taylor features of the Gaussian kernel.

use crate::real::Real;

/// `R`: features of the kernel, the width of a GPU warp.
pub const FEATURES: usize = 32;

/// `φ(x)`, with `φ_0 = exp(−u²/2)`, `φ_j = φ_{j−1} · u/√j`, `u = (x − ½)/ℓ`, so that
/// `Σ_j φ_j(x) φ_j(x′) = exp(−(x − x′)²/2ℓ²)` up to [`truncation_bound`] (Cotter, Keshet, Srebro
/// 2011).
///
/// `x` in [0, 1].
///
/// ```
/// use autowu_core::gp::features;
/// let (a, b) = (features(0.3_f64, 0.2), features(0.4, 0.2));
/// let kernel: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
/// assert!((kernel - (-0.125_f64).exp()).abs() < 1e-15);
/// ```
#[inline]
pub fn features<T: Real>(x: T, length_scale: T) -> [T; FEATURES] {
    let u = (x - T::of(0.5)) / length_scale;
    let mut phi = [T::zero(); FEATURES];
    let mut last = (-u * u * T::of(0.5)).exp_();
    for (j, p) in phi.iter_mut().enumerate() {
        if j > 0 {
            last = last * (u * T::of(INVERSE_SQRT[j]));
        }
        *p = last;
    }
    phi
}

/// Upper bound of `|Σ_j φ_j(x) φ_j(x′) − exp(−(x − x′)²/2ℓ²)|` over [0, 1]²: `P(Poisson(1/4ℓ²) ≥
/// R)`.
///
/// ```
/// use autowu_core::gp::truncation_bound;
/// assert!(truncation_bound(0.2) < 3e-13);
/// assert!(truncation_bound(0.1) > 0.1);
/// ```
pub fn truncation_bound(length_scale: f64) -> f64 {
    let rate = 0.25 / (length_scale * length_scale);
    // The tail's terms, from j = R on; ratios fall below 1 at j = rate. Beyond 700 the first factor
    // underflows.
    if !(rate < 700.0) {
        return 1.0;
    }
    let mut term = libm::exp(-rate);
    let mut tail = 0.0;
    for j in 0..4000_u32 {
        if j as usize >= FEATURES {
            tail += term;
        }
        term *= rate / f64::from(j + 1);
    }
    tail.min(1.0)
}

/// `1/√j`.
#[allow(clippy::approx_constant)] // a table, one line of which is 1/√2
const INVERSE_SQRT: [f64; FEATURES] = [
    0.0,
    1.0,
    0.7071067811865476,
    0.5773502691896258,
    0.5,
    0.4472135954999579,
    0.4082482904638631,
    0.3779644730092272,
    0.35355339059327373,
    0.3333333333333333,
    0.31622776601683794,
    0.30151134457776363,
    0.2886751345948129,
    0.2773500981126146,
    0.2672612419124244,
    0.2581988897471611,
    0.25,
    0.24253562503633297,
    0.23570226039551584,
    0.22941573387056174,
    0.22360679774997896,
    0.2182178902359924,
    0.21320071635561041,
    0.20851441405707477,
    0.20412414523193154,
    0.2,
    0.19611613513818404,
    0.19245008972987526,
    0.1889822365046136,
    0.18569533817705186,
    0.18257418583505536,
    0.1796053020267749,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_inverse_square_root() {
        for (j, &v) in INVERSE_SQRT.iter().enumerate().skip(1) {
            assert!((v * v * j as f64 - 1.0).abs() < 4e-16, "{j}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn features_reproduce_the_kernel_to_the_bound() {
        for length_scale in [0.2_f64, 0.3, 1.0] {
            let bound = truncation_bound(length_scale);
            for i in 0..=50 {
                for k in 0..=50 {
                    let (x, z) = (f64::from(i) / 50.0, f64::from(k) / 50.0);
                    let (p, q) = (features(x, length_scale), features(z, length_scale));
                    let sum: f64 = p.iter().zip(&q).map(|(a, b)| a * b).sum();
                    let kernel = (-0.5 * ((x - z) / length_scale).powi(2)).exp();
                    assert!((sum - kernel).abs() <= bound + 2e-15, "{x} {z}: {sum} {kernel}");
                }
            }
        }
    }

    #[test]
    fn the_bound_matches_the_figures_of_the_method() {
        assert!((truncation_bound(0.2) / 2.7e-13 - 1.0).abs() < 0.05);
        assert_eq!(truncation_bound(0.0), 1.0);
        assert_eq!(truncation_bound(f64::NAN), 1.0);
    }
}
