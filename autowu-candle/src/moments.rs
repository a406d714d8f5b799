//! Adam's moments (Kingma, Ba 2015, Algorithm 1), and the limits of its parameters.

use candle_core::{Result, Tensor, bail};

/// Names of the two moments in a saved state.
pub(crate) const SLOTS: [&str; 2] = ["first_moment", "second_moment"];

/// `[β₁m + (1 − β₁)g, β₂v + (1 − β₂)g²]`.
pub(crate) fn update(
    [m, v]: &[Tensor; 2],
    g: &Tensor,
    beta1: f64,
    beta2: f64,
) -> Result<[Tensor; 2]> {
    let m = ((m * beta1)? + (g * (1.0 - beta1))?)?;
    let v = ((v * beta2)? + (g.sqr()? * (1.0 - beta2))?)?;
    Ok([m, v])
}

/// `1 − βᵗ`: what the moments' start at zero takes from them. From `libm`, so that it has the same
/// bits everywhere.
pub(crate) fn bias_correction(beta: f64, step: u64) -> f64 {
    1.0 - libm::pow(beta, step as f64)
}

/// `√(v/c) + ε`, with the second moment's bias correction `c`.
pub(crate) fn denominator(v: &Tensor, correction: f64, eps: f64) -> Result<Tensor> {
    v.sqrt()?.affine(1.0 / correction.sqrt(), eps)
}

/// `Err` with the value and the limit of a parameter that is outside it.
pub(crate) fn require(within: bool, name: &str, value: f64, limit: &str) -> Result<()> {
    if !within {
        bail!("{name} is {value}: it must {limit}");
    }
    Ok(())
}

/// The limits of the parameters that all adaptive optimizers have.
pub(crate) fn check(lr: f64, beta1: f64, beta2: f64, eps: f64, weight_decay: f64) -> Result<()> {
    check_common(lr, weight_decay)?;
    require((0.0..1.0).contains(&beta1), "beta1", beta1, "lie in [0, 1); 0.9 is usual")?;
    require((0.0..1.0).contains(&beta2), "beta2", beta2, "lie in [0, 1); 0.999 is usual")?;
    require(eps > 0.0 && eps.is_finite(), "eps", eps, "be a finite number above 0; 1e-8 is usual")
}

/// The limits of the parameters that all optimizers have.
pub(crate) fn check_common(lr: f64, weight_decay: f64) -> Result<()> {
    require(lr >= 0.0 && lr.is_finite(), "lr", lr, "be a finite number, at least 0")?;
    let decay = weight_decay >= 0.0 && weight_decay.is_finite();
    require(decay, "weight_decay", weight_decay, "be a finite number, at least 0; 0 turns it off")
}
