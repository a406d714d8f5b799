//! Losses that stay on the device until a test is due.

use crate::batches::mean;
use burn_core::tensor::{Tensor, TensorReadError};

/// Losses by update, in order.
#[derive(Default)]
pub(crate) struct Unread {
    updates: Vec<Vec<Tensor<1>>>,
    /// Of the update on its way.
    open: Vec<Tensor<1>>,
}

impl Unread {
    /// Takes the loss of a batch of the update on its way, without its graph.
    pub fn push(&mut self, loss: &Tensor<1>) {
        self.open.push(loss.clone().without_autodiff().mean());
    }

    /// Ends the update on its way.
    pub fn close(&mut self) {
        self.updates.push(std::mem::take(&mut self.open));
    }

    pub fn len(&self) -> usize {
        self.updates.len()
    }

    pub fn clear(&mut self) {
        self.updates.clear();
    }

    /// The loss of each update, the mean over its batches, in one read.
    ///
    /// # Errors
    /// What the device says.
    pub fn read(&self) -> Result<Vec<f64>, TensorReadError> {
        let Some(first) = self.updates.iter().flatten().next() else { return Ok(Vec::new()) };
        let device = first.device();
        let all: Vec<_> =
            self.updates.iter().flatten().map(|loss| loss.clone().to_device(&device)).collect();
        let values: Vec<f64> = Tensor::cat(all, 0).try_into_vec_as()?;
        let mut rest = values.as_slice();
        let mut take = |n: usize| {
            let (these, others) = rest.split_at(n.min(rest.len()));
            rest = others;
            mean(&mut these.to_vec())
        };
        Ok(self.updates.iter().map(|update| take(update.len())).collect())
    }
}
