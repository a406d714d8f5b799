//! [`Report`]: what a test saw, as plain data for logs, plots and people.

use super::measurement::{Measurement, TestInput};
use super::verdict::{Verdict, fell};
use crate::config::{MAX_VOTES, Response};
use crate::gp::{Fit, Hyper, Inference};
use crate::real::Real;
use crate::schedule::Warmup;
use heapless::Vec;

/// One test: a pure function of the scheduler's state, which
/// [`AutoWu::resolve`](crate::AutoWu::resolve) applies.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: crate::Real + serde::Serialize")))]
#[non_exhaustive]
pub struct Report<T> {
    /// Steps done when the test was made.
    pub step: u64,
    /// Number of the test in the run, from 0: decides, with the seed, which losses the votes see.
    pub test: u64,
    /// The climb that it belongs to, from 0.
    pub climb: u32,
    /// Losses of the climb that it covers.
    pub losses: u64,
    /// Finite entries of the history that it could draw from.
    pub samples: u32,
    /// The learning rate of the step just taken.
    pub lr: T,
    /// The shift of the losses: `loss = center + scale · y`. (0, 1) where losses are not
    /// standardised.
    pub center: T,
    /// The scale of the losses.
    pub scale: T,
    /// The fitted hyper-parameters, for `y`.
    pub hyper: Hyper<T>,
    /// One entry per vote.
    pub votes: Vec<Inference<T>, MAX_VOTES>,
    /// The learning rate where the loss was lowest, by [`Response::peak`].
    pub argmin_lr: T,
    /// Where the loss was lowest, in [0, 1]: the median of the votes' argmins.
    pub argmin_x: T,
    /// The outcome of this test alone.
    pub verdict: Verdict,
    /// Positive tests in a row, this one included.
    pub positives: u32,
    /// Positive tests in a row that end the climb.
    pub patience: u32,
    /// The fit that the next test goes on from.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub fit: Fit<T>,
}

impl<T> Report<T> {
    /// Whether the majority of the votes is positive.
    pub fn is_positive(&self) -> bool {
        self.verdict == Verdict::Past
    }

    /// Whether this test ends the climb.
    pub fn detects(&self) -> bool {
        self.is_positive() && self.positives >= self.patience
    }
}

impl<T: Real> Report<T> {
    /// Whether most votes are certain that the loss has fallen.
    pub(crate) fn fell(&self, response: &Response) -> bool {
        fell(&self.votes, response)
    }
}

/// Where a test stands in its run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<T> {
    pub step: u64,
    pub climb: u32,
    pub curve: Warmup,
    /// The learning rates at the start of the climb and of the step just taken: `x = 0`, `x = 1`.
    pub low: T,
    pub high: T,
    /// Positive tests in a row before this one, and how many end the climb.
    pub positives: u32,
    pub patience: u32,
}

/// The report of a measurement: verdict, patience, and the learning rate of the minimum.
pub(crate) fn judge<T: Real, const N: usize>(
    input: &TestInput<'_, T, N>,
    measured: &Measurement<T>,
    response: &Response,
    place: &Place<T>,
) -> Report<T> {
    let mut report = Report {
        step: place.step,
        test: input.number,
        climb: place.climb,
        losses: input.losses.losses(),
        samples: measured.samples,
        lr: place.high,
        center: measured.center,
        scale: measured.scale,
        hyper: input.fit.hyper(T::zero()),
        votes: Vec::new(),
        argmin_lr: place.high,
        argmin_x: T::one(),
        verdict: Verdict::NotEnough,
        positives: 0,
        patience: place.patience,
        fit: *input.fit,
    };
    if measured.votes.is_empty() || measured.samples < input.fewest {
        return report;
    }
    report.hyper = measured.hyper;
    report.fit = measured.fit;
    report.votes = measured.votes.clone();
    report.verdict = Verdict::of(measured, response);
    report.positives = if report.is_positive() { place.positives.saturating_add(1) } else { 0 };
    report.argmin_x = measured.argmin_x();
    report.argmin_lr = response.peak.peak(measured.places(), place.curve, place.low, place.high);
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TestRules;
    use crate::trajectory::Trajectory;

    const PLACE: Place<f64> = Place {
        step: 50,
        climb: 0,
        curve: Warmup::Exponential,
        low: 1e-5,
        high: 1e-3,
        positives: 2,
        patience: 3,
    };

    fn judged(fewest: u32, change: impl Fn(&mut Measurement<f64>)) -> Report<f64> {
        let mut losses = Trajectory::<f64, 1024>::new();
        (0..50).for_each(|i| losses.push(3.0 - f64::from(i) / 20.0));
        let (rules, fit, losses) = (&TestRules::default(), &Fit::default(), &losses);
        let input = TestInput { rules, seed: 0, number: 0, fewest: 10, losses, fit };
        let mut measured = Measurement::of(&input);
        change(&mut measured);
        judge(&TestInput { fewest, ..input }, &measured, &Response::default(), &PLACE)
    }

    /// Whatever was measured, too few losses or no vote leave the fit, and everything else, as
    /// before the test.
    #[test]
    fn too_little_changes_nothing() {
        let enough = judged(50, |_| {});
        assert!(enough.fit != Fit::default() && enough.votes.len() == 5);
        assert_ne!(enough.hyper, Fit::default().hyper(0.0));
        for report in [judged(51, |_| {}), judged(50, |measured| measured.votes.clear())] {
            let before = Fit::default();
            assert!(report.fit == before && report.hyper == before.hyper(0.0));
            assert!(report.votes.is_empty());
            assert_eq!((report.verdict, report.positives), (Verdict::NotEnough, 0));
            assert_eq!((report.argmin_x, report.argmin_lr), (1.0, PLACE.high));
        }
    }

    /// A detection is as many positive tests as are asked for.
    #[test]
    fn patience_makes_a_detection() {
        let mut report = judged(50, |_| {});
        report.patience = 3;
        for (verdict, positives, detects) in [
            (Verdict::Past, 3, true),
            (Verdict::Past, 4, true),
            (Verdict::Past, 2, false),
            (Verdict::NotPast, 3, false),
        ] {
            (report.verdict, report.positives) = (verdict, positives);
            let expected = (detects, verdict == Verdict::Past);
            assert_eq!((report.detects(), report.is_positive()), expected);
        }
    }
}
