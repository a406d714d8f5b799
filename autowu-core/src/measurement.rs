//! The numbers of one test, without the decision.

use crate::config::{Config, MAX_VOTES};
use crate::detector::{permutation, vote_size};
use crate::gp::{self, Basis, Factor, Fit, Hyper, Inference, Posterior, Spectrum};
use crate::real::Real;
use crate::report::Verdict;
use crate::trajectory::Trajectory;
use crate::view::View;
use heapless::Vec;

/// The costly part of a test: everything that is computed from the losses, and nothing that is
/// decided.
///
/// It can be made elsewhere, many at a time: [`AutoWu::judge`](crate::AutoWu::judge) turns it into
/// the report that [`AutoWu::resolve`](crate::AutoWu::resolve) applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement<T> {
    /// Finite entries of the history.
    pub samples: u32,
    /// The shift of the losses: `loss = center + scale · y`. (0, 1) where losses are not
    /// standardised.
    pub center: T,
    /// The scale of the losses.
    pub scale: T,
    /// The hyper-parameters of the votes, for `y`: as fitted, the noise not below what
    /// `Config::noise_blocks` shows.
    pub hyper: Hyper<T>,
    /// One entry per vote; none if there were too few samples, or if raw losses are so large that
    /// their squares overflow.
    pub votes: Vec<Inference<T>, MAX_VOTES>,
    /// The fit, to go on with at the next test.
    pub fit: Fit<T>,
}

impl<T: Real> Measurement<T> {
    /// Bytes of the arrays that a test has on the stack where it has most of them, whatever the
    /// length of the history. The frames of the calls come on top: `benches/README.md` has what
    /// was measured.
    pub const SCRATCH: usize = size_of::<Self>() + gp::scratch::<T>();

    /// METHOD section 3: fit on one subset, K votes on others. Test number `test` of a run with
    /// seed `config.seed` goes on from `fit`; with fewer than `fewest` finite losses nothing is
    /// fitted and nobody votes.
    ///
    /// ```
    /// use autowu_core::{Config, Measurement, gp::Fit, trajectory::Trajectory};
    /// let mut losses = Trajectory::<f64, 1024>::new();
    /// for i in 0..200 {
    ///     let x = f64::from(i) / 200.0;
    ///     losses.push((x - 0.5) * (x - 0.5));
    /// }
    /// let config = Config::new(1000);
    /// let measured = Measurement::of(&config, &losses, 0, &Fit::default(), config.min_samples);
    /// assert!(measured.votes.iter().all(|vote| vote.probability > 0.99));
    /// ```
    #[inline(never)] // or a caller has all its arrays on the stack for good
    pub fn of<const N: usize>(
        config: &Config,
        trajectory: &Trajectory<T, N>,
        test: u64,
        fit: &Fit<T>,
        fewest: u32,
    ) -> Self {
        let view = View::of(trajectory, config);
        let mut measured = Measurement {
            samples: view.samples,
            center: view.center,
            scale: view.scale,
            hyper: fit.hyper(T::zero()),
            votes: Vec::new(),
            fit: *fit,
        };
        if view.samples == 0 || view.samples < fewest {
            return measured;
        }
        let length_scale = T::of(config.length_scale);
        // The mean is fitted from the losses' mean on; taking it out of y first keeps single
        // precision honest.
        let mean = view.y_mean(trajectory);
        let order = permutation(config, trajectory, test, 0);
        let size = view.samples.min(config.fit_samples);
        let basis = Basis::new(length_scale.wide());
        let spectrum = Spectrum::on(
            &basis,
            &Factor::of(view.subset(trajectory, order, size, mean), length_scale),
        );
        let mut hyper = measured.fit.run(&spectrum, T::zero());
        hyper.noise = hyper.noise.max(view.scatter(trajectory, config.noise_blocks));
        measured.hyper = hyper;
        measured.hyper.mean = hyper.mean + mean;
        let size = vote_size(config, view.samples);
        for vote in 0..config.votes {
            let inference = if size == view.samples && vote > 0 {
                measured.votes[0] // every vote sees every loss
            } else {
                let order = permutation(config, trajectory, test, vote + 1);
                let factor = Factor::of(view.subset(trajectory, order, size, mean), length_scale);
                Posterior::infer(&basis, &factor, &hyper)
            };
            if !inference.probability.is_finite() {
                measured.votes.clear(); // raw losses near the end of the range: nobody can tell
                break;
            }
            if measured.votes.push(inference).is_err() {
                break;
            }
        }
        measured
    }

    /// Majority and descent: has the loss passed its minimum?
    pub fn verdict(&self, config: &Config) -> Verdict {
        if self.votes.is_empty() {
            return Verdict::NotEnough;
        }
        let majority = |says: &dyn Fn(&Inference<T>) -> bool| {
            2 * self.votes.iter().filter(|v| says(v)).count() > self.votes.len()
        };
        let confidence = T::of(config.confidence);
        let past = |v: &Inference<T>| v.probability > confidence;
        let fell = |v: &Inference<T>| config.descent.is_none_or(|d| v.descent > T::of(d));
        if majority(&|v| past(v) && fell(v)) {
            Verdict::Past
        } else if majority(&past) {
            Verdict::NoDescent
        } else {
            Verdict::NotPast
        }
    }

    /// Where the loss was lowest, in [0, 1]: the median of the votes' argmins; the end if nobody
    /// voted.
    pub fn argmin_x(&self) -> T {
        let mut argmins = self.votes.clone();
        argmins.sort_unstable_by_key(|v| v.argmin);
        argmins.get(argmins.len() / 2).map_or(T::one(), |v| crate::gp::location(v.argmin as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(n: u32) -> Trajectory<f64, 1024> {
        let mut losses = Trajectory::new();
        let noise = |i: u32| f64::from(i.wrapping_mul(0x9e37_79b9) >> 16) / 65536.0 - 0.5;
        (0..n).for_each(|i| losses.push((0.1 * f64::from(i)).cos() + 3.0 * noise(i)));
        losses
    }

    #[test]
    fn below_the_fewest_nothing_is_fitted_and_nobody_votes() {
        let (config, before) = (Config::new(1000), Fit::default());
        for (n, fewest) in [(0, 0), (0, 1), (4, 5), (3, 50)] {
            let measured = Measurement::of(&config, &losses(n), 0, &before, fewest);
            assert!(measured.votes.is_empty() && measured.fit == before, "{n} of {fewest}");
        }
        let measured = Measurement::of(&config, &losses(5), 0, &before, 5);
        assert!(measured.votes.len() == 5 && measured.fit != before);
    }

    /// Where every vote sees every loss they are one and the same, bit for bit; where not, they
    /// differ.
    #[test]
    fn votes_differ_by_what_they_see() {
        for (subset_fraction, alike) in [(1.0, true), (0.5, false)] {
            let config = Config { subset_fraction, ..Config::new(1000) };
            let measured = Measurement::of(&config, &losses(60), 0, &Fit::default(), 10);
            assert_eq!(measured.votes.iter().all(|v| *v == measured.votes[0]), alike);
        }
    }

    /// A measurement with these votes: (probability, descent, argmin).
    fn voted(votes: &[(f64, f64, u32)]) -> Measurement<f64> {
        let votes = votes.iter().map(|&(probability, descent, argmin)| Inference {
            probability,
            argmin,
            descent,
        });
        Measurement {
            votes: votes.collect(),
            ..Measurement::of(&Config::new(1), &losses(0), 0, &Fit::default(), 1)
        }
    }

    /// More than half of the votes, each above its threshold.
    #[test]
    fn a_majority_decides() {
        let config = Config { confidence: 0.95, descent: Some(0.99), ..Config::new(1000) };
        let (past, risen, not) = ((0.96, 0.999, 7), (0.96, 0.99, 7), (0.95, 0.999, 7));
        for (votes, verdict) in [
            (&[past, past, not][..], Verdict::Past),
            (&[past, past, not, not], Verdict::NotPast),
            (&[past, risen, not], Verdict::NoDescent),
            (&[past, past, risen, risen], Verdict::NoDescent),
            (&[past, past, past, risen, not], Verdict::Past),
            (&[risen, not, not], Verdict::NotPast),
            (&[], Verdict::NotEnough),
        ] {
            assert_eq!(voted(votes).verdict(&config), verdict, "{votes:?}");
        }
        assert_eq!(
            voted(&[risen, risen, not]).verdict(&Config { descent: None, ..config }),
            Verdict::Past
        );
    }

    #[test]
    fn the_place_of_the_minimum_is_the_median() {
        let at = |places: &[u32]| {
            voted(&places.iter().map(|&p| (0.5, 0.5, p)).collect::<Vec<_, MAX_VOTES>>()).argmin_x()
        };
        assert_eq!(at(&[499, 0, 100]), gp::location(100));
        assert_eq!(at(&[7, 3, 9, 1, 5]), gp::location(5));
        assert_eq!(at(&[20]), gp::location(20));
        assert_eq!(at(&[]), 1.0);
    }
}
