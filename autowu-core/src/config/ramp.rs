//! How the learning rate rises in the warmup, and when the loss is tested on the way.

use super::error::{self, ConfigError};
use crate::digest::{Digest, Digestible, digest_fields};
use crate::schedule::Warmup;

/// When the loss is tested.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Interval {
    /// Every n steps. The paper: the steps of an epoch.
    Steps(u64),
    /// Every time that the first climb's learning rate has grown by this factor (1.1, say), rounded
    /// to whole steps.
    Growth(#[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))] f64),
}

/// For how long tests must stay positive.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Patience {
    /// n tests in a row. The paper: 3.
    Tests(u32),
    /// As many tests in a row as it takes the first climb's learning rate to grow by this factor
    /// (1.25, say); at least 2.
    Growth(#[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))] f64),
}

/// The curve of a climb, and the grid of its tests.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Curve {
    /// `η_t = η_min (η_max/η_min)^(t/W)`, eq. (1).
    Exponential {
        /// When the loss is tested.
        interval: Interval,
        /// For how long tests must stay positive.
        patience: Patience,
    },
    /// `η_t = η_min + (η_max − η_min) t/W`, eq. (6), for the paper's ablation. It has no constant
    /// growth, so its grid is in steps and tests.
    Linear {
        /// Steps from one test to the next.
        interval: u64,
        /// Positive tests in a row.
        patience: u32,
    },
}

impl Digestible for Curve {
    fn digest(&self, digest: &mut Digest) {
        let interval = |interval| match interval {
            Interval::Steps(steps) => (0, steps),
            Interval::Growth(growth) => (1, growth.to_bits()),
        };
        let patience = |patience| match patience {
            Patience::Tests(tests) => (0, u64::from(tests)),
            Patience::Growth(growth) => (1, growth.to_bits()),
        };
        let (curve, (i, every), (p, lasting)) = match *self {
            Curve::Exponential { interval: i, patience: p } => (0, interval(i), patience(p)),
            Curve::Linear { interval, patience } => (1, (0, interval), (0, u64::from(patience))),
        };
        [curve, i, every, p, lasting].into_iter().for_each(|word| digest.word(word));
    }
}

/// A fast climb through the whole range of learning rates, ahead of the first climb. Its weights
/// are thrown away; what it shows is where the loss leaves its level.
///
/// The first climb then begins `below` times lower. So a range as wide as 1e-7 to 10 costs a
/// twentieth of the run, and nobody has to know a narrower one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Scout {
    /// Its share of the steps, in (0, 1]; at most 0.6 of the warmup.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub fraction: f64,
    /// Its fewest steps.
    pub min_steps: u64,
    /// How many times lower the first climb begins, ≥ 1.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub below: f64,
    /// The pace of the first climb: the learning rate would grow by this factor in the whole
    /// warmup, > 1.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub growth: f64,
}

impl Default for Scout {
    fn default() -> Self {
        Scout { fraction: 0.05, min_steps: 12, below: 100.0, growth: 1e5 }
    }
}

digest_fields!(Scout { fraction, min_steps, below, growth });

impl Scout {
    fn validate(&self) -> Result<(), ConfigError> {
        error::fraction("scout.fraction", self.fraction, "the default is 0.05")?;
        error::at_least_one("scout.below", self.below, "the default is 100")?;
        error::growth("scout.growth", self.growth, "the default is 1e5")
    }
}

/// How the learning rate rises in the warmup: how far into the budget, along which curve.
///
/// A minor release before 1.0 may add fields: write `..Ramp::default()` and your code goes on
/// compiling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Ramp {
    /// `ρ`: the largest share of the steps that the warmup may use, in (0, 1].
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub fraction: f64,
    /// The warmup may use at least this many steps, or half of the run where that is less: fewer
    /// losses show no minimum.
    pub min_steps: u64,
    /// What goes ahead of the first climb, if weights can be restored and the curve is exponential.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::serde_real::option::required"))]
    pub scout: Option<Scout>,
    /// The curve of a climb, and the grid of its tests.
    pub curve: Curve,
}

impl Default for Ramp {
    fn default() -> Self {
        let (interval, patience) = (Interval::Growth(1.1), Patience::Growth(1.25));
        Ramp {
            fraction: 0.4,
            min_steps: 30,
            scout: None,
            curve: Curve::Exponential { interval, patience },
        }
    }
}

digest_fields!(Ramp { fraction, min_steps, scout, curve });

impl Ramp {
    /// A quarter of the budget and no scout: for runs too short for one, and for trainers that
    /// cannot restore weights.
    pub fn short() -> Self {
        Ramp { fraction: 0.25, min_steps: 20, ..Self::default() }
    }

    /// The authors' implementation: half of the budget, a test per epoch, three in a row.
    pub fn paper(steps_per_epoch: u64) -> Self {
        let (interval, patience) = (Interval::Steps(steps_per_epoch), Patience::Tests(3));
        Ramp {
            fraction: 0.5,
            min_steps: 0,
            scout: None,
            curve: Curve::Exponential { interval, patience },
        }
    }

    /// The same ramp, tested at another exponential grid.
    #[must_use]
    pub fn tested(self, interval: Interval, patience: Patience) -> Self {
        Ramp { curve: Curve::Exponential { interval, patience }, ..self }
    }

    /// `W = max(⌊ρT⌋, min(min_steps, ⌊T/2⌋))`, at least 1: the steps that the warmup of a run of
    /// `total` steps may use.
    pub fn steps(&self, total: u64) -> u64 {
        let least = self.min_steps.min(total / 2).max(1);
        ((self.fraction * total as f64) as u64).clamp(least, total.max(1))
    }

    /// The curve as a pure function.
    pub fn shape(&self) -> Warmup {
        match self.curve {
            Curve::Exponential { .. } => Warmup::Exponential,
            Curve::Linear { .. } => Warmup::Linear,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let steps = |n: u64| {
            error::at_least_one(
                "the interval",
                n as f64,
                "1 tests every step, an epoch's steps every epoch",
            )
        };
        let tests = |n: u32| error::at_least_one("the patience", f64::from(n), "the paper uses 3");
        error::fraction("ramp.fraction", self.fraction, "the paper uses 0.5")?;
        if let Some(scout) = &self.scout {
            scout.validate()?;
        }
        match self.curve {
            Curve::Linear { interval, patience } => steps(interval).and(tests(patience)),
            Curve::Exponential { interval, patience } => {
                match interval {
                    Interval::Steps(n) => steps(n),
                    Interval::Growth(by) => {
                        error::growth("the interval's growth", by, "the default is 1.1")
                    }
                }?;
                match patience {
                    Patience::Tests(n) => tests(n),
                    Patience::Growth(by) => {
                        error::growth("the patience's growth", by, "the default is 1.25")
                    }
                }
            }
        }
    }
}
