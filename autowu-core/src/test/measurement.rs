//! The numbers of one test, without the decision.

use super::view::View;
use crate::config::{MAX_VOTES, TestRules};
use crate::gp::{self, Basis, Factor, Fit, Hyper, Inference, Posterior, Spectrum};
use crate::real::Real;
use crate::sampling::Permutation;
use crate::trajectory::Trajectory;
use heapless::Vec;

/// What a test is made from: borrowed from a scheduler
/// ([`AutoWu::test_input`](crate::AutoWu::test_input)), or put together for stored losses.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TestInput<'a, T, const N: usize> {
    /// How the test is made.
    pub rules: &'a TestRules,
    /// With `number`, decides which losses a vote sees.
    pub seed: u64,
    /// Number of the test in the run, from 0.
    pub number: u64,
    /// Finite losses that this test needs.
    pub fewest: u32,
    /// The losses of the climb.
    pub losses: &'a Trajectory<T, N>,
    /// The fit of the test before.
    pub fit: &'a Fit<T>,
}

impl<'a, T: Real, const N: usize> TestInput<'a, T, N> {
    /// The first test of a run with seed 0, which needs [`TestRules::min_samples`] finite losses.
    pub fn new(rules: &'a TestRules, losses: &'a Trajectory<T, N>, fit: &'a Fit<T>) -> Self {
        TestInput { rules, seed: 0, number: 0, fewest: rules.min_samples, losses, fit }
    }

    /// Which losses subset number `subset` sees: 0 is the fit's, `vote + 1` a vote's.
    fn order(&self, subset: u32) -> Permutation {
        Permutation::new(self.losses.len() as u32, self.seed, self.number, subset)
    }

    /// The `size` losses of subset number `subset`, shifted by `mean`.
    fn factor(&self, view: &View<T>, subset: u32, size: u32, mean: T) -> Factor<T> {
        let samples = view.subset(self.losses, self.order(subset), size, mean);
        Factor::of(samples, T::of(self.rules.length_scale))
    }

    /// The posterior of one vote under the hyper-parameters of its test.
    pub(crate) fn posterior(&self, hyper: &Hyper<T>, vote: u32) -> Posterior<T> {
        let view = View::of(self.losses, self.rules);
        let mean = view.y_mean(self.losses);
        let factor = self.factor(&view, vote + 1, self.rules.vote_size(view.samples), mean);
        let hyper = Hyper { mean: hyper.mean - mean, ..*hyper };
        Posterior::condition(&factor, &hyper).shifted(mean)
    }
}

/// The costly part of a test: everything that is computed from the losses, and nothing that is
/// decided.
///
/// It can be made elsewhere, many at a time: [`AutoWu::judge`](crate::AutoWu::judge) turns it into
/// the report that [`AutoWu::resolve`](crate::AutoWu::resolve) applies.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measurement<T> {
    /// Finite entries of the history.
    pub samples: u32,
    /// The shift of the losses: `loss = center + scale · y`. (0, 1) where losses are not
    /// standardised.
    pub center: T,
    /// The scale of the losses.
    pub scale: T,
    /// The hyper-parameters of the votes, for `y`: as fitted, the noise not below what
    /// [`TestRules::noise_groups`] shows.
    pub hyper: Hyper<T>,
    /// One entry per vote; none if there were too few samples, or if raw losses are so large that
    /// their squares overflow.
    pub votes: Vec<Inference<T>, MAX_VOTES>,
    /// The fit that the next test goes on from.
    pub fit: Fit<T>,
}

impl<T: Real> Measurement<T> {
    /// Bytes of the arrays that a test has on the stack where it has most of them, whatever the
    /// length of the history. The frames of the calls come on top: `benches/README.md` has what was
    /// measured.
    pub const SCRATCH: usize = size_of::<Self>() + gp::scratch::<T>();

    /// A measurement in which nobody has voted yet: for those that are made elsewhere, and where
    /// there are too few samples.
    #[inline]
    pub fn without_votes(samples: u32, center: T, scale: T, fit: Fit<T>) -> Self {
        let hyper = fit.hyper(T::zero());
        Measurement { samples, center, scale, hyper, votes: Vec::new(), fit }
    }

    /// METHOD section 3: fit on one subset, K votes on others. With fewer than `fewest` finite
    /// losses there is no fit and no vote.
    ///
    /// ```
    /// use autowu_core::{Measurement, TestInput, TestRules, gp::Fit, trajectory::Trajectory};
    /// let mut losses = Trajectory::<f64, 1024>::new();
    /// for i in 0..200 {
    ///     let x = f64::from(i) / 200.0;
    ///     losses.push((x - 0.5) * (x - 0.5));
    /// }
    /// let (rules, fit) = (&TestRules::default(), &Fit::default());
    /// let measured = Measurement::of(&TestInput::new(rules, &losses, fit));
    /// assert!(measured.votes.iter().all(|vote| vote.probability > 0.99));
    /// ```
    #[inline(never)] // or a caller has all its arrays on the stack for good
    pub fn of<const N: usize>(input: &TestInput<'_, T, N>) -> Self {
        let TestInput { rules, losses, .. } = *input;
        let view = View::of(losses, rules);
        let mut measured =
            Measurement::without_votes(view.samples, view.center, view.scale, *input.fit);
        if view.samples == 0 || view.samples < input.fewest {
            return measured;
        }
        // The mean is fitted from the losses' mean on; taking it out of y first keeps single
        // precision honest.
        let mean = view.y_mean(losses);
        let basis = Basis::new(T::of(rules.length_scale).wide());
        let size = view.samples.min(rules.fit_samples);
        let spectrum = Spectrum::on(&basis, &input.factor(&view, 0, size, mean));
        let mut hyper = measured.fit.run(&spectrum, T::zero());
        hyper.noise = hyper.noise.max(view.scatter(losses, rules.noise_groups));
        measured.hyper = Hyper { mean: hyper.mean + mean, ..hyper };
        let size = rules.vote_size(view.samples);
        for vote in 0..rules.votes {
            let inference = if size == view.samples && vote > 0 {
                measured.votes[0] // every vote sees every loss
            } else {
                Posterior::infer(&basis, &input.factor(&view, vote + 1, size, mean), &hyper)
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

    /// The places `x*_j` in [0, 1] where the votes see the minimum.
    pub(super) fn places(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        self.votes.iter().map(|vote| gp::location(vote.argmin as usize))
    }

    /// Where the loss was lowest, in [0, 1]: the median of the votes' argmins; the end if nobody
    /// voted.
    pub fn argmin_x(&self) -> T {
        let mut argmins = self.votes.clone();
        argmins.sort_unstable_by_key(|v| v.argmin);
        argmins.get(argmins.len() / 2).map_or(T::one(), |v| gp::location(v.argmin as usize))
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

    /// The first test of a run with seed 0.
    fn first(rules: TestRules, losses: &Trajectory<f64, 1024>, fewest: u32) -> Measurement<f64> {
        let (rules, fit) = (&rules, &Fit::default());
        Measurement::of(&TestInput { rules, seed: 0, number: 0, fewest, losses, fit })
    }

    #[test]
    fn below_the_fewest_nothing_is_fitted_and_nobody_votes() {
        for (n, fewest) in [(0, 0), (0, 1), (4, 5), (3, 50)] {
            let measured = first(TestRules::default(), &losses(n), fewest);
            assert!(measured.votes.is_empty() && measured.fit == Fit::default(), "{n} of {fewest}");
        }
        let measured = first(TestRules::default(), &losses(5), 5);
        assert!(measured.votes.len() == 5 && measured.fit != Fit::default());
    }

    /// Where every vote sees every loss they are one and the same, bit for bit; where not, they
    /// differ.
    #[test]
    fn votes_differ_by_what_they_see() {
        for (subset_fraction, alike) in [(1.0, true), (0.5, false)] {
            let rules = TestRules { subset_fraction, ..TestRules::default() };
            let measured = first(rules, &losses(60), 10);
            assert_eq!(measured.votes.iter().all(|v| *v == measured.votes[0]), alike);
        }
    }

    #[test]
    fn the_place_of_the_minimum_is_the_median() {
        let at = |places: &[u32]| {
            let vote = |&argmin| Inference { argmin, ..Inference::default() };
            let votes = places.iter().map(vote).collect();
            Measurement { votes, ..first(TestRules::default(), &losses(0), 1) }.argmin_x()
        };
        assert_eq!(at(&[499, 0, 100]), gp::location(100));
        assert_eq!(at(&[7, 3, 9, 1, 5]), gp::location(5));
        assert_eq!(at(&[20]), gp::location(20));
        assert_eq!(at(&[]), 1.0);
    }
}
