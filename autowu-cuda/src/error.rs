//! What can go wrong, and what to do about it.

use autowu_core::{CAPACITY, ConfigError, ExtendError};
use core::fmt;

/// The oldest driver that reads the committed PTX: of CUDA 12.0.
pub(crate) const DRIVER_NEEDED: i32 = 12000;
/// The oldest GPUs that the PTX is for: Volta.
pub(crate) const CAPABILITY_NEEDED: (i32, i32) = (7, 0);

/// Why a batch or a fleet could not be made or go on. A failed call leaves the state as it was.
///
/// It holds numbers, not handles, so that it formats without a driver.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The driver's library cannot be loaded.
    NoDriver {
        /// What the system said.
        reason: String,
    },
    /// The driver sees no GPU.
    NoDevice,
    /// There are GPUs, but none with this number.
    NoSuchDevice {
        /// The number asked for.
        ordinal: usize,
        /// How many there are.
        devices: usize,
    },
    /// The driver is too old for the PTX.
    DriverTooOld {
        /// The driver's CUDA version, 1000 · major + 10 · minor.
        version: i32,
    },
    /// The GPU is too old for the PTX.
    DeviceTooOld {
        /// Its compute capability.
        capability: (i32, i32),
    },
    /// Not even one curve of this batch fits in the GPU's memory. (Larger batches are split.)
    OutOfMemory {
        /// Curves of the batch.
        curves: usize,
        /// Bytes that one curve needs.
        needed: usize,
        /// Bytes that the driver counts as free. It hands them out in pieces of megabytes, and
        /// keeps the last ones.
        free: usize,
    },
    /// A call of the driver failed.
    Driver {
        /// What was being done.
        during: &'static str,
        /// `CUresult`.
        code: i32,
    },
    /// The configuration breaks a rule.
    Config(ConfigError),
    /// Fewer steps than the members have, or have done.
    Extend(ExtendError),
    /// Every member needs a loss for every step.
    Losses {
        /// Losses given.
        given: usize,
        /// Losses needed.
        needed: usize,
    },
    /// Every curve of a batch goes on from a fit.
    Fits {
        /// Fits given.
        given: usize,
        /// Curves.
        needed: usize,
    },
    /// A scheduler in the decay has no test.
    NothingToTest {
        /// Its index.
        scheduler: usize,
    },
    /// A stored curve is longer than a scheduler's history.
    CurveTooLong {
        /// Its index.
        curve: usize,
        /// Its losses.
        length: usize,
    },
    /// Members of one fleet must have one configuration, but for the seed, one budget, and be at
    /// one step.
    Members {
        /// The first that differs from member 0.
        member: usize,
    },
    /// The fleet is on the host, and the call needs a GPU.
    NotOnDevice,
    /// Losses that a kernel of one GPU would have to read from another.
    OtherDevice {
        /// The number of the GPU that has the losses.
        losses: usize,
        /// The number of the GPU that the kernels run on.
        kernels: usize,
    },
    /// Losses wait on the GPU, and others came from the host.
    Waiting {
        /// Steps that wait.
        steps: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoDriver { reason } => {
                write!(f, "no NVIDIA driver: {reason}; install one, or use the host (Device::Host)")
            }
            Error::NoDevice => write!(
                f,
                "the NVIDIA driver sees no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, or use \
                 the host"
            ),
            Error::NoSuchDevice { ordinal, devices } => {
                write!(
                    f,
                    "there is no GPU number {ordinal}: the driver sees {devices}, counted from 0"
                )
            }
            Error::DriverTooOld { version } => write!(
                f,
                "the NVIDIA driver is of CUDA {}.{}, and the kernels need {}.{}: update the \
                 driver, or use the host",
                version / 1000,
                version % 1000 / 10,
                DRIVER_NEEDED / 1000,
                DRIVER_NEEDED % 1000 / 10
            ),
            Error::DeviceTooOld { capability: (major, minor) } => write!(
                f,
                "the GPU has compute capability {major}.{minor}, and the kernels need {}.{} (Volta \
                 or later): use the host",
                CAPABILITY_NEEDED.0, CAPABILITY_NEEDED.1
            ),
            Error::OutOfMemory { curves, needed, free } => write!(
                f,
                "not one of {curves} curves fits in the GPU's memory: it needs {needed} bytes, and \
                 of the {free} that the driver counts as free it gives none: free memory there, or \
                 use the host"
            ),
            Error::Driver { during, code } => {
                let name = name(*code).unwrap_or("error");
                write!(
                    f,
                    "{during}: the driver says {name} ({code}); the state is as it was before the \
                     call"
                )
            }
            Error::Config(e) => write!(f, "{e}"),
            Error::Extend(e) => write!(f, "{e}"),
            Error::Losses { given, needed } => write!(
                f,
                "{given} losses for {needed} (members × steps): give each member its loss, NaN if \
                 it failed"
            ),
            Error::Fits { given, needed } => write!(
                f,
                "{given} fits for {needed} curves: give each its own, `Fit::default()` at its \
                 first test"
            ),
            Error::NothingToTest { scheduler } => write!(
                f,
                "scheduler {scheduler} is in the decay, where nothing is tested: pass those whose \
                 `observe` returned `Observation::TestDue`"
            ),
            Error::CurveTooLong { curve, length } => write!(
                f,
                "curve {curve} has {length} losses, and a scheduler keeps {CAPACITY}: push them \
                 through Trajectory, which averages neighbours"
            ),
            Error::Members { member } => write!(
                f,
                "member {member} differs from member 0 in its configuration, its budget or its step: \
                 a fleet has one of each"
            ),
            Error::NotOnDevice => {
                write!(f, "the fleet is on the host: make it with Device::Cuda, or use `observe`")
            }
            Error::OtherDevice { losses, kernels } => write!(
                f,
                "the losses are on GPU {losses} and the kernels run on GPU {kernels}, in another \
                 context: copy the losses there, or make the test with the losses' own stream"
            ),
            Error::Waiting { steps } => write!(
                f,
                "the losses of {steps} steps still wait on the GPU: call `flush` before giving \
                 losses from the host"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Config(e) => Some(e),
            Error::Extend(e) => Some(e),
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

/// The driver's names of the errors that a user can meet (cuda.h). Its own function for this needs
/// a driver.
fn name(code: i32) -> Option<&'static str> {
    Some(match code {
        1 => "CUDA_ERROR_INVALID_VALUE",
        2 => "CUDA_ERROR_OUT_OF_MEMORY",
        3 => "CUDA_ERROR_NOT_INITIALIZED",
        4 => "CUDA_ERROR_DEINITIALIZED",
        100 => "CUDA_ERROR_NO_DEVICE",
        101 => "CUDA_ERROR_INVALID_DEVICE",
        200 => "CUDA_ERROR_INVALID_IMAGE",
        201 => "CUDA_ERROR_INVALID_CONTEXT",
        209 => "CUDA_ERROR_NO_BINARY_FOR_GPU",
        214 => "CUDA_ERROR_ECC_UNCORRECTABLE",
        218 => "CUDA_ERROR_INVALID_PTX",
        222 => "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        500 => "CUDA_ERROR_NOT_FOUND",
        700 => "CUDA_ERROR_ILLEGAL_ADDRESS",
        701 => "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
        702 => "CUDA_ERROR_LAUNCH_TIMEOUT",
        716 => "CUDA_ERROR_MISALIGNED_ADDRESS",
        719 => "CUDA_ERROR_LAUNCH_FAILED",
        803 => "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        804 => "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        999 => "CUDA_ERROR_UNKNOWN",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_value_limit_and_remedy() {
        let old = Error::DriverTooOld { version: 11080 }.to_string();
        assert!(old.contains("11.8") && old.contains("12.0") && old.contains("host"), "{old}");
        let driver = Error::Driver { during: "launch of the kernel `vote`", code: 719 }.to_string();
        assert!(driver.contains("CUDA_ERROR_LAUNCH_FAILED"), "{driver}");
        assert!(Error::Driver { during: "x", code: 12345 }.to_string().contains("12345"));
        let full = Error::OutOfMemory { curves: 7, needed: 976, free: 3_276_800 }.to_string();
        assert!(full.contains("not one of 7") && full.contains("976"), "{full}");
    }
}
