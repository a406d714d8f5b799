//! What rounding allows, in one place: every comparison with an oracle takes its bound from here.
//!
//! `u` is the unit roundoff of the precision (2⁻⁵³, 2⁻²⁴), `κ = 1 + n s²/σ²` bounds the condition number of the
//! covariance matrix, and `τ` is the kernel's truncation error ([`truncation_bound`]). The square-root form works on rows whose
//! condition number is √κ; a dense Cholesky factor works on the matrix itself, κ. Each bound is in the natural
//! unit of its quantity.

use autowu_core::gp::truncation_bound;

/// A comparison's bound, and why it is that.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// What is compared, and its unit.
    pub what: &'static str,
    /// The power of κ that the error grows with.
    pub power: f64,
    /// Multiple of `u κ^power` that is allowed.
    pub factor: f64,
    /// Why so much.
    pub why: &'static str,
}

/// Posterior mean of the feature form, in units of `|μ| + max |y|`.
pub const MEAN: Tolerance = Tolerance {
    what: "posterior mean / (|μ| + max|y|)",
    power: 1.0,
    factor: 8.0,
    why: "a feature is a product of up to 31 rounded factors and an exp whose argument, up to 3.1, is rounded: about 40u each; \
          the factorisation adds a few u per block",
};

/// Variance of a difference, in units of the prior's own (2s²), at a place where the prior allows it.
pub const VARIANCE: Tolerance = Tolerance {
    what: "variance of a difference / 2s²",
    power: 0.5,
    factor: 32.0,
    why: "a sum of 32 squares of the solution of a triangular system; 40u from the features",
};

/// Negative log evidence per sample, in units of `1 + its quadratic part`.
pub const EVIDENCE: Tolerance = Tolerance {
    what: "evidence / (½ + (|μ| + max|y|)²/2σ²)",
    power: 0.5,
    factor: 32.0,
    why: "Σ ln A_j is well conditioned in A_j; the quadratic part is the residual's square over σ²",
};

/// Gradient of the evidence by (μ, s², σ²), in units of the largest that its terms can be.
pub const GRADIENT: Tolerance = Tolerance {
    what: "gradient / its largest terms",
    power: 0.5,
    factor: 64.0,
    why: "each component is a difference of two sums of like size: the error is relative to the sums, not to the difference",
};

/// What cutting the kernel's expansion after 32 terms may change: `τ κ`.
pub fn truncation(kappa: f64, length_scale: f64) -> f64 {
    truncation_bound(length_scale) * kappa
}

/// What a dense Cholesky factor in doubles may lose as the oracle: `4 u κ`.
pub fn dense_rounding(kappa: f64) -> f64 {
    2.0 * f64::EPSILON * kappa
}
