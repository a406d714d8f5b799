//! [`AutoWu`]: one run, seen from the trainer's side.

use crate::course::{Core, Course, Source};
use crate::misuse::{Misuse, RecordError};
use crate::scheduler::Scheduler;
use autowu_core::{Config, ConfigError, Event};
use burn_core::tensor::Tensor;
use burn_optim::lr_scheduler::LrSchedulerRecord;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a scheduler waits for a loss that is on its way before it says that none is coming.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the very first losses of a run: they are there when they can be, see
/// [`LAG`](crate::course::LAG).
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// One run: what its scheduler, its loss metric and its model share. Clones are the same run.
///
/// In burn's trainer: [`loss_metric`](Self::loss_metric) in the place of `LossMetric::new()` and
/// [`scheduler`](Self::scheduler) as the learning-rate scheduler; with [`model`](Self::model)
/// around the model, weights go back to their best point when a climb ends, which is the better
/// rule. In a loop of your own: [`lr`](Self::lr) and [`record`](Self::record).
///
/// One `AutoWu` serves one training.
#[derive(Clone)]
pub struct AutoWu {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    course: Mutex<Course>,
    /// A loss has come.
    news: Condvar,
    /// Writes the copy of the best weights of a wrapped model into a folder.
    save_best: Mutex<Option<SaveBest>>,
}

type SaveBest = Box<dyn Fn(&Path) -> Result<(), String> + Send>;

impl AutoWu {
    /// A run at its first step. `config.total_steps` counts optimizer updates:
    /// `⌈⌈items/batch⌉/accumulation⌉ × epochs`.
    ///
    /// # Errors
    /// The first rule that `config` breaks.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let course = Course::new(Core::new(config)?);
        let shared = Shared {
            course: Mutex::new(course),
            news: Condvar::new(),
            save_best: Mutex::new(None),
        };
        Ok(AutoWu { shared: Arc::new(shared) })
    }

    /// Says what `SupervisedTraining::grads_accumulation` was told: so many batches make one
    /// update. 0 counts as 1.
    ///
    /// Only the loss metric needs it; the [`model`](Self::model) and [`record`](Self::record) count
    /// updates themselves.
    #[must_use]
    pub fn grads_accumulation(self, batches: usize) -> Self {
        self.shared.lock().batches.accumulation = batches.max(1);
        self
    }

    /// Says that the trainer spreads each pass over so many devices (`MultiDevice`,
    /// `DistributedDataParallel`). 0 counts as 1.
    ///
    /// Only the loss metric needs it.
    #[must_use]
    pub fn devices(self, devices: usize) -> Self {
        self.shared.lock().batches.devices = devices.max(1);
        self
    }

    /// The learning-rate scheduler of this run, for burn's `Learner` or a loop of your own.
    pub fn scheduler(&self) -> Scheduler {
        self.scheduler_with_ratio(1.0)
    }

    /// The scheduler of a parameter group: `ratio` times the learning rate of this run, for
    /// `ModuleLrScheduler::with_group`.
    pub fn scheduler_with_ratio(&self, ratio: f64) -> Scheduler {
        let updates = self.shared.lock().begun;
        Scheduler { shared: self.shared.clone(), ratio, updates }
    }

    /// In a loop of your own: the learning rate of the next update. Pure.
    pub fn lr(&self) -> f64 {
        let course = self.shared.lock();
        if course.misuse.is_some() { course.core.lr() } else { course.lr() }
    }

    /// In a loop of your own: takes the loss of the next update, before that update is made, and
    /// says what follows.
    ///
    /// The tensor stays on the device, without its graph; all that wait are read together when a
    /// test is due (or they are 512), so that the device is not held up between tests. Learning
    /// rates are those of [`autowu_core::AutoWu::step`] with the same losses, bit for bit, as
    /// long as losses are finite; one that is not is seen at the next read. With gradient
    /// accumulation call it once per update, with the mean over the batches.
    ///
    /// On [`Event::Snapshot`] keep `model.clone().train()` and a clone of the optimizer (a clone
    /// alone shares the running statistics of normalisations with the model); on
    /// [`Event::Restore`] put copies of them back and skip the update: its gradient belongs to the
    /// weights that were thrown away. A loop that cannot do that uses [`Config::without_restore`].
    ///
    /// # Errors
    /// [`Misuse::Device`] if the losses cannot be read, [`Misuse::TooManyLosses`] if the loop steps
    /// a scheduler of this run less often than it tells losses; the run does not move then.
    pub fn record(&self, loss: &Tensor<1>) -> Result<Option<Event<f64>>, Misuse> {
        self.shared.tell(loss);
        self.shared.close()
    }

    /// What went wrong, if the learning rate is held because of it.
    pub fn misuse(&self) -> Option<Misuse> {
        self.shared.lock().misuse.clone()
    }

    /// The scheduler behind this run as it is now: phase, losses, configuration; for logs and
    /// plots.
    pub fn state(&self) -> autowu_core::AutoWu {
        self.shared.lock().core.clone()
    }

    /// The whole state as burn's record, with every loss that has come: those that wait for a test
    /// wait in it. The run itself does not move.
    ///
    /// # Errors
    /// [`RecordError::Damaged`] if losses that wait on a device cannot be read.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        self.shared.to_record()
    }

    /// Goes on from a record of [`to_record`](Self::to_record), configuration included.
    ///
    /// # Errors
    /// What is wrong with the record; the run is then as it was.
    pub fn load_record(&self, record: &LrSchedulerRecord) -> Result<(), RecordError> {
        self.shared.lock().load_record(record)
    }
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Course> {
        // A thread that panicked cannot have left a course half changed that a later one would
        // misread: it would say so by its count.
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The learning rate of `update`; waits for losses that decide it and are on their way.
    pub fn lr_of(&self, update: u64) -> f64 {
        let mut course = self.lock();
        if course.source == Source::Metric {
            course.forgo_restore();
        }
        if let Some(misuse) = course.unfed(update) {
            course.misused(misuse);
        }
        if course.source == Source::Metric && course.misuse.is_none() && course.missing(update) {
            let patience = if course.arrived == 0 { FIRST_PATIENCE } else { PATIENCE };
            let waits = |course: &mut Course| {
                course.misuse.is_none() && update >= course.begun && course.missing(update)
            };
            course = self
                .news
                .wait_timeout_while(course, patience, waits)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(course, _)| course);
            if waits(&mut course) {
                let (losses, updates) = (course.arrived, update);
                course.misused(match losses {
                    0 => Misuse::NoTrainingLoss { updates },
                    _ => Misuse::MissingLosses { losses, updates },
                });
            }
        }
        if update >= course.begun {
            return course.begin();
        }
        match course.past(update) {
            Some(lr) => lr,
            None => {
                let updates = course.begun;
                log::error!("AutoWU: {}", Misuse::TwoTrainings { asked: update, updates });
                course.core.config().min_lr
            }
        }
    }

    /// A loss of the update on its way, from the thread that made it.
    pub fn tell(&self, loss: &Tensor<1>) {
        let mut course = self.lock();
        course.source = Source::Loop;
        course.unread.push(loss);
    }

    /// The update on its way has all its losses.
    pub fn close(&self) -> Result<Option<Event<f64>>, Misuse> {
        let mut course = self.lock();
        course.close().inspect_err(|misuse| course.misused(misuse.clone()))
    }

    /// Changes the course from the metrics' thread, and wakes a scheduler that waits.
    #[cfg(feature = "train")]
    pub fn news<R>(&self, change: impl FnOnce(&mut Course) -> R) -> R {
        let done = change(&mut self.lock());
        self.news.notify_all();
        done
    }

    /// The state, once the losses on their way have come; with it the copy of the best weights.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        let course = self.lock();
        let late = |course: &mut Course| {
            course.source == Source::Metric
                && course.misuse.is_none()
                && course.arrived < course.begun
        };
        let course = self
            .news
            .wait_timeout_while(course, FIRST_PATIENCE, late)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(course, _)| course);
        let (record, folder) = (course.to_record(), course.folder.clone());
        drop(course);
        let save_best = self.save_best.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(folder), Some(save)) = (folder, save_best.as_ref())
            && let Err(error) = save(&folder)
        {
            log::error!("AutoWU: the copy of the best weights was not saved: {error}");
        }
        record
    }

    /// How a wrapped model saves the copy of its best weights.
    #[cfg(feature = "train")]
    pub fn save_best_with(&self, save: impl Fn(&Path) -> Result<(), String> + Send + 'static) {
        *self.save_best.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(save));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let course = self.course.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (updates, total) = (course.begun, course.core.config().total_steps);
        if updates > 0 && updates < total {
            log::warn!(
                "AutoWU: the training ended after {updates} of {total} updates; if it was not stopped early, \
                 Config::total_steps is too large and the decay did not reach its end"
            );
        }
    }
}
