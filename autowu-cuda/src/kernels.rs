//! Batches of any size on the kernels of one GPU.
//!
//! Public for the tests and benchmarks of this workspace only: not covered by semver.

use crate::batch::{Curve, Params, Results, Vote};
use crate::error::Error;
use crate::module::Module;
use crate::number::Number;
use crate::probe::{driver, one_context};
pub use crate::resident::Losses;
use crate::resident::{Failed, Resident};
use cudarc::driver::{CudaStream, sys::CUresult};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Curves of one launch: enough to fill any GPU many times, and at most about a gigabyte.
const MOST_CURVES: usize = 1 << 17;

/// The kernels of one GPU, and the stream that they run on.
#[derive(Debug)]
pub struct Kernels<T> {
    module: Module<T>,
}

/// What the launches rely on: every curve lies within the losses and has a fit.
fn lie_within(curves: &[Curve], losses: usize, fits: usize) -> Result<(), Error> {
    if fits != curves.len() {
        return Err(Error::Fits { given: fits, needed: curves.len() });
    }
    let end =
        curves.iter().map(|c| c.offset.saturating_add(u64::from(c.length))).max().unwrap_or(0);
    match usize::try_from(end) {
        Ok(end) if end <= losses => Ok(()),
        end => Err(Error::Losses { given: losses, needed: end.unwrap_or(usize::MAX) }),
    }
}

impl<T: Number> Kernels<T> {
    /// Loads the kernels into the stream's context.
    ///
    /// # Errors
    /// A driver or GPU that is too old, or a failed call of the driver.
    pub fn load(stream: &Arc<CudaStream>) -> Result<Self, Error> {
        Ok(Kernels { module: Module::load(stream)? })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.module.stream
    }

    /// A kernel that reads another context's memory takes its own context down.
    fn check_context(&self, losses: &Losses<'_, T>) -> Result<(), Error> {
        match losses {
            Losses::Device(losses) => one_context(self.stream(), losses),
            Losses::Host(_) => Ok(()),
        }
    }

    /// Tests every curve, in as many launches as memory asks for. Waits for the results.
    ///
    /// # Errors
    /// Losses of another GPU, a curve that goes beyond the losses or has no fit, not one curve that
    /// fits in the GPU's memory, or a failed call of the driver.
    pub fn run(
        &self,
        params: &Params,
        curves: &[Curve],
        losses: Losses<'_, T>,
        fits: &[[T; 10]],
    ) -> Result<Results<T>, Error> {
        self.check_context(&losses)?;
        lie_within(curves, losses.len(), fits.len())?;
        let mut results = Results { fits: Vec::new(), ..Results::default() };
        let (mut done, mut at_once) = (0, MOST_CURVES);
        while done < curves.len() {
            let end = curves.len().min(done + at_once);
            match self.test(params, &curves[done..end], losses, &fits[done..end]) {
                Ok(more) => {
                    results.extend(more);
                    done = end;
                }
                Err((_, e)) if e.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY && end - done > 1 => {
                    at_once = (end - done).div_ceil(2);
                }
                Err((_, e)) if e.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                    let (free, _) = self
                        .stream()
                        .context()
                        .mem_get_info()
                        .map_err(|e| driver("querying the GPU's memory", e))?;
                    let needed = bytes::<T>(params, &curves[done..end]);
                    return Err(Error::OutOfMemory { curves: curves.len(), needed, free });
                }
                Err((during, e)) => return Err(driver(during, e)),
            }
        }
        Ok(results)
    }

    fn test(
        &self,
        params: &Params,
        curves: &[Curve],
        losses: Losses<'_, T>,
        fits: &[[T; 10]],
    ) -> Result<Results<T>, Failed> {
        let mut batch = Resident::new(&self.module, params, curves, losses, fits)?;
        batch.view()?;
        batch.fit()?;
        batch.vote()?;
        batch.results()
    }

    /// Tests one batch that fits in memory, kernel by kernel, and says how long each took from its
    /// launch to its end.
    ///
    /// For benchmarks: [`run`](Self::run) does not wait between kernels.
    ///
    /// # Errors
    /// Losses of another GPU, a curve that goes beyond the losses or has no fit, or a failed call
    /// of the driver.
    pub fn time(
        &self,
        params: &Params,
        curves: &[Curve],
        losses: Losses<'_, T>,
        fits: &[[T; 10]],
    ) -> Result<Times, Error> {
        self.check_context(&losses)?;
        lie_within(curves, losses.len(), fits.len())?;
        let measure = || {
            let mut batch = Resident::new(&self.module, params, curves, losses, fits)?;
            batch.wait()?;
            let mut clock = Instant::now();
            let mut lap = |batch: &Resident<'_, T>| {
                batch.wait()?;
                Ok::<_, Failed>(std::mem::replace(&mut clock, Instant::now()).elapsed())
            };
            batch.view()?;
            let view = lap(&batch)?;
            batch.fit()?;
            let fit = lap(&batch)?;
            batch.vote()?;
            Ok(Times { view, fit, vote: lap(&batch)? })
        };
        measure().map_err(|(during, e)| driver(during, e))
    }
}

/// How long each kernel took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Clipping, standardisation, scatter.
    pub view: Duration,
    /// Adam on the evidence.
    pub fit: Duration,
    /// Posteriors and probabilities: the inference.
    pub vote: Duration,
}

/// Bytes in the GPU's memory of these curves and their results.
pub fn bytes<T>(params: &Params, curves: &[Curve]) -> usize {
    let losses: usize = curves.iter().map(|c| c.length as usize).sum();
    let each = size_of::<Curve>() + 18 * size_of::<T>() + 4 + params.votes() * size_of::<Vote<T>>();
    losses * size_of::<T>() + curves.len() * each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_beyond_the_losses_never_reach_the_gpu() {
        let curves = [Curve::new(0, 5, 1), Curve::new(5, 7, 1)];
        assert_eq!(lie_within(&curves, 12, 2), Ok(()));
        assert_eq!(lie_within(&curves, 11, 2), Err(Error::Losses { given: 11, needed: 12 }));
        assert_eq!(lie_within(&curves, 12, 1), Err(Error::Fits { given: 1, needed: 2 }));
        assert_eq!(
            lie_within(&[Curve::new(u64::MAX, 1, 1)], 12, 1),
            Err(Error::Losses { given: 12, needed: u64::MAX as usize })
        );
        assert_eq!(lie_within(&[], 0, 0), Ok(()));
    }
}
