//! [`Climb`]: one rise of the learning rate.

use crate::config::Config;
use crate::digest::digest_fields;
use crate::real::Real;
use crate::schedule::Warmup;

/// One rise of the learning rate: `base · exp(rate · k)` (linear: `base + rate · k`), `k` steps
/// after `start`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
#[non_exhaustive]
pub struct Climb<T> {
    /// The learning rate at its first step.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub base: T,
    /// Growth per step: of the logarithm or, on a linear climb, of the learning rate.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub rate: T,
    /// Steps done when it began.
    pub start: u64,
    /// Its number in the run, from 0.
    pub number: u32,
}

digest_fields!(Climb<T> { base, rate, start, number });

impl<T: Real> Climb<T> {
    /// `min(base · exp(rate · k), max_lr)`, `k = step − start`: the learning rate after `step`
    /// steps of the run.
    #[inline]
    pub(crate) fn lr(&self, config: &Config, step: u64) -> T {
        let grown = self.rate * T::of_u64(step.saturating_sub(self.start));
        let lr = match config.ramp.shape() {
            Warmup::Exponential => self.base * grown.exp_(),
            Warmup::Linear => self.base + grown,
        };
        lr.min(T::of(config.max_lr))
    }

    /// The step with which the warmup is over: its share of the budget is used, or this climb has
    /// reached `max_lr`. By halving, so that no step has to look at its learning rate.
    pub(crate) fn end(&self, config: &Config) -> u64 {
        let ceiling = T::of(config.max_lr);
        let reaches = |step| self.rate > T::zero() && self.lr(config, step) >= ceiling;
        let (mut below, mut end) = (self.start, config.warmup_steps());
        while end > below.saturating_add(1) && reaches(end) {
            // `below` does not reach it, `end` does.
            let middle = below + (end - below) / 2;
            if reaches(middle) { end = middle } else { below = middle }
        }
        end
    }

    /// Whether a run of `config` can have come to this.
    #[cfg(feature = "serde")]
    pub(crate) fn is_valid(&self, config: &Config, step: u64) -> bool {
        is_lr(self.base, config)
            && self.rate >= T::zero()
            && self.rate.is_finite()
            && self.start <= step
    }
}

/// Whether a run of `config` can have this learning rate in the warmup, or as its peak.
#[cfg(feature = "serde")]
pub(super) fn is_lr<T: Real>(lr: T, config: &Config) -> bool {
    let ceiling = T::of(config.max_lr);
    lr > T::zero() && lr <= ceiling && (ceiling / lr).is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Curve, Ramp};

    #[test]
    fn the_warmup_ends_with_the_first_step_at_the_ceiling() {
        let config =
            Config::new(2000).without_scout().with_ramp(Ramp { fraction: 0.5, ..Ramp::default() });
        let (first, used) = (config.first_rate(), config.warmup_steps());
        for (base, rate) in [
            (1e-5, first),
            (1e-3, first / 3.0),
            (1e-2, 2.0 * first),
            (0.5, first),
            (0.1, 0.0),
            (1.0, 0.0),
            (1.0, first),
        ] {
            for start in [0, 1, used / 2, used - 2, used - 1] {
                let climb = Climb { base, rate, start, number: 1 };
                let at_ceiling = |step: &u64| rate > 0.0 && climb.lr(&config, *step) >= 1.0;
                let slow = (start + 1..used).find(at_ceiling);
                assert_eq!(climb.end(&config), slow.unwrap_or(used), "{climb:?}");
            }
        }
    }

    /// The first climb takes the whole warmup from the smallest learning rate to the largest, along
    /// either curve.
    #[test]
    fn the_first_climb_goes_all_the_way() {
        let linear = Ramp { curve: Curve::Linear { interval: 10, patience: 3 }, ..Ramp::paper(10) };
        for config in [
            Config::new(700).without_scout(),
            Config::paper(10, 50).with_ramp(linear).with_lr_range(0.1, 0.7),
        ] {
            let climb =
                Climb { base: config.min_lr, rate: config.first_rate(), start: 0, number: 0 };
            let end = config.warmup_steps();
            assert_eq!(climb.lr(&config, 0), config.min_lr);
            assert!((climb.lr(&config, end) / config.max_lr - 1.0).abs() < 1e-13);
            let halfway = config.ramp.shape().at(0.5, config.min_lr, config.max_lr);
            let lr = climb.lr(&config, end / 2);
            assert!((lr / halfway - 1.0).abs() < 1e-13, "{}", end / 2);
        }
    }
}
