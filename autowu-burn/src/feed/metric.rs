//! [`MetricFeed`]: losses from the thread of burn's metrics, which is early or late.
//!
//! A batch → the loss of its update → the losses that wait → the core. What the core is shown, and
//! when, depends on the update that begins and not on the speed of the thread: all losses when a
//! test is due, which the scheduler waits for, else those that cannot be missing.

use super::batches::{Batch, Batches, Grouping};
use crate::course::Course;
use crate::misuse::Misuse;
use std::collections::VecDeque;

/// Updates whose loss may still be on its way when the learning rate of the next is asked for.
///
/// burn's trainers hand each batch to the thread of the metrics through a channel that holds one:
/// when batch `i` is in the channel, the thread has taken `i − 1`, so it is done with `i − 2`. The
/// loss of the update before the last is therefore always there.
pub(super) const LAG: u64 = 2;

pub(crate) struct MetricFeed {
    /// The metric that feeds the run: the first that sees a training loss.
    metric: Option<u64>,
    batches: Batches,
    /// Losses that the core has not seen.
    waiting: VecDeque<f64>,
    /// Losses on their way that the core has counted: they were measured on a course that ended.
    stale: u64,
    /// Updates whose loss has come.
    arrived: u64,
    /// Updates whose loss had come when the epoch began.
    epoch: u64,
    /// Whether the log already warns that an epoch does not divide the budget.
    warned: bool,
}

impl MetricFeed {
    /// After `first` updates; the core has not seen the losses of the last `waiting.len()` of them.
    pub fn new(waiting: Vec<f64>, first: u64) -> Self {
        MetricFeed {
            metric: None,
            batches: Batches::default(),
            waiting: waiting.into(),
            stale: 0,
            arrived: first,
            epoch: first,
            warned: false,
        }
    }

    /// Takes a batch of the training split from a metric. `begun`: updates begun.
    ///
    /// # Errors
    /// [`Misuse::TwoMetrics`] if another metric feeds the run, [`Misuse::TooManyLosses`].
    pub fn push(
        &mut self,
        metric: u64,
        batch: Batch,
        grouping: Grouping,
        begun: u64,
    ) -> Result<(), Misuse> {
        if *self.metric.get_or_insert(metric) != metric {
            return Err(Misuse::TwoMetrics);
        }
        match self.batches.push(grouping, batch) {
            Some(loss) => self.arrive(loss, begun),
            None => Ok(()),
        }
    }

    /// An epoch of the training split is over, and its last update is complete. Warns if epochs do
    /// not divide the budget of `total` updates. Other metrics than the one that feeds are ignored.
    ///
    /// # Errors
    /// [`Misuse::TooManyLosses`]
    pub fn end_epoch(
        &mut self,
        metric: u64,
        grouping: Grouping,
        begun: u64,
        total: u64,
    ) -> Result<(), Misuse> {
        if self.metric != Some(metric) {
            return Ok(());
        }
        let last = self.batches.end_epoch(grouping);
        let fed = last.map_or(Ok(()), |loss| self.arrive(loss, begun));
        let updates = self.arrived - self.epoch;
        self.epoch = self.arrived;
        if updates > 0 && !self.warned && !total.is_multiple_of(updates) {
            self.warned = true;
            log::warn!(
                "AutoWU: an epoch has {updates} updates, and the budget of {total} is not a whole \
                 number of epochs: Config::total_steps must count the updates of the whole training"
            );
        }
        fed
    }

    /// Takes the loss of an update.
    fn arrive(&mut self, loss: f64, begun: u64) -> Result<(), Misuse> {
        self.arrived = self.arrived.saturating_add(1);
        if self.stale > 0 {
            self.stale -= 1;
        } else {
            self.waiting.push_back(loss);
        }
        if self.arrived > begun {
            return Err(Misuse::TooManyLosses { losses: self.arrived, updates: begun });
        }
        Ok(())
    }

    /// Updates whose loss has come.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Whether a loss that decides the learning rate of `update` is still on its way: any when a
    /// test is due, else one that is [`LAG`] updates old.
    pub fn lacks(&self, course: &Course, update: u64) -> bool {
        self.arrived < if course.is_due(update) { update } else { update.saturating_sub(LAG) }
    }

    /// Shows the core what decides the learning rate of `update`, and nothing that might or might
    /// not be there: every loss when a test is due, else those that are [`LAG`] updates old.
    pub fn settle(&mut self, course: &mut Course, update: u64) {
        if course.is_due(update) {
            course.show(self.waiting.make_contiguous());
            self.waiting.clear();
            return;
        }
        while course.steps() < update.saturating_sub(LAG) {
            let Some(loss) = self.waiting.pop_front() else { break };
            if loss.is_finite() {
                course.show(&[loss]);
            } else {
                self.show_non_finite(course, loss, update);
            }
        }
    }

    /// A loss that is not finite: the first ones in a row change nothing. If it changes the course,
    /// the losses of the updates since, `since` of them, were measured on the old one: they are
    /// counted and ignored, also those on their way.
    fn show_non_finite(&mut self, course: &mut Course, loss: f64, update: u64) {
        let next = course.steps().saturating_add(1);
        let since = update.saturating_sub(next);
        if !course.ends_with(loss) {
            course.show(&[loss]);
            return;
        }
        course.show(&vec![loss; since as usize + 1]);
        let here = self.waiting.len().min(since as usize);
        self.waiting.drain(..here);
        self.stale = self.stale.saturating_add(since - here as u64);
    }

    /// The losses that the core has not seen, in order.
    pub fn waiting(&self) -> Vec<f64> {
        self.waiting.iter().copied().collect()
    }

    /// The same, for another feed that takes over.
    pub fn take_waiting(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.waiting).into()
    }
}

#[cfg(test)]
mod tests;
