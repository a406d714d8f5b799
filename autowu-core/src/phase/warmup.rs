//! [`WarmupPhase`]: climb, test, restore, until the decay begins.

use super::ascent::Ascent;
use super::climb::Climb;
use super::decay::{DecayPhase, Legacy};
use super::descent::{Descent, lowest_at};
use super::failures::Failures;
use super::now::Now;
use super::overshoot::{FEWEST, is_steep, overshoots};
use super::scout::last_calm;
use super::transition::Transition;
use crate::config::{Config, Fallback, NonFinite, Recovery, Scout};
use crate::digest::{Digest, Digestible};
use crate::event::{Event, Reason};
use crate::real::Real;
use crate::schedule::Warmup;
use crate::smoothed::looks_smoothed;
use crate::test::{Measurement, Report, TestInput};

/// A climb whose minimum lies beyond this share of it is still falling: the present is the best.
const STILL_FALLING: f64 = 0.97;

/// Losses that are not finite end a climb. The next begins where the loss was lowest, or so many
/// times lower than this one had come.
const NOT_FINITE: f64 = 3.0;

/// An overshoot divides the learning rate by at least this: the steps just before the jump were too
/// large as well.
const TOO_FAR: f64 = 4.0;

/// A climb after a restore whose learning rate has grown by this factor and whose loss still falls
/// had begun too early: the factor is about twice the learning rate that was found too high.
const TOO_EARLY: f64 = 4.0;

/// The learning rate climbs, and tests look for the minimum of the loss.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct WarmupPhase<T: Real, const N: usize> {
    ascent: Ascent<T, N>,
    /// Whether the present climb is the scout.
    scouts: bool,
    /// Tests made in the run.
    tests: u64,
    /// Whether the trainer has a copy.
    has_copy: bool,
    failures: Failures,
    /// The highest learning rate of the climbs so far, the scout's left out.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    highest: T,
    /// What the decay must not lose.
    descent: Descent<T>,
    /// Steps from one test to the next: follows from the configuration, at the price of two
    /// logarithms.
    #[cfg_attr(feature = "serde", serde(skip))]
    interval: u64,
    /// The next step at which a finite loss is more than a loss to keep: follows from the rest, at
    /// the price of some exponentials. It lets most steps be short.
    #[cfg_attr(feature = "serde", serde(skip))]
    due: u64,
}

impl<T: Real, const N: usize> Digestible for WarmupPhase<T, N> {
    fn digest(&self, digest: &mut Digest) {
        // All but what follows from the rest.
        let Self {
            ascent,
            scouts,
            tests,
            has_copy,
            failures,
            highest,
            descent,
            interval: _,
            due: _,
        } = self;
        ascent.digest(digest);
        scouts.digest(digest);
        tests.digest(digest);
        has_copy.digest(digest);
        failures.digest(digest);
        highest.digest(digest);
        descent.digest(digest);
    }
}

impl<T: Real, const N: usize> WarmupPhase<T, N> {
    /// The first climb, from `min_lr`.
    pub fn begin(config: &Config) -> Self {
        let base = T::of(config.min_lr);
        let rate = match config.scout() {
            Some(scout) => config.scout_rate(scout),
            None => config.first_rate(),
        };
        let rate = T::of(rate);
        let mut warmup = WarmupPhase {
            ascent: Ascent::new(Climb { base, rate, start: 0, number: 0 }),
            scouts: config.scout().is_some(),
            tests: 0,
            has_copy: false,
            failures: Failures::default(),
            highest: T::zero(),
            descent: Descent::unknown(),
            interval: 0,
            due: 0,
        };
        warmup.derive(Now { config, total: config.total_steps, step: 0 });
        warmup
    }

    /// Computes what follows from the rest.
    pub fn derive(&mut self, now: Now<'_>) {
        self.interval = match self.scout(now.config) {
            Some(scout) => now.config.scout_interval(scout),
            None => now.config.test_interval(),
        };
        self.due = self.next_due(now);
    }

    /// The scout, while it is under way.
    fn scout<'a>(&self, config: &'a Config) -> Option<&'a Scout> {
        config.scout().filter(|_| self.scouts)
    }

    fn next_due(&self, now: Now<'_>) -> u64 {
        let next = now.step.saturating_add(1);
        if now.can_restore() && !self.has_copy {
            return next;
        }
        let Now { config, total, step } = now;
        let (interval, climb) = (self.interval, &self.ascent.climb);
        let grid = step.saturating_sub(climb.start) / interval + 1;
        let fewest = u64::from(config.test.min_samples);
        let fewest = if self.overshoot(config).is_some() { fewest.min(FEWEST) } else { fewest };
        let fewest = fewest.div_ceil(interval);
        let test = climb.start.saturating_add(grid.max(fewest).saturating_mul(interval));
        let last = config.decay.final_start(total).unwrap_or(u64::MAX);
        test.min(last).min(climb.end(config)).max(next)
    }

    /// The deviations of an overshoot, where the present climb can have one.
    fn overshoot(&self, config: &Config) -> Option<f64> {
        let is_exponential = config.ramp.shape() == Warmup::Exponential;
        let is_steep = is_exponential && is_steep(self.ascent.climb.rate.wide());
        config.response.overshoot.filter(|_| is_steep && !config.response.can_restore())
    }

    pub fn climb(&self) -> &Climb<T> {
        &self.ascent.climb
    }

    pub fn looks_smoothed(&self) -> bool {
        looks_smoothed(self.ascent.losses.values())
    }

    pub fn tests(&self) -> u64 {
        self.tests
    }

    /// Steps until a finite loss can change the course, at least 1.
    pub fn steps_until_due(&self, step: u64) -> u64 {
        self.due.saturating_sub(step).max(1)
    }

    /// Whether the copy may still be asked for.
    pub fn may_restore(&self, now: Now<'_>) -> bool {
        now.can_restore() && self.has_copy
    }

    /// What a test is made from now.
    pub fn test_input<'a>(&'a self, now: Now<'a>) -> TestInput<'a, T, N> {
        self.ascent.test_input(now, self.tests)
    }

    /// The report of a measurement of [`test_input`](Self::test_input).
    pub fn judge(&self, now: Now<'_>, measured: &Measurement<T>) -> Report<T> {
        self.ascent.judge(now, self.tests, measured)
    }

    /// Takes the loss of the step just done.
    #[inline]
    pub fn observe(&mut self, now: Now<'_>, loss: T) -> Transition<T> {
        if now.step < self.due && loss.is_finite() {
            self.failures.clear();
            self.ascent.losses.push(loss);
            return Transition::None;
        }
        let transition = self.observe_due(now, loss);
        self.due = self.next_due(now);
        transition
    }

    /// A loss that is not finite, or with which something is due. The order is the reference's:
    /// (a) the final decay, whatever else; (b) the end of the warmup, or the loss.
    #[inline(never)]
    fn observe_due(&mut self, now: Now<'_>, loss: T) -> Transition<T> {
        let Now { config, total, step } = now;
        if let NonFinite::EndClimb { skips, back_steps } = config.response.non_finite
            && !loss.is_finite()
        {
            return self.not_finite(now, loss, skips, back_steps);
        }
        self.failures.clear();
        let (reached, base) = (self.ascent.last_lr(now), self.ascent.climb.base);
        if config.decay.final_start(total).is_some_and(|start| step >= start) {
            return self.begin_decay(now, Reason::WarmupUsed, reached);
        }
        let is_over = self.ascent.is_over(now);
        let scouts = self.scout(config).is_some();
        if is_over && config.response.fallback == Fallback::Reached && !scouts {
            return self.begin_decay(now, Reason::WarmupUsed, reached);
        }
        self.ascent.losses.push(loss);
        let losses = self.ascent.losses.losses();
        let lacks_copy = now.can_restore() && !self.has_copy;
        let too_few = losses < u64::from(self.ascent.fewest(now));
        if is_over && (self.ascent.climb.rate == T::zero() || lacks_copy || too_few) {
            // Too short a climb to tell anything: what it started from was tested.
            return self.begin_decay(now, Reason::WarmupUsed, base);
        }
        if lacks_copy && loss.is_finite() {
            self.has_copy = true;
            return Transition::Event(Event::Snapshot { step, lr: self.ascent.lr(now) });
        }
        let climbed = step.saturating_sub(self.ascent.climb.start);
        if !is_over && !climbed.is_multiple_of(self.interval) {
            return Transition::None;
        }
        let Ascent { climb, losses: history, .. } = &self.ascent;
        if let Some(deviations) = self.overshoot(config)
            && overshoots(history, climb.rate.wide(), deviations)
        {
            let to = self.down_to_lowest(now, reached / T::of(TOO_FAR));
            return self.begin_decay(now, Reason::Overshot, to);
        }
        match is_over || losses >= u64::from(config.test.min_samples) {
            true => Transition::TestDue,
            false => Transition::None,
        }
    }

    /// `lr`, or that of the lowest losses of the climb if it is lower.
    fn down_to_lowest(&self, now: Now<'_>, lr: T) -> T {
        let Ascent { climb, losses, .. } = &self.ascent;
        let at = lowest_at(losses).map(|at| climb.start.saturating_add(at));
        let lowest = at.map(|at| climb.lr(now.config, at));
        lowest.map_or(lr, |lowest| lr.min(lowest)).max(T::of(now.config.min_lr))
    }

    /// A loss that is not finite and not ignored.
    fn not_finite(&mut self, now: Now<'_>, loss: T, skips: u32, back: u32) -> Transition<T> {
        let Now { config, total, step } = now;
        let skip = self.failures.count(skips);
        if self.failures.is_reported() {
            let is_last = config.decay.final_start(total).is_some_and(|start| step >= start);
            if is_last || self.ascent.is_over(now) {
                return self.begin_decay(now, Reason::StillNonFinite, self.ascent.climb.base);
            }
            self.hold(now);
        } else if skip {
            self.ascent.losses.push(loss);
        }
        if skip {
            return Transition::Event(Event::Skip { step, lr: self.ascent.lr(now) });
        }
        let back = now.before().saturating_sub(u64::from(back));
        let to = self.ascent.climb.lr(config, back.max(self.ascent.climb.start));
        let slowdown = match config.response.recovery {
            Recovery::None { .. } => return self.begin_decay(now, Reason::NonFinite, to),
            Recovery::Restore { slowdown, .. } => slowdown.unwrap_or(1.0),
        };
        let to = to.min(self.ascent.last_lr(now) / T::of(NOT_FINITE));
        let to = self.down_to_lowest(now, to);
        if self.has_copy && self.failures.try_again() {
            if let Some(scout) = self.scout(config) {
                return self.end_scout(now, scout, None);
            }
            return self.restore(now, Reason::NonFinite, to, config.first_rate() / slowdown);
        }
        // Nothing to go back to, or going back did not help.
        self.failures.report();
        let reason = match self.failures.were_tried() {
            true => Reason::StillNonFinite,
            false => Reason::NonFinite,
        };
        let from = self.ascent.last_lr(now);
        self.hold(now);
        let frees_copy = !self.may_restore(now);
        Transition::Event(Event::Diverged { step, reason, from, to: from, frees_copy })
    }

    /// The climb begins anew where it is: its learning rate does not grow in this step.
    fn hold(&mut self, now: Now<'_>) {
        let scouts = self.scouts;
        self.climb_from(now, self.ascent.last_lr(now), self.ascent.climb.rate);
        self.scouts = scouts;
        self.derive(now);
    }

    /// Applies a report. One of another climb or test changes nothing.
    pub fn resolve(&mut self, now: Now<'_>, report: &Report<T>) -> Transition<T> {
        let config = now.config;
        if report.climb != self.ascent.climb.number || report.test != self.tests {
            return Transition::None;
        }
        self.tests = self.tests.saturating_add(1);
        self.ascent.fit = report.fit;
        self.ascent.positives = report.positives;
        self.descent.see(report, self.ascent.losses.resolution(), config);
        let is_over = self.ascent.is_over(now);
        let is_falling = report.argmin_x >= T::of(STILL_FALLING);
        let minimum = report.argmin_lr;
        if let Some(scout) = self.scout(config) {
            let lowest = Some(minimum).filter(|_| report.fell(&config.response));
            return match report.detects() || is_over {
                true => self.end_scout(now, scout, lowest),
                false => Transition::None,
            };
        }
        if report.detects() {
            return match config.response.recovery {
                Recovery::None { .. } => self.begin_decay(now, Reason::PastMinimum, minimum),
                Recovery::Restore { slowdown, .. } => {
                    let first = slowdown.filter(|_| !is_over).map(|by| config.first_rate() / by);
                    self.restore(now, Reason::PastMinimum, minimum, first.unwrap_or(0.0))
                }
            };
        }
        if is_over {
            if config.response.fallback == Fallback::Reached || is_falling {
                let reached = self.ascent.last_lr(now);
                return self.begin_decay(now, Reason::WarmupUsed, reached);
            }
            let reason = Reason::WarmupUsedBackToMinimum;
            return match now.can_restore() {
                true => self.restore(now, reason, minimum, 0.0),
                false => self.begin_decay(now, reason, minimum),
            };
        }
        if !now.can_restore() || !is_falling || report.is_positive() || report.votes.is_empty() {
            return Transition::None;
        }
        if !self.descent.is_kept(&self.ascent.losses) {
            return Transition::None;
        }
        let (lr, first) = (self.ascent.lr(now), T::of(config.first_rate()));
        let Climb { base, rate, .. } = self.ascent.climb;
        if rate < first && lr >= base * T::of(TOO_EARLY) {
            self.climb_from(now, lr, first);
        }
        Transition::Event(Event::Snapshot { step: now.step, lr })
    }

    /// The first climb begins below the learning rate where the loss left its level, or was lowest
    /// if that is lower.
    fn end_scout(&mut self, now: Now<'_>, scout: &Scout, lowest: Option<T>) -> Transition<T> {
        let climb = &self.ascent.climb;
        let step = climb.start.saturating_add(last_calm(&self.ascent.losses));
        let calm = climb.lr(now.config, step);
        let from = lowest.map_or(calm, |lowest| lowest.min(calm)) / T::of(scout.below);
        let from = from.max(T::of(now.config.min_lr));
        self.restore(now, Reason::Scouted, from, now.config.first_rate())
    }

    /// `steps` steps have been done whose losses are ignored: they are no part of the climb.
    pub fn pass_over(&mut self, now: Now<'_>, steps: u64) {
        let climb = &mut self.ascent.climb;
        climb.start = climb.start.saturating_add(steps);
        self.due = self.next_due(now);
    }

    fn restore(&mut self, now: Now<'_>, reason: Reason, to: T, rate: f64) -> Transition<T> {
        let (step, from) = (now.step, self.ascent.last_lr(now));
        self.climb_from(now, to, T::of(rate));
        let frees_copy = !self.may_restore(now);
        Transition::Event(Event::Restore { step, reason, from, to, frees_copy })
    }

    /// The next climb.
    fn climb_from(&mut self, now: Now<'_>, base: T, rate: T) {
        self.descent.learn(&self.ascent.losses, now.config);
        self.rise(now);
        let number = self.ascent.climb.number.saturating_add(1);
        self.ascent = Ascent::new(Climb { base, rate, start: now.step, number });
        self.scouts = false;
        self.derive(now);
    }

    /// Remembers how far the run has climbed.
    fn rise(&mut self, now: Now<'_>) {
        if !self.scouts {
            self.highest = self.highest.max(self.ascent.last_lr(now));
        }
    }

    /// The decay begins from `peak` times the optimizer's factor, but no higher than the run has
    /// climbed, and no lower than the floor.
    fn begin_decay(&mut self, now: Now<'_>, reason: Reason, peak: T) -> Transition<T> {
        self.descent.learn(&self.ascent.losses, now.config);
        self.rise(now);
        let Config { max_lr, floor_lr, response, .. } = now.config;
        let (floor, ceiling) = (T::of(*floor_lr), T::of(*max_lr));
        let scaled = peak * T::of(response.peak_factor.unwrap_or(1.0));
        let scaled = scaled.min(self.highest.max(peak)).max(floor);
        let peak = if (ceiling / scaled).is_finite() { scaled } else { peak };
        let (step, from) = (now.step, self.ascent.last_lr(now));
        let Self { tests, has_copy, failures, descent, .. } = self;
        let legacy = Legacy { tests: *tests, has_copy: *has_copy, failures: *failures, descent };
        let decay = DecayPhase::begin(now, peak, &legacy);
        let frees_copy = !decay.may_restore(now.config);
        Transition::Decay(decay, Event::Decay { step, reason, from, peak, frees_copy })
    }
}

#[cfg(any(test, feature = "serde"))]
impl<T: Real, const N: usize> WarmupPhase<T, N> {
    /// Whether a run of `config` can have climbed so far.
    #[cfg(feature = "serde")]
    pub fn height_is_valid(&self, config: &Config) -> bool {
        self.highest >= T::zero() && self.highest <= T::of(config.max_lr)
    }

    /// The climb with its losses and fit, and the descent: what a saved state is validated by.
    pub fn parts(&self) -> (&Ascent<T, N>, &Descent<T>) {
        (&self.ascent, &self.descent)
    }
}
