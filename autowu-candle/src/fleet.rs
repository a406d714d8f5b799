//! Fleets whose losses are candle's, on the GPU where candle has them: feature `fleet`.
//!
//! A [`Fleet`] or a [`BatchTest`](autowu_cuda::BatchTest) on candle's own [`stream`] runs in the
//! order of candle's kernels: nothing waits, and losses are copied to the host only when a test is
//! due.
//! ```no_run
//! use autowu_candle::{Config, fleet};
//! use autowu_cuda::Fleet;
//! use candle_core::{DType, Device, Var};
//!
//! // 10 000 parabolas w²/2, each with its own learning rate.
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::new_cuda(0)?;
//! let mut members = Fleet::<f32>::new(Config::new(300), 10_000, fleet::stream(&device)?)?;
//! let w = Var::ones(10_000, DType::F32, &device)?;
//! for _ in 0..300 {
//!     let losses = (w.sqr()? / 2.0)?;
//!     let lrs = fleet::lrs(&mut members, &device)?;
//!     let happened = fleet::lend(&losses, |losses| members.observe_device(losses))?;
//!     for (member, event) in happened.events {
//!         // Snapshot: copy the member's weights. Restore: put them back, and make no update.
//!     }
//!     w.set(&(w.as_tensor() - (w.as_tensor() * lrs)?)?)?;
//! }
//! # Ok(())
//! # }
//! ```
//! Unless `Device::new_cuda_with_stream` made it, candle's stream is CUDA's default stream *of the
//! calling thread*: use fleet and tensors from one thread.
//!
//! The feature has never run, and was last type-checked before the configuration was redrawn.
//! Building it needs nvcc.

use crate::error::{Error, Result};
use autowu_cuda::{Fleet, Number};
use candle_core::cuda::{CudaDType, cudarc::driver::CudaView};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Device, Storage, Tensor, WithDType};

/// candle's stream on `device`, as the place where a fleet is computed.
///
/// # Errors
/// A device that is not a CUDA GPU.
pub fn stream(device: &Device) -> Result<autowu_cuda::Device> {
    Ok(autowu_cuda::Device::Cuda(gpu(device)?.cuda_stream()))
}

/// Lends `losses`, row by row, to `take`: `|losses| fleet.observe_device(losses)` for the losses of
/// one step, one per member, or `|losses| test.run_device(losses, &lengths)` for whole curves.
/// Strided losses are first put in order, on the GPU.
///
/// The losses may belong to a graph: `take` copies them, and they do not keep it alive.
///
/// # Errors
/// Losses of another precision than `take` asks for or not on a CUDA GPU, and the errors of `take`.
pub fn lend<T: Number + CudaDType + WithDType, R>(
    losses: &Tensor,
    take: impl FnOnce(&CudaView<'_, T>) -> std::result::Result<R, autowu_cuda::Error>,
) -> Result<R> {
    if losses.dtype() != T::DTYPE {
        return Err(Error::FleetType { losses: losses.dtype(), fleet: T::DTYPE });
    }
    let losses = losses.contiguous()?;
    let (storage, layout) = losses.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(Error::NotOnGpu(losses.device().location()));
    };
    let first = layout.start_offset();
    let slice = storage.as_cuda_slice::<T>()?.slice(first..first + losses.elem_count());
    Ok(take(&slice)?)
}

/// The learning rates of the fleet's next step, one per member: a tensor on `device`, without a
/// read by the host.
///
/// # Errors
/// A device that is not a CUDA GPU, a fleet on the host, or a GPU that fails.
pub fn lrs<T: Number + CudaDType, const N: usize>(
    fleet: &mut Fleet<T, N>,
    device: &Device,
) -> Result<Tensor> {
    let gpu = gpu(device)?;
    let members = fleet.len();
    let mut copy = gpu.alloc_zeros::<T>(members)?;
    gpu.memcpy_dtod(&fleet.lrs_device()?, &mut copy)?;
    let storage = CudaStorage::wrap_cuda_slice(copy, gpu.clone());
    Ok(Tensor::from_storage(Storage::Cuda(storage), members, BackpropOp::none(), false))
}

fn gpu(device: &Device) -> Result<&CudaDevice> {
    match device {
        Device::Cuda(gpu) => Ok(gpu),
        other => Err(Error::NotOnGpu(other.location())),
    }
}
