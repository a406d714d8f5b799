//! [`Trainer`]: the other threads of burn's trainer. Who waits for whom, and what is saved with the
//! state.

use crate::run::Run;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a scheduler waits for a loss that is on its way before it decides that none is coming.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the very first losses of a run, and for a record.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

type SaveCopy = Box<dyn Fn(&Path) -> Result<(), String> + Send>;

#[derive(Default)]
pub(crate) struct Trainer {
    /// A loss has come.
    news: Condvar,
    /// Writes the wrapped model's copy of the weights into a folder.
    save_copy: Mutex<Option<SaveCopy>>,
}

impl Trainer {
    /// Waits for the losses that decide the learning rate of `update`.
    pub fn wait_for_losses<'a>(
        &self,
        run: MutexGuard<'a, Run>,
        update: u64,
    ) -> MutexGuard<'a, Run> {
        let patience = if run.awaits_first_loss() { FIRST_PATIENCE } else { PATIENCE };
        let mut run = self.wait_while(run, patience, |run| run.lacks_losses(update));
        run.give_up_waiting(update);
        run
    }

    /// Waits for the losses of all updates that have begun.
    pub fn wait_for_all_losses<'a>(&self, run: MutexGuard<'a, Run>) -> MutexGuard<'a, Run> {
        self.wait_while(run, FIRST_PATIENCE, Run::expects_losses)
    }

    fn wait_while<'a>(
        &self,
        run: MutexGuard<'a, Run>,
        patience: Duration,
        condition: impl Fn(&Run) -> bool,
    ) -> MutexGuard<'a, Run> {
        self.news
            .wait_timeout_while(run, patience, |run| condition(run))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// The run has changed.
    pub fn wake(&self) {
        self.news.notify_all();
    }

    /// How a wrapped model saves its copy.
    pub fn save_copy_with(&self, save: impl Fn(&Path) -> Result<(), String> + Send + 'static) {
        *self.save_copy.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(save));
    }

    /// Writes the copy of the weights, if there is a folder for it. Unlocks the run first: the
    /// model takes its own lock before the run's.
    pub fn save_copy(&self, run: MutexGuard<'_, Run>) {
        let folder = run.copy().folder().map(Path::to_path_buf);
        drop(run);
        let save = self.save_copy.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(folder), Some(save)) = (folder, save.as_ref())
            && let Err(error) = save(&folder)
        {
            log::error!("AutoWU: the copy of the weights was not saved: {error}");
        }
    }
}
