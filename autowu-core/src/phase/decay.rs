//! [`DecayPhase`]: the learning rate falls.

use super::descent::Descent;
use super::failures::Failures;
use super::guard::{Finding, Guard};
use super::now::Now;
use crate::backlog::Backlog;
use crate::config::{Config, NonFinite, PastEnd, Recovery};
use crate::digest::digest_fields;
use crate::event::{Event, Reason};
use crate::real::Real;

/// Times that a decay goes back to one copy. What is still lost then is not lost to the learning
/// rate.
const RETURNS: u32 = 3;

/// As many losses wait where none changes the course: the end is announced no sooner, so that a
/// loss that is not finite is noticed as soon as anywhere else in an unguarded decay.
const NEAR: u64 = Backlog::UNWATCHED;

/// The learning rate falls from `peak`, and a guard sees to it that the descent of the warmup is
/// not lost.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct DecayPhase<T> {
    /// The learning rate that it falls from.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    peak: T,
    /// Steps done when it began.
    start: u64,
    /// Tests made in the warmup.
    tests: u64,
    /// Whether the trainer has a copy.
    has_copy: bool,
    failures: Failures,
    /// `None` where nothing is watched (any more).
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::serde_real::option::required"))]
    guard: Option<Guard<T>>,
    /// Times that it went back to the present copy.
    returns: u32,
    /// Whether the trainer has been told that the budget is used.
    finished: bool,
}

digest_fields!(DecayPhase<T> { peak, start, tests, has_copy, failures, guard, returns, finished });

/// What the decay takes over from the warmup.
pub(super) struct Legacy<'a, T> {
    pub tests: u64,
    pub has_copy: bool,
    pub failures: Failures,
    pub descent: &'a Descent<T>,
}

impl<T: Real> DecayPhase<T> {
    pub(super) fn begin(now: Now<'_>, peak: T, legacy: &Legacy<'_, T>) -> Self {
        let is_guarded = match now.config.response.recovery {
            Recovery::Restore { rescue, .. } => rescue.is_some(),
            Recovery::None { guard } => guard,
        };
        DecayPhase {
            peak,
            start: now.step,
            tests: legacy.tests,
            has_copy: legacy.has_copy,
            failures: legacy.failures,
            guard: if is_guarded { Guard::of(legacy.descent, now.left()) } else { None },
            returns: 0,
            finished: false,
        }
    }

    pub fn peak(&self) -> T {
        self.peak
    }

    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn tests(&self) -> u64 {
        self.tests
    }

    /// The learning rate of the next step.
    #[inline]
    pub fn lr(&self, now: Now<'_>) -> T {
        let Now { config, total, step } = now;
        let step = match config.past_end {
            PastEnd::Reference if step >= total => total.saturating_sub(2).max(self.start),
            _ => step,
        };
        config.decay.at(step, self.start, total, self.peak, T::of(config.floor_lr))
    }

    /// Steps until a finite loss can change the course or is the first past the end; `None` where
    /// none does within [`NEAR`] steps.
    pub fn steps_until_due(&self, now: Now<'_>) -> Option<u64> {
        let end = now.total.saturating_sub(now.step).saturating_add(1);
        let end = if self.finished { u64::MAX } else { end };
        match &self.guard {
            Some(guard) => Some(guard.ahead().min(end)),
            None => Some(end).filter(|&end| end <= NEAR),
        }
    }

    /// Whether the copy may still be asked for. A run that is over can be extended.
    pub fn may_restore(&self, config: &Config) -> bool {
        self.lower_peak(config).is_some()
    }

    /// The run has more steps.
    pub fn extend(&mut self) {
        self.finished = false;
    }

    /// Takes the loss of the step just done.
    #[inline]
    pub fn observe(&mut self, now: Now<'_>, loss: T) -> Option<Event<T>> {
        let event = if loss.is_finite() { self.finite(now, loss) } else { self.not_finite(now) };
        if event.is_none() && now.step > now.total && !self.finished {
            self.finished = true;
            return Some(Event::Finished { step: now.step, lr: self.lr(now) });
        }
        event
    }

    #[inline]
    fn finite(&mut self, now: Now<'_>, loss: T) -> Option<Event<T>> {
        self.failures.clear();
        match self.guard.as_mut()?.push(loss) {
            Finding::Nothing => None,
            Finding::Lowest => self.lowest(now),
            Finding::Lost => Some(self.lost(now)),
        }
    }

    /// The weights are the best so far. Past the end nobody goes back.
    fn lowest(&mut self, now: Now<'_>) -> Option<Event<T>> {
        if now.step >= now.total {
            return None;
        }
        let Recovery::Restore { rescue: Some(_), .. } = now.config.response.recovery else {
            return None;
        };
        (self.has_copy, self.returns) = (true, 0);
        Some(Event::Snapshot { step: now.step, lr: self.lr(now) })
    }

    /// Ground is lost: back, and on at a lower learning rate. Where the loss was as high after each
    /// restore, the learning rate was not the cause, and is again what it was.
    fn lost(&mut self, now: Now<'_>) -> Event<T> {
        if let Some(event) = self.go_back(now, Reason::DescentLost) {
            return event;
        }
        let in_vain = self.guard.as_ref().map_or(0, Guard::in_vain);
        if let Some(guard) = &mut self.guard {
            guard.accept();
        }
        let event = self.diverged(now, Reason::DescentLost);
        let Recovery::Restore { rescue: Some(factor), .. } = now.config.response.recovery else {
            return event;
        };
        if in_vain == 0 {
            return event;
        }
        let from = self.lr(now.earlier());
        self.peak = (0..in_vain).fold(self.peak, |peak, _| peak * T::of(factor));
        let (to, frees_copy) = (self.lr(now), !self.may_restore(now.config));
        Event::Diverged { step: now.step, reason: Reason::StillLost, from, to, frees_copy }
    }

    fn not_finite(&mut self, now: Now<'_>) -> Option<Event<T>> {
        let NonFinite::EndClimb { skips, .. } = now.config.response.non_finite else {
            self.failures.clear();
            return None;
        };
        if self.failures.count(skips) {
            return Some(Event::Skip { step: now.step, lr: self.lr(now) });
        }
        let reason = match self.failures.were_tried() {
            true => Reason::StillNonFinite,
            false => Reason::NonFinite,
        };
        let back = self.failures.try_again().then(|| self.go_back(now, Reason::NonFinite));
        Some(back.flatten().unwrap_or_else(|| {
            // Weights that cannot be put back gain nothing from another learning rate.
            self.failures.report();
            self.diverged(now, reason)
        }))
    }

    /// Back to the copy, and on from a lower peak; `None` where there is no way back.
    fn go_back(&mut self, now: Now<'_>, reason: Reason) -> Option<Event<T>> {
        let (step, from) = (now.step, self.lr(now.earlier()));
        self.peak = self.lower_peak(now.config).filter(|_| step < now.total)?;
        self.returns += 1;
        if let Some(guard) = &mut self.guard {
            guard.restart();
        }
        let (to, frees_copy) = (self.lr(now), !self.may_restore(now.config));
        Some(Event::Restore { step, reason, from, to, frees_copy })
    }

    fn diverged(&self, now: Now<'_>, reason: Reason) -> Event<T> {
        let (from, to) = (self.lr(now.earlier()), self.lr(now));
        let frees_copy = !self.may_restore(now.config);
        Event::Diverged { step: now.step, reason, from, to, frees_copy }
    }

    /// The peak of a decay that goes back: `rescue` times lower. `None` where there is no copy, or
    /// it was put back often enough, or the learning rate cannot be lower.
    fn lower_peak(&self, config: &Config) -> Option<T> {
        let Recovery::Restore { rescue: Some(factor), .. } = config.response.recovery else {
            return None;
        };
        let peak = self.peak / T::of(factor);
        let lower = peak > T::of(config.floor_lr)
            && peak.is_normal()
            && (T::of(config.max_lr) / peak).is_finite();
        let may_return = self.has_copy && self.returns < RETURNS;
        (may_return && lower).then_some(peak)
    }

    /// Whether a run of `config` can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self, config: &Config, step: u64) -> bool {
        super::climb::is_lr(self.peak, config) && self.start <= step && self.returns <= RETURNS
    }

    /// Nobody was told of an end that has not come.
    #[cfg(feature = "serde")]
    pub fn end_is_valid(&self, step: u64, total: u64) -> bool {
        !self.finished || step > total
    }

    #[cfg(feature = "serde")]
    pub fn guard_is_valid(&self) -> bool {
        self.guard.as_ref().is_none_or(Guard::is_valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AutoWu;
    use std::vec::Vec;

    /// A run of 400 steps whose loss falls to 1, has its minimum at a learning rate of 1e-2, and in
    /// the decay is `decay(step, lr)`.
    fn run(config: Config, mut decay: impl FnMut(u64, f64) -> f64) -> (Vec<f64>, Vec<Event<f64>>) {
        let mut autowu: AutoWu = AutoWu::new(config).unwrap();
        let (mut lrs, mut events) = (Vec::new(), Vec::new());
        for step in 0..config.total_steps {
            let lr = autowu.lr();
            let decades = (lr / 1e-2).log10();
            let noise = 0.01 * ((step * 7919 % 101) as f64 / 50.0 - 1.0);
            let decaying = autowu.phase().name() == "decay";
            let loss = if decaying { decay(step, lr) } else { 1.0 + 0.2 * decades * decades };
            lrs.push(lr);
            events.extend(autowu.step(loss + noise).event.filter(|e| e.kind() != "snapshot"));
        }
        (lrs, events)
    }

    fn lost(events: &[Event<f64>]) -> Vec<Event<f64>> {
        let by_the_guard = |e: &&Event<f64>| {
            let (Event::Restore { reason, .. } | Event::Diverged { reason, .. }) = e else {
                return false;
            };
            matches!(reason, Reason::DescentLost | Reason::StillLost)
        };
        events.iter().filter(by_the_guard).copied().collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn a_decay_that_loses_its_descent_goes_back_and_on_at_a_third() {
        // Too high a learning rate ruins the loss slowly.
        let mut harm = 0.0;
        let (lrs, events) = run(Config::new(400).without_scout(), |_, lr| {
            harm = if lr > 5e-3 { harm + 0.1 } else { 0.0 };
            1.0 + harm
        });
        let Some(&Event::Restore { step, from, to, .. }) = lost(&events).first() else {
            panic!("nothing was said: {events:?}");
        };
        assert!((to - from / 3.0).abs() < 0.01 * to, "{from} → {to}");
        assert_eq!(lrs[step as usize], to);
        assert!(lrs.windows(2).skip(step as usize).all(|w| w[1] <= w[0]));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn without_a_copy_it_says_so_once_and_goes_on() {
        let config = Config::new(400).without_scout().without_restore();
        let (lrs, events) = run(config, |_, _| 5.0);
        assert!(matches!(lost(&events)[..], [Event::Diverged { .. }]), "{events:?}");
        assert_eq!(lrs, run(config.without_rescue(), |_, _| 5.0).0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn losses_that_are_not_finite_are_skipped_and_the_third_in_a_row_goes_back() {
        for (bad, last) in [(1, "skip"), (2, "skip"), (3, "restore")] {
            let nan = 250..250 + bad;
            let (lrs, events) = run(Config::new(400).without_scout(), |step, _| {
                if nan.contains(&step) { f64::NAN } else { 1.0 }
            });
            let kinds: Vec<_> = events.iter().filter(|e| e.step() > 250).map(Event::kind).collect();
            assert_eq!(kinds.len() as u64, bad, "{events:?}");
            assert!(kinds[..kinds.len() - 1].iter().all(|kind| *kind == "skip"), "{events:?}");
            assert_eq!(*kinds.last().unwrap(), last);
            let (before, after) = (lrs[250], lrs[253]);
            assert_eq!(after < 0.34 * before, bad == 3, "{before} → {after}");
            if let Some(Event::Restore { reason, .. }) = events.last() {
                assert_eq!(*reason, Reason::NonFinite);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn what_stays_ruined_is_said_and_the_learning_rate_stays_positive() {
        let restored = |e: &&Event<f64>| matches!(e, Event::Restore { .. });
        for (config, times) in [
            (Config::new(400).without_scout(), 3),
            (Config::new(400).without_scout().without_restore(), 0),
            (Config::new(400).without_scout().with_floor_lr(1e-5), 3),
        ] {
            let (lrs, events) = run(config, |_, _| 5.0);
            let said = lost(&events);
            assert_eq!(said.iter().filter(restored).count(), times, "{events:?}");
            assert!(
                said.len() == times + 1 && matches!(said.last(), Some(Event::Diverged { .. })),
                "{events:?}"
            );
            for (step, lr) in lrs.into_iter().enumerate() {
                assert!(
                    lr >= config.floor_lr && (lr > 0.0 || step == 399),
                    "step {step}: {lr}; {events:?}"
                );
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn numbers_that_are_none_are_said_once_however_many() {
        let nan = |e: &&Event<f64>| {
            matches!(e, Event::Diverged { reason: Reason::NonFinite | Reason::StillNonFinite, .. })
        };
        for config in [
            Config::new(400).without_scout(),
            Config::new(400).without_scout().without_restore(),
            Config::new(400).without_scout().without_rescue(),
        ] {
            let (_, events) =
                run(config, |step, _| if (250..300).contains(&step) { f64::NAN } else { 1.0 });
            assert_eq!(events.iter().filter(nan).count(), 1, "{events:?}");
        }
        // The first twelve use up the three restores, so the next three are only reported.
        let (_, events) = run(Config::new(400).without_scout(), |step, _| {
            if (250..262).contains(&step) || (300..303).contains(&step) { f64::NAN } else { 1.0 }
        });
        let reasons: Vec<_> = events
            .iter()
            .filter(nan)
            .map(|e| matches!(e, Event::Diverged { reason: Reason::StillNonFinite, .. }))
            .collect();
        assert_eq!(reasons, [true, false], "{events:?}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_copy_is_free_when_it_cannot_be_asked_back() {
        let mut autowu: AutoWu = AutoWu::new(Config::new(400).without_scout()).unwrap();
        let mut rescues = 0;
        while autowu.steps() < 400 {
            let decades = (autowu.lr() / 1e-2).log10();
            let decaying = autowu.phase().name() == "decay";
            let event =
                autowu.step(if decaying { 5.0 } else { 1.0 + 0.2 * decades * decades }).event;
            rescues += u32::from(decaying && matches!(event, Some(Event::Restore { .. })));
            // At the end too: a run that is over can be extended.
            assert!(!decaying || autowu.may_restore() == (rescues < 3), "{rescues}");
        }
        assert_eq!(rescues, 3);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn no_alarm_while_the_loss_keeps_what_it_gained() {
        for end in [0.5, 1.0, 1.05] {
            assert!(lost(&run(Config::new(400).without_scout(), |_, _| end).1).is_empty(), "{end}");
        }
        // Nor where a test has never been sure of a descent: noise on flat ground.
        let mut autowu: AutoWu = AutoWu::new(Config::new(400).without_scout()).unwrap();
        for step in 0..400_u64 {
            let outcome = autowu.step((step * 7919 % 101) as f64);
            assert!(!matches!(outcome.event, Some(e) if !lost(&[e]).is_empty()), "step {step}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_reference_does_not_watch() {
        let (_, events) = run(Config::paper(20, 20), |_, _| 5.0);
        assert!(lost(&events).is_empty());
    }
}
