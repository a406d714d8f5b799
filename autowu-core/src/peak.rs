//! [`PeakRule`]: the learning rate to go back to.

use crate::digest::{Digest, Digestible};
use crate::real::Real;
use crate::schedule::Warmup;

/// The learning rate of the minimum, from the places `x*_j` in [0, 1] where the votes see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PeakRule {
    /// `mean_j η(x*_j)`, eq. (5): the mean of the learning rates.
    MeanRate,
    /// `η(mean_j x*_j)`: the learning rate at the mean place, which on an exponential climb is the
    /// geometric mean of the learning rates.
    RateAtMean,
}

impl PeakRule {
    /// The rule's learning rate on a climb from `low` to `high`; NaN without a place.
    ///
    /// ```
    /// use autowu_core::{PeakRule, Warmup};
    /// let places = [0.25, 0.75];
    /// let peak = |rule: PeakRule| rule.peak(places.into_iter(), Warmup::Exponential, 1e-4, 1.0);
    /// assert!((peak(PeakRule::MeanRate) - 0.0505_f64).abs() < 1e-12);
    /// assert!((peak(PeakRule::RateAtMean) - 0.01_f64).abs() < 1e-12);
    /// ```
    pub fn peak<T: Real>(
        self,
        places: impl ExactSizeIterator<Item = T>,
        curve: Warmup,
        low: T,
        high: T,
    ) -> T {
        let count = T::of_u64(places.len() as u64);
        match self {
            PeakRule::MeanRate => {
                places.fold(T::zero(), |sum, x| sum + curve.at(x, low, high)) / count
            }
            PeakRule::RateAtMean => {
                curve.at(places.fold(T::zero(), |sum, x| sum + x) / count, low, high)
            }
        }
    }
}

impl Digestible for PeakRule {
    fn digest(&self, digest: &mut Digest) {
        digest.word(*self as u64);
    }
}
