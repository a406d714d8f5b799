//! [`AutoWu`]: one run, as its user sees it.

use crate::course::Core;
use crate::misuse::{Misuse, RecordError};
use crate::scheduler::Scheduler;
use crate::shared::Shared;
use autowu_core::{Config, ConfigError, Event, ExtendError};
use burn_core::tensor::Tensor;
use burn_optim::lr_scheduler::LrSchedulerRecord;
use std::sync::Arc;

/// One run: what its scheduler, its loss metric and its model share. Clones are the same run.
///
/// In burn's trainer: [`loss_metric`](Self::loss_metric) in place of `LossMetric::new()`, and
/// [`scheduler`](Self::scheduler) as the learning-rate scheduler. With [`model`](Self::model)
/// around the model, which is recommended, weights go back to their best point when a climb ends.
/// In a loop of your own: [`lr`](Self::lr) and [`observe`](Self::observe).
///
/// One `AutoWu` serves one training.
#[derive(Clone)]
pub struct AutoWu {
    pub(crate) shared: Arc<Shared>,
}

impl AutoWu {
    /// A run at its first step. `config.total_steps` counts optimizer updates:
    /// `⌈⌈items/batch⌉/accumulation⌉ × epochs`.
    ///
    /// # Errors
    /// The first rule that `config` breaks.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(AutoWu { shared: Arc::new(Shared::new(Core::new(config)?)) })
    }

    /// The learning-rate scheduler of this run, for burn's `Learner` or a loop of your own.
    pub fn scheduler(&self) -> Scheduler {
        self.scheduler_with_ratio(1.0)
    }

    /// The scheduler of a parameter group: `ratio` times the learning rate of this run, for
    /// `ModuleLrScheduler::with_group`.
    pub fn scheduler_with_ratio(&self, ratio: f64) -> Scheduler {
        Scheduler::new(self.shared.clone(), ratio)
    }

    /// In a loop of your own: the learning rate of the next update. Pure.
    pub fn lr(&self) -> f64 {
        self.shared.lock().next_lr()
    }

    /// In a loop of your own: takes the loss of the next update, before that update is made, and
    /// returns what the loop has to do.
    ///
    /// The loss is the tensor's mean. It stays on the device, without its graph, until a test is
    /// due (or 256 losses wait; in a decay that is not watched, 64): then all are read together, so
    /// that the device is not held up between tests. While losses are finite, learning rates are
    /// bit for bit those of [`autowu_core::AutoWu::step`]; one that is not finite is noticed at the
    /// next read. With gradient accumulation, call it once per update, with the mean over the
    /// batches.
    ///
    /// Make no update where [`Event::skips_update`] says so. [`Event::Skip`] comes only for this
    /// very loss: where an earlier one was not finite, its update has been made. If that ruined the
    /// weights, the losses after it are not finite either, and the third brings the copy back.
    ///
    /// On [`Event::Snapshot`], copy the model with `model.clone().train()` and clone the optimizer:
    /// a clone alone shares the running statistics of normalisations with the model. On
    /// [`Event::Restore`], put copies of them back and skip the update: its gradient belongs to the
    /// weights that were thrown away. A loop that cannot do that uses [`Config::without_restore`].
    ///
    /// # Errors
    /// The learning rate is held. [`Misuse::Device`] if the losses cannot be read: they wait for
    /// the next read. [`Misuse::TooManyLosses`] if the loop steps a scheduler of this run less
    /// often: this loss is dropped.
    pub fn observe(&self, loss: &Tensor<1>) -> Result<Option<Event<f64>>, Misuse> {
        let mut run = self.shared.lock();
        run.tell(loss);
        run.close()
    }

    /// Gives the run `total_steps` updates in all, from the next update on; it may be finished. The
    /// learning rate goes on towards the new end and never exceeds the peak: see
    /// [`autowu_core::AutoWu::extend`].
    ///
    /// A record that is loaded later, by burn's trainer say, is extended too, unless it has more
    /// updates of its own.
    ///
    /// # Errors
    /// Fewer than the run has, or has begun; nothing changes.
    pub fn extend(&self, total_steps: u64) -> Result<(), ExtendError> {
        self.shared.lock().extend(total_steps)
    }

    /// What went wrong, if the learning rate is held because of it.
    pub fn misuse(&self) -> Option<Misuse> {
        self.shared.lock().misuse().cloned()
    }

    /// The core scheduler as it is now: phase, losses, configuration; for logs and plots.
    pub fn state(&self) -> autowu_core::AutoWu {
        self.shared.lock().core().clone()
    }

    /// The whole state as burn's record, with the losses that wait for a test. The run itself does
    /// not move.
    ///
    /// # Errors
    /// [`RecordError::Damaged`] if losses that wait on a device cannot be read.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        self.shared.to_record()
    }

    /// Goes on from a record of [`to_record`](Self::to_record), configuration and budget included,
    /// and logs a warning where these differ from this run's. To give a saved run more updates,
    /// call [`extend`](Self::extend), before or after.
    ///
    /// # Errors
    /// What is wrong with the record; the run is then as it was.
    pub fn load_record(&self, record: &LrSchedulerRecord) -> Result<(), RecordError> {
        self.shared.lock().load_record(record)
    }
}
