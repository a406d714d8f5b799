//! The course of one run: which losses are known when an update asks for its learning rate.

use crate::batches::Batches;
use crate::misuse::Misuse;
use crate::unread::Unread;
use autowu_core::Event;
use burn_core::tensor::TensorReadError;
use std::collections::VecDeque;
use std::path::PathBuf;

/// The scheduler of every run here. Losses are `f32` or less on the device; the GP works in `f64`.
pub(crate) type Core = autowu_core::AutoWu<f64>;

/// Updates whose loss may still be on its way when the learning rate of the next is asked for.
///
/// burn's trainers hand each batch to the thread of the metrics through a channel that holds one:
/// when batch `i` is in the channel, the thread has taken `i − 1`, so it is done with `i − 2`. The
/// loss of the update before the last is therefore always there.
pub(crate) const LAG: u64 = 2;

/// Learning rates kept for schedulers that come after the first: other parameter groups, other
/// workers.
const KEPT: usize = 8;

/// Most losses that wait on the device: a long run's tests are far apart, and a loss that is not
/// finite must not wait for them.
const MOST_UNREAD: usize = 512;

/// Who tells the losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody yet.
    Unknown,
    /// The loss metric, on a thread of its own.
    Metric,
    /// The wrapped model or the user's loop, on the thread of the trainer.
    Loop,
}

/// One run.
pub(crate) struct Course {
    pub core: Core,
    pub source: Source,
    pub batches: Batches,
    /// The loss metric that feeds this run.
    pub feeder: Option<u64>,
    /// Losses that the core has not seen; of the wrapped model or the user's loop only those that
    /// a record came with.
    pub waiting: VecDeque<f64>,
    /// Losses on their way that were measured on a course that ended: not to be looked at.
    pub stale: u64,
    /// Losses that came.
    pub arrived: u64,
    /// Updates whose learning rate was asked for.
    pub begun: u64,
    /// Updates done when this run was begun or taken up.
    pub first: u64,
    /// Losses of the wrapped model or the user's loop, still on the device.
    pub unread: Unread,
    /// Updates whose loss the wrapped model or the loop has told.
    pub closed: u64,
    pub lrs: [f64; KEPT],
    pub misuse: Option<Misuse>,
    /// The last event that is not a snapshot.
    pub event: Option<Event<f64>>,
    /// Of the last test: the median over the votes of the probability that the minimum has been
    /// passed.
    pub probability: Option<f64>,
    /// Updates done when the epoch began.
    pub epoch: u64,
    pub warned: bool,
    /// Where copies of the best weights are kept for a resume.
    pub folder: Option<PathBuf>,
    /// Updates done when the copy of the best weights was made.
    pub best: Option<u64>,
    /// The copy that a resumed run has to take up, and where it is kept.
    pub resumed_best: Option<(u64, Option<PathBuf>)>,
}

impl Course {
    pub fn new(core: Core) -> Self {
        let lrs = [core.lr(); KEPT];
        Course {
            core,
            source: Source::Unknown,
            batches: Batches::default(),
            feeder: None,
            waiting: VecDeque::new(),
            stale: 0,
            arrived: 0,
            begun: 0,
            first: 0,
            unread: Unread::default(),
            closed: 0,
            lrs,
            misuse: None,
            event: None,
            probability: None,
            epoch: 0,
            warned: false,
            folder: None,
            best: None,
            resumed_best: None,
        }
    }

    /// Without a way back to earlier weights, the rule for trainers that have none.
    pub fn forgo_restore(&mut self) {
        let config = *self.core.config();
        if config.restore && self.core.steps() == 0 {
            log::info!(
                "AutoWU: the model is not wrapped with AutoWU::model, so weights cannot be put back: a detection ends the warmup"
            );
            if let Ok(core) = Core::new(config.without_restore()) {
                self.core = core;
            }
        }
    }

    /// Losses that must be known before the learning rate of `update` is: all of them when a test
    /// decides it, else those that cannot be missing.
    pub fn needed(&self, update: u64) -> u64 {
        if self.due(update) { update } else { update.saturating_sub(LAG) }
    }

    pub fn missing(&self, update: u64) -> bool {
        self.arrived < self.needed(update)
    }

    /// Whether a test lies between what the core has seen and `update`.
    fn due(&self, update: u64) -> bool {
        self.core
            .steps_until_due()
            .is_some_and(|steps| self.core.steps().saturating_add(steps) <= update)
    }

    /// The learning rate of the next update, which begins with it.
    pub fn begin(&mut self) -> f64 {
        let update = self.begun;
        self.begun = self.begun.saturating_add(1);
        if self.misuse.is_none() {
            self.settle(update);
            self.lrs[update as usize % KEPT] = self.lr_of(update);
        } else {
            self.lrs[update as usize % KEPT] = self.lrs[update.saturating_sub(1) as usize % KEPT];
        }
        if update == self.core.config().total_steps {
            log::warn!(
                "AutoWU: the budget of {update} updates is used and training goes on at the learning rate of its end: \
                 Config::total_steps must be the updates of the whole training"
            );
        }
        self.lrs[update as usize % KEPT]
    }

    /// The learning rate of an update that another scheduler of this run has begun.
    pub fn past(&mut self, update: u64) -> Option<f64> {
        (self.begun - update <= KEPT as u64).then(|| self.lrs[update as usize % KEPT])
    }

    /// Pure: no test is passed that has not been made, so that it cannot grow without losses.
    pub fn lr_of(&self, update: u64) -> f64 {
        let ahead = update.saturating_sub(self.core.steps());
        let most = self.core.steps_until_due().map_or(u64::MAX, |steps| steps - 1);
        self.core.lr_ahead(ahead.min(most))
    }

    /// Takes the loss of an update.
    pub fn arrive(&mut self, loss: f64) {
        self.arrived = self.arrived.saturating_add(1);
        if self.stale > 0 {
            self.stale -= 1;
        } else {
            self.waiting.push_back(loss);
        }
        if self.arrived > self.begun {
            self.misused(Misuse::TooManyLosses { losses: self.arrived, updates: self.begun });
        }
    }

    /// Shows the core what decides the learning rate of `update`, and nothing that might or might
    /// not be there: every loss when a test is due, else those that are [`LAG`] updates old. So
    /// the course does not depend on the speed of the metrics' thread. Others' losses are shown by
    /// [`close`](Self::close).
    fn settle(&mut self, update: u64) {
        if self.source != Source::Metric {
            return;
        }
        if self.due(update) {
            let losses: Vec<f64> = self.waiting.drain(..).collect();
            let outcome = self.core.step_slice(&losses);
            self.note(&outcome);
            return;
        }
        while self.core.steps() < update.saturating_sub(LAG) {
            let Some(loss) = self.waiting.pop_front() else { break };
            if loss.is_finite() {
                let outcome = self.core.step(loss);
                self.note(&outcome);
            } else {
                self.end_by(loss, update);
            }
        }
    }

    /// A loss that is not finite: if it ends the climb, the losses of the updates since were
    /// measured on the old course.
    fn end_by(&mut self, loss: f64, update: u64) {
        let next = self.core.steps().saturating_add(1);
        let since = update.saturating_sub(next);
        let mut slice = vec![0.0; since as usize + 1];
        slice[0] = loss;
        let mut trial = self.core.clone();
        let outcome = trial.step_slice(&slice);
        let at_once = outcome.event.is_some_and(|event| event.step() == next);
        if !at_once {
            let outcome = self.core.step(loss);
            self.note(&outcome);
            return;
        }
        self.core = trial;
        let here = self.waiting.len().min(since as usize);
        self.waiting.drain(..here);
        self.stale += since - here as u64;
        self.note(&outcome);
    }

    /// The update on its way has all its losses. They are read from the device when a test is due,
    /// with all that wait: what the trainer has to do.
    ///
    /// # Errors
    /// [`Misuse::Device`]; [`Misuse::TooManyLosses`] where schedulers of the run are stepped less
    /// often.
    pub fn close(&mut self) -> Result<Option<Event<f64>>, Misuse> {
        self.unread.close();
        self.closed = self.closed.saturating_add(1);
        if self.begun > self.first && self.closed > self.begun.saturating_add(1) {
            return Err(Misuse::TooManyLosses { losses: self.closed, updates: self.begun });
        }
        let unseen = self.waiting.len() + self.unread.len();
        let due = match self.core.steps_until_due() {
            Some(_) => self.due(self.closed),
            None => unseen as u64 >= self.core.test_interval(),
        };
        if !due && unseen < MOST_UNREAD {
            return Ok(None);
        }
        let losses = self.unseen().map_err(|e| Misuse::Device(e.to_string()))?;
        self.waiting.clear();
        self.unread.clear();
        let outcome = self.core.step_slice(&losses);
        self.note(&outcome);
        Ok(outcome.event)
    }

    /// The losses that the core has not seen, in order.
    ///
    /// # Errors
    /// What the device says.
    pub fn unseen(&self) -> Result<Vec<f64>, TensorReadError> {
        let mut losses = self.unread.read()?;
        losses.splice(..0, self.waiting.iter().copied());
        Ok(losses)
    }

    /// The learning rate of the update whose loss is told next.
    pub fn lr(&self) -> f64 {
        self.lr_of(self.closed)
    }

    /// Whether a scheduler is stepped and the loop behind it tells no losses.
    pub fn unfed(&self, update: u64) -> Option<Misuse> {
        match self.source {
            Source::Unknown if update > self.first => Some(Misuse::NoLoss),
            Source::Loop if self.closed.saturating_add(1) < update => {
                Some(Misuse::MissingLosses { losses: self.closed, updates: update })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
