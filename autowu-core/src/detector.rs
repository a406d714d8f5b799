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
    /// The learning rates at the start of the climb and of the step just taken: `x = 0` and `x =
    /// 1`.
    pub low: T,
    pub high: T,
    /// Finite losses without which nothing is said.
    pub fewest: u32,
    /// Positive tests in a row before this one, and how many end the climb.
    pub positives: u32,
    pub patience: u32,
}

/// The posterior of one vote of `report`, for `y − mean` as the factor has it; `None` if the losses
/// have changed since.
pub(crate) fn posterior<T: Real, const N: usize>(
    config: &Config,
    trajectory: &Trajectory<T, N>,
    report: &Report<T>,
    vote: u32,
) -> Option<Posterior<T>> {
    if trajectory.losses() != report.losses || vote as usize >= report.votes.len() {
        return None;
    }
    let view = View::of(trajectory, config);
    let length_scale = T::of(config.length_scale);
    let mean = view.y_mean(trajectory);
    let order = permutation(config, trajectory, report.test, vote + 1);
    let factor = Factor::of(
        view.subset(trajectory, order, vote_size(config, view.samples), mean),
        length_scale,
    );
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
    let share = share
        .saturating_add(u32::from(f64::from(share) < config.subset_fraction * f64::from(samples)));
    share.max(config.min_samples).min(config.test_samples).min(samples)
}

/// The report of a measurement: the decision, and the learning rate of the minimum. `fit` is the
/// fit before the test.
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
        report
            .votes
            .iter()
            .fold(T::zero(), |sum, v| sum + f(crate::gp::location(v.argmin as usize)))
            / count
    };
    report.argmin_lr = match config.detection {
        // Eq. (5) as the reference has it: the mean of the learning rates.
        crate::config::Detection::EndWarmup => mean(&|x| config.warmup.at(x, at.low, at.high)),
        // The geometric mean: the rate at the mean place.
        crate::config::Detection::ClimbOn { .. } => config.warmup.at(mean(&|x| x), at.low, at.high),
    };
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `⌈k n/8⌉` in whole numbers, and the three limits.
    #[test]
    fn a_vote_sees_its_share_rounded_up() {
        for (eighths, n) in (1..=8_u32).flat_map(|k| (0..100).map(move |n| (k, n))) {
            for (min_samples, test_samples) in [(1, 500), (10, 500), (10, 40), (60, 30)] {
                let subset_fraction = f64::from(eighths) / 8.0;
                let config =
                    Config { subset_fraction, min_samples, test_samples, ..Config::new(1000) };
                let expected = (eighths * n).div_ceil(8).max(min_samples).min(test_samples).min(n);
                assert_eq!(
                    vote_size(&config, n),
                    expected,
                    "{eighths}/8 of {n}, {min_samples} to {test_samples}"
                );
            }
        }
    }

    /// Whatever was measured, too few losses or no vote leave the fit, and everything else, as
    /// before the test.
    #[test]
    fn too_little_changes_nothing() {
        let config = Config::new(1000);
        let mut losses = Trajectory::<f64, 1024>::new();
        (0..50).for_each(|i| losses.push(3.0 - f64::from(i) / 20.0));
        let before = Fit::default();
        let measured = Measurement::of(&config, &losses, 0, &before, 10);
        let at = Situation {
            step: 50,
            test: 0,
            climb: 0,
            low: 1e-5,
            high: 1e-3,
            fewest: 50,
            positives: 2,
            patience: 3,
        };
        let enough = judge(&config, &measured, 50, &before, &at);
        assert!(enough.fit == measured.fit && enough.fit != before && enough.votes.len() == 5);
        assert_eq!(enough.hyper, measured.hyper);
        let mut silent = measured.clone();
        silent.votes.clear();
        for (measured, fewest) in [(&measured, 51), (&silent, 50)] {
            let report = judge(&config, measured, 50, &before, &Situation { fewest, ..at });
            assert!(
                report.fit == before
                    && report.hyper == before.hyper(0.0)
                    && report.votes.is_empty()
            );
            assert_eq!((report.verdict, report.positives), (Verdict::NotEnough, 0));
            assert_eq!((report.argmin_x, report.argmin_lr), (1.0, at.high));
        }
    }
}
