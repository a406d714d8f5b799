//! Where a run is.

#[cfg(feature = "serde")]
use crate::real::Real;
use crate::report::Event;

/// One rise of the learning rate: `base · exp(rate · k)` (linear warmup: `base + rate · k`) `k`
/// steps after `start`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub struct Climb<T> {
    /// The learning rate at its first step.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub base: T,
    /// Growth per step: of the logarithm, or, in a linear warmup, of the learning rate.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub rate: T,
    /// Steps done when it began.
    pub start: u64,
    /// Its number in the run, from 0.
    pub number: u32,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub enum Phase<T> {
    /// The learning rate rises and the loss is tested.
    Warmup(Climb<T>),
    /// The learning rate falls. Losses change nothing any more, unless they give back what was
    /// gained ([`Config::rescue`](crate::Config::rescue)).
    Decay {
        /// The learning rate that the decay starts from.
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
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

/// What [`AutoWu::observe`](crate::AutoWu::observe) says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation<T> {
    /// Nothing to do.
    Nothing,
    /// A test is due: call [`AutoWu::test`](crate::AutoWu::test), and
    /// [`AutoWu::resolve`](crate::AutoWu::resolve) with its report.
    TestDue,
    /// The trainer has something to do or to know.
    Event(Event<T>),
}
