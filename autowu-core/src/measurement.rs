//! The numbers of one test, without the decision.

use crate::config::{Config, MAX_VOTES};
use crate::detector::{permutation, vote_size};
use crate::gp::{self, Basis, Factor, Fit, Hyper, Inference, Posterior, Spectrum};
use crate::real::Real;
use crate::report::Verdict;
use crate::trajectory::Trajectory;
use crate::view::View;
use heapless::Vec;

/// The costly part of a test: everything that is computed from the losses, and nothing that is decided.
///
/// It can be made elsewhere, many at a time: [`AutoWu::judge`](crate::AutoWu::judge) turns it into the report that
/// [`AutoWu::resolve`](crate::AutoWu::resolve) applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement<T> {
    /// Finite entries of the history.
    pub samples: u32,
    /// The shift of the losses: `loss = center + scale · y`. (0, 1) where losses are not standardised.
    pub center: T,
    /// The scale of the losses.
    pub scale: T,
    /// The hyper-parameters of the votes, for `y`: as fitted, the noise not below what `Config::noise_blocks` shows.
    pub hyper: Hyper<T>,
    /// One entry per vote; none if there were too few samples, or if raw losses are so large that their squares overflow.
    pub votes: Vec<Inference<T>, MAX_VOTES>,
    /// The fit, to go on with at the next test.
    pub fit: Fit<T>,
}

impl<T: Real> Measurement<T> {
    /// Bytes of the arrays that a test has on the stack where it has most of them, whatever the length of the history. The
    /// frames of the calls come on top: `benches/README.md` has what was measured.
    pub const SCRATCH: usize = size_of::<Self>() + gp::scratch::<T>();

    /// METHOD section 3: fit on one subset, K votes on others. Test number `test` of a run with seed `config.seed` goes on
    /// from `fit`; with fewer than `fewest` finite losses nothing is fitted and nobody votes.
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
        // The mean is fitted from the losses' mean on; taking it out of y first keeps single precision honest.
        let mean = view.y_mean(trajectory);
        let order = permutation(config, trajectory, test, 0);
        let size = view.samples.min(config.fit_samples);
        let basis = Basis::new(length_scale.wide());
        let spectrum = Spectrum::on(&basis, &Factor::of(view.subset(trajectory, order, size, mean), length_scale));
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
        let majority =
            |says: &dyn Fn(&Inference<T>) -> bool| 2 * self.votes.iter().filter(|v| says(v)).count() > self.votes.len();
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

    /// Where the loss was lowest, in [0, 1]: the median of the votes' argmins; the end if nobody voted.
    pub fn argmin_x(&self) -> T {
        let mut argmins = self.votes.clone();
        argmins.sort_unstable_by_key(|v| v.argmin);
        argmins.get(argmins.len() / 2).map_or(T::one(), |v| crate::gp::location(v.argmin as usize))
    }
}
