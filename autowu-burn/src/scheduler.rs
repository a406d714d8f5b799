//! [`Scheduler`]: what burn's learner steps.

use crate::handle::Shared;
use crate::misuse::Misuse;
use burn_optim::LearningRate;
use burn_optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use std::sync::Arc;

/// The learning-rate scheduler of a run: [`AutoWu::scheduler`](crate::AutoWu::scheduler).
///
/// Clones, the schedulers of parameter groups and those of several workers step through the same
/// run: the first that asks for an update begins it, the others get the same learning rate.
#[derive(Clone)]
pub struct Scheduler {
    pub(crate) shared: Arc<Shared>,
    /// Times the learning rate of the run.
    pub(crate) ratio: f64,
    /// Updates that this scheduler has asked for.
    pub(crate) updates: u64,
}

impl LrScheduler for Scheduler {
    /// The learning rate of the next update. When a test decides it, waits for the losses of the
    /// updates before, which are on their way through the thread of the metrics.
    fn step(&mut self) -> LearningRate {
        let lr = self.shared.lr_of(self.updates) * self.ratio;
        self.updates = self.updates.saturating_add(1);
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        self.shared.to_record().unwrap_or_else(|error| {
            log::error!("AutoWU: the state was not saved: {error}");
            LrSchedulerRecord::new()
        })
    }

    /// Goes on from a record. One that is refused leaves the run as it was, goes to the log as an
    /// error, and stops burn's trainer at its first batch: a trained model must not start again
    /// at the beginning of a schedule.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        let mut course = self.shared.lock();
        match course.load_record(&record) {
            Ok(()) => self.updates = course.begun,
            Err(error) => course.misused(Misuse::Record(error)),
        }
    }
}
