//! [`Batches`]: which batches belong to one optimizer update.

use super::mean::mean;

/// What the user has declared about the trainer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouping {
    /// Passes to an update, at least 1.
    pub accumulation: usize,
    /// Devices, at least 1: batches to a pass.
    pub devices: usize,
}

impl Default for Grouping {
    fn default() -> Self {
        Grouping { accumulation: 1, devices: 1 }
    }
}

/// A batch of the training split, as burn tells it to a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub loss: f64,
    /// The epoch's data end with it.
    pub last: bool,
    /// burn's count in the epoch, from 1.
    pub iteration: Option<usize>,
}

/// Groups the losses of batches into losses of updates, by the rule of burn's trainers.
///
/// A pass is one batch on every device. An update follows `accumulation` passes, or fewer when the
/// epoch's data end; its loss is the mean over its batches.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    losses: Vec<f64>,
    /// Batches of the pass under way.
    batches: usize,
    /// Whole passes of the update under way.
    passes: usize,
    /// Whether the epoch's data ended with the last batch.
    last: bool,
    /// Whether each device has a worker of its own (`DistributedDataParallel`), which may deliver
    /// after the main one has ended the epoch.
    workers: bool,
}

impl Batches {
    /// Takes a batch. The loss of the update, if it is complete.
    pub fn push(&mut self, grouping: Grouping, batch: Batch) -> Option<f64> {
        if self.batches == 0 {
            // burn counts iterations by one; where each device has a worker, every worker counts by
            // the number of devices.
            let devices = grouping.devices;
            self.workers =
                devices > 1 && batch.iteration.is_some_and(|i| i.is_multiple_of(devices));
        }
        self.losses.push(batch.loss);
        self.batches += 1;
        self.last = batch.last;
        if self.batches < grouping.devices { None } else { self.end_pass(grouping) }
    }

    /// The epoch is over: a pass for which not every device had data is complete; what made no
    /// update is dropped.
    pub fn end_epoch(&mut self, grouping: Grouping) -> Option<f64> {
        if self.workers {
            return None;
        }
        let loss = if self.batches > 0 { self.end_pass(grouping) } else { None };
        *self = Batches::default();
        loss
    }

    fn end_pass(&mut self, grouping: Grouping) -> Option<f64> {
        self.batches = 0;
        self.passes += 1;
        if self.passes < grouping.accumulation && !self.last {
            return None;
        }
        self.passes = 0;
        let loss = mean(&mut self.losses);
        self.losses.clear();
        Some(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping(accumulation: usize, devices: usize) -> Grouping {
        Grouping { accumulation, devices }
    }

    fn batch(loss: f64, last: bool) -> Batch {
        Batch { loss, last, iteration: Some(1) }
    }

    #[test]
    fn an_update_is_the_mean_of_its_batches_and_a_short_one_ends_the_epoch() {
        let (mut batches, two) = (Batches::default(), grouping(2, 1));
        let fed = [1.0, 3.0, 5.0].map(|loss| batches.push(two, batch(loss, loss == 5.0)));
        assert_eq!(fed, [None, Some(2.0), Some(5.0)]);
        assert_eq!(batches.end_epoch(two), None);
    }

    #[test]
    fn a_device_without_data_does_not_hold_the_epoch_up() {
        let (mut batches, two) = (Batches::default(), grouping(1, 2));
        assert_eq!(batches.push(two, batch(1.0, false)), None);
        assert_eq!(batches.push(two, batch(2.0, false)), Some(1.5));
        assert_eq!(batches.push(two, batch(7.0, true)), None);
        assert_eq!(batches.end_epoch(two), Some(7.0));
    }

    #[test]
    fn a_worker_may_deliver_after_the_end_of_the_epoch() {
        let (mut batches, two) = (Batches::default(), grouping(1, 2));
        let batch = |loss| Batch { iteration: Some(2), ..batch(loss, true) };
        assert_eq!(batches.push(two, batch(1.0)), None);
        assert_eq!(batches.end_epoch(two), None);
        assert_eq!(batches.push(two, batch(3.0)), Some(2.0));
    }

    #[test]
    fn batches_that_made_no_update_are_dropped() {
        let (mut batches, four) = (Batches::default(), grouping(4, 1));
        assert_eq!(batches.push(four, batch(1.0, false)), None);
        assert_eq!(batches.end_epoch(four), None);
        assert_eq!(batches.push(four, batch(3.0, true)), Some(3.0));
    }
}
