//! Which batches belong to one optimizer update.

/// Groups the losses of batches into losses of updates, by the rule of burn's trainers.
///
/// A pass is one batch on every device. An update follows `accumulation` passes, or fewer when the
/// epoch's data end; its loss is the mean over its batches.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    pub accumulation: usize,
    pub devices: usize,
    losses: Vec<f64>,
    /// Batches of the pass on its way.
    batches: usize,
    /// Whole passes of the update on its way.
    passes: usize,
    /// Whether the epoch's data ended with the last batch.
    last: bool,
    /// Whether each device has a worker of its own (`DistributedDataParallel`), which may deliver
    /// after the main one has ended the epoch.
    pub workers: bool,
}

impl Default for Batches {
    fn default() -> Self {
        Batches::new(1, 1)
    }
}

impl Batches {
    pub fn new(accumulation: usize, devices: usize) -> Self {
        Batches {
            accumulation,
            devices,
            losses: Vec::new(),
            batches: 0,
            passes: 0,
            last: false,
            workers: false,
        }
    }

    /// Takes the loss of a batch, and whether the epoch's data end with it; the loss of an update
    /// that is complete with it.
    pub fn push(&mut self, loss: f64, last: bool) -> Option<f64> {
        self.losses.push(loss);
        self.batches += 1;
        self.last = last;
        if self.batches < self.devices { None } else { self.end_pass() }
    }

    /// Whether the next batch begins a pass.
    pub fn fresh(&self) -> bool {
        self.batches == 0
    }

    /// The epoch is over: a pass that not every device had data for is complete; what made no
    /// update is dropped.
    pub fn end_epoch(&mut self) -> Option<f64> {
        if self.workers {
            return None;
        }
        let loss = if self.batches > 0 { self.end_pass() } else { None };
        self.clear();
        loss
    }

    /// Forgets the update on its way.
    pub fn clear(&mut self) {
        self.losses.clear();
        (self.batches, self.passes, self.last) = (0, 0, false);
    }

    fn end_pass(&mut self) -> Option<f64> {
        self.batches = 0;
        self.passes += 1;
        if self.passes < self.accumulation && !self.last {
            return None;
        }
        self.passes = 0;
        let loss = mean(&mut self.losses);
        self.losses.clear();
        Some(loss)
    }
}

/// The mean, the same in whatever order the devices delivered.
pub(crate) fn mean(losses: &mut [f64]) -> f64 {
    losses.sort_unstable_by(f64::total_cmp);
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_the_mean_of_its_batches_and_a_short_one_ends_the_epoch() {
        let mut batches = Batches::new(2, 1);
        let fed: Vec<_> =
            [1.0, 3.0, 5.0].into_iter().enumerate().map(|(i, y)| batches.push(y, i == 2)).collect();
        assert_eq!(fed, [None, Some(2.0), Some(5.0)]);
        assert_eq!(batches.end_epoch(), None);
    }

    #[test]
    fn a_device_without_data_does_not_hold_the_epoch_up() {
        let mut batches = Batches::new(1, 2);
        assert_eq!(batches.push(1.0, false), None);
        assert_eq!(batches.push(2.0, false), Some(1.5));
        assert_eq!(batches.push(7.0, true), None);
        assert_eq!(batches.end_epoch(), Some(7.0));
    }

    #[test]
    fn a_worker_may_deliver_after_the_end_of_the_epoch() {
        let mut batches = Batches { workers: true, ..Batches::new(1, 2) };
        assert_eq!(batches.push(1.0, true), None);
        assert_eq!(batches.end_epoch(), None);
        assert_eq!(batches.push(3.0, true), Some(2.0));
    }

    #[test]
    fn batches_that_made_no_update_are_dropped() {
        let mut batches = Batches::new(4, 1);
        assert_eq!(batches.push(1.0, false), None);
        assert_eq!(batches.end_epoch(), None);
        assert_eq!(batches.push(3.0, true), Some(3.0));
    }

    #[test]
    fn the_order_of_delivery_does_not_matter() {
        let mut a = [1e16, 1.0, -1e16, 0.1];
        let mut b = [0.1, -1e16, 1e16, 1.0];
        assert_eq!(mean(&mut a).to_bits(), mean(&mut b).to_bits());
    }
}
