//! One test: has the loss passed its minimum? How the losses are seen, and what is decided.

use crate::config::Config;
use crate::gp::{Factor, Fit, Posterior};
use crate::measurement::Measurement;
use crate::real::Real;
use crate::report::{Report, Verdict};
use crate::sampling::Permutation;
use crate::trajectory::Trajectory;
use heapless::Vec;

/// Losses at the start whose mean is the height that a descent is measured from.
const HEAD: usize = 10;

/// The losses as the GP sees them: `y = (min(loss, ceiling) − center)/scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View<T> {
    ceiling: T,
    pub center: T,
    pub scale: T,
    /// Finite entries.
    pub samples: u32,
}

impl<T: Real> View<T> {
    pub fn of<const N: usize>(trajectory: &Trajectory<T, N>, config: &Config) -> Self {
        let finite = || trajectory.values().iter().copied().filter(|y| y.is_finite());
        let samples = finite().count() as u32;
        let (head, _) = moments(finite().take(HEAD));
        let lowest = finite().fold(head, |low, y| low.min(y));
        let ceiling = head + (head - lowest);
        let ceiling = if config.clip && lowest < head && ceiling.is_finite() { ceiling } else { T::max_value() };
        let (center, scale) = if config.standardise {
            let (center, deviation) = moments(finite().map(|y| y.min(ceiling)));
            (center, if deviation > T::zero() { deviation } else { T::one() })
        } else {
            (T::zero(), T::one())
        };
        View { ceiling, center, scale, samples }
    }

    #[inline]
    fn y(&self, loss: T) -> T {
        // Halves, so that the difference of two huge losses does not overflow.
        let half = T::of(0.5);
        ((loss.min(self.ceiling) * half - self.center * half) / self.scale) * T::of(2.0)
    }

    /// The first `size` finite losses of the trajectory in the order of `permutation`, as `(x, y − shift)`.
    pub(crate) fn subset<'a, const N: usize>(
        &'a self,
        trajectory: &'a Trajectory<T, N>,
        permutation: Permutation,
        size: u32,
        shift: T,
    ) -> impl Iterator<Item = (T, T)> + 'a {
        (0..trajectory.len() as u32)
            .map(move |i| permutation.index(i) as usize)
            .filter_map(move |i| trajectory.values().get(i).filter(|y| y.is_finite()).map(|&y| (i, y)))
            .take(size as usize)
            .map(move |(i, y)| (trajectory.x(i), self.y(y) - shift))
    }
}

/// Mean and deviation `√(Σ(y − mean)²/n)`, two passes, without overflow.
fn moments<T: Real>(values: impl Iterator<Item = T> + Clone) -> (T, T) {
    let half = T::of(0.5);
    let n = T::of_u64(values.clone().count().max(1) as u64);
    let rough = values.clone().fold(T::zero(), |sum, y| sum + y / n);
    let mean = rough + values.clone().fold(T::zero(), |sum, y| sum + (y * half - rough * half) / n) * T::of(2.0);
    let far = |y: T| y * half - mean * half;
    let widest = values.clone().fold(T::zero(), |top, y| top.max(far(y).abs()));
    if !(widest > T::zero()) {
        return (mean, T::zero());
    }
    let square = values.fold(T::zero(), |sum, y| {
        let d = far(y) / widest;
        sum + d * d / n
    });
    (mean, square.sqrt() * widest * T::of(2.0))
}

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
    Some(Posterior::condition(factor, &hyper, length_scale).shifted(mean))
}

impl<T: Real> View<T> {
    pub(crate) fn y_mean<const N: usize>(&self, trajectory: &Trajectory<T, N>) -> T {
        moments(trajectory.values().iter().copied().filter(|y| y.is_finite()).map(|y| self.y(y))).0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_hold_at_the_ends_of_the_range() {
        for scale in [1e-300, 1e-3, 1.0, 1e300, f64::MAX] {
            let (mean, deviation) = moments([scale, -scale].into_iter());
            assert_eq!(mean, 0.0);
            assert!((deviation / scale - 1.0).abs() < 1e-15, "{scale}");
        }
        assert_eq!(moments(core::iter::empty::<f64>()), (0.0, 0.0));
    }

    #[test]
    fn one_explosion_does_not_hide_the_curve() {
        let mut t = Trajectory::<f64, 64>::new();
        for i in 0..63 {
            t.push(2.0 - f64::from(i) / 63.0);
        }
        t.push(1e30);
        let view = View::of(&t, &Config::new(1000));
        assert!(view.scale < 1.0, "{view:?}");
    }
}
