//! One test: has the loss passed its minimum? What is decided, and from which losses.

use crate::config::Config;
use crate::gp::{Factor, Fit, Posterior};
use crate::measurement::Measurement;
use crate::real::Real;
use crate::report::{Report, Verdict};
use crate::sampling::Permutation;
use crate::trajectory::Trajectory;
use crate::view::View;
use heapless::Vec;

/// What a test needs to know besides the losses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<T> {
    pub step: u64,
    pub test: u64,
    pub climb: u32,
    /// The learning rates at the start of the climb and of the step just taken: `x = 0` and `x = 1`.
    pub low: T,
    pub high: T,
    /// Finite losses without which nothing is said.
    pub fewest: u32,
    /// Positive tests in a row before this one, and how many end the climb.
    pub positives: u32,
    pub patience: u32,
}

/// The posterior of one vote of `report`, for `y − mean` as the factor has it; `None` if the losses have changed since.
pub(crate) fn posterior<T: Real, const N: usize>(
    config: &Config,
    trajectory: &Trajectory<T, N>,
    report: &Report<T>,
    vote: u32,
) -> Option<Posterior<T>> {
    let view = View::of(trajectory, config);
    if trajectory.losses() != report.losses || view.samples != report.samples || vote as usize >= report.votes.len() {
        return None;
    }
    let length_scale = T::of(config.length_scale);
    let mean = view.y_mean(trajectory);
    let order = permutation(config, trajectory, report.test, vote + 1);
    let factor = Factor::of(view.subset(trajectory, order, vote_size(config, view.samples), mean), length_scale);
    let mut hyper = report.hyper;
    hyper.mean = hyper.mean - mean;
    Some(Posterior::condition(&factor, &hyper).shifted(mean))
}

pub(crate) fn permutation<T: Real, const N: usize>(
    config: &Config,
    trajectory: &Trajectory<T, N>,
    test: u64,
    subset: u32,
) -> Permutation {
    Permutation::new(trajectory.len() as u32, config.seed, test, subset)
}

/// Losses that one vote sees: `min(test_samples, max(min_samples, ⌈fraction · n⌉))`.
pub(crate) fn vote_size(config: &Config, samples: u32) -> u32 {
    let share = (config.subset_fraction * f64::from(samples)) as u32;
    let share = share.saturating_add(u32::from(f64::from(share) < config.subset_fraction * f64::from(samples)));
    share.max(config.min_samples).min(config.test_samples).min(samples)
}

/// The report of a measurement: the decision, and the learning rate of the minimum. `fit` is the fit before the test.
pub(crate) fn judge<T: Real>(
    config: &Config,
    measured: &Measurement<T>,
    losses: u64,
    fit: &Fit<T>,
    at: &Situation<T>,
) -> Report<T> {
    let mut report = Report {
        step: at.step,
        test: at.test,
        climb: at.climb,
        losses,
        samples: measured.samples,
        lr: at.high,
        center: measured.center,
        scale: measured.scale,
        hyper: fit.hyper(T::zero()),
        votes: Vec::new(),
        argmin_lr: at.high,
        argmin_x: T::one(),
        verdict: Verdict::NotEnough,
        positives: 0,
        patience: at.patience,
        fit: *fit,
    };
    if measured.votes.is_empty() || measured.samples < at.fewest {
        return report;
    }
    report.hyper = measured.hyper;
    report.fit = measured.fit;
    report.votes = measured.votes.clone();
    report.verdict = measured.verdict(config);
    report.positives = if report.is_positive() { at.positives.saturating_add(1) } else { 0 };
    report.argmin_x = measured.argmin_x();
    let count = T::of_u64(report.votes.len() as u64);
    let mean = |f: &dyn Fn(T) -> T| {
        report.votes.iter().fold(T::zero(), |sum, v| sum + f(crate::gp::location(v.argmin as usize))) / count
    };
    report.argmin_lr = match config.detection {
        // Eq. (5) as the reference has it: the mean of the learning rates.
        crate::config::Detection::EndWarmup => mean(&|x| config.warmup.at(x, at.low, at.high)),
        // The geometric mean: the rate at the mean place.
        crate::config::Detection::ClimbOn { .. } => config.warmup.at(mean(&|x| x), at.low, at.high),
    };
    report
}
