//! [`BatchTest`]: the bare test for many stored curves.

use crate::batch::{Curve, Params};
use crate::device::Device;
use crate::engine::Engine;
use crate::error::Error;
use crate::kernels::{Kernels, Losses};
use crate::number::Number;
use autowu_core::gp::Fit;
use autowu_core::trajectory::Trajectory;
use autowu_core::{AutoWu, CAPACITY, Config, Measurement, TestInput, Verdict};
use cudarc::driver::CudaView;
use rayon::prelude::*;

/// Curves that are copied together: enough to fill a GPU, few enough that the host's memory for
/// them is used again rather than asked for anew, which takes longer than the copy.
const MOST_CURVES: usize = 1 << 15;

/// A curve to be tested.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stored<'a, T> {
    /// Its losses in order; at most [`CAPACITY`]. Those that are not finite keep their place and
    /// are left out.
    pub losses: &'a [T],
    /// With the number of the test, decides which losses a vote sees.
    pub seed: u64,
    /// Number of the test in its run, from 0.
    pub test: u64,
    /// The fit of the test before.
    pub fit: Fit<T>,
}

impl<'a, T: Number> Stored<'a, T> {
    /// The first test of a run with seed `seed`.
    pub fn new(losses: &'a [T], seed: u64) -> Self {
        Stored { losses, seed, test: 0, fit: Fit::default() }
    }
}

/// The test of autowu-core for many stored curves at once: the tool for studies.
///
/// Of the configuration only its rules for tests and its response to them count.
/// ```
/// use autowu_core::{Config, Verdict};
/// use autowu_cuda::{BatchTest, Device, Stored};
/// // 100 curves that fall and rise again.
/// let curves: Vec<Vec<f32>> = (0..100)
///     .map(|c| (0..200).map(|i| (i as f32 / 200.0 - 0.3 - 0.002 * c as f32).powi(2)).collect())
///     .collect();
/// let stored: Vec<_> =
///     curves.iter().zip(0..).map(|(losses, seed)| Stored::new(losses, seed)).collect();
/// let test = BatchTest::new(Config::new(1000), Device::best())?;
/// for measured in test.run(&stored)? {
///     assert_eq!(Verdict::of(&measured, &test.config().response), Verdict::Past);
/// }
/// # Ok::<(), autowu_cuda::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchTest<T> {
    config: Config,
    engine: Engine<T>,
}

impl<T: Number> BatchTest<T> {
    /// A test by the rules of `config` on `device`.
    ///
    /// # Errors
    /// A rule of the configuration that is broken, or a GPU that the kernels cannot run on.
    pub fn new(config: Config, device: Device) -> Result<Self, Error> {
        AutoWu::<T>::new(config)?;
        Ok(BatchTest { config, engine: Engine::on(&device)? })
    }

    /// The rules.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tests every curve: one measurement per curve, in order, the same on every device up to
    /// rounding. [`Verdict::of`] says what it means.
    ///
    /// # Errors
    /// A curve that is too long, or a GPU that fails.
    pub fn run(&self, curves: &[Stored<'_, T>]) -> Result<Vec<Measurement<T>>, Error> {
        if let Some(curve) = curves.iter().position(|c| c.losses.len() > CAPACITY) {
            return Err(Error::CurveTooLong { curve, length: curves[curve].losses.len() });
        }
        match &self.engine {
            Engine::Host => Ok(curves.par_iter().map(|c| self.on_host(c)).collect()),
            Engine::Cuda(kernels) => {
                let mut measured = Vec::with_capacity(curves.len());
                let mut losses = Vec::new();
                for part in curves.chunks(MOST_CURVES) {
                    losses.clear();
                    measured.par_extend(self.on_gpu(kernels, part, &mut losses)?);
                }
                Ok(measured)
            }
        }
    }

    /// The measurements of some curves, whose losses are put side by side in `losses`.
    fn on_gpu(
        &self,
        kernels: &Kernels<T>,
        curves: &[Stored<'_, T>],
        losses: &mut Vec<T>,
    ) -> Result<Vec<Measurement<T>>, Error> {
        let mut records = Vec::with_capacity(curves.len());
        for c in curves {
            records.push(self.record(losses.len(), c));
            losses.extend_from_slice(c.losses);
        }
        let fits: Vec<_> = curves.iter().map(|c| c.fit.to_array()).collect();
        let params = Params::of(&self.config.test);
        let results = kernels.run(&params, &records, Losses::Host(losses), &fits)?;
        let measured = |i: usize| {
            results
                .measurement(i, &records[i], &params, &curves[i].fit)
                .unwrap_or_else(|| self.on_host(&curves[i]))
        };
        Ok((0..curves.len()).into_par_iter().map(measured).collect())
    }

    /// [`run`](Self::run) for schedulers whose test is due, each by its own rules, seed and
    /// history; the rules of this `BatchTest` do not count. For simulations of whole runs:
    /// ```
    /// use autowu_core::{AutoWu, Config, Observation, Response};
    /// use autowu_cuda::{BatchTest, Device};
    /// // Four runs of each of two rules on a falling loss.
    /// let no_descent = Response { descent: None, ..Response::default() };
    /// let rules = [Config::new(200), Config::new(200).with_response(no_descent)];
    /// let run = |i: u64| AutoWu::<f64>::new(rules[i as usize % 2].with_seed(i));
    /// let mut runs = (0..8).map(run).collect::<Result<Vec<_>, _>>()?;
    /// let test = BatchTest::new(rules[0], Device::best())?;
    /// for step in 0..20 {
    ///     let loss = (step as f64 / 60.0 - 1.0).powi(2);
    ///     let mut is_due = |&i: &usize| runs[i].observe(loss) == Observation::TestDue;
    ///     let due: Vec<usize> = (0..8).filter(&mut is_due).collect();
    ///     let measured = test.measure(&due.iter().map(|&i| &runs[i]).collect::<Vec<_>>())?;
    ///     for (i, measured) in due.into_iter().zip(measured) {
    ///         if let Some(report) = runs[i].judge(&measured) {
    ///             runs[i].resolve(&report);
    ///         }
    ///     }
    /// }
    /// assert!(runs.iter().all(|run| run.tests() > 0));
    /// # Ok::<(), autowu_cuda::Error>(())
    /// ```
    ///
    /// # Errors
    /// A scheduler in the decay, where nothing is tested, or a GPU that fails.
    pub fn measure<const N: usize>(
        &self,
        due: &[&AutoWu<T, N>],
    ) -> Result<Vec<Measurement<T>>, Error> {
        self.engine.measure(due)
    }

    /// [`run`](Self::run) for losses that are on the GPU already, curve after curve, the first
    /// tests of runs with seeds 0, 1, …, without a copy to the host. A curve whose numbers overflow
    /// has [`Verdict::NotEnough`].
    ///
    /// # Errors
    /// A curve that is too long, lengths that do not add up to the losses, the host as device,
    /// losses of another GPU, or a GPU that fails.
    pub fn run_device(
        &self,
        losses: &CudaView<'_, T>,
        lengths: &[usize],
    ) -> Result<Vec<Verdict>, Error> {
        let Engine::Cuda(kernels) = &self.engine else {
            return Err(Error::NotOnDevice);
        };
        if let Some(curve) = lengths.iter().position(|&n| n > CAPACITY) {
            return Err(Error::CurveTooLong { curve, length: lengths[curve] });
        }
        let needed: usize = lengths.iter().sum();
        if needed != losses.len() {
            return Err(Error::Losses { given: losses.len(), needed });
        }
        let mut offset = 0;
        let mut record = |(&length, seed): (&usize, u64)| {
            let curve = Curve {
                seed,
                fewest: self.config.test.min_samples,
                ..Curve::new(offset, length as u32, 1)
            };
            offset += length as u64;
            curve
        };
        let records: Vec<Curve> = lengths.iter().zip(0..).map(&mut record).collect();
        let params = Params::of(&self.config.test);
        let fit = Fit::default();
        let results = kernels.run(
            &params,
            &records,
            Losses::Device(losses),
            &vec![fit.to_array(); records.len()],
        )?;
        let verdict = |(i, curve): (usize, &Curve)| {
            let measured = results.measurement(i, curve, &params, &fit);
            measured.map_or(Verdict::NotEnough, |m| Verdict::of(&m, &self.config.response))
        };
        Ok(records.iter().enumerate().map(verdict).collect())
    }

    fn record(&self, offset: usize, c: &Stored<'_, T>) -> Curve {
        let curve = Curve::new(offset as u64, c.losses.len() as u32, 1);
        Curve { seed: c.seed, test: c.test, fewest: self.config.test.min_samples, ..curve }
    }

    fn on_host(&self, c: &Stored<'_, T>) -> Measurement<T> {
        let mut trajectory = Trajectory::<T, CAPACITY>::new();
        for &loss in c.losses {
            trajectory.push(loss);
        }
        let mut input = TestInput::new(&self.config.test, &trajectory, &c.fit);
        (input.seed, input.number) = (c.seed, c.test);
        Measurement::of(&input)
    }
}
