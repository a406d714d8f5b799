//! [`OnDevice`]: losses that stay on the device until a read is due.

use super::mean::mean;
use autowu_core::Backlog;
use burn_core::tensor::{Tensor, TensorReadError};

/// The losses that the core has not seen, by update, in order.
pub(crate) struct OnDevice {
    /// How many updates wait, and when they must be read.
    backlog: Backlog,
    /// Of updates before the run was saved.
    carried: Vec<f64>,
    /// Of updates since: the losses of their batches.
    updates: Vec<Vec<Tensor<1>>>,
    /// Of the update under way.
    open: Vec<Tensor<1>>,
}

impl OnDevice {
    pub fn new(carried: Vec<f64>) -> Self {
        let mut backlog = Backlog::new(Backlog::ROOM);
        for _ in &carried {
            let _ = backlog.push(None); // a read that is due is made with the next loss
        }
        OnDevice { backlog, carried, updates: Vec::new(), open: Vec::new() }
    }

    /// Takes the loss of a batch of the update under way, without its graph.
    pub fn push(&mut self, loss: &Tensor<1>) {
        self.open.push(loss.clone().without_autodiff().mean());
    }

    /// The update under way ends, and waits. Whether all that wait must be read now; `due`: steps
    /// until the next test, counted from the last read.
    #[must_use]
    pub fn close(&mut self, due: Option<u64>) -> bool {
        self.updates.push(std::mem::take(&mut self.open));
        self.backlog.push(due)
    }

    /// Drops the update under way.
    pub fn drop_open(&mut self) {
        self.open.clear();
    }

    /// The loss of each update that waits, the mean over its batches, in one read.
    ///
    /// # Errors
    /// The device's.
    pub fn read(&self) -> Result<Vec<f64>, TensorReadError> {
        let mut losses = self.carried.clone();
        let Some(first) = self.updates.iter().flatten().next() else { return Ok(losses) };
        let device = first.device();
        let all: Vec<_> =
            self.updates.iter().flatten().map(|loss| loss.clone().to_device(&device)).collect();
        let mut batches = Tensor::cat(all, 0).try_into_vec_as::<f64>()?.into_iter();
        losses.extend(self.updates.iter().map(|update| {
            let mut these: Vec<f64> = batches.by_ref().take(update.len()).collect();
            mean(&mut these)
        }));
        Ok(losses)
    }

    /// All that waited have been read.
    pub fn clear(&mut self) {
        self.carried.clear();
        self.updates.clear();
        self.backlog.clear();
    }
}
