//! AutoWU: a learning-rate schedule that finds its own warmup and its own peak.
//!
//! Nobody has to tune it. The learning rate rises exponentially from a value that is too small to
//! one that is too large. On the way the training loss falls, reaches a minimum and rises again;
//! the learning rate of that minimum is the one to train with. The loss is noisy, so a Gaussian
//! process smooths it. When the process is sure, several times in a row, that the loss is past its
//! minimum, the schedule goes back to the learning rate of the minimum, and decays. (Kim, Kim, Kim,
//! Lee, Kim: "Automated Learning Rate Scheduler for Large-batch Training", ICML AutoML workshop
//! 2021.)
//!
//! The default preset adds what short budgets and real networks need. A fast *scout* through all
//! learning rates shows where the first climb has to begin. Tests follow the growth of the learning
//! rate, not the calendar. A minimum counts only after the loss has clearly fallen. A detection
//! ends a *climb*, not the warmup: the trainer puts its weights back to a copy from the best point,
//! and the learning rate climbs on from there, more slowly. A decay that loses what was gained goes
//! back too, and on at a third. A loss that is not finite is a bad batch until there are three in a
//! row. [`Config::paper`] is the paper's rule to the letter.
//!
//! # In a training loop
//! ```
//! use autowu_core::{AutoWu, Config};
//! let mut autowu: AutoWu = AutoWu::new(Config::new(1000).without_restore())?;
//! # let mut train_step = |_lr: f64| 1.0;
//! for _ in 0..1000 {
//!     let loss = train_step(autowu.lr());
//!     if let Some(event) = autowu.step(loss).event {
//!         println!("{event}");
//!     }
//! }
//! # Ok::<(), autowu_core::ConfigError>(())
//! ```
//! [`AutoWu`] shows the loop of a trainer that can restore its weights, which is the better rule.
//!
//! # The way of a loss, and the modules in reading order
//! 1. [`config`]: what a run is to be. [`schedule`]: learning-rate curves, closed forms of the
//!    step.
//! 2. [`scheduler`] hands each loss to the present phase. [`phase`]: the warmup climbs, the decay
//!    falls and is guarded.
//! 3. In the warmup, [`trajectory`] keeps the losses of a climb in bounded memory. Every time the
//!    learning rate has grown by a tenth, a [`mod@test`] is due. It sees them through a view
//!    (clipped, standardised); [`sampling`] says which of them a vote sees; [`gp`] fits and infers;
//!    a [`Measurement`] holds the votes, a [`Verdict`] counts them, `peak` places the minimum, and
//!    a [`Report`] says it all.
//! 4. The phase applies the report, and [`event`] tells the trainer what to do.
//!
//! Around it: [`Backlog`] lets losses wait on a device until a test is due; `inspect` holds what
//! can be read of a run; `state` saves one and resumes it exactly;
//! [`AutoWu::extend`] gives one more steps; [`AutoWu::agree`] asks whether all ranks run the same.
//!
//! # Features
//! `std` (default) or `libm`, as in num-traits: where `sqrt` and `floor` come from. `serde`: save
//! and load a run. No heap and no `unsafe` under any of them. A step with a test needs about 17 KiB
//! of stack in `f64` and 13 KiB in `f32`, on x86-64; [`MicroWu`] with its stack fits 16 KiB.
//!
//! # What versions promise
//! What these pages show. Learning rates and events of a run belong to it: a release that changes
//! them for equal losses and configuration is a breaking one.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "std", feature = "libm")))]
compile_error!(
    "autowu-core needs the feature `std` (default) or, without the standard library, `libm`"
);

#[cfg(any(test, doctest))]
extern crate std;

/// Its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod agree;
mod backlog;
pub mod config;
mod digest;
pub mod event;
mod extend;
pub mod gp;
mod inspect;
mod micro;
mod peak;
pub mod phase;
pub mod real;
pub mod sampling;
pub mod schedule;
pub mod scheduler;
#[cfg(feature = "serde")]
mod serde_real;
mod smoothed;
#[cfg(feature = "serde")]
mod state;
pub mod test;
pub mod trajectory;

pub use agree::{AGREE_WORDS, AgreeError, Disagreement, Part};
pub use backlog::{Backlog, BacklogError};
pub use config::{
    Config, ConfigError, Curve, Fallback, Interval, NonFinite, PastEnd, Patience, Ramp, Recovery,
    Response, Scout, TestRules,
};
pub use event::{Event, Observation, Outcome, Reason};
pub use extend::ExtendError;
pub use micro::{MICRO_CAPACITY, MicroWu};
pub use peak::PeakRule;
pub use phase::{Climb, Phase};
pub use real::Real;
pub use schedule::{Baseline, BatchScaling, Decay, Warmup};
pub use scheduler::{AutoWu, CAPACITY};
#[cfg(feature = "serde")]
pub use state::StateError;
pub use test::{Measurement, Report, TestInput, Verdict};
