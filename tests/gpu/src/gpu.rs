//! The GPU as an engine of the laws.

use autowu_cuda::batch::{Curve, Results};
use autowu_cuda::kernels::{Kernels, Losses};
use autowu_cuda::{Device, Number};
use autowu_tests::kernels::Engine;
use autowu_tests::kernels::batch::Batch;
use cudarc::driver::CudaStream;
use std::sync::Arc;

/// The kernels on a stream. A batch runs twice from the host's memory, once from the GPU's and once
/// curve by curve: the same bits.
pub struct Gpu<T> {
    kernels: Kernels<T>,
}

/// The default stream of the first GPU.
pub fn stream() -> Result<Arc<CudaStream>, String> {
    match Device::cuda(0).map_err(|e| e.to_string())? {
        Device::Cuda(stream) => Ok(stream),
        _ => Err("Device::cuda gives a host".into()),
    }
}

impl<T: Number> Gpu<T> {
    /// Loads the kernels.
    pub fn on(stream: &Arc<CudaStream>) -> Result<Self, String> {
        Ok(Gpu { kernels: Kernels::load(stream).map_err(|e| e.to_string())? })
    }

    /// The kernels.
    pub fn kernels(&self) -> &Kernels<T> {
        &self.kernels
    }
}

impl<T: Number> Engine<T> for Gpu<T> {
    fn run(&self, batch: &Batch<'_, T>) -> Result<Results<T>, String> {
        let Batch { params, curves, losses, fits, .. } = batch;
        let run = |curves: &[Curve], losses, fits: &[[T; 10]]| {
            self.kernels.run(params, curves, losses, fits).map_err(|e| e.to_string())
        };
        let once = run(curves, Losses::Host(losses), fits)?;
        let same = |how: &str, other: &Results<T>| {
            // Compared as text, so that NaN equals itself.
            let same = format!("{once:?}") == format!("{other:?}");
            if same { Ok(()) } else { Err(format!("{how} gives other bits than a first run")) }
        };
        same("a second run", &run(curves, Losses::Host(losses), fits)?)?;
        let there = self.kernels.stream().clone_htod(losses).map_err(|e| e.to_string())?;
        let view = there.slice(..);
        same("a run on device memory", &run(curves, Losses::Device(&view), fits)?)?;
        let mut one_by_one = Results { fits: Vec::new(), ..Results::default() };
        for (curve, fit) in curves.iter().zip(fits) {
            let curve = std::slice::from_ref(curve);
            one_by_one.extend(run(curve, Losses::Host(losses), std::slice::from_ref(fit))?);
        }
        same("a run curve by curve", &one_by_one)?;
        Ok(once)
    }
}
