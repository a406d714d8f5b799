//! [`LoopFeed`]: losses from the trainer's own thread, by the wrapped model or the user's loop.
//!
//! Each loss stays on the device. When a test is due, all that wait are read together and shown to
//! the core, so that nothing is late but a loss that is not finite: it is noticed at the next read.
//! By then its update has been made, unless the loss is the last of those that are read.

use super::on_device::OnDevice;
use crate::course::Course;
use crate::misuse::Misuse;
use autowu_core::Event;
use burn_core::tensor::{Tensor, TensorReadError};

pub(crate) struct LoopFeed {
    losses: OnDevice,
    /// Updates whose loss has been told.
    told: u64,
}

impl LoopFeed {
    /// After `told` updates; the core has not seen the losses of the last `waiting.len()` of them.
    pub fn new(waiting: Vec<f64>, told: u64) -> Self {
        LoopFeed { losses: OnDevice::new(waiting), told }
    }

    /// Takes the loss of a batch of the update under way.
    pub fn push(&mut self, loss: &Tensor<1>) {
        self.losses.push(loss);
    }

    /// The update under way has all its losses. Reads all that wait if a read is due, and says what
    /// the trainer has to do. `begun`: updates that schedulers of the run have begun, if the loop
    /// steps one.
    ///
    /// # Errors
    /// [`Misuse::TooManyLosses`] if schedulers are stepped less often; the losses of this update
    /// are dropped. [`Misuse::Device`]; the losses are read again with the next one.
    pub fn close(
        &mut self,
        course: &mut Course,
        begun: Option<u64>,
    ) -> Result<Option<Event<f64>>, Misuse> {
        let told = self.told.saturating_add(1);
        if let Some(updates) = begun.filter(|begun| told > begun.saturating_add(1)) {
            self.losses.drop_open();
            return Err(Misuse::TooManyLosses { losses: told, updates });
        }
        self.told = told;
        if !self.losses.close(course.core().steps_until_due()) {
            return Ok(None);
        }
        let losses = self.losses.read().map_err(|e| Misuse::Device(e.to_string()))?;
        self.losses.clear();
        Ok(course.show(&losses))
    }

    /// The update whose loss is told next.
    pub fn next(&self) -> u64 {
        self.told
    }

    /// Why `update` cannot begin: the losses of more than one update before it are missing.
    pub fn starved(&self, update: u64) -> Option<Misuse> {
        (self.told.saturating_add(1) < update)
            .then_some(Misuse::MissingLosses { losses: self.told, updates: update })
    }

    /// The losses that the core has not seen, in order.
    ///
    /// # Errors
    /// The device's.
    pub fn waiting(&self) -> Result<Vec<f64>, TensorReadError> {
        self.losses.read()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed expectation ends the test

    use super::*;
    use crate::course::Core;
    use autowu_core::{Backlog, Config};
    use burn_core::tensor::Device;

    fn tensor(loss: f32) -> Tensor<1> {
        Tensor::from_floats([loss], &Device::default())
    }

    fn course(total: u64) -> Course {
        Course::new(Core::new(Config::new(total).without_restore()).unwrap())
    }

    #[test]
    fn losses_are_shown_when_a_test_is_due_or_there_is_no_more_room() {
        for (total, carried) in [(200, 0), (200, 1), (1_000_000, 0), (1_000_000, 200)] {
            let (mut course, mut feed) =
                (course(total), LoopFeed::new(vec![2.0; carried], carried as u64));
            let due = course.core().steps_until_due().unwrap().min(Backlog::ROOM as u64);
            for told in carried as u64 + 1..=due {
                assert_eq!((course.steps(), feed.next()), (0, told - 1));
                assert_eq!(feed.waiting().unwrap().len() as u64, told - 1);
                feed.push(&tensor(2.0));
                feed.close(&mut course, None).unwrap();
            }
            assert_eq!((course.steps(), feed.next()), (due, due));
            assert!(feed.waiting().unwrap().is_empty());
        }
    }

    #[test]
    fn an_update_is_the_mean_of_its_batches() {
        let (mut course, mut feed) = (course(1000), LoopFeed::new(vec![7.0], 1));
        for losses in [&[1.0, 2.0, 6.0][..], &[4.0]] {
            losses.iter().for_each(|&loss| feed.push(&tensor(loss)));
            feed.close(&mut course, None).unwrap();
        }
        assert_eq!(feed.waiting().unwrap(), [7.0, 3.0, 4.0]);
    }

    #[test]
    fn losses_and_updates_differ_by_one_at_most() {
        let (mut course, mut feed) = (course(1000), LoopFeed::new(Vec::new(), 0));
        assert_eq!(
            [1, 2].map(|update| feed.starved(update)),
            [None, Some(Misuse::MissingLosses { losses: 0, updates: 2 })]
        );
        for _ in 0..2 {
            feed.push(&tensor(2.0));
            assert_eq!(feed.close(&mut course, Some(1)), Ok(None));
        }
        for _ in 0..2 {
            feed.push(&tensor(3.0));
            let refused = Err(Misuse::TooManyLosses { losses: 3, updates: 1 });
            assert_eq!(feed.close(&mut course, Some(1)), refused);
        }
        // What was refused is gone.
        feed.push(&tensor(4.0));
        assert_eq!(feed.close(&mut course, Some(2)), Ok(None));
        assert_eq!((feed.next(), feed.waiting().unwrap()), (3, vec![2.0, 2.0, 4.0]));
    }
}
