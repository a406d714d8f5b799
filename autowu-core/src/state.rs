//! The saved state: versioned, and validated when it is read.

use crate::config::Config;
use crate::config_error::ConfigError;
use crate::gp::Fit;
use crate::phase::{Climb, Phase};
use crate::real::Real;
use crate::scheduler::AutoWu;
use crate::trajectory::Trajectory;
use crate::watch::Watch;
use core::fmt;
use heapless::Vec;
use serde::{Deserialize, Deserializer, Serialize};

/// Version of the format. A change of meaning changes it.
pub(crate) const VERSION: u32 = 1;

/// [`AutoWu`] as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Real", deserialize = "T: Real"), deny_unknown_fields)]
pub(crate) struct State<T: Real, const N: usize> {
    version: u32,
    /// Bits per number: a state of another precision is another run.
    bits: u32,
    config: Config,
    step: u64,
    phase: Phase<T>,
    #[serde(with = "crate::serde_real::list")]
    losses: Vec<T, N>,
    resolution: u64,
    #[serde(with = "crate::serde_real")]
    mean: T,
    finite: u64,
    waiting: u64,
    fit: Fit<T>,
    tests: u64,
    positives: u32,
    kept: bool,
    failures: u32,
    skipped: u64,
    watch: Watch<T>,
}

impl<T: Real, const N: usize> From<AutoWu<T, N>> for State<T, N> {
    fn from(a: AutoWu<T, N>) -> Self {
        State {
            version: VERSION,
            bits: 8 * size_of::<T>() as u32,
            config: a.config,
            step: a.step,
            phase: a.phase,
            losses: a.trajectory.blocks,
            resolution: a.trajectory.resolution,
            mean: a.trajectory.mean,
            finite: a.trajectory.finite,
            waiting: a.trajectory.waiting,
            fit: a.fit,
            tests: a.tests,
            positives: a.positives,
            kept: a.kept,
            failures: a.failures,
            skipped: a.skipped,
            watch: a.watch,
        }
    }
}

/// Why a saved state was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StateError {
    /// It was written by another version of the format.
    Version(u32),
    /// It was written in another precision, of this many bits.
    Precision(u32),
    /// Its configuration breaks a rule.
    Config(ConfigError),
    /// More steps than a climb or decay that began later, or a phase that cannot be at this step.
    Phase,
    /// A history that no run can have.
    History,
    /// A fit with numbers that no run can have.
    Fit,
    /// A watch over the decay that no run can have.
    Watch,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Version(v) => {
                write!(
                    f,
                    "the saved state has format version {v}, this library reads version {VERSION}: use the library that wrote it"
                )
            }
            StateError::Precision(bits) => {
                write!(
                    f,
                    "the saved state is of a run in {bits} bits: load it into AutoWu of that precision"
                )
            }
            StateError::Config(e) => write!(f, "the saved state's configuration is invalid: {e}"),
            StateError::Phase => {
                write!(
                    f,
                    "the saved state's phase cannot be: the file is damaged or of another program"
                )
            }
            StateError::History => {
                write!(
                    f,
                    "the saved state's loss history cannot be: the file is damaged or of another program"
                )
            }
            StateError::Fit => write!(
                f,
                "the saved state's fit cannot be: the file is damaged or of another program"
            ),
            StateError::Watch => {
                write!(
                    f,
                    "the saved state's watch over the decay cannot be: the file is damaged or of another program"
                )
            }
        }
    }
}

impl core::error::Error for StateError {}

impl<T: Real, const N: usize> TryFrom<State<T, N>> for AutoWu<T, N> {
    type Error = StateError;

    fn try_from(s: State<T, N>) -> Result<Self, StateError> {
        if s.version != VERSION {
            return Err(StateError::Version(s.version));
        }
        if s.bits != 8 * size_of::<T>() as u32 {
            return Err(StateError::Precision(s.bits));
        }
        let fresh = AutoWu::<T, N>::new(s.config).map_err(StateError::Config)?;
        let ceiling = T::of(s.config.max_lr);
        let lr = |x: T| x > T::zero() && x <= ceiling && (ceiling / x).is_finite();
        let phase = match s.phase {
            // A warmup can outlast the budget: by losses that are not finite, or a test that is
            // made elsewhere and late.
            Phase::Warmup(Climb { base, rate, start, .. }) => {
                lr(base) && rate >= T::zero() && rate.is_finite() && start <= s.step
            }
            Phase::Decay { peak, start } => lr(peak) && start <= s.step,
        };
        if !phase {
            return Err(StateError::Phase);
        }
        let trajectory = Trajectory {
            blocks: s.losses,
            resolution: s.resolution,
            mean: s.mean,
            finite: s.finite,
            waiting: s.waiting,
        };
        let infinite = |x: &T| x.is_infinite();
        if !s.resolution.is_power_of_two()
            || s.finite > s.waiting
            || s.waiting >= s.resolution
            || (s.finite > 0) != s.mean.is_finite()
            || infinite(&s.mean)
            || trajectory.blocks.iter().any(infinite)
            || trajectory.losses() > s.step
        {
            return Err(StateError::History);
        }
        if !s.fit.is_valid() {
            return Err(StateError::Fit);
        }
        if !s.watch.is_valid() {
            return Err(StateError::Watch);
        }
        let mut autowu = AutoWu {
            step: s.step,
            phase: s.phase,
            trajectory,
            fit: s.fit,
            tests: s.tests,
            positives: s.positives,
            kept: s.kept,
            failures: s.failures,
            skipped: s.skipped,
            watch: s.watch,
            ..fresh
        };
        autowu.due = autowu.next_due();
        Ok(autowu)
    }
}

impl<'de, T: Real, const N: usize> Deserialize<'de> for AutoWu<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}
