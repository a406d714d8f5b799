//! Losses that stay on the device until a read is due.

use crate::error::{Error, Result};
use autowu_core::Backlog;
use candle_core::{DType, Tensor};

/// A buffer on the device of the losses. When it is read is [`Backlog`]'s affair.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// `[Backlog::ROOM]`, f32.
    buffer: Option<Tensor>,
}

impl Losses {
    /// Writes a loss of one element, f32 or f64, to place `at`, as f32. It is detached first: the
    /// buffer keeps no graph alive.
    pub fn write(&mut self, at: usize, loss: &Tensor) -> Result<()> {
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
            None => Tensor::zeros(Backlog::ROOM, DType::F32, loss.device())?,
        };
        let written = buffer.slice_set(&loss, 0, at);
        self.buffer = Some(buffer);
        Ok(written?)
    }

    /// The first `len` losses: one read from the device.
    pub fn read(&self, len: usize) -> Result<Vec<f64>> {
        let Some(buffer) = self.buffer.as_ref().filter(|_| len > 0) else {
            return Ok(Vec::new());
        };
        let losses = buffer.narrow(0, 0, len)?.to_vec1::<f32>()?;
        Ok(losses.into_iter().map(f64::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_loss_that_is_taken_back_was_never_there() -> Result<()> {
        let mut losses = Losses::default();
        for (at, loss) in [(0, 1.0_f32), (1, 2.0), (1, 3.0)] {
            losses.write(at, &Tensor::new(loss, &Device::Cpu)?)?;
        }
        assert_eq!(losses.read(2)?, [1.0, 3.0]);
        Ok(())
    }
}
