//! [`AutoWu`]: the phases of a run.

use crate::config::{Config, Detection, Fallback, NonFinite, PastEnd};
use crate::config_error::ConfigError;
use crate::detector::{self, Situation};
use crate::gp::{Fit, Posterior};
use crate::measurement::Measurement;
use crate::pace::{climb_lr, first_rate, patience, test_interval, warmup_end};
use crate::phase::{Climb, Observation, Phase};
use crate::real::Real;
use crate::report::{Event, Outcome, Reason, Report};
use crate::trajectory::Trajectory;
use crate::watch::Watch;

/// Losses that the history holds exactly unless `AutoWu<T, N>` says otherwise.
pub const CAPACITY: usize = 1024;

/// A climb whose minimum lies beyond this share of it is still falling: the present is the best.
const STILL_FALLING: f64 = 0.97;

/// A climb after a restore that has come to so many times its first learning rate and still falls
/// had been put back too early: about twice the learning rate that was found too high.
const TOO_EARLY: f64 = 4.0;

/// Losses that the last test of the warmup makes do with.
const LAST_TEST: u32 = 5;

/// Times in a row that weights are put back without one finite loss in between, before the
/// scheduler gives up on it.
const TRIES: u32 = 3;

/// In the place of the number of failures: the trainer has been told of them.
const TOLD: u32 = u32::MAX;

/// The scheduler: the learning rate of every step of one run, from the losses of the steps before.
///
/// `T` is the precision of all arithmetic, `N` the number of losses kept exactly. Plain data: no
/// heap, no pointers, no scratch; clone it, compare it, save it (feature `serde`). Equal
/// configurations and losses give equal states, bit for bit.
///
/// # The loop
/// ```
/// use autowu_core::{AutoWu, Config, Event};
///
/// // Minimise f(w) = w²/2 by gradient descent, for 200 steps.
/// let mut autowu: AutoWu = AutoWu::new(Config::new(200))?;
/// let (mut w, mut kept) = (3.0_f64, 3.0);
/// for _ in 0..200 {
///     let (loss, gradient) = (0.5 * w * w, w);
///     let lr = autowu.lr();
///     match autowu.step(loss).event {
///         Some(Event::Snapshot { .. }) => kept = w,
///         Some(Event::Restore { .. }) => {
///             w = kept;
///             continue; // the gradient belongs to the weights that were thrown away
///         }
///         _ => {}
///     }
///     w -= lr * gradient;
/// }
/// assert!(w.abs() < 1e-3, "{w}");
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
/// The loss is told **before** the update, so that a snapshot holds the weights whose loss was
/// measured.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(into = "crate::state::State<T, N>", bound(serialize = "T: Real"))
)]
pub struct AutoWu<T: Real = f64, const N: usize = CAPACITY> {
    pub(crate) config: Config,
    /// Steps from one test to the next: follows from the configuration, at the price of two
    /// logarithms.
    pub(crate) interval: u64,
    /// The next step that a finite loss can make anything of but a loss to keep: follows from the
    /// rest, at the price of some exponentials. It lets most steps be short.
    pub(crate) due: u64,
    pub(crate) step: u64,
    pub(crate) phase: Phase<T>,
    pub(crate) trajectory: Trajectory<T, N>,
    pub(crate) fit: Fit<T>,
    /// Tests made in the run.
    pub(crate) tests: u64,
    /// Positive tests in a row.
    pub(crate) positives: u32,
    /// Whether the trainer has been told to keep a copy.
    pub(crate) kept: bool,
    /// Times in a row that a loss was not finite.
    pub(crate) failures: u32,
    /// Updates that did not happen.
    pub(crate) skipped: u64,
    /// What the decay must not lose.
    pub(crate) watch: Watch<T>,
}

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// A run's scheduler at its first step.
    ///
    /// # Errors
    /// The first rule of [`Config::validate`] that is broken, a capacity `N` below what a test asks
    /// for, or learning rates that are no normal numbers in `T`, or whose ratio is none.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let needed = config.fit_samples.max(config.test_samples).max(config.min_samples) as usize;
        if N < needed || N < 2 {
            return Err(ConfigError::Capacity { capacity: N, needed: needed.max(2) });
        }
        let (base, max) = (T::of(config.min_lr), T::of(config.max_lr));
        if !(base.is_normal() && max.is_normal() && (max / base).is_finite()) {
            return Err(ConfigError::Precision { min_lr: config.min_lr, max_lr: config.max_lr });
        }
        let climb = Climb { base, rate: T::of(first_rate(&config)), start: 0, number: 0 };
        let mut autowu = AutoWu {
            config,
            interval: test_interval(&config),
            due: 0,
            step: 0,
            phase: Phase::Warmup(climb),
            trajectory: Trajectory::new(),
            fit: Fit::default(),
            tests: 0,
            positives: 0,
            kept: false,
            failures: 0,
            skipped: 0,
            watch: Watch::new(),
        };
        autowu.due = autowu.next_due();
        Ok(autowu)
    }

    /// The learning rate of the next step. Pure; between tests it does not depend on the losses.
    pub fn lr(&self) -> T {
        self.lr_at(self.step)
    }

    /// The learning rate `ahead` steps after the next, if no test and no loss changes the course
    /// until then.
    pub fn lr_ahead(&self, ahead: u64) -> T {
        self.lr_at(self.step.saturating_add(ahead))
    }

    /// `lr · ratio`: the learning rate of a parameter group.
    pub fn group_lr(&self, ratio: T) -> T {
        self.lr() * ratio
    }

    #[inline]
    fn lr_at(&self, step: u64) -> T {
        match &self.phase {
            Phase::Warmup(climb) => climb_lr(&self.config, climb, step),
            &Phase::Decay { peak, start } => self.decay_lr(peak, start, step),
        }
    }

    fn decay_lr(&self, peak: T, start: u64, step: u64) -> T {
        let total = self.config.total_steps;
        let step = match self.config.past_end {
            PastEnd::Reference if step >= total => total.saturating_sub(2).max(start),
            _ => step,
        };
        self.config.decay.at(step, start, total, peak, T::of(self.config.floor_lr))
    }

    /// Takes the loss of the next step and says what follows: [`observe`](Self::observe),
    /// [`test`](Self::test) if one is due, [`resolve`](Self::resolve).
    ///
    /// A step is one optimizer update: with gradient accumulation call it once per update, with the
    /// mean loss of its parts. Every number is accepted; NaN and infinities are evidence of
    /// divergence (see [`NonFinite`]).
    pub fn step(&mut self, loss: T) -> Outcome<T> {
        // Each arm makes its own outcome, so that no empty report is moved about.
        match self.observe(loss) {
            Observation::Nothing => Outcome { lr: self.lr(), event: None, report: None },
            Observation::Event(event) => {
                Outcome { lr: self.lr(), event: Some(event), report: None }
            }
            Observation::TestDue => {
                let report = self.test();
                let event = self.resolve(&report);
                Outcome { lr: self.lr(), event, report: Some(report) }
            }
        }
    }

    /// [`step`](Self::step) for losses that were kept back and come late, in order: the same as one
    /// by one, but after the first step that changes the course the rest is counted and not
    /// looked at, because it was measured on the old course.
    ///
    /// Returns the last event and report. Kept back for no longer than
    /// [`steps_until_due`](Self::steps_until_due), finite losses give bit for bit the same
    /// run as one by one.
    pub fn step_slice(&mut self, losses: &[T]) -> Outcome<T> {
        let mut outcome = Outcome { lr: self.lr(), event: None, report: None };
        for (i, &loss) in losses.iter().enumerate() {
            let before = self.phase;
            let Outcome { lr, event, report } = self.step(loss);
            outcome.lr = lr;
            outcome.report = report.or(outcome.report);
            outcome.event = event.or(outcome.event);
            if self.phase != before
                || matches!(event, Some(e) if !matches!(e, Event::Snapshot { .. }))
            {
                let rest = (losses.len() - i - 1) as u64;
                self.step = self.step.saturating_add(rest);
                if let Phase::Warmup(climb) = &mut self.phase {
                    climb.start = climb.start.saturating_add(rest);
                }
                self.due = self.next_due();
                outcome.lr = self.lr();
                break;
            }
        }
        outcome
    }

    /// No update happened in this step (an overflow in mixed precision, say): its loss is not told,
    /// and neither learning rate nor budget moves.
    pub fn skip(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    /// Steps until the next test, the end of the warmup, the first snapshot or, in the decay, the
    /// next look at the mean loss, at least 1; `None` in a decay that is only looked at for
    /// NaN.
    pub fn steps_until_due(&self) -> Option<u64> {
        (self.due != u64::MAX).then(|| self.due.saturating_sub(self.step).max(1))
    }

    pub(crate) fn next_due(&self) -> u64 {
        let Phase::Warmup(climb) = self.phase else {
            let watched = self.config.rescue.and_then(|_| self.watch.ahead());
            return watched.map_or(u64::MAX, |ahead| self.step.saturating_add(ahead));
        };
        let next = self.step.saturating_add(1);
        if self.config.restore && !self.kept {
            return next;
        }
        let interval = self.interval;
        let done = self.step.saturating_sub(climb.start);
        let enough = u64::from(self.config.min_samples).div_ceil(interval).saturating_mul(interval);
        let test =
            climb.start.saturating_add((done / interval + 1).saturating_mul(interval).max(enough));
        let last = self.config.decay.final_start(self.config.total_steps).unwrap_or(u64::MAX);
        test.min(last).min(warmup_end(&self.config, &climb)).max(next)
    }

    /// First part of a step: takes the loss and counts the step.
    pub fn observe(&mut self, loss: T) -> Observation<T> {
        let step = self.step.saturating_add(1);
        if step < self.due && loss.is_finite() {
            (self.step, self.failures) = (step, 0);
            match self.phase {
                Phase::Warmup(_) => self.trajectory.push(loss),
                Phase::Decay { .. } if self.due < u64::MAX => self.watch.push(loss),
                Phase::Decay { .. } => {}
            }
            return Observation::Nothing;
        }
        let observation = self.look(loss);
        self.due = self.next_due();
        observation
    }

    /// [`observe`](Self::observe) where more than a finite loss between two tests has to be looked
    /// at.
    #[inline(never)]
    fn look(&mut self, loss: T) -> Observation<T> {
        let taken = self.step;
        let from = |wu: &Self| wu.lr_at(taken);
        self.step = self.step.saturating_add(1);
        let failed = !loss.is_finite() && self.config.non_finite != NonFinite::Ignore;
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };

        let Phase::Warmup(climb) = self.phase else {
            return self.look_at_decay(loss, from(self));
        };
        // The order of the reference: (a) the final decay, whatever the phase; (b) the end of the
        // warmup, or the loss.
        if self
            .config
            .decay
            .final_start(self.config.total_steps)
            .is_some_and(|start| self.step >= start)
        {
            return Observation::Event(self.begin_decay(
                Reason::WarmupUsed,
                from(self),
                from(self),
            ));
        }
        let used = self.step >= warmup_end(&self.config, &climb);
        if failed {
            if used && self.failures > TRIES {
                self.failures = TOLD;
                return Observation::Event(self.begin_decay(
                    Reason::StillNonFinite,
                    from(self),
                    climb.base,
                ));
            }
            return self.end_climb_by_failure(&climb, from(self));
        }
        if used && self.config.fallback == Fallback::Reached {
            return Observation::Event(self.begin_decay(
                Reason::WarmupUsed,
                from(self),
                from(self),
            ));
        }
        self.trajectory.push(loss);
        let copyless = self.config.restore && !self.kept;
        if used
            && (climb.rate == T::zero()
                || copyless
                || self.trajectory.losses() < u64::from(self.fewest()))
        {
            // Too short a climb to tell anything: what it started from was tested.
            return Observation::Event(self.begin_decay(
                Reason::WarmupUsed,
                from(self),
                climb.base,
            ));
        }
        if copyless && loss.is_finite() {
            self.kept = true;
            return Observation::Event(Event::Snapshot { step: self.step, lr: self.lr() });
        }
        let on_grid = (self.step - climb.start).is_multiple_of(self.interval);
        let enough = self.trajectory.losses() >= u64::from(self.config.min_samples);
        if used || (on_grid && enough) { Observation::TestDue } else { Observation::Nothing }
    }

    /// A loss of the decay that is not finite, or that completes a mean.
    fn look_at_decay(&mut self, loss: T, from: T) -> Observation<T> {
        if self.failures == 0 {
            if self.due == u64::MAX || !loss.is_finite() {
                return Observation::Nothing;
            }
            self.watch.push(loss);
            if !self.watch.has_lost() {
                return Observation::Nothing;
            }
        } else if self.failures == TOLD {
            return Observation::Nothing;
        }
        let lost = if self.failures == 0 { Reason::DescentLost } else { Reason::NonFinite };
        let step = self.step;
        if let Some(peak) = self.rescued_peak() {
            if let Phase::Decay { start, .. } = self.phase {
                self.phase = Phase::Decay { peak, start };
            }
            self.watch.rescued();
            return Observation::Event(Event::Restore { step, reason: lost, from, to: self.lr() });
        }
        // Weights that cannot be put back gain nothing from another learning rate: it is said once.
        let reason = if self.failures > 1 { Reason::StillNonFinite } else { lost };
        if self.failures == 0 {
            self.watch.end();
        } else {
            self.failures = TOLD;
        }
        Observation::Event(Event::Diverged { step, reason, from, to: self.lr() })
    }

    /// The peak of a decay that goes back: `rescue` times lower. `None` where there is no way back,
    /// or it was gone often enough, or the run is over, or the learning rate cannot be lower.
    fn rescued_peak(&self) -> Option<T> {
        let (Some(factor), &Phase::Decay { peak, .. }) = (self.config.rescue, &self.phase) else {
            return None;
        };
        let way_back = self.config.restore && self.kept && self.watch.may_rescue();
        let peak = peak / T::of(factor);
        let can_be = peak > T::of(self.config.floor_lr)
            && peak.is_normal()
            && (T::of(self.config.max_lr) / peak).is_finite();
        (way_back && can_be && self.step < self.config.total_steps).then_some(peak)
    }

    /// Losses without which there is no test. The last test of the warmup has to decide, so it
    /// takes fewer.
    pub fn fewest(&self) -> u32 {
        let used = matches!(self.phase, Phase::Warmup(climb) if self.step >= warmup_end(&self.config, &climb));
        if used { self.config.min_samples.min(LAST_TEST) } else { self.config.min_samples }
    }

    /// Second part: the test. A pure function of the state: it can run elsewhere, later, or many in
    /// one launch.
    ///
    /// [`judge`](Self::judge) of [`measure`](Self::measure).
    pub fn test(&self) -> Report<T> {
        self.judge(&self.measure())
    }

    /// The numbers of the test, which take all its time.
    pub fn measure(&self) -> Measurement<T> {
        Measurement::of(&self.config, &self.trajectory, self.tests, &self.fit, self.fewest())
    }

    /// The decision, from numbers that were measured here or, by the same arithmetic, on a device.
    pub fn judge(&self, measured: &Measurement<T>) -> Report<T> {
        detector::judge(
            &self.config,
            measured,
            self.trajectory.losses(),
            &self.fit,
            &self.situation(),
        )
    }

    fn situation(&self) -> Situation<T> {
        let (low, climb) = match self.phase {
            Phase::Warmup(climb) => (climb.base, climb.number),
            Phase::Decay { peak, .. } => (peak, u32::MAX),
        };
        Situation {
            step: self.step,
            test: self.tests,
            climb,
            low,
            high: self.lr_at(self.step.saturating_sub(1)),
            fewest: self.fewest(),
            positives: self.positives,
            patience: patience(&self.config),
        }
    }

    /// Third part: applies a test's report. A report of an earlier climb or of another phase
    /// changes nothing.
    pub fn resolve(&mut self, report: &Report<T>) -> Option<Event<T>> {
        let Phase::Warmup(climb) = self.phase else {
            return None;
        };
        if report.climb != climb.number || report.test != self.tests {
            return None;
        }
        self.tests = self.tests.saturating_add(1);
        self.fit = report.fit;
        self.positives = report.positives;
        self.watch.see(report, self.trajectory.resolution(), &self.config);
        let from = self.lr_at(self.step.saturating_sub(1));
        let used = self.step >= warmup_end(&self.config, &climb);
        let falling = report.argmin_x >= T::of(STILL_FALLING);
        if report.detects() {
            return Some(match self.config.detection {
                Detection::ClimbOn { slowdown } if !used => {
                    let rate = T::of(first_rate(&self.config) / slowdown);
                    self.restore(Reason::PastMinimum, from, report.argmin_lr, rate)
                }
                _ if self.config.restore => {
                    self.restore(Reason::PastMinimum, from, report.argmin_lr, T::zero())
                }
                _ => self.begin_decay(Reason::PastMinimum, from, report.argmin_lr),
            });
        }
        if used {
            let back = Reason::WarmupUsedBackToMinimum;
            return Some(match self.config.fallback {
                Fallback::Argmin if !falling && self.config.restore => {
                    self.restore(back, from, report.argmin_lr, T::zero())
                }
                Fallback::Argmin if !falling => self.begin_decay(back, from, report.argmin_lr),
                _ => self.begin_decay(Reason::WarmupUsed, from, from),
            });
        }
        if !self.config.restore || !falling || report.is_positive() || report.votes.is_empty() {
            return None;
        }
        let (lr, first) = (self.lr(), T::of(first_rate(&self.config)));
        if climb.rate < first && lr >= climb.base * T::of(TOO_EARLY) {
            self.climb_from(lr, first);
        }
        Some(Event::Snapshot { step: self.step, lr })
    }

    /// A loss that is not finite, in the warmup.
    fn end_climb_by_failure(&mut self, climb: &Climb<T>, from: T) -> Observation<T> {
        let NonFinite::EndClimb { back_steps } = self.config.non_finite else {
            return Observation::Nothing;
        };
        let taken = self.step - 1;
        let to = climb_lr(
            &self.config,
            climb,
            taken.saturating_sub(u64::from(back_steps)).max(climb.start),
        );
        if !self.config.restore {
            return Observation::Event(self.begin_decay(Reason::NonFinite, from, to));
        }
        if self.kept && self.failures <= TRIES {
            let slowdown = match self.config.detection {
                Detection::ClimbOn { slowdown } => slowdown,
                Detection::EndWarmup => 1.0,
            };
            let rate = T::of(first_rate(&self.config) / slowdown);
            return Observation::Event(self.restore(Reason::NonFinite, from, to, rate));
        }
        // Nothing to go back to, or going back did not help: hold the learning rate, and say so
        // once.
        let first = if self.kept { self.failures == TRIES + 1 } else { self.failures == 1 };
        self.climb_from(from, T::zero());
        if first {
            let reason = if self.kept { Reason::StillNonFinite } else { Reason::NonFinite };
            return Observation::Event(Event::Diverged { step: self.step, reason, from, to: from });
        }
        Observation::Nothing
    }

    fn restore(&mut self, reason: Reason, from: T, to: T, rate: T) -> Event<T> {
        self.climb_from(to, rate);
        Event::Restore { step: self.step, reason, from, to }
    }

    fn climb_from(&mut self, base: T, rate: T) {
        let number = match self.phase {
            Phase::Warmup(climb) => climb.number.saturating_add(1),
            Phase::Decay { .. } => 0,
        };
        self.phase = Phase::Warmup(Climb { base, rate, start: self.step, number });
        self.watch.learn(&self.trajectory, &self.config);
        self.trajectory = Trajectory::new();
        self.fit = Fit::default();
        self.positives = 0;
        self.due = self.next_due();
    }

    fn begin_decay(&mut self, reason: Reason, from: T, peak: T) -> Event<T> {
        self.watch.learn(&self.trajectory, &self.config);
        self.phase = Phase::Decay { peak, start: self.step };
        self.due = self.next_due();
        Event::Decay { step: self.step, reason, from, peak }
    }

    /// The posterior of one vote (from 0) of a report that was just made, and what its numbers
    /// mean; `None` if losses came since. `loss(x) = center + scale · mean_at(x)` at the
    /// learning rate [`Self::lr_on_climb`]`(x)`.
    pub fn posterior(&self, report: &Report<T>, vote: u32) -> Option<Posterior<T>> {
        let present = report.step == self.step;
        present.then(|| detector::posterior(&self.config, &self.trajectory, report, vote)).flatten()
    }

    /// The learning rate at the part `x` in [0, 1] of the present climb; the constant one in the
    /// decay.
    pub fn lr_on_climb(&self, x: T) -> T {
        let Situation { low, high, .. } = self.situation();
        self.config.warmup.at(x, low, high)
    }

    /// Whether the copy that the last [`Event::Snapshot`] asked for may still be asked back: if
    /// not, its memory is free.
    pub fn may_restore(&self) -> bool {
        match self.phase {
            Phase::Warmup(_) => self.config.restore && self.kept,
            Phase::Decay { .. } => self.rescued_peak().is_some(),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Where the run is.
    pub fn phase(&self) -> &Phase<T> {
        &self.phase
    }

    /// The losses of the present climb.
    pub fn trajectory(&self) -> &Trajectory<T, N> {
        &self.trajectory
    }

    /// The fit that the next test goes on from.
    pub fn fit(&self) -> &Fit<T> {
        &self.fit
    }

    /// Updates that were reported as not having happened.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Tests resolved so far.
    pub fn tests(&self) -> u64 {
        self.tests
    }

    /// Steps from one test to the next.
    pub fn test_interval(&self) -> u64 {
        self.interval
    }
}
