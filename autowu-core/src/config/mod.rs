//! What a run is to be: plain data in groups, presets, and what is refused.
//!
//! [`Config`] itself says what the run is: its budget, its range of learning rates, its seed. Its
//! groups say the rest: [`Ramp`] how the learning rate rises, [`TestRules`] how a test is made,
//! [`Response`] what follows from it. Each group validates, digests and serialises itself.

mod error;
mod pace;
mod ramp;
mod response;
mod test;

pub use error::ConfigError;
pub use ramp::{Curve, Interval, Patience, Ramp, Scout};
pub use response::{Fallback, NonFinite, Recovery, Response};
pub use test::{MAX_NOISE_GROUPS, MAX_VOTES, TestRules};

use crate::digest::{Digest, Digestible, digest_fields};
use crate::schedule::Decay;

/// What the learning rate is after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PastEnd {
    /// The floor.
    Floor,
    /// That of two steps earlier, because the reference's cosine turns up again after its end. No
    /// step of the budget uses it.
    Reference,
}

impl Digestible for PastEnd {
    fn digest(&self, digest: &mut Digest) {
        digest.word(*self as u64);
    }
}

/// Runs of up to 100 steps are too short for a scout.
const TOO_SHORT: u64 = 100;

/// The default's range with a scout, and without.
const SCOUTED: (f64, f64) = (1e-7, 10.0);
const UNSCOUTED: (f64, f64) = (1e-4, 1.0);

/// Everything that decides a run, besides its losses. Plain data.
///
/// ```
/// use autowu_core::{AutoWu, Config, Decay, TestRules};
/// let config = Config::new(10_000).with_decay(Decay::Cosine).with_seed(7);
/// let config = config.with_test(TestRules { votes: 3, ..TestRules::default() });
/// let autowu: AutoWu = AutoWu::new(config)?;
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Config {
    /// `T`: optimizer updates in the whole run. [`AutoWu::extend`](crate::AutoWu::extend) gives it
    /// more.
    pub total_steps: u64,
    /// `η_min`: the first learning rate, > 0.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub min_lr: f64,
    /// `η_max`: the largest learning rate of the warmup.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub max_lr: f64,
    /// The learning rate that the decay ends at, in [0, `min_lr`].
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub floor_lr: f64,
    /// The shape of the decay.
    pub decay: Decay,
    /// The learning rate after the last step.
    pub past_end: PastEnd,
    /// Decides which losses a vote sees.
    pub seed: u64,
    /// How the learning rate rises.
    pub ramp: Ramp,
    /// How a test is made.
    pub test: TestRules,
    /// What follows from a test.
    pub response: Response,
}

digest_fields!(Config {
    total_steps,
    min_lr,
    max_lr,
    floor_lr,
    decay,
    past_end,
    seed,
    ramp,
    test,
    response,
});

impl Config {
    /// The default preset for a budget of `total_steps` optimizer updates. It restores and climbs
    /// on, and so survives short ones.
    ///
    /// It needs a trainer that can copy its weights and optimizer state and go back to the copy;
    /// see [`without_restore`](Self::without_restore) for others.
    ///
    /// A run of more than 100 steps begins with a [scout](Scout) through learning rates from 1e-7
    /// to 10; a shorter one, and one that cannot restore, climbs from 1e-4 to 1 in a quarter of it.
    ///
    /// Where its constants come from: paired runs of the study's tuning half
    /// (`docs/study/README.md` in the repository has the tables, and what was tried without gain).
    /// "Left out" is what became of 110 runs of the reporting half without the mechanism, of which
    /// none was dead with it (`docs/study/mechanisms`). "Not tuned" is a round number that nothing
    /// has been compared with.
    ///
    /// | field | value | evidence |
    /// |---|---|---|
    /// | `length_scale`, `fit_samples`, `test_samples`, `votes`, `confidence` | the paper's | |
    /// | `min_lr`, `max_lr` | 1e-7, 10 with a scout; else 1e-4, 1 | no range that a user must know; 1e-4 because short runs gain 1.3 ± 0.3 points by it and a shorter warmup |
    /// | `ramp.fraction` | 0.4 with a scout, else 0.25 | with a scout 0.3: no better in 57 cells |
    /// | `ramp.min_steps` | 30 with a scout, else 20 | not compared singly |
    /// | `scout.below` | 100 | 30: 0.1 points worse over 300 steps |
    /// | `scout.fraction`, `scout.min_steps`, `scout.growth` | 0.05, 12, 1e5 | not tuned |
    /// | `decay` | linear | ends better than the cosine in 310 of 433 runs of the study, worse in 123; in the half that it was chosen on 127 and 48 of 175 |
    /// | `noise_groups` | 16 | left out: 17 dead; false ends of the simulation on flat white noise 0.0 to 0.2 % |
    /// | `descent` | 0.99999 | left out: none dead; false ends on flat heavy-tailed noise 0.0 to 1.9 % with it; other values are not in the tables |
    /// | interval | growth by 1.1 | left out, with the paper's patience: 37 better, 68 worse |
    /// | patience | growth by 1.25 | median delay ×2.0 of the learning rate at noise 0.1; other values are not in the tables |
    /// | `slowdown` | 3 | 1.5, 2, 4 and 6: 47, 58, 56, 48 runs of the tuning half end better, 76, 64, 69, 76 worse |
    /// | `fallback` | the minimum | left out: 2 dead |
    /// | `rescue` | 3 | not tuned since the guard looks at 0.15 of the descent |
    /// | `overshoot` | 4, without restoring | left out: 9 dead instead of 6; 3: false ends near the first learning rate, 6: no better than none |
    /// | `skips` | 2 | three broken batches in a row are rare, three losses soon told |
    /// | `clip` | on | left out: 1 dead |
    /// | `standardise` | on | decisions are the same for `aL + b`: a law, whatever the table says |
    /// | `subset_fraction`, `min_samples`, `back_steps` | 0.8, 10, 10 | not tuned |
    pub fn new(total_steps: u64) -> Self {
        Config {
            total_steps,
            min_lr: 1e-5,
            max_lr: 1.0,
            floor_lr: 0.0,
            decay: Decay::Linear,
            past_end: PastEnd::Floor,
            seed: 0,
            ramp: Ramp::default(),
            test: TestRules::default(),
            response: Response::default(),
        }
        .scouted()
    }

    /// The default's range and ramp for this budget.
    fn scouted(self) -> Self {
        if self.total_steps <= TOO_SHORT {
            return self.unscouted();
        }
        let (min_lr, max_lr) = SCOUTED;
        let ramp = Ramp { scout: Some(Scout::default()), ..self.ramp };
        Config { min_lr, max_lr, ramp, ..self }
    }

    fn unscouted(self) -> Self {
        let (min_lr, max_lr) = UNSCOUTED;
        Config { min_lr, max_lr, ramp: Ramp::short(), ..self }
    }

    /// The same without a scout: the first climb begins at `min_lr`, in a run of any length, and
    /// may take 0.4 of it. The default's range becomes 1e-5 to 1; yours stays.
    #[must_use]
    pub fn without_scout(self) -> Self {
        let own = [SCOUTED, UNSCOUTED].contains(&(self.min_lr, self.max_lr));
        let (min_lr, max_lr) = if own { (1e-5, 1.0) } else { (self.min_lr, self.max_lr) };
        let ramp = Ramp { curve: self.ramp.curve, ..Ramp::default() };
        Config { min_lr, max_lr, ramp, ..self }
    }

    /// [`new`](Self::new) in epochs: `steps_per_epoch × epochs` updates.
    pub fn epochs(steps_per_epoch: u64, epochs: u64) -> Self {
        Self::new(steps_per_epoch.saturating_mul(epochs))
    }

    /// The paper's rule as its authors' implementation has it, to the letter: raw losses, one test
    /// per epoch, patience of three tests, the first detection ends the warmup, non-finite losses
    /// ignored.
    ///
    /// It is here for comparison: it kills runs on budgets of less than about a hundred epochs. To
    /// the letter while the losses of the warmup fit the capacity `N` of
    /// [`AutoWu`](crate::AutoWu) (1,024 by default); of a longer warmup the history keeps means of
    /// neighbouring losses, which the reference does not.
    pub fn paper(steps_per_epoch: u64, epochs: u64) -> Self {
        Config {
            decay: Decay::Cosine,
            past_end: PastEnd::Reference,
            min_lr: 1e-5,
            max_lr: 1.0,
            ramp: Ramp::paper(steps_per_epoch),
            test: TestRules::paper(),
            response: Response::paper(),
            ..Self::epochs(steps_per_epoch, epochs)
        }
    }

    /// The same for a trainer that cannot go back to earlier weights: a detection, or a
    /// divergence, ends the warmup, and there is no scout. The default's range becomes 1e-4 to 1;
    /// yours stays.
    #[must_use]
    pub fn without_restore(self) -> Self {
        let config = Config { response: self.response.without_restore(), ..self };
        if config.ramp.scout.is_none() {
            return config;
        }
        let ramp = Ramp { curve: self.ramp.curve, ..Ramp::short() };
        match (self.min_lr, self.max_lr) == SCOUTED {
            true => Config { ramp, ..config.unscouted() },
            false => Config { ramp, ..config },
        }
    }

    /// The same with a decay that never goes back. The trainer needs its copy during the warmup
    /// only.
    #[must_use]
    pub fn without_rescue(self) -> Self {
        Config { response: self.response.without_rescue(), ..self }
    }

    /// The same with learning rates from `min_lr` to `max_lr`.
    #[must_use]
    pub fn with_lr_range(self, min_lr: f64, max_lr: f64) -> Self {
        Config { min_lr, max_lr, ..self }
    }

    /// The same with a decay from `factor` times the learning rate of the minimum, see
    /// [`Response::peak_factor`].
    #[must_use]
    pub fn with_peak_factor(self, factor: f64) -> Self {
        Config { response: Response { peak_factor: Some(factor), ..self.response }, ..self }
    }

    /// The same with a decay that ends at `floor_lr`.
    #[must_use]
    pub fn with_floor_lr(self, floor_lr: f64) -> Self {
        Config { floor_lr, ..self }
    }

    /// The same with another decay.
    #[must_use]
    pub fn with_decay(self, decay: Decay) -> Self {
        Config { decay, ..self }
    }

    /// The same with another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Config { seed, ..self }
    }

    /// The same with another ramp.
    #[must_use]
    pub fn with_ramp(self, ramp: Ramp) -> Self {
        Config { ramp, ..self }
    }

    /// The same with tests made in another way.
    #[must_use]
    pub fn with_test(self, test: TestRules) -> Self {
        Config { test, ..self }
    }

    /// The same with another response to the tests.
    #[must_use]
    pub fn with_response(self, response: Response) -> Self {
        Config { response, ..self }
    }

    /// `W`: the steps that the warmup may use, see [`Ramp::steps`].
    pub fn warmup_steps(&self) -> u64 {
        self.ramp.steps(self.total_steps)
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        error::at_least_one(
            "total_steps",
            self.total_steps as f64,
            "give the number of optimizer updates of the whole run",
        )?;
        error::positive("min_lr", self.min_lr, "1e-5 suits most networks")?;
        let (min_lr, max_lr, floor_lr) = (self.min_lr, self.max_lr, self.floor_lr);
        if !(max_lr > min_lr && max_lr.is_finite()) {
            return Err(ConfigError::MaxLr { min_lr, max_lr });
        }
        if !(floor_lr >= 0.0 && floor_lr <= min_lr) {
            return Err(ConfigError::FloorLr { floor_lr, min_lr });
        }
        if let Decay::ConstantCosine { fraction } | Decay::ConstantSqrt { fraction } = self.decay {
            error::fraction("the decay's fraction", fraction, "the paper uses 0.2")?;
        }
        self.ramp.validate()?;
        self.test.validate()?;
        self.response.validate()
    }
}
