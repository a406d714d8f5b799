//! [`AutoWu`]: the scheduler of one run. It hands each loss to the present phase.

use crate::config::{Config, ConfigError};
use crate::event::{Event, Observation, Outcome};
use crate::phase::{Now, Stage, Transition, WarmupPhase};
use crate::real::Real;
use crate::test::{Measurement, Report, TestInput};

/// Losses that the history holds exactly unless `AutoWu<T, N>` says otherwise.
pub const CAPACITY: usize = 1024;

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
/// let (mut w, mut copy) = (3.0_f64, 3.0);
/// for _ in 0..200 {
///     let (loss, gradient) = (0.5 * w * w, w);
///     let lr = autowu.lr();
///     let event = autowu.step(loss).event;
///     match event {
///         Some(Event::Snapshot { .. }) => copy = w,
///         Some(Event::Restore { .. }) => w = copy,
///         _ => {}
///     }
///     if event.is_none_or(|event| !event.skips_update()) {
///         w -= lr * gradient;
///     }
/// }
/// assert!(w.abs() < 1e-3, "{w}");
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
/// Tell the loss **before** the update, so that a copy holds the weights whose loss was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoWu<T: Real = f64, const N: usize = CAPACITY> {
    pub(crate) config: Config,
    /// Steps of the run: the configuration's, unless it was extended.
    pub(crate) total: u64,
    /// Steps done.
    pub(crate) step: u64,
    /// Updates that did not happen.
    pub(crate) skipped: u64,
    pub(crate) stage: Stage<T, N>,
}

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// A run's scheduler at its first step.
    ///
    /// # Errors
    /// The first rule of [`Config::validate`] that is broken, a capacity `N` below what a test asks
    /// for, or learning rates that are not normal in `T`, or their ratio is not finite.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let needed = config.test.capacity();
        if N < needed {
            return Err(ConfigError::Capacity { capacity: N, needed });
        }
        let (base, max) = (T::of(config.min_lr), T::of(config.max_lr));
        if !(base.is_normal() && max.is_normal() && (max / base).is_finite()) {
            return Err(ConfigError::Precision { min_lr: config.min_lr, max_lr: config.max_lr });
        }
        let stage = Stage::Warmup(WarmupPhase::begin(&config));
        Ok(AutoWu { config, total: config.total_steps, step: 0, skipped: 0, stage })
    }

    /// Takes the loss of the next step and says what follows: [`observe`](Self::observe),
    /// [`test`](Self::test) if one is due, [`resolve`](Self::resolve).
    ///
    /// A step is one optimizer update: with gradient accumulation call it once per update, with the
    /// mean loss of its parts. Every number is accepted; of NaN and infinities the update is
    /// skipped, and several in a row are divergence (see [`NonFinite`](crate::NonFinite)).
    /// Where [`Event::skips_update`] says so, make no update.
    pub fn step(&mut self, loss: T) -> Outcome<T> {
        // Each arm makes its own outcome, so that no empty report is moved about.
        match self.observe(loss) {
            Observation::Nothing => Outcome { lr: self.lr(), event: None, report: None },
            Observation::Event(event) => {
                Outcome { lr: self.lr(), event: Some(event), report: None }
            }
            Observation::TestDue => {
                let report = self.test();
                let event = report.as_ref().and_then(|report| self.resolve(report));
                Outcome { lr: self.lr(), event, report }
            }
        }
    }

    /// [`step`](Self::step) for buffered losses, in order. After the first step that changes the
    /// course, later ones are counted but ignored: they were measured on the old course. So are
    /// those after [`Event::Finished`], which would else be lost behind a later event.
    ///
    /// Returns the last event and report; [`Event::Skip`], which comes too late, only where there
    /// is no other event. A buffer of no more than
    /// [`steps_until_due`](Self::steps_until_due) finite losses gives the same run as one by one,
    /// bit for bit; [`Backlog`](crate::Backlog) sees to that.
    pub fn step_slice(&mut self, losses: &[T]) -> Outcome<T> {
        let mut outcome = Outcome { lr: self.lr(), event: None, report: None };
        for (i, &loss) in losses.iter().enumerate() {
            let before = self.phase();
            let Outcome { lr, event, report } = self.step(loss);
            outcome.lr = lr;
            outcome.report = report.or(outcome.report);
            let is_skip = matches!(event, Some(Event::Skip { .. }));
            outcome.event = if is_skip { outcome.event.or(event) } else { event.or(outcome.event) };
            let told = !is_skip && matches!(event, Some(e) if !matches!(e, Event::Snapshot { .. }));
            if told || self.phase() != before {
                let rest = (losses.len() - i - 1) as u64;
                self.step = self.step.saturating_add(rest);
                if let Stage::Warmup(warmup) = &mut self.stage {
                    warmup.pass_over(
                        Now { config: &self.config, total: self.total, step: self.step },
                        rest,
                    );
                }
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

    /// First part of a step: takes the loss and counts the step.
    pub fn observe(&mut self, loss: T) -> Observation<T> {
        self.step = self.step.saturating_add(1);
        let now = Now { config: &self.config, total: self.total, step: self.step };
        let transition = match &mut self.stage {
            Stage::Warmup(warmup) => warmup.observe(now, loss),
            Stage::Decay(decay) => match decay.observe(now, loss) {
                Some(event) => Transition::Event(event),
                None => Transition::None,
            },
        };
        self.follow(transition)
    }

    #[inline]
    fn follow(&mut self, transition: Transition<T>) -> Observation<T> {
        match transition {
            Transition::None => Observation::Nothing,
            Transition::TestDue => Observation::TestDue,
            Transition::Event(event) => Observation::Event(event),
            Transition::Decay(decay, event) => {
                self.stage = Stage::Decay(decay);
                Observation::Event(event)
            }
        }
    }

    /// Second part: the test. A pure function of the state: it can run elsewhere, later, or many in
    /// one launch. `None` in the decay, where nothing is tested.
    ///
    /// [`judge`](Self::judge) of [`Measurement::of`] of [`test_input`](Self::test_input).
    pub fn test(&self) -> Option<Report<T>> {
        self.judge(&Measurement::of(&self.test_input()?))
    }

    /// What a test would be made from now; `None` in the decay.
    pub fn test_input(&self) -> Option<TestInput<'_, T, N>> {
        match &self.stage {
            Stage::Warmup(warmup) => Some(warmup.test_input(self.now())),
            Stage::Decay(_) => None,
        }
    }

    /// The decision, from numbers that were measured here or, by the same arithmetic, on a device;
    /// `None` in the decay.
    pub fn judge(&self, measured: &Measurement<T>) -> Option<Report<T>> {
        match &self.stage {
            Stage::Warmup(warmup) => Some(warmup.judge(self.now(), measured)),
            Stage::Decay(_) => None,
        }
    }

    /// Third part: applies a test's report. A report of an earlier climb or of another phase
    /// changes nothing.
    pub fn resolve(&mut self, report: &Report<T>) -> Option<Event<T>> {
        let Stage::Warmup(warmup) = &mut self.stage else { return None };
        let transition = warmup
            .resolve(Now { config: &self.config, total: self.total, step: self.step }, report);
        match self.follow(transition) {
            Observation::Event(event) => Some(event),
            Observation::Nothing | Observation::TestDue => None,
        }
    }
}
