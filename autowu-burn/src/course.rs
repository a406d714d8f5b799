//! [`Course`]: the core scheduler of a run, and what the run says about its decisions.

#[cfg(feature = "train")]
use crate::status::Status;
use autowu_core::{Event, ExtendError, Response};

/// Losses are `f32` or less on the device; the Gaussian process works in `f64`.
pub(crate) type Core = autowu_core::AutoWu<f64>;

/// The core scheduler, which the feeds show their losses.
pub(crate) struct Course {
    core: Core,
    /// Whether the log says that the budget is used.
    end_is_said: bool,
    /// Whether the log says that the last losses are not finite.
    skip_is_said: bool,
    #[cfg(feature = "train")]
    status: Status,
}

impl Course {
    pub fn new(core: Core) -> Self {
        Course {
            core,
            end_is_said: false,
            skip_is_said: false,
            #[cfg(feature = "train")]
            status: Status::default(),
        }
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Updates whose loss the core has seen.
    pub fn steps(&self) -> u64 {
        self.core.steps()
    }

    /// Updates of the budget.
    pub fn total(&self) -> u64 {
        self.core.total_steps()
    }

    /// The lowest learning rate of the warmup.
    pub fn floor(&self) -> f64 {
        self.core.config().min_lr
    }

    /// The learning rate of `update`. Pure. Without losses it stops at the next test, so that it
    /// cannot grow without them.
    pub fn lr_of(&self, update: u64) -> f64 {
        let ahead = update.saturating_sub(self.steps());
        let most = self.core.steps_until_due().map_or(u64::MAX, |steps| steps - 1);
        self.core.lr_ahead(ahead.min(most))
    }

    /// Shows the core the losses of the next updates, in order, and logs what it decides. After the
    /// first loss that changes the course the others are counted but ignored: they were measured on
    /// the old course.
    ///
    /// Returns the event; [`Event::Skip`] only for the last loss: that update can still be skipped.
    pub fn show(&mut self, losses: &[f64]) -> Option<Event<f64>> {
        let seen = self.steps();
        let outcome = self.core.step_slice(losses);
        if let Some(report) = &outcome.report {
            log::debug!("AutoWU: step {}: {}", report.step, report.verdict.sentence());
        }
        match outcome.event {
            Some(Event::Finished { lr, .. }) => self.say_end(lr),
            Some(Event::Skip { step, .. }) => self.say_skip(step, seen, losses),
            event => {
                let all = self.skip_is_said && losses.iter().all(|loss| !loss.is_finite());
                let said = all || event.is_some_and(|event| event.skips_update());
                self.skip_is_said = said && losses.last().is_some_and(|loss| !loss.is_finite());
                log_event(event);
            }
        }
        #[cfg(feature = "train")]
        self.status.note(&outcome);
        let mut event = outcome.event;
        if let Some(Event::Skip { step, lr, .. }) = &mut event {
            // The core names the first of several.
            (*step, *lr) = (self.core.steps(), self.core.lr());
            return event.filter(|_| losses.last().is_some_and(|loss| !loss.is_finite()));
        }
        event
    }

    /// A loss is not finite and changes nothing else: a warning, once for all such losses in a row.
    /// `seen`: losses before these.
    fn say_skip(&mut self, step: u64, seen: u64, losses: &[f64]) {
        let upto = usize::try_from(step.saturating_sub(seen)).unwrap_or(usize::MAX);
        let goes_on = losses.iter().take(upto).all(|loss| !loss.is_finite());
        if !(self.skip_is_said && goes_on) {
            log::warn!(
                "AutoWU: step {step}: the loss is not a finite number; a few in a row count as \
                 divergence"
            );
        }
        self.skip_is_said = losses.last().is_some_and(|loss| !loss.is_finite());
    }

    /// Gives the run `total_steps` updates in all.
    ///
    /// # Errors
    /// Fewer than it has, or has done.
    pub fn extend(&mut self, total_steps: u64) -> Result<(), ExtendError> {
        self.core.extend(total_steps)?;
        self.end_is_said = false;
        Ok(())
    }

    /// The budget is used: a warning, once, whether a scheduler or a loss notices it first.
    pub fn say_end(&mut self, lr: f64) {
        if !std::mem::replace(&mut self.end_is_said, true) {
            log::warn!(
                "AutoWU: the budget of {} updates is used and training goes on at the learning \
                 rate of its end, {lr:e}: Config::total_steps must count the updates of the whole \
                 training; AutoWu::extend gives it more",
                self.total()
            );
        }
    }

    /// Warns if a saved run that this one is about to go on with was configured differently, or has
    /// another budget. Whether weights can go back is no difference: a run without a wrapped model
    /// gives it up at its first update.
    pub fn compare(&self, saved: &Core) {
        let (ours, total) = (self.total(), saved.total_steps());
        if ours > total {
            log::warn!(
                "AutoWU: the saved run has a budget of {total} updates and goes on with it, this \
                 one was given {ours}: call AutoWu::extend({ours})"
            );
        } else if ours < total {
            log::warn!(
                "AutoWU: the saved run has a budget of {total} updates and goes on with it, this \
                 one was given {ours}: no run gets shorter"
            );
        }
        let (mut ours, saved) = (*self.core.config(), *saved.config());
        ours.total_steps = saved.total_steps;
        let response = Response {
            peak: saved.response.peak,
            recovery: saved.response.recovery,
            ..ours.response
        };
        if ours != saved && ours.with_response(response) != saved {
            log::warn!(
                "AutoWU: the saved run was configured differently and goes on as it was: {saved:?}"
            );
        }
    }
}

/// What only burn's trainer asks for.
#[cfg(feature = "train")]
impl Course {
    /// Whether the learning rate of `update` depends on losses that the core has not seen.
    pub fn is_due(&self, update: u64) -> bool {
        self.core
            .steps_until_due()
            .is_some_and(|steps| self.steps().saturating_add(steps) <= update)
    }

    /// Whether the core changes the course with this loss, so that it counts later ones of the old
    /// course and ignores them. A loss that is not finite does so only if enough of them came
    /// before it.
    pub fn ends_with(&self, loss: f64) -> bool {
        let mut core = self.core.clone();
        let event = core.step(loss).event;
        let ignored = |event| matches!(event, Event::Snapshot { .. } | Event::Skip { .. });
        event.is_some_and(|event| !ignored(event)) || core.phase() != self.core.phase()
    }

    /// Before the first loss: from now on the rule for trainers that cannot put weights back.
    pub fn forgo_restore(&mut self) {
        let config = *self.core.config();
        if config.response.can_restore() && self.steps() == 0 {
            log::info!(
                "AutoWU: the model is not wrapped with AutoWU::model, so weights cannot be put \
                 back: a detection ends the warmup"
            );
            let total = self.total();
            if let Ok(mut core) = Core::new(config.without_restore())
                && core.extend(total).is_ok()
            {
                self.core = core;
            }
        }
    }

    /// One line for people: where the run is, and why.
    pub fn sentence(&self) -> String {
        self.status.sentence(&self.core.phase())
    }

    /// The probability that the minimum has been passed, by the last test.
    pub fn probability(&self) -> Option<f64> {
        self.status.probability()
    }
}

/// A line for people, unless the event only asks for a copy.
fn log_event(event: Option<Event<f64>>) {
    match event {
        Some(Event::Snapshot { .. }) | None => {}
        Some(event @ Event::Diverged { .. }) => log::warn!("AutoWU: {event}"),
        Some(event) => log::info!("AutoWU: {event}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed expectation ends the test

    use super::*;
    use autowu_core::Config;

    fn course(config: Config) -> Course {
        Course::new(Core::new(config).unwrap())
    }

    #[test]
    fn without_losses_the_learning_rate_gets_no_further_than_the_next_test() {
        let course = course(Config::new(200).without_restore());
        let test = course.core.steps_until_due().unwrap();
        assert!(course.lr_of(test - 1) > course.lr_of(test - 2));
        #[cfg(feature = "train")]
        assert!(course.is_due(test) && !course.is_due(test - 1));
        for late in [test, test + 1, 10 * test] {
            assert_eq!(course.lr_of(late), course.lr_of(test - 1));
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn a_way_back_is_given_up_at_the_first_update_and_not_later() {
        let config = Config::new(200);
        let mut fresh = course(config);
        fresh.forgo_restore();
        assert_eq!(*fresh.core.config(), config.without_restore());
        let mut resumed = course(config);
        resumed.show(&[1.0]);
        resumed.forgo_restore();
        assert_eq!((*resumed.core.config(), resumed.steps()), (config, 1));
        let mut extended = course(config);
        extended.extend(300).unwrap();
        extended.forgo_restore();
        assert_eq!((*extended.core.config(), extended.total()), (config.without_restore(), 300));
    }
}
