//! The bare scheduler, for loops that do everything else themselves.

use crate::error::{Error, Result};
use crate::losses::Losses;
use autowu_core::{AutoWu, Backlog, Config, Event, ExtendError, Report};
use candle_core::{Device, Tensor};

/// The learning rate of every step from candle's loss tensors, without a device read between tests.
///
/// Losses wait on the device until a test is due ([`Backlog`]). The run is the same, bit for bit,
/// as with a read every step; only a loss that is not finite is noticed up to one test interval
/// later.
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// use autowu_candle::{Config, Event, Scheduler};
/// use candle_core::{Device, Tensor, Var};
///
/// // Minimise w² by hand-written gradient descent.
/// let w = Var::new(3f32, &Device::Cpu)?;
/// let mut copy = w.as_tensor().copy()?;
/// let mut scheduler = Scheduler::new(Config::new(300))?;
/// for _ in 0..300 {
///     let loss = w.sqr()?;
///     let lr = scheduler.lr();
///     let event = scheduler.observe(&loss)?;
///     match event {
///         Some(Event::Snapshot { .. }) => copy = w.as_tensor().copy()?,
///         Some(Event::Restore { .. }) => w.set(&copy)?,
///         _ => {}
///     }
///     if event.is_some_and(|event| event.skips_update()) {
///         continue; // the gradient belongs to weights that were thrown away, or is none
///     }
///     w.set(&(w.as_tensor() - (w.as_tensor() * (2.0 * lr))?)?)?;
/// }
/// assert!(w.to_scalar::<f32>()?.abs() < 1e-2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) autowu: AutoWu,
    backlog: Backlog,
    losses: Losses,
    report: Option<Report<f64>>,
}

impl Scheduler {
    /// The scheduler of one run.
    ///
    /// # Errors
    /// A configuration that breaks a rule.
    pub fn new(config: Config) -> Result<Self> {
        Ok(Self::resume(AutoWu::new(config)?))
    }

    /// Goes on from a saved state (`AutoWu` is serde's `Deserialize`).
    pub fn resume(autowu: AutoWu) -> Self {
        let backlog = Backlog::new(Backlog::ROOM);
        Scheduler { autowu, backlog, losses: Losses::default(), report: None }
    }

    /// The same, with losses that waited when it was saved.
    pub(crate) fn resume_waiting(autowu: AutoWu, waiting: &[f64], device: &Device) -> Result<Self> {
        let backlog = Backlog::resume(Backlog::ROOM, waiting.len())
            .map_err(|e| Error::Checkpoint(e.to_string()))?;
        let mut losses = Losses::default();
        for (at, &loss) in waiting.iter().enumerate() {
            losses.write(at, &Tensor::new(loss as f32, device)?)?;
        }
        Ok(Scheduler { backlog, losses, ..Self::resume(autowu) })
    }

    /// The losses that wait, in order: one read from the device.
    pub(crate) fn waiting(&self) -> Result<Vec<f64>> {
        self.losses.read(self.backlog.len())
    }

    /// The learning rate of the next step. Pure, without a device read.
    pub fn lr(&self) -> f64 {
        self.autowu.lr_ahead(self.backlog.len() as u64)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.autowu.steps().saturating_add(self.backlog.len() as u64)
    }

    /// Takes the loss of the step, **before** its update, and says what the trainer has to do.
    ///
    /// On [`Event::Snapshot`] copy the weights; on [`Event::Restore`] put the copy back. Make no
    /// update where [`Event::skips_update`] says so.
    ///
    /// # Errors
    /// A loss that is not one f32 or f64 element, or candle's; the scheduler is as before.
    pub fn observe(&mut self, loss: &Tensor) -> Result<Option<Event<f64>>> {
        self.losses.write(self.backlog.len(), loss)?;
        if !self.backlog.push(self.autowu.steps_until_due()) {
            return Ok(None);
        }
        let event = self.flush();
        if event.is_err() {
            self.backlog.pop();
        }
        event
    }

    /// Reads the losses that wait, now: at the end of a run, so that a last NaN is not missed.
    ///
    /// # Errors
    /// candle's; the scheduler is as before.
    pub fn flush(&mut self) -> Result<Option<Event<f64>>> {
        let losses = self.waiting()?;
        self.backlog.clear();
        let outcome = self.autowu.step_slice(&losses);
        self.report = outcome.report.or(self.report.take());
        Ok(outcome.event)
    }

    /// Gives the run `total_steps` steps in all, from the next step on; it may be finished. Losses
    /// that wait go on waiting: they were measured on the old course. See [`AutoWu::extend`].
    ///
    /// # Errors
    /// Fewer steps than the run has, or has done; nothing changes.
    pub fn extend(&mut self, total_steps: u64) -> Result<()> {
        let least = self.autowu.total_steps().max(self.steps());
        if total_steps < least {
            return Err(ExtendError { total_steps, least }.into());
        }
        Ok(self.autowu.extend(total_steps)?)
    }

    /// No update happened in this step (an overflow in mixed precision, say): neither learning rate
    /// nor budget moves.
    pub fn skip(&mut self) {
        self.autowu.skip();
    }

    /// The last test.
    pub fn last_report(&self) -> Option<&Report<f64>> {
        self.report.as_ref()
    }

    /// The scheduler itself, which has not seen the losses that still wait on the device.
    pub fn autowu(&self) -> &AutoWu {
        &self.autowu
    }
}
