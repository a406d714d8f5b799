//! Many tests as flat memory: what the kernels read and write, and how core's types go in and out.
//!
//! Public for the tests and benchmarks of this workspace only: not covered by semver.
#![allow(unsafe_code)]

use crate::number::Number;
use autowu_core::gp::{Fit, Hyper, Inference};
use autowu_core::{Measurement, TestRules};
use cudarc::driver::{DeviceRepr, ValidAsZeroBits};

/// The rules of a launch, the same for all its curves; `Params` in curve.cuh.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    length_scale: f64,
    subset_fraction: f64,
    fit_samples: u32,
    test_samples: u32,
    min_samples: u32,
    votes: u32,
    standardise: u32,
    clip: u32,
    noise_groups: u32,
}

impl Params {
    /// The rules as the kernels read them.
    pub fn of(rules: &TestRules) -> Self {
        // Whole, so that a new rule cannot be forgotten.
        let &TestRules {
            length_scale,
            fit_samples,
            test_samples,
            subset_fraction,
            min_samples,
            votes,
            standardise,
            noise_groups,
            clip,
        } = rules;
        Params {
            length_scale,
            subset_fraction,
            fit_samples,
            test_samples,
            min_samples,
            votes,
            standardise: u32::from(standardise),
            clip: u32::from(clip),
            noise_groups,
        }
    }

    /// Votes per curve.
    pub fn votes(&self) -> usize {
        self.votes as usize
    }
}

/// One curve; `Curve` in curve.cuh.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Index of its first loss in the memory that holds the losses of all curves.
    pub offset: u64,
    /// With `test`, decides which losses a vote sees.
    pub seed: u64,
    /// Number of the test in its run.
    pub test: u64,
    /// `(resolution − 1)/(2 · resolution)`: the place of an entry among the losses that it is the
    /// mean of.
    pub middle: f64,
    /// Entries.
    pub length: u32,
    /// Finite entries that a test needs.
    pub fewest: u32,
}

impl Curve {
    /// A curve of `length` entries from `offset` on, each the mean of `resolution` losses.
    pub fn new(offset: u64, length: u32, resolution: u64) -> Self {
        let per = resolution.max(1) as f64;
        Curve { offset, seed: 0, test: 0, middle: (per - 1.0) / (per + per), length, fewest: 1 }
    }
}

/// `ceiling`, `center`, `scale`, `mean` and `scatter` of one curve; `View` in curve.cuh.
pub type View<T> = [T; 5];

/// What one vote writes; `Inference` in vote.cuh.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vote<T> {
    /// Eq. (4).
    pub probability: T,
    /// The certainty of a descent before the argmin.
    pub descent: T,
    /// The location of the lowest posterior mean.
    pub argmin: u32,
}

/// What the kernels wrote, one element per curve; `votes` has `params.votes()` of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results<T> {
    /// How each curve was seen.
    pub views: Vec<View<T>>,
    /// Finite entries.
    pub samples: Vec<u32>,
    /// The fits that the next tests go on from: `Fit::to_array`.
    pub fits: Vec<[T; 10]>,
    /// μ of `y − mean`, s², σ².
    pub hypers: Vec<[T; 3]>,
    /// Curve by curve.
    pub votes: Vec<Vote<T>>,
}

impl<T: Number> Results<T> {
    /// Room for `curves` results that go on from `fits`.
    pub fn zeroed(fits: &[[T; 10]], votes: usize) -> Self {
        let curves = fits.len();
        Results {
            views: vec![[T::zero(); 5]; curves],
            samples: vec![0; curves],
            fits: fits.to_vec(),
            hypers: vec![[T::zero(); 3]; curves],
            votes: vec![Vote::default(); curves.saturating_mul(votes)],
        }
    }

    /// Appends the results of the next curves.
    pub fn extend(&mut self, more: Self) {
        self.views.extend(more.views);
        self.samples.extend(more.samples);
        self.fits.extend(more.fits);
        self.hypers.extend(more.hypers);
        self.votes.extend(more.votes);
    }

    /// The measurement of curve number `i`, which goes on from `before`. `None` if a number
    /// overflowed (of losses at the ends of the range, say): then core has to measure.
    pub fn measurement(
        &self,
        i: usize,
        curve: &Curve,
        params: &Params,
        before: &Fit<T>,
    ) -> Option<Measurement<T>> {
        let (&[_, center, scale, mean, _], &samples) = (self.views.get(i)?, self.samples.get(i)?);
        let mut measured = Measurement::without_votes(samples, center, scale, *before);
        if samples == 0 || samples < curve.fewest {
            return Some(measured);
        }
        measured.fit = Fit::from_array(*self.fits.get(i)?)?;
        let &[shift, output_scale, noise] = self.hypers.get(i)?;
        measured.hyper = Hyper { mean: mean + shift, output_scale, noise };
        for vote in self.votes.chunks_exact(params.votes().max(1)).nth(i)? {
            let Vote { probability, descent, argmin } = *vote;
            if !(probability.is_finite() && descent.is_finite()) {
                return None;
            }
            measured.votes.push(Inference::new(probability, argmin, descent)).ok()?;
        }
        Some(measured)
    }
}

// SAFETY: `repr(C)` structs of plain numbers with the layout of curve.cuh and vote.cuh (tested
// below and by the emulator).
unsafe impl DeviceRepr for Params {}
// SAFETY: as above.
unsafe impl DeviceRepr for Curve {}
// SAFETY: as above.
unsafe impl<T: DeviceRepr> DeviceRepr for Vote<T> {}
// SAFETY: zeros are numbers.
unsafe impl<T: ValidAsZeroBits> ValidAsZeroBits for Vote<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that the kernels' structs have by the rules of C: 2 doubles and 7 words, padded; 3
    /// words of 8, a double, 2 words.
    #[test]
    fn the_layout_is_that_of_the_kernels() {
        assert_eq!(size_of::<Params>(), 48);
        assert_eq!(size_of::<Curve>(), 40);
        assert_eq!(size_of::<Vote<f32>>(), 12);
        assert_eq!(size_of::<Vote<f64>>(), 24);
    }

    #[test]
    fn the_middle_of_an_entry_is_that_of_the_trajectory() {
        use autowu_core::trajectory::Trajectory;
        let mut t = Trajectory::<f64, 8>::new();
        for n in 1..200 {
            t.push(0.0);
            let curve = Curve::new(0, t.len() as u32, t.resolution());
            for i in 0..t.len() {
                assert_eq!((i as f64 + curve.middle) / f64::from(curve.length), t.x(i), "{n} {i}");
            }
        }
    }
}
