//! The hyper-parameters of the process.

/// The hyper-parameters of `y = μ + f(x) + ε`, `f ~ GP(0, s² k)`, `ε ~ N(0, σ²)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Hyper<T> {
    /// `μ`
    pub mean: T,
    /// `s²`
    pub output_scale: T,
    /// `σ²`
    pub noise: T,
}
