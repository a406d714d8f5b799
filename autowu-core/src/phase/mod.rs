//! The phases of a run. Each owns its state and has one entrance, which takes a loss or a report
//! and says what follows.
//!
//! 1. [`Climb`]: one rise of the learning rate. `ascent`: the present climb with its losses and
//!    its tests. `overshoot`: a climb that is too fast for them.
//! 2. `warmup`: climb, test, restore, until the decay begins. `scout`: a first, fast climb.
//! 3. `descent`: how far the loss fell in the warmup. `guard`: whether the decay loses that again.
//! 4. `decay`: the learning rate falls. `failures`: losses in a row that are not finite, in either
//!    phase.

mod ascent;
mod climb;
mod decay;
mod descent;
mod failures;
mod guard;
mod now;
mod overshoot;
mod scout;
mod transition;
mod warmup;

use crate::real::Real;
pub use climb::Climb;
use decay::DecayPhase;
pub(crate) use now::Now;
pub(crate) use transition::Transition;
pub(crate) use warmup::WarmupPhase;

/// The present phase with its state.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
#[allow(clippy::large_enum_variant)] // core has no heap to put the history on
pub(crate) enum Stage<T: Real, const N: usize> {
    Warmup(WarmupPhase<T, N>),
    Decay(DecayPhase<T>),
}

/// Where a run is: in one of two phases, and there will be no third.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase<T> {
    /// The learning rate rises and the loss is tested.
    Warmup(Climb<T>),
    /// The learning rate falls. Losses change nothing any more, unless they lose what was gained
    /// ([`Recovery`](crate::Recovery)).
    #[non_exhaustive]
    Decay {
        /// The learning rate that the decay starts from.
        peak: T,
        /// Steps done when it began.
        start: u64,
    },
}

impl<T> Phase<T> {
    /// `warmup` or `decay`.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Warmup(_) => "warmup",
            Phase::Decay { .. } => "decay",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stage;
    use crate::{AutoWu, Config, TestRules};

    /// The noise is that of one loss, however many share an entry of the history.
    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_noise_is_that_of_one_loss() {
        fn noise<const N: usize>() -> (u64, f64) {
            let rules = TestRules { test_samples: 100, ..TestRules::default() };
            let config = Config::new(2000).without_scout().with_test(rules);
            let mut autowu = AutoWu::<f64, N>::new(config).unwrap();
            for step in 0..700_u64 {
                let decades = (autowu.lr() / 0.1).log10();
                let noise = 0.5 * (crate::sampling::mix(step) as f64 / 2_f64.powi(63) - 1.0);
                let _ = autowu.step(1.0 + 0.2 * decades * decades + noise);
            }
            let Stage::Warmup(warmup) = &autowu.stage else { panic!("still in the warmup") };
            let (ascent, descent) = warmup.parts();
            (ascent.losses.resolution(), descent.noise().unwrap())
        }
        let told = 0.5 / 3_f64.sqrt();
        for (resolution, noise) in [noise::<1024>(), noise::<350>(), noise::<100>()] {
            assert!((noise / told).ln().abs() < 0.2, "{resolution}: {noise}, which is {told}");
        }
    }
}
