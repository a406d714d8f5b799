//! What a step decided: [`Event`] and its [`Reason`].

use crate::test::Report;
use core::fmt;

/// Why a phase or a climb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// The loss has passed its minimum.
    PastMinimum,
    /// The loss has jumped far above its lowest, on a climb that is too steep to wait for a test
    /// and without a copy to go back to.
    Overshot,
    /// The scout has been through the range of learning rates: the first climb begins below the one
    /// where the loss left its level.
    Scouted,
    /// The warmup's share of the budget is used; the learning rate reached is kept.
    WarmupUsed,
    /// The warmup's share of the budget is used; back to the learning rate of the lowest loss.
    WarmupUsedBackToMinimum,
    /// In the decay the loss has risen above that of the copy, by more than noise and more than a
    /// small share of the run's descent.
    DescentLost,
    /// The same on restored weights: the learning rate is not the cause.
    StillLost,
    /// A loss was NaN or infinite.
    NonFinite,
    /// Losses are NaN or infinite on restored weights too: the learning rate is not the cause.
    StillNonFinite,
}

impl Reason {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::PastMinimum => "the loss has passed its minimum",
            Reason::Overshot => "the loss has jumped far above its lowest",
            Reason::Scouted => "the range of learning rates has been scouted",
            Reason::WarmupUsed => "the warmup's share of the budget is used",
            Reason::WarmupUsedBackToMinimum => {
                "the warmup's share of the budget is used; back to where the loss was lowest"
            }
            Reason::DescentLost => "the loss has lost what the run had gained",
            Reason::StillLost => {
                "the loss is as high on restored weights, so the learning rate is not the cause: \
                 look at the data"
            }
            Reason::NonFinite => "the loss is not a finite number",
            Reason::StillNonFinite => {
                "the loss is still not a finite number, so the learning rate is not the cause: \
                 look at the data and the weights"
            }
        }
    }
}

/// What the trainer has to do or to know after a step. At most one a step.
///
/// A trainer follows [`Snapshot`](Self::Snapshot) and [`Restore`](Self::Restore), makes no update
/// where the event says so ([`skips_update`](Self::skips_update)), and may ignore the rest: another
/// event that must be followed would be a breaking change.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "a trainer has to follow the event"]
#[non_exhaustive]
pub enum Event<T> {
    /// The present weights are the best so far: copy them and the optimizer's state, in place of
    /// the last copy.
    #[non_exhaustive]
    Snapshot {
        /// Steps done.
        step: u64,
        /// Learning rate of the next step.
        lr: T,
    },
    /// A climb ended, or the decay has lost what was gained: put the copy back before the next
    /// step.
    #[non_exhaustive]
    Restore {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate of the next step.
        to: T,
        /// Whether the copy is never asked for again.
        frees_copy: bool,
    },
    /// The loss is not a finite number, which may be this batch's fault alone: make no update, and
    /// go on with the next batch. The weights stay as they are.
    #[non_exhaustive]
    Skip {
        /// Steps done.
        step: u64,
        /// Learning rate of the next step.
        lr: T,
    },
    /// The warmup is over and the decay begins.
    #[non_exhaustive]
    Decay {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate that the decay starts from.
        peak: T,
        /// Whether the copy is never asked for again.
        frees_copy: bool,
    },
    /// Training has diverged and the scheduler has nothing to go back to. Emitted once per run of
    /// such losses.
    #[non_exhaustive]
    Diverged {
        /// Steps done.
        step: u64,
        /// Why.
        reason: Reason,
        /// The learning rate of the step just taken.
        from: T,
        /// The learning rate of the next step.
        to: T,
        /// Whether the copy is never asked for again.
        frees_copy: bool,
    },
    /// The budget is used, and this step was the first beyond it (that had no other event): the
    /// learning rate stays where it is. Emitted once, and once more after
    /// [`AutoWu::extend`](crate::AutoWu::extend), which gives the run more steps.
    Finished {
        /// Steps done.
        step: u64,
        /// Learning rate of the next step.
        lr: T,
    },
}

impl<T: Copy> Event<T> {
    /// One word: `snapshot`, `restore`, `skip`, `decay`, `diverged` or `finished`.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Snapshot { .. } => "snapshot",
            Event::Restore { .. } => "restore",
            Event::Skip { .. } => "skip",
            Event::Decay { .. } => "decay",
            Event::Diverged { .. } => "diverged",
            Event::Finished { .. } => "finished",
        }
    }

    /// Steps done when it was emitted.
    pub fn step(&self) -> u64 {
        match *self {
            Event::Snapshot { step, .. }
            | Event::Restore { step, .. }
            | Event::Skip { step, .. }
            | Event::Decay { step, .. }
            | Event::Diverged { step, .. }
            | Event::Finished { step, .. } => step,
        }
    }

    /// The learning rate that it leads to: of the next step, or the decay's peak.
    pub fn lr(&self) -> T {
        match *self {
            Event::Snapshot { lr, .. } | Event::Skip { lr, .. } | Event::Finished { lr, .. } => lr,
            Event::Restore { to, .. } | Event::Diverged { to, .. } => to,
            Event::Decay { peak, .. } => peak,
        }
    }

    /// Whether the trainer makes no update in this step: the gradient belongs to weights that were
    /// thrown away, or to a loss that is not finite.
    pub fn skips_update(&self) -> bool {
        match *self {
            Event::Restore { .. } | Event::Skip { .. } => true,
            Event::Decay { reason, .. } | Event::Diverged { reason, .. } => {
                matches!(reason, Reason::NonFinite | Reason::StillNonFinite)
            }
            Event::Snapshot { .. } | Event::Finished { .. } => false,
        }
    }

    /// Whether the copy that the last [`Event::Snapshot`] asked for is never asked for again, once
    /// this event has been followed: its memory can be freed.
    pub fn frees_copy(&self) -> bool {
        match *self {
            Event::Snapshot { .. } | Event::Skip { .. } | Event::Finished { .. } => false,
            Event::Restore { frees_copy, .. }
            | Event::Decay { frees_copy, .. }
            | Event::Diverged { frees_copy, .. } => frees_copy,
        }
    }
}

impl<T: fmt::Display + fmt::LowerExp> fmt::Display for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Snapshot { step, lr } => {
                write!(f, "step {step}: snapshot, the best point so far (LR {lr:.3e})")
            }
            Event::Restore { step, reason, from, to, .. } => {
                let why = reason.sentence();
                write!(f, "step {step}: {why}; weights restored, LR {from:.3e} → {to:.3e}")
            }
            Event::Skip { step, lr } => {
                write!(
                    f,
                    "step {step}: the loss is not a finite number; update skipped (LR {lr:.3e})"
                )
            }
            Event::Decay { step, reason, from, peak, .. } => {
                let why = reason.sentence();
                write!(f, "step {step}: {why}; decay begins, LR {from:.3e} → {peak:.3e}")
            }
            Event::Diverged { step, reason, from, to, .. } => {
                let why = reason.sentence();
                write!(f, "step {step}: {why}; diverged, LR {from:.3e} → {to:.3e}")
            }
            Event::Finished { step, lr } => {
                write!(f, "step {step}: the budget is used; LR stays at {lr:.3e}")
            }
        }
    }
}

/// What [`AutoWu::observe`](crate::AutoWu::observe) says: all that a caller has to handle.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a test that is due has to be made, and an event followed"]
pub enum Observation<T> {
    /// Nothing to do.
    Nothing,
    /// A test is due: call [`AutoWu::test`](crate::AutoWu::test), and
    /// [`AutoWu::resolve`](crate::AutoWu::resolve) with its report.
    TestDue,
    /// The trainer has something to do or to know.
    Event(Event<T>),
}

/// What [`AutoWu::step`](crate::AutoWu::step) returns.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a trainer has to follow the event"]
#[non_exhaustive]
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

    /// What people read says what happened: a sentence of its own for each reason and each event.
    #[test]
    fn every_event_has_its_sentence() {
        let reasons = [
            Reason::PastMinimum,
            Reason::Overshot,
            Reason::Scouted,
            Reason::WarmupUsed,
            Reason::WarmupUsedBackToMinimum,
            Reason::DescentLost,
            Reason::StillLost,
            Reason::NonFinite,
            Reason::StillNonFinite,
        ];
        assert_eq!(HashSet::from(reasons.map(Reason::sentence)).len(), 9);
        assert!(reasons.map(Reason::sentence).into_iter().all(|s| s.starts_with("the ")));
        let (step, from, to) = (7, 0.5, 0.25);
        for (reason, frees_copy) in reasons.into_iter().flat_map(|r| [(r, false), (r, true)]) {
            for (event, kind, words) in [
                (
                    Event::Restore { step, reason, from, to, frees_copy },
                    "restore",
                    "weights restored, LR 5.000e-1 → 2.500e-1",
                ),
                (
                    Event::Decay { step, reason, from, peak: to, frees_copy },
                    "decay",
                    "decay begins, LR 5.000e-1 → 2.500e-1",
                ),
                (
                    Event::Diverged { step, reason, from, to, frees_copy },
                    "diverged",
                    "diverged, LR 5.000e-1 → 2.500e-1",
                ),
            ] {
                assert_eq!((event.kind(), event.step(), event.lr()), (kind, step, to));
                assert_eq!(event.frees_copy(), frees_copy);
                assert_eq!(
                    event.to_string(),
                    std::format!("step 7: {}; {words}", reason.sentence())
                );
            }
        }
        let snapshot = Event::Snapshot { step, lr: to };
        assert_eq!((snapshot.kind(), snapshot.step(), snapshot.lr()), ("snapshot", step, to));
        assert!(!snapshot.frees_copy());
        let skip = Event::Skip { step, lr: to };
        assert_eq!((skip.kind(), skip.step(), skip.lr()), ("skip", step, to));
        assert!(skip.skips_update() && !skip.frees_copy() && !snapshot.skips_update());
        assert!(skip.to_string().starts_with("step 7: the loss is not a finite number"));
        let finished = Event::Finished { step, lr: to };
        assert_eq!((finished.kind(), finished.step(), finished.lr()), ("finished", step, to));
        assert_eq!(finished.to_string(), "step 7: the budget is used; LR stays at 2.500e-1");
        assert!(!finished.frees_copy());
        let words = snapshot.to_string();
        assert!(words.starts_with("step 7: snapshot") && words.contains("2.500e-1"));
    }
}
