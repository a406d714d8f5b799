//! What rounding allows, in one place: every comparison of the GP with an oracle takes its bound
//! from here.
//!
//! The core sums and solves in doubles, whatever the precision `T` of its arguments. With `u =
//! 2⁻⁵³`, `u_T` the unit roundoff of `T`, and `κ = 1 + n s²/σ²`, which bounds the condition number
//! of the covariance matrix, each bound is `factor · (u_T + u κ)` in the natural unit of its
//! quantity. On top come the kernel's [`truncation`] and, where the oracle itself works in doubles,
//! its own [`rounding`](dense_rounding).

use autowu_core::gp::truncation_bound;

/// A comparison's bound, and why it is that.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// What is compared, and its unit.
    pub what: &'static str,
    /// Multiple of `u_T + u κ` that is allowed.
    pub factor: f64,
    /// Why it is this large.
    pub why: &'static str,
}

impl Tolerance {
    /// `factor · (u_T + u κ)`
    pub fn bound(&self, unit: f64, kappa: f64) -> f64 {
        self.factor * (unit + U * kappa)
    }
}

const U: f64 = f64::EPSILON / 2.0;

/// Posterior mean.
pub const MEAN: Tolerance = Tolerance {
    what: "posterior mean / (|μ| + max |y|)",
    factor: 16.0,
    why: "normal equations: the weights carry the condition number of the matrix. In T: the \
          shortest sums of the result, the place x and the mean's own rounding",
};

/// Variance of a difference, in units of the prior's largest.
pub const VARIANCE: Tolerance = Tolerance {
    what: "variance of a difference / 2s²",
    factor: 32.0,
    why: "a sum of 20 squares after a triangular solve; in T two places x, and the rounding of s² \
          and σ²",
};

/// Negative log evidence per sample.
pub const EVIDENCE: Tolerance = Tolerance {
    what: "evidence / its largest terms",
    factor: 32.0,
    why: "eigenvalues count down to 16 ε λ_max; there Uᵀy = Φᵀy/√λ carries √u/6 of |y|, but what \
          such a component has too much the residual has too little, and their weights \
          1/(s²λ + σ²) and 1/σ² differ by s²λ/σ² ≤ 16 ε κ of themselves",
};

/// Gradient of the evidence by (μ, s², σ²).
pub const GRADIENT: Tolerance = Tolerance {
    what: "gradient / its largest terms",
    factor: 128.0,
    why: "as the evidence; and each component is a difference of two sums of like size",
};

/// What cutting the kernel's expansion after 32 terms may change: `τ κ`.
pub fn truncation(kappa: f64, length_scale: f64) -> f64 {
    truncation_bound(length_scale) * kappa
}

/// What a dense Cholesky factor in doubles may lose as the oracle: `4 u κ`.
pub fn dense_rounding(kappa: f64) -> f64 {
    4.0 * U * kappa
}
