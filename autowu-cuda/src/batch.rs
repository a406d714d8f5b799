//! Many tests as flat memory: what the kernels read and write, and how core's types go in and out.

use crate::number::Number;
use autowu_core::gp::{Fit, Hyper, Inference};
use autowu_core::{Config, Measurement};

/// What is the same for all curves of a launch; `Params` in curve.cuh.
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
    noise_blocks: u32,
}

impl Params {
    /// The part of a configuration that a measurement depends on.
    pub fn of(config: &Config) -> Self {
        Params {
            length_scale: config.length_scale,
            subset_fraction: config.subset_fraction,
            fit_samples: config.fit_samples,
            test_samples: config.test_samples,
            min_samples: config.min_samples,
            votes: config.votes,
            standardise: u32::from(config.standardise),
            clip: u32::from(config.clip),
            noise_blocks: config.noise_blocks,
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
    /// Place of an entry among the losses that it is the mean of: `(resolution − 1)/(2 ·
    /// resolution)`.
    pub middle: f64,
    /// Entries.
    pub length: u32,
    /// Finite entries without which there is no test.
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

/// What the kernels wrote, one entry per curve; `votes` has `params.votes()` of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results<T> {
    /// How each curve was seen.
    pub views: Vec<View<T>>,
    /// Finite entries.
    pub samples: Vec<u32>,
    /// The fits to go on with: `Fit::to_array`.
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

    /// The measurement of curve number `i`, which goes on from `before`; `None` if a number came
    /// out that no run can have (losses at the ends of the range, say): then core says what it
    /// is.
    pub fn measurement(
        &self,
        i: usize,
        curve: &Curve,
        params: &Params,
        before: &Fit<T>,
    ) -> Option<Measurement<T>> {
        let (&[_, center, scale, mean, _], &samples) = (self.views.get(i)?, self.samples.get(i)?);
        let mut measured = Measurement {
            samples,
            center,
            scale,
            hyper: before.hyper(T::zero()),
            votes: Default::default(),
            fit: *before,
        };
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
            measured.votes.push(Inference { probability, argmin, descent }).ok()?;
        }
        Some(measured)
    }
}

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
