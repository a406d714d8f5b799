//! [`Finite`]: whether a loss is a finite number, without a read from a GPU.

use crate::error::Result;
use autowu_core::{Config, NonFinite};
use candle_core::{DType, Tensor};

/// Whether the loss of a step is finite.
#[derive(Debug)]
pub(crate) enum Finite {
    /// It is, or nobody asks.
    Yes,
    No,
    /// The answer is on the device: 1 or 0, `u8`, without dimensions.
    OnDevice(Tensor),
}

impl Finite {
    /// Of a loss of one element, f32 or f64. On a CPU it is there to be read; elsewhere a read
    /// would wait for all that the device has to do.
    pub fn of(loss: &Tensor, config: &Config) -> Result<Self> {
        if config.response.non_finite == NonFinite::Ignore {
            return Ok(Finite::Yes);
        }
        let loss = loss.detach().reshape(())?;
        if !loss.device().is_cpu() {
            return Self::on_device(&loss);
        }
        let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        Ok(if loss.is_finite() { Finite::Yes } else { Finite::No })
    }

    /// NaN is not below anything.
    fn on_device(loss: &Tensor) -> Result<Self> {
        Ok(Finite::OnDevice(loss.abs()?.lt(f32::INFINITY)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn both_ways_agree() -> Result<()> {
        for (loss, expected) in [
            (1.0_f32, true),
            (-3e38, true),
            (f32::NAN, false),
            (f32::INFINITY, false),
            (f32::NEG_INFINITY, false),
        ] {
            let tensor = Tensor::new(&[loss], &Device::Cpu)?;
            let told = Finite::of(&tensor, &Config::new(100))?;
            assert_eq!(matches!(told, Finite::Yes), expected, "{loss}");
            let Finite::OnDevice(told) = Finite::on_device(&tensor.reshape(())?)? else {
                panic!("{loss} was read")
            };
            assert_eq!(told.to_scalar::<u8>()? == 1, expected, "{loss}");
            assert!(matches!(Finite::of(&tensor, &Config::paper(10, 10))?, Finite::Yes));
        }
        Ok(())
    }
}
