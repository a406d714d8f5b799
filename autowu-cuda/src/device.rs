//! Where a batch is computed.

use crate::error::Error;
use crate::probe;
use cudarc::driver::CudaStream;
use std::sync::Arc;

/// Where a batch is computed: on all cores of the host, or on a stream of a GPU. The decisions are
/// the same, in `f32` up to rounding.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Device {
    /// All threads of rayon's pool; the results do not depend on their number.
    #[default]
    Host,
    /// A stream, best the trainer's own: the kernels run in its order, and nothing is shared across
    /// streams. CUDA's *per-thread* default stream differs between threads of the host: call from
    /// the thread that made the losses.
    Cuda(Arc<CudaStream>),
}

impl Device {
    /// The first GPU if the kernels can run there, the host otherwise.
    pub fn best() -> Self {
        Device::cuda(0).unwrap_or_default()
    }

    /// The default stream of a GPU.
    ///
    /// # Errors
    /// No driver, no such GPU, or one of them too old.
    pub fn cuda(ordinal: usize) -> Result<Self, Error> {
        Ok(Device::Cuda(probe::open(ordinal)?.default_stream()))
    }

    /// `host` or `cuda:NUMBER`.
    pub fn name(&self) -> String {
        match self {
            Device::Host => "host".into(),
            Device::Cuda(stream) => format!("cuda:{}", stream.context().ordinal()),
        }
    }
}
