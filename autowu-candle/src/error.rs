//! What can go wrong, and what to do about it.

use autowu_core::{ConfigError, ExtendError};
use candle_core::{DType, Shape};
use std::fmt;

/// Why a call was refused. What was called is as before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration breaks a rule.
    Config(ConfigError),
    /// Fewer steps than the run has, or has done.
    Extend(ExtendError),
    /// The loss does not have exactly one element.
    LossShape(Shape),
    /// The loss is of a type too coarse to see a minimum in, or is not a floating-point number.
    LossType(DType),
    /// A group's ratio is not a finite number of at least 0.
    Ratio(f64),
    /// A checkpoint that cannot be read or belongs to another run: what was found and what was
    /// expected.
    Checkpoint(String),
    /// candle refused.
    Candle(candle_core::Error),
    /// Losses of another precision than their fleet's.
    #[cfg(feature = "fleet")]
    FleetType {
        /// The type of the losses.
        losses: DType,
        /// The type that the fleet computes in.
        fleet: DType,
    },
    /// A tensor or device that is not on a CUDA GPU.
    #[cfg(feature = "fleet")]
    NotOnGpu(candle_core::DeviceLocation),
    /// The fleet refused, or its GPU failed.
    #[cfg(feature = "fleet")]
    Fleet(autowu_cuda::Error),
}

/// A result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(e) => e.fmt(f),
            Error::Extend(e) => e.fmt(f),
            Error::LossShape(shape) => write!(
                f,
                "the loss has shape {shape:?} and {} elements: exactly one is expected; take its \
                 mean_all()",
                shape.elem_count()
            ),
            Error::LossType(dtype @ (DType::BF16 | DType::F16)) => write!(
                f,
                "the loss is {}: too coarse to see a minimum in; cast the logits to f32 before \
                 the loss function",
                dtype.as_str()
            ),
            Error::LossType(dtype) => {
                write!(f, "the loss is {}: f32 or f64 is expected", dtype.as_str())
            }
            Error::Ratio(ratio) => {
                write!(
                    f,
                    "the group's ratio is {ratio}: a finite number of at least 0 is expected; 1 \
                     follows the schedule"
                )
            }
            Error::Checkpoint(why) => write!(f, "the checkpoint was refused: {why}"),
            Error::Candle(e) => e.fmt(f),
            #[cfg(feature = "fleet")]
            Error::FleetType { losses, fleet } => write!(
                f,
                "the losses are {} and the fleet computes in {}: cast them with to_dtype, half \
                 precision before the loss function",
                losses.as_str(),
                fleet.as_str()
            ),
            #[cfg(feature = "fleet")]
            Error::NotOnGpu(place) => write!(
                f,
                "this is on {place:?} and a CUDA GPU is expected: use Device::new_cuda, or \
                 Fleet::observe with losses from the host"
            ),
            #[cfg(feature = "fleet")]
            Error::Fleet(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Config(e) => Some(e),
            Error::Extend(e) => Some(e),
            Error::Candle(e) => Some(e),
            #[cfg(feature = "fleet")]
            Error::Fleet(e) => Some(e),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(e: ConfigError) -> Self {
        Error::Config(e)
    }
}

impl From<ExtendError> for Error {
    fn from(e: ExtendError) -> Self {
        Error::Extend(e)
    }
}

impl From<candle_core::Error> for Error {
    fn from(e: candle_core::Error) -> Self {
        Error::Candle(e)
    }
}

#[cfg(feature = "fleet")]
impl From<autowu_cuda::Error> for Error {
    fn from(e: autowu_cuda::Error) -> Self {
        Error::Fleet(e)
    }
}

/// So that `?` works in functions that return candle's `Result`.
impl From<Error> for candle_core::Error {
    fn from(e: Error) -> Self {
        match e {
            Error::Candle(e) => e,
            e => candle_core::Error::wrap(e),
        }
    }
}
