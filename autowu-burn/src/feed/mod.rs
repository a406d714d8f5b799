//! [`Feed`]: who tells the run its losses.

mod mean;
mod on_device;
mod own_loop;

#[cfg(feature = "train")]
mod batches;
#[cfg(feature = "train")]
mod metric;

#[cfg(feature = "train")]
pub(crate) use batches::{Batch, Grouping};
#[cfg(feature = "train")]
pub(crate) use metric::MetricFeed;
pub(crate) use own_loop::LoopFeed;

use crate::misuse::Misuse;
use burn_core::tensor::TensorReadError;

/// A run has one feed. Each brings losses its own way and shows them to the core at its own time.
pub(crate) enum Feed {
    /// Nobody yet. Losses that wait since the run was saved.
    Unfed(Vec<f64>),
    /// The loss metric, on the thread of burn's metrics.
    #[cfg(feature = "train")]
    Metric(MetricFeed),
    /// The wrapped model or the user's loop, on the thread of the trainer.
    Loop(LoopFeed),
}

impl Feed {
    /// The feed of this kind for a run that goes on after `first` updates; the core has not seen
    /// the losses of the last `waiting.len()` of them.
    pub fn resumed(&self, waiting: Vec<f64>, first: u64) -> Self {
        match self {
            Feed::Unfed(_) => Feed::Unfed(waiting),
            #[cfg(feature = "train")]
            Feed::Metric(_) => Feed::Metric(MetricFeed::new(waiting, first)),
            Feed::Loop(_) => Feed::Loop(LoopFeed::new(waiting, first)),
        }
    }

    /// The loop's feed. It takes over from any other: a wrapped model tells its losses itself, and
    /// the metric only shows them.
    pub fn use_loop(&mut self, first: u64) -> &mut LoopFeed {
        let waiting = match self {
            Feed::Unfed(waiting) => std::mem::take(waiting),
            #[cfg(feature = "train")]
            Feed::Metric(feed) => feed.take_waiting(),
            Feed::Loop(feed) => return feed,
        };
        *self = Feed::Loop(LoopFeed::new(waiting, first));
        self.use_loop(first)
    }

    /// Why `update` cannot begin: a scheduler is stepped, and its run receives no losses.
    pub fn starved(&self, update: u64, first: u64) -> Option<Misuse> {
        match self {
            Feed::Unfed(_) => (update > first).then_some(Misuse::NoLoss),
            #[cfg(feature = "train")]
            Feed::Metric(_) => None, // its losses may be on their way: the scheduler waits for them
            Feed::Loop(feed) => feed.starved(update),
        }
    }

    /// The losses that the core has not seen, in order.
    ///
    /// # Errors
    /// The device's.
    pub fn waiting(&self) -> Result<Vec<f64>, TensorReadError> {
        match self {
            Feed::Unfed(waiting) => Ok(waiting.clone()),
            #[cfg(feature = "train")]
            Feed::Metric(feed) => Ok(feed.waiting()),
            Feed::Loop(feed) => feed.waiting(),
        }
    }
}

#[cfg(feature = "train")]
impl Feed {
    /// The metric feeds the run, unless somebody does already.
    pub fn use_metric(&mut self, first: u64) {
        if let Feed::Unfed(waiting) = self {
            *self = Feed::Metric(MetricFeed::new(std::mem::take(waiting), first));
        }
    }

    pub fn metric(&self) -> Option<&MetricFeed> {
        match self {
            Feed::Metric(feed) => Some(feed),
            Feed::Unfed(_) | Feed::Loop(_) => None,
        }
    }

    pub fn metric_mut(&mut self) -> Option<&mut MetricFeed> {
        match self {
            Feed::Metric(feed) => Some(feed),
            Feed::Unfed(_) | Feed::Loop(_) => None,
        }
    }
}
