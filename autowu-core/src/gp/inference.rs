//! [`Inference`]: what one vote says.

use crate::real::Real;

/// Locations on [0, 1], both ends included, at which the posterior is evaluated (paper section 2.2;
/// `m`).
pub const LOCATIONS: usize = 500;

/// The `i`-th of [`LOCATIONS`] equally spaced locations on [0, 1].
#[inline]
pub(crate) fn location<T: Real>(i: usize) -> T {
    T::of_u64(i as u64) / T::of_u64(LOCATIONS as u64 - 1)
}

/// One vote.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Inference<T> {
    /// `P`: max over i of Φ((mean_m − mean_i)/√(Var[f_i − f_m] + 1e-4)), eq. (4): the probability
    /// that the loss at some location lies below the loss now.
    pub probability: T,
    /// The location in 0..[`LOCATIONS`] with the smallest posterior mean.
    pub argmin: u32,
    /// The probability that the loss at its highest location before the argmin lies above the loss
    /// at the argmin.
    pub descent: T,
}

impl<T> Inference<T> {
    /// A vote that was computed elsewhere.
    pub const fn new(probability: T, argmin: u32, descent: T) -> Self {
        Inference { probability, argmin, descent }
    }
}
