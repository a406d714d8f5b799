//! [`Scheduler`]: what burn's learner steps.

use crate::shared::Shared;
use burn_optim::LearningRate;
use burn_optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use std::sync::Arc;

/// The learning-rate scheduler of a run: [`AutoWu::scheduler`](crate::AutoWu::scheduler).
///
/// Clones, the schedulers of parameter groups and those of several workers step through the same
/// run: the first that asks for an update begins it, the others get the same learning rate.
#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
    /// Times the learning rate of the run.
    ratio: f64,
    /// The update whose learning rate it asks for next.
    update: u64,
}

impl Scheduler {
    pub(crate) fn new(shared: Arc<Shared>, ratio: f64) -> Self {
        let update = shared.lock().begun();
        Scheduler { shared, ratio, update }
    }
}

impl LrScheduler for Scheduler {
    /// The learning rate of the next update. When a test decides it, waits for the losses of the
    /// updates before, which are on their way through the thread of the metrics.
    fn step(&mut self) -> LearningRate {
        let lr = self.shared.lr_of(self.update) * self.ratio;
        self.update = self.update.saturating_add(1);
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        self.shared.to_record().unwrap_or_else(|error| {
            log::error!("AutoWU: the state was not saved: {error}");
            LrSchedulerRecord::new()
        })
    }

    /// Goes on from a record. One that is refused leaves the run as it was, is logged as an error,
    /// and stops burn's trainer at its first batch: a trained model must not start again at the
    /// beginning of a schedule.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(update) = self.shared.load_or_hold(&record) {
            self.update = update;
        }
    }
}
