//! What follows from a test: when it is positive, and what the run then does.

use super::error::{self, ConfigError};
use crate::digest::{Digest, Digestible, digest_fields};
use crate::peak::PeakRule;

/// Where the decay starts if the warmup's share of the budget is used without a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Fallback {
    /// From the learning rate reached (the paper's rule).
    Reached,
    /// From the learning rate of the lowest loss of the present climb.
    Argmin,
}

/// What a loss that is NaN or infinite means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum NonFinite {
    /// Nothing: it keeps its place in the history and is left out of everything else (the paper's
    /// code).
    Ignore,
    /// First a bad batch: its update is skipped ([`Event::Skip`](crate::Event::Skip)). More than
    /// `skips` in a row, on the same weights, are divergence: the climb ends, and the next starts
    /// at the learning rate of `back_steps` steps ago.
    EndClimb {
        /// Losses in a row whose updates are skipped; 0: the first is divergence.
        skips: u32,
        /// How far to go back, in steps of the climb that ended.
        back_steps: u32,
    },
}

/// What a run does when it has gone too far: whether the trainer can go back to a copy of its
/// weights.
///
/// A minor release before 1.0 may add fields to its variants; [`Config::without_restore`] and
/// [`Config::without_rescue`] go on compiling.
///
/// [`Config::without_restore`]: crate::Config::without_restore
/// [`Config::without_rescue`]: crate::Config::without_rescue
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Recovery {
    /// The trainer keeps a copy of its weights and goes back to it.
    Restore {
        /// After a detection the run climbs on from the learning rate of the minimum, this many
        /// times more slowly than at first, ≥ 1. Where the learning rate has then grown fourfold
        /// and the loss still falls, the climb had ended too early and goes on at its first pace.
        /// `None`: the learning rate of the minimum is held until the warmup ends.
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
        slowdown: Option<f64>,
        /// When the loss of the decay is above that of the copy, by more than noise and more than
        /// 0.15 of the run's descent, or losses are not finite, the weights go back and the rest of
        /// the decay has learning rates this many times lower, > 1; three times at most to one
        /// copy. If the loss was as high after each of them, the learning rate was not the cause,
        /// and is again what it was. Copies are taken in the decay too, while the loss is the
        /// lowest so far. Where no test was certain of a descent, only losses that are not finite
        /// count. `None`: the decay never goes back.
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
        rescue: Option<f64>,
    },
    /// The trainer has no copy: a detection, or a divergence, ends the warmup.
    None {
        /// Whether a decay that has lost ground is reported.
        guard: bool,
    },
}

impl Digestible for Recovery {
    fn digest(&self, digest: &mut Digest) {
        match *self {
            Recovery::Restore { slowdown, rescue } => {
                digest.word(0);
                slowdown.digest(digest);
                rescue.digest(digest);
            }
            Recovery::None { guard } => {
                [1, u64::from(guard)].into_iter().for_each(|w| digest.word(w))
            }
        }
    }
}

/// What follows from a test.
///
/// A minor release before 1.0 may add fields: write `..Response::default()` and your code goes on
/// compiling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Response {
    /// `c`: the probability that a positive vote must exceed, in (0.5, 1).
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub confidence: f64,
    /// The probability, in (0.5, 1), with which the loss must have fallen before its minimum can
    /// have been passed; `None`: not asked.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    pub descent: Option<f64>,
    /// `z` > 0, in deviations of one loss. Where the trainer cannot go back and the learning rate
    /// grows by a tenth per step or more, losses above `lowest + zσ` end the climb at once, because
    /// a test would come when the weights are beyond help. One bad batch can do that too. `lowest`
    /// is the lowest mean of three losses, `σ` follows from the differences of neighbours; the loss
    /// must have fallen by `½zσ` before. `None`: only tests end a climb.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    pub overshoot: Option<f64>,
    /// Which learning rate is that of the minimum.
    pub peak: PeakRule,
    /// The decay starts from this many times the learning rate of the minimum, > 0. `None`: from
    /// itself, or what an adapter knows of the optimizer's family (2 for SGD without momentum, ½
    /// for LAMB).
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    pub peak_factor: Option<f64>,
    /// Where the decay starts without a detection.
    pub fallback: Fallback,
    /// What NaN and infinity mean.
    pub non_finite: NonFinite,
    /// Whether the trainer can go back, and how the run then goes on.
    pub recovery: Recovery,
}

impl Default for Response {
    fn default() -> Self {
        Response {
            confidence: 0.95,
            descent: Some(0.99999),
            overshoot: Some(4.0),
            peak: PeakRule::RateAtMean,
            peak_factor: None,
            fallback: Fallback::Argmin,
            non_finite: NonFinite::EndClimb { skips: 2, back_steps: 10 },
            recovery: Recovery::Restore { slowdown: Some(3.0), rescue: Some(3.0) },
        }
    }
}

impl Digestible for Fallback {
    fn digest(&self, digest: &mut Digest) {
        digest.word(*self as u64);
    }
}

impl Digestible for NonFinite {
    fn digest(&self, digest: &mut Digest) {
        let (kind, skips, back) = match *self {
            NonFinite::Ignore => (0, 0, 0),
            NonFinite::EndClimb { skips, back_steps } => (1, skips, back_steps),
        };
        [kind, u64::from(skips), u64::from(back)].into_iter().for_each(|w| digest.word(w));
    }
}

digest_fields!(Response {
    confidence,
    descent,
    overshoot,
    peak,
    peak_factor,
    fallback,
    non_finite,
    recovery,
});

impl Response {
    /// The authors' implementation: the first detection ends the warmup, nobody goes back, losses
    /// that are not finite are ignored.
    pub fn paper() -> Self {
        Response {
            confidence: 0.95,
            descent: None,
            overshoot: None,
            peak: PeakRule::MeanRate,
            peak_factor: Some(1.0),
            fallback: Fallback::Reached,
            non_finite: NonFinite::Ignore,
            recovery: Recovery::None { guard: false },
        }
    }

    /// The default for a trainer that cannot go back. Its peak is eq. (5)'s, as in the paper.
    #[must_use]
    pub fn without_restore(self) -> Self {
        let guard = match self.recovery {
            Recovery::Restore { rescue, .. } => rescue.is_some(),
            Recovery::None { guard } => guard,
        };
        Response { peak: PeakRule::MeanRate, recovery: Recovery::None { guard }, ..self }
    }

    /// The same with a decay that never goes back, and without its guard.
    #[must_use]
    pub fn without_rescue(self) -> Self {
        let recovery = match self.recovery {
            Recovery::Restore { slowdown, .. } => Recovery::Restore { slowdown, rescue: None },
            Recovery::None { .. } => Recovery::None { guard: false },
        };
        Response { recovery, ..self }
    }

    /// Whether the trainer can go back to a copy of its weights.
    pub fn can_restore(&self) -> bool {
        matches!(self.recovery, Recovery::Restore { .. })
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        error::probability("confidence", self.confidence, "the paper uses 0.95")?;
        if let Some(descent) = self.descent {
            error::probability("descent", descent, "the default is 0.99999, None does not ask")?;
        }
        if let Some(deviations) = self.overshoot {
            error::positive("overshoot", deviations, "the default is 4, None leaves it to tests")?;
        }
        if let Some(factor) = self.peak_factor {
            error::positive("peak_factor", factor, "1 is the learning rate of the minimum")?;
        }
        let Recovery::Restore { slowdown, rescue } = self.recovery else { return Ok(()) };
        if let Some(slowdown) = slowdown {
            error::at_least_one("slowdown", slowdown, "the default is 3")?;
        }
        if let Some(rescue) = rescue {
            error::growth("rescue", rescue, "the default is 3, None never goes back")?;
        }
        Ok(())
    }
}
