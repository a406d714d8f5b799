//! Why a configuration was refused: one variant per rule, with value, limit and remedy.

use crate::config::{MAX_BLOCKS, MAX_TRUNCATION, MAX_VOTES};
use crate::gp::FEATURES;
use core::fmt;

/// Why a configuration was refused: one variant per rule.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are the values that the message names
pub enum ConfigError {
    /// `total_steps` is 0.
    NoSteps,
    /// `min_lr` is not a positive finite number.
    MinLr { min_lr: f64 },
    /// `max_lr` is not a finite number above `min_lr`.
    MaxLr { min_lr: f64, max_lr: f64 },
    /// `floor_lr` is not in [0, `min_lr`].
    FloorLr { floor_lr: f64, min_lr: f64 },
    /// `warmup_fraction` is not in (0, 1].
    WarmupFraction { fraction: f64 },
    /// The decay's `fraction` is not in (0, 1].
    DecayFraction { fraction: f64 },
    /// `length_scale` is not a positive finite number.
    LengthScale { length_scale: f64 },
    /// `length_scale` is too short for the number of features.
    LengthScaleTooShort { length_scale: f64, error: f64 },
    /// `fit_samples` is 0.
    NoFitSamples,
    /// `test_samples` is 0.
    NoTestSamples,
    /// `min_samples` is 0.
    NoMinSamples,
    /// `subset_fraction` is not in (0, 1].
    SubsetFraction { fraction: f64 },
    /// `votes` is 0.
    NoVotes,
    /// `votes` is above [`MAX_VOTES`].
    TooManyVotes { votes: u32 },
    /// `noise_blocks` is neither 0 nor in 4..=[`MAX_BLOCKS`].
    NoiseBlocks { blocks: u32 },
    /// `confidence` is not in (0.5, 1).
    Confidence { confidence: f64 },
    /// `descent` is not in (0.5, 1).
    Descent { descent: f64 },
    /// `Interval::Steps(0)`.
    NoInterval,
    /// `Interval::Growth` is not above 1.
    IntervalGrowth { growth: f64 },
    /// `Patience::Tests(0)`.
    NoPatience,
    /// `Patience::Growth` is not above 1.
    PatienceGrowth { growth: f64 },
    /// An interval or a patience in growth with a linear warmup.
    GrowthNeedsExponential,
    /// `slowdown` is below 1 or not finite.
    Slowdown { slowdown: f64 },
    /// `rescue` is not above 1 or not finite.
    Rescue { factor: f64 },
    /// `Detection::ClimbOn` with `restore: false`.
    ClimbOnNeedsRestore,
    /// The history holds fewer losses than a test asks for.
    Capacity { capacity: usize, needed: usize },
    /// A learning rate that is not representable in the run's precision.
    Precision { min_lr: f64, max_lr: f64 },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ConfigError as E;
        match *self {
            E::NoSteps => {
                write!(
                    f,
                    "total_steps is 0: give the number of optimizer updates of the whole run, at least 1"
                )
            }
            E::MinLr { min_lr } => {
                write!(
                    f,
                    "min_lr is {min_lr}: it must be a finite number above 0; 1e-5 suits most networks"
                )
            }
            E::MaxLr { min_lr, max_lr } => {
                write!(
                    f,
                    "max_lr is {max_lr}: it must be finite and above min_lr = {min_lr}; 1.0 suits most networks"
                )
            }
            E::FloorLr { floor_lr, min_lr } => {
                write!(
                    f,
                    "floor_lr is {floor_lr}: it must lie in [0, min_lr = {min_lr}]; 0 decays to nothing"
                )
            }
            E::WarmupFraction { fraction } => {
                write!(
                    f,
                    "warmup_fraction is {fraction}: it must lie in (0, 1]; the paper uses 0.5"
                )
            }
            E::DecayFraction { fraction } => {
                write!(
                    f,
                    "the decay's fraction is {fraction}: it must lie in (0, 1]; the paper uses 0.2"
                )
            }
            E::LengthScale { length_scale } => {
                write!(
                    f,
                    "length_scale is {length_scale}: it must be a finite number above 0; the paper uses 0.2"
                )
            }
            E::LengthScaleTooShort { length_scale, error } => write!(
                f,
                "length_scale is {length_scale}: {FEATURES} features represent its kernel to {error:.1e} only, the limit is \
                 {MAX_TRUNCATION:.0e}; use 0.17 or more (the paper uses 0.2)"
            ),
            E::NoFitSamples => {
                write!(f, "fit_samples is 0: the fit needs at least 1 loss; the paper uses 100")
            }
            E::NoTestSamples => {
                write!(f, "test_samples is 0: a vote needs at least 1 loss; the paper uses 500")
            }
            E::NoMinSamples => {
                write!(f, "min_samples is 0: a test needs at least 1 loss; the default is 10")
            }
            E::SubsetFraction { fraction } => {
                write!(
                    f,
                    "subset_fraction is {fraction}: it must lie in (0, 1]; the default is 0.8"
                )
            }
            E::NoVotes => write!(f, "votes is 0: at least 1 is needed; the paper uses 5"),
            E::TooManyVotes { votes } => {
                write!(f, "votes is {votes}: at most {MAX_VOTES} are possible; the paper uses 5")
            }
            E::NoiseBlocks { blocks } => {
                write!(
                    f,
                    "noise_blocks is {blocks}: it must be 0 or lie in 4..={MAX_BLOCKS}; the default is 16"
                )
            }
            E::Confidence { confidence } => {
                write!(
                    f,
                    "confidence is {confidence}: it must lie in (0.5, 1); the paper uses 0.95"
                )
            }
            E::Descent { descent } => {
                write!(
                    f,
                    "descent is {descent}: it must lie in (0.5, 1), or be None; the default is 0.99999"
                )
            }
            E::NoInterval => {
                write!(f, "the interval is 0 steps: test every step (1) or every epoch (its steps)")
            }
            E::IntervalGrowth { growth } => {
                write!(
                    f,
                    "the interval is a growth by {growth}: it must be finite and above 1; the default is 1.1"
                )
            }
            E::NoPatience => {
                write!(f, "the patience is 0 tests: at least 1 is needed; the paper uses 3")
            }
            E::PatienceGrowth { growth } => {
                write!(
                    f,
                    "the patience is a growth by {growth}: it must be finite and above 1; the default is 1.25"
                )
            }
            E::GrowthNeedsExponential => write!(
                f,
                "a linear warmup has no constant growth: give interval and patience in steps and tests, or use the exponential warmup"
            ),
            E::Slowdown { slowdown } => {
                write!(
                    f,
                    "slowdown is {slowdown}: it must be finite and at least 1; the default is 3"
                )
            }
            E::Rescue { factor } => {
                write!(
                    f,
                    "rescue is {factor}: it must be finite and above 1; the default is 3, None does not watch the decay"
                )
            }
            E::ClimbOnNeedsRestore => write!(
                f,
                "climbing on needs a trainer that restores its weights: set restore, or use Config::without_restore, where a \
                 detection ends the warmup"
            ),
            E::Capacity { capacity, needed } => write!(
                f,
                "the history holds {capacity} losses, a test asks for {needed}: use AutoWu<T, N> with N ≥ {needed}, or lower \
                 fit_samples, test_samples or min_samples"
            ),
            E::Precision { min_lr, max_lr } => write!(
                f,
                "min_lr = {min_lr}, max_lr = {max_lr} or their ratio is not a normal number in the run's precision: use f64, or stay in 1e-18 … 1e18"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}
