//! Curves, and a batch of them as the kernels read it.

use autowu_core::gp::Fit;
use autowu_core::trajectory::Trajectory;
use autowu_core::{CAPACITY, Config, Measurement, TestInput};
use autowu_cuda::Number;
use autowu_cuda::batch::{Curve, Params, Results};

/// One curve: its history, and the number of its test.
#[derive(Clone, Debug)]
pub struct Case<T> {
    /// Its losses, as a scheduler keeps them.
    pub history: Trajectory<T, CAPACITY>,
    /// Of the run.
    pub seed: u64,
    /// Number of the test.
    pub test: u64,
    /// The fit of the test before.
    pub fit: Fit<T>,
}

impl<T: Number> Case<T> {
    /// A curve of a run with seed `seed`.
    pub fn new(losses: impl IntoIterator<Item = f64>, seed: u64) -> Self {
        let mut history = Trajectory::new();
        losses.into_iter().for_each(|loss| history.push(T::of(loss)));
        Case { history, seed, test: seed % 5, fit: Fit::default() }
    }

    /// Core's result.
    pub fn measure(&self, config: &Config) -> Measurement<T> {
        let mut input = TestInput::new(&config.test, &self.history, &self.fit);
        (input.seed, input.number) = (self.seed, self.test);
        Measurement::of(&input)
    }
}

/// The flat memory of some cases.
pub struct Batch<'a, T> {
    /// What it is made of.
    pub cases: &'a [Case<T>],
    /// The rules.
    pub params: Params,
    /// One record per case.
    pub curves: Vec<Curve>,
    /// Of all cases, one after the other.
    pub losses: Vec<T>,
    /// One per case.
    pub fits: Vec<[T; 10]>,
}

impl<'a, T: Number> Batch<'a, T> {
    /// Some cases under the rules of a configuration.
    pub fn of(config: &Config, cases: &'a [Case<T>]) -> Self {
        let (mut curves, mut losses) = (Vec::new(), Vec::new());
        for case in cases {
            let curve = Curve::new(
                losses.len() as u64,
                case.history.len() as u32,
                case.history.resolution(),
            );
            curves.push(Curve {
                seed: case.seed,
                test: case.test,
                fewest: config.test.min_samples,
                ..curve
            });
            losses.extend_from_slice(case.history.values());
        }
        let fits = cases.iter().map(|case| case.fit.to_array()).collect();
        Batch { cases, params: Params::of(&config.test), curves, losses, fits }
    }

    /// The measurement from the kernels' results; `None` where core has to make it.
    pub fn measured(&self, results: &Results<T>) -> Vec<Option<Measurement<T>>> {
        let one = |(i, case): (usize, &Case<T>)| {
            results.measurement(i, &self.curves[i], &self.params, &case.fit)
        };
        self.cases.iter().enumerate().map(one).collect()
    }
}
