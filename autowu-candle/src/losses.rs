//! Losses that stay on the device until somebody needs them.

use crate::error::{Error, Result};
use candle_core::{DType, Tensor};

/// Losses that one read fetches at most.
pub(crate) const CAPACITY: usize = 256;

/// Losses on their way, in order, in one buffer on their own device: a read per step would drain a
/// GPU's stream every time.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// `[CAPACITY]`, f32.
    buffer: Option<Tensor>,
    len: usize,
}

impl Losses {
    /// Appends a loss of one element, f32 or f64, kept as f32. It is detached first: the buffer
    /// keeps no graph alive.
    pub fn push(&mut self, loss: &Tensor) -> Result<()> {
        if loss.elem_count() != 1 {
            return Err(Error::LossShape(loss.shape().clone()));
        }
        if !matches!(loss.dtype(), DType::F32 | DType::F64) {
            return Err(Error::LossType(loss.dtype()));
        }
        // A copy: slice_set refuses a source that shares the buffer's memory, and to_dtype may be
        // the tensor itself.
        let loss = loss.detach().to_dtype(DType::F32)?.reshape(1)?.contiguous()?;
        let buffer = match self.buffer.take() {
            Some(buffer) => buffer,
            None => Tensor::zeros(CAPACITY, DType::F32, loss.device())?,
        };
        let written = buffer.slice_set(&loss, 0, self.len);
        self.buffer = Some(buffer);
        written?;
        self.len += 1;
        Ok(())
    }

    /// Number of losses that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.len >= CAPACITY
    }

    /// The losses that wait, in order: one read from the device.
    pub fn read(&self) -> Result<Vec<f64>> {
        let Some(buffer) = self.buffer.as_ref().filter(|_| self.len > 0) else {
            return Ok(Vec::new());
        };
        let losses = buffer.narrow(0, 0, self.len)?.to_vec1::<f32>()?;
        Ok(losses.into_iter().map(f64::from).collect())
    }

    /// Forgets the losses that wait.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The last loss that waits is not one after all.
    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_loss_that_is_taken_back_was_never_there() -> Result<()> {
        let mut losses = Losses::default();
        for loss in [1.0_f32, 2.0] {
            losses.push(&Tensor::new(loss, &Device::Cpu)?)?;
        }
        losses.pop();
        losses.push(&Tensor::new(3.0_f32, &Device::Cpu)?)?;
        assert_eq!(losses.read()?, [1.0, 3.0]);
        Ok(())
    }
}
