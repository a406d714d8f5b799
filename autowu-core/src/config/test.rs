//! How a test is made.

use super::error::{self, ConfigError};
use crate::digest::digest_fields;
use crate::gp::truncation_bound;

/// Most votes (subsets) that one test can have.
pub const MAX_VOTES: usize = 9;

/// Most groups of losses that the noise can be estimated from.
pub const MAX_NOISE_GROUPS: usize = 32;

/// Largest truncation error of the kernel that a length-scale may cause; ℓ = 0.2 has 2.7e-13.
const MAX_TRUNCATION: f64 = 1e-9;

/// How a test is made: all that [`Measurement::of`](crate::Measurement::of), or a kernel on a GPU,
/// needs to know besides the losses.
///
/// [`Config::new`](crate::Config::new) names the evidence for each value.
///
/// A minor release before 1.0 may add fields: write `..TestRules::default()` and your code goes on
/// compiling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct TestRules {
    /// `ℓ`: the kernel's length-scale in units of the climb so far; never fitted.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub length_scale: f64,
    /// Most losses used to fit the hyper-parameters.
    pub fit_samples: u32,
    /// Most losses used by one vote.
    pub test_samples: u32,
    /// The share of the losses that one vote uses while they are fewer than `test_samples`, in
    /// (0, 1]. At 1 all votes on a short history are the same vote, as in the reference.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub subset_fraction: f64,
    /// Finite losses that a test needs.
    pub min_samples: u32,
    /// `K`: votes per test, of which more than half must be positive; at most [`MAX_VOTES`].
    pub votes: u32,
    /// Shift and scale the losses to mean 0 and deviation 1, so that decisions are the same for
    /// `aL + b`.
    pub standardise: bool,
    /// `b · Var[second difference of the means of neighbouring groups of b losses]/6`, by its 80th
    /// percentile over this many groups: the least that the noise variance can be. It holds the GP
    /// to the scatter of the losses, even where neighbouring losses are alike. 0: as fitted (the
    /// reference), else 4 to [`MAX_NOISE_GROUPS`].
    pub noise_groups: u32,
    /// Clip losses at `h + (h − lowest)`, `h` the mean of the first ten: a higher one says
    /// "diverging" and nothing else. Without this one explosion hides the whole curve.
    pub clip: bool,
}

impl Default for TestRules {
    fn default() -> Self {
        TestRules {
            length_scale: 0.2,
            fit_samples: 100,
            test_samples: 500,
            subset_fraction: 0.8,
            min_samples: 10,
            votes: 5,
            standardise: true,
            noise_groups: 16,
            clip: true,
        }
    }
}

digest_fields!(TestRules {
    length_scale,
    fit_samples,
    test_samples,
    subset_fraction,
    min_samples,
    votes,
    standardise,
    noise_groups,
    clip,
});

impl TestRules {
    /// The authors' implementation: raw losses, noise as fitted, votes on all losses.
    pub fn paper() -> Self {
        TestRules {
            subset_fraction: 1.0,
            min_samples: 1,
            standardise: false,
            noise_groups: 0,
            clip: false,
            ..Self::default()
        }
    }

    /// Losses that one of `samples` is voted on: `min(test_samples, max(min_samples,
    /// ⌈subset_fraction · samples⌉))`.
    pub(crate) fn vote_size(&self, samples: u32) -> u32 {
        let exact = self.subset_fraction * f64::from(samples);
        let share = exact as u32;
        let share = share.saturating_add(u32::from(f64::from(share) < exact));
        share.max(self.min_samples).min(self.test_samples).min(samples)
    }

    /// Losses that a history must hold exactly.
    pub(crate) fn capacity(&self) -> usize {
        self.fit_samples.max(self.test_samples).max(self.min_samples).max(2) as usize
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        error::positive("length_scale", self.length_scale, "the paper uses 0.2")?;
        let error = truncation_bound(self.length_scale);
        if !(error <= MAX_TRUNCATION) {
            let (length_scale, limit) = (self.length_scale, MAX_TRUNCATION);
            return Err(ConfigError::LengthScaleTooShort { length_scale, error, limit });
        }
        let samples =
            |field, n, remedy| error::count(field, n, 1..=u32::MAX, "be at least 1", remedy);
        samples("fit_samples", self.fit_samples, "the paper uses 100")?;
        samples("test_samples", self.test_samples, "the paper uses 500")?;
        samples("min_samples", self.min_samples, "the default is 10")?;
        error::fraction("subset_fraction", self.subset_fraction, "the default is 0.8")?;
        let most = MAX_VOTES as u32;
        error::count("votes", self.votes, 1..=most, "lie in 1..=9", "the paper uses 5")?;
        if self.noise_groups == 0 {
            return Ok(());
        }
        let (groups, most) = (self.noise_groups, MAX_NOISE_GROUPS as u32);
        error::count("noise_groups", groups, 4..=most, "be 0 or lie in 4..=32", "the default is 16")
    }
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
                let rules = TestRules {
                    subset_fraction,
                    min_samples,
                    test_samples,
                    ..TestRules::default()
                };
                let share = (eighths * n).div_ceil(8);
                let expected = share.max(min_samples).min(test_samples).min(n);
                let what = std::format!("{eighths}/8 of {n}, {min_samples} to {test_samples}");
                assert_eq!(rules.vote_size(n), expected, "{what}");
            }
        }
    }
}
