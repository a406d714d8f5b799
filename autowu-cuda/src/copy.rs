//! Copies between host and GPU that have ended when the call returns.
//!
//! For pageable memory CUDA says only that a copy "might be" synchronous. So both wait.

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError};
use std::sync::Arc;

/// To the GPU; the host's memory may then be freed.
pub(crate) fn up<T: DeviceRepr>(
    stream: &Arc<CudaStream>,
    numbers: &[T],
) -> Result<CudaSlice<T>, DriverError> {
    let there = stream.clone_htod(numbers)?;
    stream.synchronize()?;
    Ok(there)
}

/// From the GPU.
pub(crate) fn down<T: DeviceRepr>(
    stream: &Arc<CudaStream>,
    numbers: &impl DevicePtr<T>,
) -> Result<Vec<T>, DriverError> {
    let here = stream.clone_dtoh(numbers)?;
    stream.synchronize()?;
    Ok(here)
}
