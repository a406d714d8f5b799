//! A batch in the GPU's memory, and the three launches that test it.
#![allow(unsafe_code)]

use crate::batch::{Curve, Params, Results, View, Vote};
use crate::copy::{down, up};
use crate::module::Module;
use crate::number::Number;
use cudarc::driver::{CudaSlice, CudaView, DriverError, LaunchConfig, PushKernelArg};

/// What was being done when the driver failed.
pub(crate) type Failed = (&'static str, DriverError);

/// The losses of all curves: on the host, or already on the GPU.
#[derive(Clone, Copy)]
pub enum Losses<'a, T> {
    /// In the host's memory.
    Host(&'a [T]),
    /// In the GPU's memory.
    Device(&'a CudaView<'a, T>),
}

impl<T> Losses<'_, T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Losses::Host(losses) => losses.len(),
            Losses::Device(losses) => losses.len(),
        }
    }
}

/// Curves, their losses, and room for their results. Dropped, its memory goes back.
#[derive(Debug)]
pub(crate) struct Resident<'a, T> {
    module: &'a Module<T>,
    params: Params,
    losses: Resting<'a, T>,
    curves: CudaSlice<Curve>,
    views: CudaSlice<View<T>>,
    samples: CudaSlice<u32>,
    fits: CudaSlice<[T; 10]>,
    hypers: CudaSlice<[T; 3]>,
    votes: CudaSlice<Vote<T>>,
}

/// Losses that were copied for this batch, or that the caller has on the GPU.
#[derive(Debug)]
enum Resting<'a, T> {
    Copied(CudaSlice<T>),
    There(CudaView<'a, T>),
}

impl<T> Resting<'_, T> {
    fn view(&self) -> CudaView<'_, T> {
        match self {
            Resting::Copied(slice) => slice.slice(..),
            Resting::There(view) => view.slice(..),
        }
    }
}

impl<'a, T: Number> Resident<'a, T> {
    /// Copies what is not there yet, and makes room.
    pub fn new(
        module: &'a Module<T>,
        params: &Params,
        curves: &[Curve],
        losses: Losses<'a, T>,
        fits: &[[T; 10]],
    ) -> Result<Self, Failed> {
        let stream = &module.stream;
        let failed = |e| ("copying curves to the GPU", e);
        let zeros = |e| ("making room for results on the GPU", e);
        let (losses, base) = match losses {
            Losses::Device(view) => (Resting::There(view.slice(..)), 0),
            Losses::Host(all) => {
                let base = curves.iter().map(|c| c.offset).min().unwrap_or(0);
                let end = curves.iter().map(|c| c.offset + u64::from(c.length)).max().unwrap_or(0);
                // The driver cannot allocate 0 bytes.
                let one = [T::zero()];
                let part = &all[base as usize..end as usize];
                (
                    Resting::Copied(
                        up(stream, if part.is_empty() { &one } else { part }).map_err(failed)?,
                    ),
                    base,
                )
            }
        };
        let count = curves.len();
        let moved: Vec<Curve> =
            curves.iter().map(|c| Curve { offset: c.offset - base, ..*c }).collect();
        Ok(Resident {
            module,
            params: *params,
            losses,
            curves: up(stream, &moved).map_err(failed)?,
            views: stream.alloc_zeros(count).map_err(zeros)?,
            samples: stream.alloc_zeros(count).map_err(zeros)?,
            fits: up(stream, fits).map_err(failed)?,
            hypers: stream.alloc_zeros(count).map_err(zeros)?,
            votes: stream.alloc_zeros(count * params.votes()).map_err(zeros)?,
        })
    }

    /// Queues the kernel `view`: clipping, standardisation, scatter.
    pub fn view(&mut self) -> Result<(), Failed> {
        let n = self.curves.len() as u64;
        let losses = self.losses.view();
        let mut call = self.module.stream.launch_builder(&self.module.view);
        call.arg(&self.curves)
            .arg(&losses)
            .arg(&self.params)
            .arg(&n)
            .arg(&mut self.views)
            .arg(&mut self.samples);
        // SAFETY: the arguments are those of `view` in autowu.cu, in order; it reads `length`
        // losses from `offset` on of each of the `n` curves, which lie within `losses`
        // (`lie_within` in kernels.rs), and writes one view and one count per curve.
        unsafe { call.launch(config::<T>(n, 0)) }
            .map_err(|e| ("launch of the kernel `view`", e))?;
        Ok(())
    }

    /// Queues the kernel `fit`: Adam on the evidence of one subset of each curve.
    pub fn fit(&mut self) -> Result<(), Failed> {
        let n = self.curves.len() as u64;
        let losses = self.losses.view();
        let mut call = self.module.stream.launch_builder(&self.module.fit);
        call.arg(&self.curves)
            .arg(&losses)
            .arg(&self.views)
            .arg(&self.samples)
            .arg(&self.params)
            .arg(&n);
        call.arg(&mut self.fits).arg(&mut self.hypers);
        // SAFETY: those of `fit`; `fits` has ten numbers per curve and `hypers` three; shared
        // memory is what Scratch<T> takes.
        unsafe { call.launch(config::<T>(n, T::SCRATCH_BYTES)) }
            .map_err(|e| ("launch of the kernel `fit`", e))?;
        Ok(())
    }

    /// Queues the kernel `vote`: posterior and past-minimum probability of the other subsets.
    pub fn vote(&mut self) -> Result<(), Failed> {
        let n = self.curves.len() as u64;
        let losses = self.losses.view();
        let mut call = self.module.stream.launch_builder(&self.module.vote);
        call.arg(&self.curves)
            .arg(&losses)
            .arg(&self.views)
            .arg(&self.samples)
            .arg(&self.hypers)
            .arg(&self.params);
        call.arg(&n).arg(&mut self.votes);
        let warps = n * self.params.votes() as u64;
        // SAFETY: those of `vote`; `votes` has `params.votes` entries per curve, one for each warp.
        unsafe { call.launch(config::<T>(warps, T::SCRATCH_BYTES)) }
            .map_err(|e| ("launch of the kernel `vote`", e))?;
        Ok(())
    }

    /// Waits for what is queued.
    pub fn wait(&self) -> Result<(), Failed> {
        self.module.stream.synchronize().map_err(|e| ("waiting for the kernels", e))
    }

    /// The results, when all three have run.
    pub fn results(&self) -> Result<Results<T>, Failed> {
        let stream = &self.module.stream;
        let failed = |e| ("copying results from the GPU", e);
        Ok(Results {
            views: down(stream, &self.views).map_err(failed)?,
            samples: down(stream, &self.samples).map_err(failed)?,
            fits: down(stream, &self.fits).map_err(failed)?,
            hypers: down(stream, &self.hypers).map_err(failed)?,
            votes: down(stream, &self.votes).map_err(failed)?,
        })
    }
}

/// A warp per item.
fn config<T: Number>(items: u64, scratch: u32) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (items.div_ceil(u64::from(T::WARPS)) as u32, 1, 1),
        block_dim: (32 * T::WARPS, 1, 1),
        shared_mem_bytes: T::WARPS * scratch,
    }
}
