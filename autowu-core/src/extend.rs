//! [`AutoWu::extend`]: a run gets more steps.

use crate::phase::{Now, Stage};
use crate::real::Real;
use crate::scheduler::AutoWu;
use core::fmt;

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// Gives the run `total_steps` steps in all. It may be finished, or loaded from a file.
    ///
    /// A decay follows from the next step on the curve that it would have had with this budget from
    /// its start: the learning rate rises to at most the peak, falls from there, and reaches the
    /// floor with the new last step. A warmup goes on as it was planned, and the decay after it is
    /// the longer.
    ///
    /// ```
    /// use autowu_core::{AutoWu, Config};
    /// let mut autowu: AutoWu = AutoWu::new(Config::new(100).without_restore())?;
    /// (0..100).for_each(|step| _ = autowu.step(1.0 / f64::from(1 + step)));
    /// assert_eq!(autowu.lr(), 0.0);
    /// autowu.extend(150)?;
    /// assert!(autowu.lr() > 0.0 && autowu.lr_ahead(49) == 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Fewer steps than the run has, or has done; nothing changes.
    pub fn extend(&mut self, total_steps: u64) -> Result<(), ExtendError> {
        let least = self.total.max(self.step);
        if total_steps < least {
            return Err(ExtendError { total_steps, least });
        }
        self.total = total_steps;
        match &mut self.stage {
            Stage::Warmup(warmup) => {
                warmup.derive(Now { config: &self.config, total: total_steps, step: self.step });
            }
            Stage::Decay(decay) => decay.extend(),
        }
        Ok(())
    }
}

/// A run cannot get fewer steps than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendError {
    /// Steps asked for.
    pub total_steps: u64,
    /// Steps that the run has, or has done.
    pub least: u64,
}

impl fmt::Display for ExtendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExtendError { total_steps, least } = self;
        write!(
            f,
            "a run of {least} steps cannot be extended to {total_steps}: give the steps of the whole \
             run, at least {least}"
        )
    }
}

impl core::error::Error for ExtendError {}
