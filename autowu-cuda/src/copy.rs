//! Copies between host and GPU that are over when the call returns.
//!
//! For memory that is not page-locked CUDA promises that no more than "might be". So both wait, in
//! the stream's order.

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError};
use std::sync::Arc;

/// To the GPU: the host's memory may go when this returns.
pub(crate) fn up<T: DeviceRepr>(
    stream: &Arc<CudaStream>,
    numbers: &[T],
) -> Result<CudaSlice<T>, DriverError> {
    let there = stream.clone_htod(numbers)?;
    stream.synchronize()?;
    Ok(there)
}

/// From the GPU: the numbers are there when this returns.
pub(crate) fn down<T: DeviceRepr>(
    stream: &Arc<CudaStream>,
    numbers: &impl DevicePtr<T>,
) -> Result<Vec<T>, DriverError> {
    let here = stream.clone_dtoh(numbers)?;
    stream.synchronize()?;
    Ok(here)
}
