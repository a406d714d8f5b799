//! [`Shared`]: the run behind its lock.

use crate::course::Core;
use crate::misuse::{Misuse, RecordError};
use crate::run::Run;
#[cfg(feature = "train")]
use crate::trainer::Trainer;
use burn_optim::lr_scheduler::LrSchedulerRecord;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the handle, its schedulers, its metrics and its model have in common.
pub(crate) struct Shared {
    run: Mutex<Run>,
    #[cfg(feature = "train")]
    trainer: Trainer,
}

impl Shared {
    pub fn new(core: Core) -> Self {
        Shared {
            run: Mutex::new(Run::new(core)),
            #[cfg(feature = "train")]
            trainer: Trainer::default(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Run> {
        // A thread that panicked cannot leave a run that a later one would misread: the counts of
        // losses and updates would not agree, which is a misuse.
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The learning rate of `update`, once the losses that decide it have come.
    pub fn lr_of(&self, update: u64) -> f64 {
        let mut run = self.lock();
        run.announce(update);
        #[cfg(feature = "train")]
        let mut run = self.trainer.wait_for_losses(run, update);
        run.lr_of(update)
    }

    /// The state, once the losses on their way have come; writes the copy of the weights too.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        let run = self.lock();
        #[cfg(feature = "train")]
        let run = self.trainer.wait_for_all_losses(run);
        let record = run.to_record();
        #[cfg(feature = "train")]
        self.trainer.save_copy(run);
        record
    }

    /// Goes on from a record. Updates done, or why it was refused, which holds the learning rate.
    pub fn load_or_hold(&self, record: &LrSchedulerRecord) -> Option<u64> {
        let mut run = self.lock();
        match run.load_record(record) {
            Ok(()) => Some(run.begun()),
            Err(error) => {
                run.hold(Misuse::Record(error));
                None
            }
        }
    }
}

#[cfg(feature = "train")]
impl Shared {
    /// Changes the run from the metrics' thread, and wakes a scheduler that waits.
    pub fn change<R>(&self, change: impl FnOnce(&mut Run) -> R) -> R {
        let done = change(&mut self.lock());
        self.trainer.wake();
        done
    }

    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let run = self.run.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((updates, total)) = run.unfinished() {
            log::warn!(
                "AutoWU: the training ended after {updates} of {total} updates; if it was not \
                 stopped early, Config::total_steps is too large and the decay did not reach its \
                 end"
            );
        }
    }
}
