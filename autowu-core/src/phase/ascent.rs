//! [`Ascent`]: the present climb with its losses and its tests.

use super::climb::Climb;
use super::now::Now;
use crate::digest::digest_fields;
use crate::gp::Fit;
use crate::real::Real;
use crate::test::{Measurement, Place, Report, TestInput, judge};
use crate::trajectory::Trajectory;

/// Losses that the last test of the warmup makes do with.
const LAST_TEST: u32 = 5;

/// A climb, its losses, and what its tests have led to. The next climb begins without either.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct Ascent<T: Real, const N: usize> {
    pub climb: Climb<T>,
    pub losses: Trajectory<T, N>,
    /// The fit that the next test goes on from.
    pub fit: Fit<T>,
    /// Positive tests in a row.
    pub positives: u32,
}

digest_fields!(Ascent<T, const N> { climb, losses, fit, positives });

impl<T: Real, const N: usize> Ascent<T, N> {
    pub fn new(climb: Climb<T>) -> Self {
        Ascent { climb, losses: Trajectory::new(), fit: Fit::default(), positives: 0 }
    }

    /// The learning rate after `step` steps of the run.
    #[inline]
    pub fn lr(&self, now: Now<'_>) -> T {
        self.climb.lr(now.config, now.step)
    }

    /// The learning rate of the step just taken.
    pub fn last_lr(&self, now: Now<'_>) -> T {
        self.climb.lr(now.config, now.before())
    }

    /// Whether the warmup's share of the budget is used, or the climb has reached its ceiling.
    pub fn is_over(&self, now: Now<'_>) -> bool {
        now.step >= self.climb.end(now.config)
    }

    /// Finite losses that a test needs. The last test of the warmup has to decide, so it makes do
    /// with fewer.
    pub fn fewest(&self, now: Now<'_>) -> u32 {
        let fewest = now.config.test.min_samples;
        if self.is_over(now) { fewest.min(LAST_TEST) } else { fewest }
    }

    /// What test number `number` of the run is made from.
    pub fn test_input<'a>(&'a self, now: Now<'a>, number: u64) -> TestInput<'a, T, N> {
        TestInput {
            rules: &now.config.test,
            seed: now.config.seed,
            number,
            fewest: self.fewest(now),
            losses: &self.losses,
            fit: &self.fit,
        }
    }

    /// The report of a measurement of [`test_input`](Self::test_input).
    pub fn judge(&self, now: Now<'_>, number: u64, measured: &Measurement<T>) -> Report<T> {
        let place = Place {
            step: now.step,
            climb: self.climb.number,
            curve: now.config.ramp.shape(),
            low: self.climb.base,
            high: self.last_lr(now),
            positives: self.positives,
            patience: now.config.patience(),
        };
        judge(&self.test_input(now, number), measured, &now.config.response, &place)
    }
}
