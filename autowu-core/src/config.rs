//! What a run is to be: plain data, presets, and the rules that a configuration must keep.

use crate::config_error::ConfigError;
use crate::gp::truncation_bound;
use crate::schedule::{Decay, Warmup};

/// Most votes (subsets) that one test can have.
pub const MAX_VOTES: usize = 9;

/// Most blocks that the noise can be estimated from.
pub const MAX_BLOCKS: usize = 32;

/// Locations on [0, 1], both ends included, at which the posterior is evaluated (paper section 2.2;
/// `m`).
pub const LOCATIONS: usize = 500;

/// When the loss is tested.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Interval {
    /// Every so many steps. The paper: the steps of an epoch.
    Steps(u64),
    /// Every time that the first climb's learning rate has grown by this factor (1.1, say), rounded
    /// to whole steps.
    Growth(#[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))] f64),
}

/// For how long a test must stay positive before it is believed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Patience {
    /// So many positive tests in a row. The paper: 3.
    Tests(u32),
    /// Positive tests in a row over a growth of the first climb's learning rate by this factor
    /// (1.5, say); at least 2.
    Growth(#[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))] f64),
}

/// What follows when the loss is found to have passed its minimum.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Detection {
    /// The warmup ends: the decay starts from the learning rate of the minimum (the paper's rule).
    EndWarmup,
    /// The climb ends: go on from the learning rate of the minimum, `slowdown` times more slowly
    /// than the first climb, until the warmup's share of the budget is used. Where that
    /// learning rate has grown fourfold and the loss still falls, the end came too early, and
    /// the climb goes on at the first one's pace.
    ClimbOn {
        /// The first climb's rate divided by that of the later ones, ≥ 1.
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
        slowdown: f64,
    },
}

/// Where the decay starts if the warmup's share of the budget is used up without a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Fallback {
    /// From the learning rate reached (the paper's rule).
    Reached,
    /// From the learning rate of the lowest loss of the present climb.
    Argmin,
}

/// What a loss that is NaN or infinite means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NonFinite {
    /// Nothing: it keeps its place in the history and is left out of everything else (the paper's
    /// code).
    Ignore,
    /// Divergence: the climb ends, and the next starts at the learning rate of `back_steps` steps
    /// ago.
    EndClimb {
        /// How far to go back, in steps of the climb that ended.
        back_steps: u32,
    },
}

/// What the learning rate is after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PastEnd {
    /// The floor.
    Floor,
    /// That of two steps earlier, because the reference's cosine turns up again after its end. No
    /// step of the budget uses it.
    Reference,
}

/// Everything that decides a run, besides its losses. Plain data: change fields with struct update
/// syntax.
///
/// ```
/// use autowu_core::{AutoWu, Config, Decay};
/// let config = Config { decay: Decay::Cosine, seed: 7, ..Config::new(10_000) };
/// let autowu: AutoWu = AutoWu::new(config)?;
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// `T`: optimizer updates in the whole run.
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
    /// The shape of the warmup.
    pub warmup: Warmup,
    /// `ρ`: the largest share of the steps that the warmup may use, in (0, 1].
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub warmup_fraction: f64,
    /// The warmup may use at least so many steps, or half of the run where that is less: in fewer
    /// losses there is no minimum to see.
    pub min_warmup_steps: u64,
    /// The shape of the decay.
    pub decay: Decay,
    /// `ℓ`: the kernel's length-scale in units of the warmup so far; never fitted.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub length_scale: f64,
    /// Most losses used to fit the hyper-parameters.
    pub fit_samples: u32,
    /// Most losses used by one vote.
    pub test_samples: u32,
    /// Share of the losses that one vote uses while they are fewer than `test_samples`, in (0, 1].
    /// At 1 all votes of a short history are the same vote, as in the reference.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub subset_fraction: f64,
    /// Finite losses without which there is no test.
    pub min_samples: u32,
    /// `K`: votes per test, of which more than half must be positive; at most [`MAX_VOTES`].
    pub votes: u32,
    /// `c`: the probability that a positive vote must exceed, in (0.5, 1).
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub confidence: f64,
    /// The probability, in (0.5, 1), with which the loss must have fallen before its minimum can
    /// have been passed; `None`: not asked.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    pub descent: Option<f64>,
    /// Shift and scale the losses to mean 0 and deviation 1 before each test, so that decisions
    /// are the same for `aL + b`.
    pub standardise: bool,
    /// The noise variance of a test is at least what this many blocks of the climb show: `b ·
    /// Var[second difference of the means of neighbouring blocks of b losses]/6`, by its 80th
    /// percentile. It holds the GP to the scatter that is there, also where neighbouring
    /// losses are alike; 0: as fitted (the reference), else 4 to [`MAX_BLOCKS`].
    pub noise_blocks: u32,
    /// Let a loss count for no more than twice the descent: above `h + (h − lowest)`, with `h` the
    /// mean of the first ten losses, it says "diverging" and nothing else. Without this one
    /// explosion hides the whole curve.
    pub clip: bool,
    /// When the loss is tested.
    pub interval: Interval,
    /// For how long a test must stay positive.
    pub patience: Patience,
    /// What a detection does.
    pub detection: Detection,
    /// Where the decay starts without a detection.
    pub fallback: Fallback,
    /// What NaN and infinity mean.
    pub non_finite: NonFinite,
    /// When the decay has given back more than half of what the loss had fallen in the warmup, or
    /// a loss is not finite, the weights go back to the last copy, and the rest of the decay
    /// has learning rates so many times lower, > 1: three times at most. Where the loss is too
    /// noisy to tell, only NaN counts. Without [`restore`](Self::restore) it is said, and
    /// nothing else. `None`: the decay is only looked at for NaN.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    pub rescue: Option<f64>,
    /// Whether the trainer can keep a copy of its weights and go back to it. Without it no
    /// `Snapshot` and no `Restore` is emitted.
    pub restore: bool,
    /// The learning rate after the last step.
    pub past_end: PastEnd,
    /// Decides which losses a vote sees.
    pub seed: u64,
}

impl Config {
    /// The default preset for a budget of `total_steps` optimizer updates: it restores and climbs
    /// on, and so survives short ones.
    ///
    /// It needs a trainer that can copy its weights and optimizer state and go back to the copy;
    /// see [`without_restore`](Self::without_restore) for others.
    ///
    /// Where its constants come from. "Left out" is what becomes of runs of the study without the
    /// mechanism, of 110 (`docs/study/README.md` in the repository has the tables); what says
    /// "not tuned" is a round number that nothing has been compared with.
    ///
    /// | field | value | because |
    /// |---|---|---|
    /// | `min_lr`, `max_lr`, `length_scale`, `fit_samples`, `test_samples`, `votes`, `confidence` | the paper's | |
    /// | `warmup_fraction` | 0.4 | median gap to a tuned peak 0.1 points; with 0.5: 0.6, with 0.2 to 0.3: 0.2 to 0.5 |
    /// | `min_warmup_steps` | 30 | without it gaps of up to 36 points in runs of 60 steps; with it 12 |
    /// | `decay` | linear | ends better than the cosine in 310 of 433 runs of the study, worse in 123; in the half that it was chosen on 127 and 48 of 175 |
    /// | `noise_blocks` | 16 | left out: 33 dead; false ends of the simulation on flat white noise 0.0 to 0.2 % |
    /// | `descent` | 0.99999 | left out: none dead; false ends on flat heavy-tailed noise 0.0 to 1.9 % with it; other values are not in the tables |
    /// | `interval` | growth by 1.1 | left out, with the paper's patience: 1 dead |
    /// | `patience` | growth by 1.25 | median delay ×2.0 of the learning rate at noise 0.1; other values are not in the tables |
    /// | `detection` | climb on, 3 times more slowly | 1.5, 2, 4 and 6 times: 47, 58, 56, 48 runs of the tuning half end better, 76, 64, 69, 76 worse |
    /// | `fallback` | the minimum | left out: 6 dead |
    /// | `rescue` | 3 | left out: 3 dead of 455, all LAMB's; with 2 and 5 two of 184 runs of the tuning half change |
    /// | `clip` | on | left out: 1 dead |
    /// | `standardise` | on | decisions are the same for `aL + b`: a law, whatever the table says |
    /// | `subset_fraction`, `min_samples`, `back_steps` | 0.8, 10, 10 | not tuned |
    pub fn new(total_steps: u64) -> Self {
        Config {
            total_steps,
            min_lr: 1e-5,
            max_lr: 1.0,
            floor_lr: 0.0,
            warmup: Warmup::Exponential,
            warmup_fraction: 0.4,
            min_warmup_steps: 30,
            decay: Decay::Linear,
            length_scale: 0.2,
            fit_samples: 100,
            test_samples: 500,
            subset_fraction: 0.8,
            min_samples: 10,
            votes: 5,
            confidence: 0.95,
            descent: Some(0.99999),
            standardise: true,
            noise_blocks: 16,
            clip: true,
            interval: Interval::Growth(1.1),
            patience: Patience::Growth(1.25),
            detection: Detection::ClimbOn { slowdown: 3.0 },
            fallback: Fallback::Argmin,
            non_finite: NonFinite::EndClimb { back_steps: 10 },
            rescue: Some(3.0),
            restore: true,
            past_end: PastEnd::Floor,
            seed: 0,
        }
    }

    /// [`new`](Self::new) for people who count in epochs: `steps_per_epoch × epochs` updates.
    pub fn epochs(steps_per_epoch: u64, epochs: u64) -> Self {
        Self::new(steps_per_epoch.saturating_mul(epochs))
    }

    /// The paper's rule as its authors' implementation has it, to the letter: raw losses, one test
    /// per epoch, patience of three tests, the first detection ends the warmup, non-finite
    /// losses ignored.
    ///
    /// It is here for comparison: it kills runs on budgets of less than about a hundred epochs. To
    /// the letter while the losses of the warmup fit the capacity `N` of
    /// [`AutoWu`](crate::AutoWu) (1,024 unless you say otherwise); of a longer warmup the history
    /// keeps means of neighbouring losses, which the reference does not.
    pub fn paper(steps_per_epoch: u64, epochs: u64) -> Self {
        Config {
            warmup_fraction: 0.5,
            min_warmup_steps: 0,
            decay: Decay::Cosine,
            subset_fraction: 1.0,
            min_samples: 1,
            descent: None,
            standardise: false,
            noise_blocks: 0,
            clip: false,
            interval: Interval::Steps(steps_per_epoch),
            patience: Patience::Tests(3),
            detection: Detection::EndWarmup,
            fallback: Fallback::Reached,
            non_finite: NonFinite::Ignore,
            rescue: None,
            restore: false,
            past_end: PastEnd::Reference,
            ..Self::new(steps_per_epoch.saturating_mul(epochs))
        }
    }

    /// The same for a trainer that cannot go back to earlier weights: a detection, or a divergence,
    /// ends the warmup.
    #[must_use]
    pub fn without_restore(self) -> Self {
        Config { detection: Detection::EndWarmup, restore: false, ..self }
    }

    /// `W = max(⌊ρT⌋, min(min_warmup_steps, ⌊T/2⌋))`, at least 1: the steps that the warmup may
    /// use.
    pub fn warmup_steps(&self) -> u64 {
        let least = self.min_warmup_steps.min(self.total_steps / 2).max(1);
        ((self.warmup_fraction * self.total_steps as f64) as u64)
            .clamp(least, self.total_steps.max(1))
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        use ConfigError as E;
        let fraction = |x: f64| x > 0.0 && x <= 1.0;
        let probability = |x: f64| x > 0.5 && x < 1.0;
        let growth = |x: f64| x > 1.0 && x.is_finite();
        if self.total_steps == 0 {
            return Err(E::NoSteps);
        }
        if !(self.min_lr > 0.0 && self.min_lr.is_finite()) {
            return Err(E::MinLr { min_lr: self.min_lr });
        }
        if !(self.max_lr > self.min_lr && self.max_lr.is_finite()) {
            return Err(E::MaxLr { min_lr: self.min_lr, max_lr: self.max_lr });
        }
        if !(self.floor_lr >= 0.0 && self.floor_lr <= self.min_lr) {
            return Err(E::FloorLr { floor_lr: self.floor_lr, min_lr: self.min_lr });
        }
        if !fraction(self.warmup_fraction) {
            return Err(E::WarmupFraction { fraction: self.warmup_fraction });
        }
        if let Decay::ConstantCosine { fraction: f } | Decay::ConstantSqrt { fraction: f } =
            self.decay
            && !fraction(f)
        {
            return Err(E::DecayFraction { fraction: f });
        }
        if !(self.length_scale > 0.0 && self.length_scale.is_finite()) {
            return Err(E::LengthScale { length_scale: self.length_scale });
        }
        let error = truncation_bound(self.length_scale);
        if !(error <= MAX_TRUNCATION) {
            return Err(E::LengthScaleTooShort { length_scale: self.length_scale, error });
        }
        if self.fit_samples == 0 {
            return Err(E::NoFitSamples);
        }
        if self.test_samples == 0 {
            return Err(E::NoTestSamples);
        }
        if self.min_samples == 0 {
            return Err(E::NoMinSamples);
        }
        if !fraction(self.subset_fraction) {
            return Err(E::SubsetFraction { fraction: self.subset_fraction });
        }
        if self.votes == 0 {
            return Err(E::NoVotes);
        }
        if self.votes as usize > MAX_VOTES {
            return Err(E::TooManyVotes { votes: self.votes });
        }
        if !probability(self.confidence) {
            return Err(E::Confidence { confidence: self.confidence });
        }
        if let Some(descent) = self.descent
            && !probability(descent)
        {
            return Err(E::Descent { descent });
        }
        if self.noise_blocks != 0 && !(4..=MAX_BLOCKS as u32).contains(&self.noise_blocks) {
            return Err(E::NoiseBlocks { blocks: self.noise_blocks });
        }
        match self.interval {
            Interval::Steps(0) => return Err(E::NoInterval),
            Interval::Growth(g) if !growth(g) => return Err(E::IntervalGrowth { growth: g }),
            _ => {}
        }
        match self.patience {
            Patience::Tests(0) => return Err(E::NoPatience),
            Patience::Growth(g) if !growth(g) => return Err(E::PatienceGrowth { growth: g }),
            _ => {}
        }
        if self.warmup == Warmup::Linear
            && (matches!(self.interval, Interval::Growth(_))
                || matches!(self.patience, Patience::Growth(_)))
        {
            return Err(E::GrowthNeedsExponential);
        }
        if let Detection::ClimbOn { slowdown } = self.detection
            && !(slowdown >= 1.0 && slowdown.is_finite())
        {
            return Err(E::Slowdown { slowdown });
        }
        if let Some(factor) = self.rescue
            && !growth(factor)
        {
            return Err(E::Rescue { factor });
        }
        if matches!(self.detection, Detection::ClimbOn { .. }) && !self.restore {
            return Err(E::ClimbOnNeedsRestore);
        }
        Ok(())
    }
}

/// Largest truncation error of the kernel that a length-scale may cause; ℓ = 0.2 has 2.7e-13.
pub(crate) const MAX_TRUNCATION: f64 = 1e-9;
