//! What a test saw and what a step decided: plain data, for logs, plots and people.

use crate::config::{Config, MAX_VOTES};
use crate::gp::{Fit, Hyper, Inference};
use crate::real::Real;
use core::fmt;
use heapless::Vec;

/// How sure a descent must be where the configuration does not ask.
const SURE_DESCENT: f64 = 0.99999;

/// Why a test came out as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Verdict {
    /// Too few finite losses to say anything.
    NotEnough,
    /// The minimum has not been passed with the asked confidence.
    NotPast,
    /// It might have been passed, but the loss has not fallen with certainty before: noise on flat
    /// ground looks like this.
    NoDescent,
    /// The loss has passed its minimum.
    Past,
}

impl Verdict {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::NotEnough => "too few finite losses to test",
            Verdict::NotPast => "the loss has not passed its minimum",
            Verdict::NoDescent => {
                "the loss has not fallen with certainty yet, so it cannot have passed its minimum"
            }
            Verdict::Past => "the loss has passed its minimum",
        }
    }
}

/// One test: a pure function of the scheduler's state. `resolve` applies it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: crate::Real + serde::Serialize")))]
pub struct Report<T> {
    /// Steps done when the test was made.
    pub step: u64,
    /// Number of the test in the run, from 0: decides, with the seed, which losses the votes see.
    pub test: u64,
    /// The climb that it belongs to, from 0.
    pub climb: u32,
    /// Losses of the climb that it covers.
    pub losses: u64,
    /// Finite entries of the history that it could draw from.
    pub samples: u32,
    /// The learning rate of the step just taken.
    pub lr: T,
    /// The shift of the losses: `loss = center + scale · y`. (0, 1) where losses are not
    /// standardised.
    pub center: T,
    /// The scale of the losses.
    pub scale: T,
    /// The fitted hyper-parameters, for `y`.
    pub hyper: Hyper<T>,
    /// One entry per vote.
    pub votes: Vec<Inference<T>, MAX_VOTES>,
    /// The learning rate where the loss was lowest: over the votes, the arithmetic mean in the
    /// reference's rule (eq. 5), the geometric mean otherwise.
    pub argmin_lr: T,
    /// Where that is on the climb, in [0, 1]: the median of the votes' argmins.
    pub argmin_x: T,
    /// The outcome of this test alone.
    pub verdict: Verdict,
    /// Positive tests in a row, this one included.
    pub positives: u32,
    /// Positive tests in a row that end the climb.
    pub patience: u32,
    /// The fit, to go on with at the next test.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub fit: Fit<T>,
}

impl<T> Report<T> {
    /// Whether the majority of the votes is positive.
    pub fn is_positive(&self) -> bool {
        self.verdict == Verdict::Past
    }

    /// Whether most votes are sure that the loss has fallen.
    pub(crate) fn fell(&self, config: &Config) -> bool
    where
        T: Real,
    {
        let sure = T::of(config.descent.unwrap_or(SURE_DESCENT));
        2 * self.votes.iter().filter(|v| v.descent > sure).count() > self.votes.len()
    }

    /// Whether this test ends the climb.
    pub fn detects(&self) -> bool {
        self.is_positive() && self.positives >= self.patience
    }
}

/// Why a phase or a climb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// The loss has passed its minimum.
    PastMinimum,
    /// The warmup's share of the budget is used; the learning rate reached is kept.
    WarmupUsed,
    /// The warmup's share of the budget is used; back to the learning rate of the lowest loss.
    WarmupUsedBackToMinimum,
    /// In the decay the loss has given back more than half of what it had fallen in the warmup.
    DescentLost,
    /// A loss was NaN or infinite.
    NonFinite,
    /// Losses are NaN or infinite although the weights were put back: the learning rate is not the
    /// cause.
    StillNonFinite,
}

impl Reason {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::PastMinimum => "the loss has passed its minimum",
            Reason::WarmupUsed => "the warmup's share of the budget is used",
            Reason::WarmupUsedBackToMinimum => {
                "the warmup's share of the budget is used; back to where the loss was lowest"
            }
            Reason::DescentLost => "the loss has given back more than half of its descent",
            Reason::NonFinite => "the loss is not a finite number",
            Reason::StillNonFinite => {
                "the loss is still not a finite number, so the learning rate is not the cause: look at the data and the weights"
            }
        }
    }
}

/// What the trainer has to do or to know after a step. At most one a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event<T> {
    /// The present weights are the best so far: keep a copy of them and of the optimizer's state,
    /// in the place of the last.
    Snapshot {
        /// Steps done.
        step: u64,
        /// Learning rate of the next step.
        lr: T,
    },
    /// A climb ended, or the decay has lost what was gained: put the last copy back before the next
    /// step.
    Restore {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate of the next step.
        to: T,
    },
    /// The warmup is over and the decay begins.
    Decay {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate that the decay starts from.
        peak: T,
    },
    /// Training has diverged and the scheduler has nothing to go back to. Emitted once per run of
    /// such losses.
    Diverged {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate of the next step.
        to: T,
    },
}

impl<T: Copy> Event<T> {
    /// One word: `snapshot`, `restore`, `decay` or `diverged`.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Snapshot { .. } => "snapshot",
            Event::Restore { .. } => "restore",
            Event::Decay { .. } => "decay",
            Event::Diverged { .. } => "diverged",
        }
    }

    /// Steps done when it was emitted.
    pub fn step(&self) -> u64 {
        match *self {
            Event::Snapshot { step, .. }
            | Event::Restore { step, .. }
            | Event::Decay { step, .. }
            | Event::Diverged { step, .. } => step,
        }
    }

    /// The learning rate that it leads to: of the next step, or the decay's peak.
    pub fn lr(&self) -> T {
        match *self {
            Event::Snapshot { lr, .. } => lr,
            Event::Restore { to, .. } | Event::Diverged { to, .. } => to,
            Event::Decay { peak, .. } => peak,
        }
    }
}

impl<T: fmt::Display + fmt::LowerExp> fmt::Display for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Snapshot { step, lr } => {
                write!(f, "step {step}: snapshot, the best point so far (LR {lr:.3e})")
            }
            Event::Restore { step, reason, from, to } => {
                write!(
                    f,
                    "step {step}: {}; weights restored, LR {from:.3e} → {to:.3e}",
                    reason.sentence()
                )
            }
            Event::Decay { step, reason, from, peak } => {
                write!(
                    f,
                    "step {step}: {}; decay begins, LR {from:.3e} → {peak:.3e}",
                    reason.sentence()
                )
            }
            Event::Diverged { step, reason, from, to } => {
                write!(f, "step {step}: {}; diverged, LR {from:.3e} → {to:.3e}", reason.sentence())
            }
        }
    }
}

/// What [`AutoWu::step`](crate::AutoWu::step) returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    /// The learning rate of the next step.
    pub lr: T,
    /// What the trainer has to do or to know.
    pub event: Option<Event<T>>,
    /// The test, if one was due.
    pub report: Option<Report<T>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::string::ToString;

    /// What people read says what happened: a sentence of its own for each verdict, each reason,
    /// and each event.
    #[test]
    fn every_outcome_has_its_sentence() {
        let verdicts = [Verdict::NotEnough, Verdict::NotPast, Verdict::NoDescent, Verdict::Past]
            .map(Verdict::sentence);
        assert_eq!(HashSet::from(verdicts).len(), 4);
        let reasons = [
            Reason::PastMinimum,
            Reason::WarmupUsed,
            Reason::WarmupUsedBackToMinimum,
            Reason::DescentLost,
            Reason::NonFinite,
            Reason::StillNonFinite,
        ];
        assert_eq!(HashSet::from(reasons.map(Reason::sentence)).len(), 6);
        assert!(
            verdicts.into_iter().chain(reasons.map(Reason::sentence)).all(|s| s.starts_with("t"))
        );
        let (step, from, to) = (7, 0.5, 0.25);
        for reason in reasons {
            let events = [
                (
                    Event::Restore { step, reason, from, to },
                    "restore",
                    "weights restored, LR 5.000e-1 → 2.500e-1",
                ),
                (
                    Event::Decay { step, reason, from, peak: to },
                    "decay",
                    "decay begins, LR 5.000e-1 → 2.500e-1",
                ),
                (
                    Event::Diverged { step, reason, from, to },
                    "diverged",
                    "diverged, LR 5.000e-1 → 2.500e-1",
                ),
            ];
            for (event, kind, words) in events {
                assert_eq!((event.kind(), event.step(), event.lr()), (kind, step, to));
                assert_eq!(
                    event.to_string(),
                    std::format!("step 7: {}; {words}", reason.sentence())
                );
            }
        }
        let snapshot = Event::Snapshot { step, lr: to };
        assert_eq!((snapshot.kind(), snapshot.step(), snapshot.lr()), ("snapshot", step, to));
        assert!(
            snapshot.to_string().starts_with("step 7: snapshot")
                && snapshot.to_string().contains("2.500e-1")
        );
    }

    /// Most votes, each above its threshold; a detection is as many positive tests as are asked
    /// for.
    #[test]
    fn a_majority_has_seen_the_loss_fall() {
        let config = Config::new(100);
        let mut report = crate::AutoWu::<f64, 512>::new(config).unwrap().test();
        for (descents, asked, fell) in [
            (&[0.9, 0.8, 0.1][..], Some(0.7), true),
            (&[0.9, 0.7, 0.1], Some(0.7), false),
            (&[0.9, 0.8, 0.1, 0.2], Some(0.7), false),
            (&[], Some(0.7), false),
            (&[0.999_991], None, true),
            (&[0.999_99], None, false),
        ] {
            report.votes = descents
                .iter()
                .map(|&d| Inference { descent: d, ..Inference::default() })
                .collect();
            assert_eq!(report.fell(&Config { descent: asked, ..config }), fell, "{descents:?}");
        }
        report.patience = 3;
        for (verdict, positives, detects) in [
            (Verdict::Past, 3, true),
            (Verdict::Past, 4, true),
            (Verdict::Past, 2, false),
            (Verdict::NotPast, 3, false),
        ] {
            (report.verdict, report.positives) = (verdict, positives);
            assert_eq!(
                (report.detects(), report.is_positive()),
                (detects, verdict == Verdict::Past)
            );
        }
    }
}
