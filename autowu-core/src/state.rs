//! The saved state: versioned, and validated when it is read.

use crate::config::{Config, ConfigError};
use crate::phase::{Now, Stage};
use crate::real::Real;
use crate::scheduler::AutoWu;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Version of the format. A change of meaning changes it.
pub(crate) const VERSION: u32 = 4;

/// [`AutoWu`] as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Real", deserialize = "T: Real"), deny_unknown_fields)]
pub(crate) struct State<T: Real, const N: usize> {
    #[serde(deserialize_with = "version")]
    version: u32,
    /// Bits per number: a state of another precision is another run.
    bits: u32,
    config: Config,
    total: u64,
    step: u64,
    skipped: u64,
    stage: Stage<T, N>,
}

/// Refuses another version at once: what follows has another form.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(VERSION),
        other => Err(serde::de::Error::custom(StateError::Version(other))),
    }
}

impl<T: Real, const N: usize> From<AutoWu<T, N>> for State<T, N> {
    fn from(autowu: AutoWu<T, N>) -> Self {
        let AutoWu { config, total, step, skipped, stage } = autowu;
        let bits = 8 * size_of::<T>() as u32;
        State { version: VERSION, bits, config, total, step, skipped, stage }
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
    /// A climb or a decay that no run has at this step.
    Phase,
    /// A loss history that no run has.
    History,
    /// A fit with numbers that no run has.
    Fit,
    /// A guard of the decay, or what it is made from, that no run has.
    Guard,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self {
            StateError::Version(v) => {
                return write!(
                    f,
                    "the saved state has format version {v}, this library reads version \
                     {VERSION}: use the library that wrote it"
                );
            }
            StateError::Precision(bits) => {
                return write!(
                    f,
                    "the saved state is of a run in {bits} bits: load it into AutoWu of that \
                     precision"
                );
            }
            StateError::Config(e) => {
                return write!(f, "the saved state's configuration is invalid: {e}");
            }
            StateError::Phase => "phase",
            StateError::History => "loss history",
            StateError::Fit => "fit",
            StateError::Guard => "guard of the decay",
        };
        write!(
            f,
            "the saved state has an impossible {part}: the file is corrupt or was written by \
             another program"
        )
    }
}

impl core::error::Error for StateError {}

impl<T: Real, const N: usize> State<T, N> {
    /// The run that was saved, if it is one that can be.
    fn validate(self) -> Result<AutoWu<T, N>, StateError> {
        let State { version: _, bits, config, total, step, skipped, mut stage } = self;
        if bits != 8 * size_of::<T>() as u32 {
            return Err(StateError::Precision(bits));
        }
        AutoWu::<T, N>::new(config).map_err(StateError::Config)?;
        let require = |holds, error| if holds { Ok(()) } else { Err(error) };
        require(total >= config.total_steps, StateError::Phase)?;
        match &mut stage {
            Stage::Warmup(warmup) => {
                let (ascent, descent) = warmup.parts();
                require(ascent.climb.is_valid(&config, step), StateError::Phase)?;
                require(warmup.height_is_valid(&config), StateError::Phase)?;
                let losses = &ascent.losses;
                require(losses.is_valid() && losses.losses() <= step, StateError::History)?;
                require(ascent.fit.is_valid(), StateError::Fit)?;
                require(descent.is_valid(), StateError::Guard)?;
                warmup.derive(Now { config: &config, total, step });
            }
            Stage::Decay(decay) => {
                require(decay.is_valid(&config, step), StateError::Phase)?;
                require(decay.end_is_valid(step, total), StateError::Phase)?;
                require(decay.guard_is_valid(), StateError::Guard)?;
            }
        }
        Ok(AutoWu { config, total, step, skipped, stage })
    }
}

impl<T: Real, const N: usize> Serialize for AutoWu<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        State::from(self.clone()).serialize(serializer)
    }
}

impl<'de, T: Real, const N: usize> Deserialize<'de> for AutoWu<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::deserialize(deserializer)?.validate().map_err(serde::de::Error::custom)
    }
}
