//! What is there: a driver, a GPU, or neither.

use crate::error::{CAPABILITY_NEEDED, DRIVER_NEEDED, Error};
use core::fmt;
use cudarc::driver::{CudaContext, CudaStream, CudaView, DeviceSlice, sys};
use std::sync::Arc;

/// What [`probe`] found; formats as one sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Probe {
    /// The kernels can run on this GPU.
    #[non_exhaustive]
    Ready {
        /// Its name.
        name: String,
        /// Its compute capability.
        capability: (i32, i32),
        /// Its memory in bytes.
        memory: usize,
        /// The driver's CUDA version, 1000 · major + 10 · minor.
        driver: i32,
        /// GPUs that the driver sees.
        devices: usize,
    },
    /// They cannot, and why.
    Unavailable(Error),
}

impl Probe {
    /// Whether the kernels can run.
    pub fn is_ready(&self) -> bool {
        matches!(self, Probe::Ready { .. })
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Ready { name, capability: (major, minor), memory, driver, devices } => write!(
                f,
                "{name} (number 0 of {devices}, compute capability {major}.{minor}, {:.1} GiB, \
                 driver of CUDA {}.{}): the kernels can run",
                *memory as f64 / f64::from(1 << 30),
                driver / 1000,
                driver % 1000 / 10
            ),
            Probe::Unavailable(e) => write!(f, "{e}"),
        }
    }
}

/// Says what is there, without a panic and without a toolkit.
///
/// ```
/// println!("{}", autowu_cuda::probe());
/// ```
pub fn probe() -> Probe {
    let found = || {
        let context = open(0)?;
        let failed = |e| driver("querying the GPU", e);
        Ok(Probe::Ready {
            name: context.name().map_err(failed)?,
            capability: context.compute_capability().map_err(failed)?,
            memory: context.total_mem().map_err(failed)?,
            driver: driver_version()?,
            devices: devices()?,
        })
    };
    found().unwrap_or_else(Probe::Unavailable)
}

/// The context of a GPU that the kernels can run on.
///
/// # Errors
/// No driver, no such GPU, or one of them too old.
pub fn open(ordinal: usize) -> Result<Arc<CudaContext>, Error> {
    let devices = devices()?;
    if devices == 0 {
        return Err(Error::NoDevice);
    }
    if ordinal >= devices {
        return Err(Error::NoSuchDevice { ordinal, devices });
    }
    let context = CudaContext::new(ordinal).map_err(|e| driver("opening the GPU", e))?;
    check(&context)?;
    Ok(context)
}

/// Whether the kernels can run in this context.
pub(crate) fn check(context: &CudaContext) -> Result<(), Error> {
    let version = driver_version()?;
    if version < DRIVER_NEEDED {
        return Err(Error::DriverTooOld { version });
    }
    let capability = context.compute_capability().map_err(|e| driver("querying the GPU", e))?;
    if capability < CAPABILITY_NEEDED {
        return Err(Error::DeviceTooOld { capability });
    }
    Ok(())
}

/// Whether losses lie in the context of the stream that is to read them.
pub(crate) fn one_context<T>(
    stream: &Arc<CudaStream>,
    losses: &CudaView<'_, T>,
) -> Result<(), Error> {
    let (own, other) = (stream.context(), losses.stream().context());
    if own == other {
        return Ok(());
    }
    Err(Error::OtherDevice { losses: other.ordinal(), kernels: own.ordinal() })
}

pub(crate) fn driver(during: &'static str, e: cudarc::driver::DriverError) -> Error {
    Error::Driver { during, code: e.0 as i32 }
}

/// GPUs that the driver sees.
fn devices() -> Result<usize, Error> {
    library_is_there()?;
    match CudaContext::device_count() {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(e) if e.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(e) => Err(driver("counting the GPUs", e)),
    }
}

#[allow(unsafe_code)]
fn driver_version() -> Result<i32, Error> {
    library_is_there()?;
    let mut version = 0;
    // SAFETY: the driver's library is loaded, and the pointer is to an `int` that lives through the
    // call.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(|e| driver("querying the driver's version", e))?;
    Ok(version)
}

/// cudarc panics if it cannot load the library, so it is looked for first.
#[allow(unsafe_code)]
fn library_is_there() -> Result<(), Error> {
    let names: &[&str] =
        if cfg!(windows) { &["nvcuda.dll"] } else { &["libcuda.so.1", "libcuda.so"] };
    let mut reason = String::new();
    for name in names {
        // SAFETY: loading NVIDIA's driver runs its initialisers and nothing else; cudarc loads the
        // same library next.
        match unsafe { libloading::Library::new(*name) } {
            Ok(_) => return Ok(()),
            Err(e) if reason.is_empty() => reason = e.to_string(),
            Err(_) => {}
        }
    }
    Err(Error::NoDriver { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_one_sentence_and_agrees_with_open() {
        let probe = probe();
        let sentence = probe.to_string();
        assert!(!sentence.is_empty() && !sentence.contains('\n'), "{sentence}");
        assert_eq!(open(0).is_ok(), probe.is_ready(), "{sentence}");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error() {
        assert!(open(usize::MAX).is_err());
    }
}
