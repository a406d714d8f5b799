//! AutoWU: a learning-rate schedule that finds its own warmup and its own peak.
//!
//! Nobody has to tune it. The learning rate rises exponentially from a value that is too small to
//! one that is too large. On the way the training loss falls, reaches a minimum and rises again;
//! the learning rate of that minimum is the one to train with. The loss is noisy, so the minimum is
//! found through a Gaussian process over the losses of the warmup: when it is sure that the loss
//! now lies above its lowest point, several times in a row, the minimum has been passed.
//! Then the schedule goes back to the learning rate of the minimum, and decays. (Kim, Kim, Kim,
//! Lee, Kim: "Automated Learning Rate Scheduler for Large-batch Training", ICML AutoML workshop
//! 2021.)
//!
//! The default preset adds what short budgets need: tests follow the growth of the learning rate
//! and not the calendar; a minimum needs a descent before it; and a detection ends a *climb*, not
//! the warmup: the trainer's weights go back to their best point, and the learning rate climbs on
//! from there, more slowly. A decay that gives back what was gained goes back too, and on at a
//! third. [`Config::paper`] is the paper's rule to the letter.
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
//! # The modules, in reading order
//! 1. [`schedule`]: learning-rate curves, closed forms of the step.
//! 2. [`config`]: what a run is to be, the presets, and what is refused.
//! 3. [`trajectory`]: the losses of a climb in bounded memory.
//! 4. [`sampling`]: which of them a vote sees.
//! 5. [`gp`]: sums over a subset, fit, posterior: the probability that the minimum has been passed.
//! 6. `view`: the losses as a test sees them: clipped, standardised, and how noisy they are at
//!    least. [`Measurement`]: one test: a fit and its votes. `detector`: majority, descent, the
//!    decision.
//! 7. [`scheduler`]: the phases: climb, test, restore, decay. `watch`: what the decay must not
//!    lose.
//! 8. [`report`]: what a test saw and a step decided.
//!
//! # Features
//! `std` (default) or `libm`, as in num-traits: where `sqrt` and `floor` come from. `serde`: save
//! and load a run. No heap and no `unsafe` under any of them. A step with a test needs about 17 KiB
//! of stack in `f64` and 13 KiB in `f32`, on x86-64; [`MicroWu`] with its stack fits 16 KiB.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(not(any(feature = "std", feature = "libm")))]
compile_error!(
    "autowu-core needs the feature `std` (default) or, without the standard library, `libm`"
);

#[cfg(any(test, doctest))]
extern crate std;

mod backlog;
pub mod config;
mod config_error;
mod detector;
mod digest;
pub mod gp;
mod measurement;
mod micro;
mod pace;
mod phase;
pub mod real;
pub mod report;
pub mod sampling;
pub mod schedule;
pub mod scheduler;
#[cfg(feature = "serde")]
mod serde_real;
#[cfg(feature = "serde")]
mod state;
pub mod trajectory;
mod view;
mod watch;

pub use backlog::{Backlog, BacklogError};
pub use config::{Config, Detection, Fallback, Interval, NonFinite, PastEnd, Patience};
pub use config_error::ConfigError;
pub use measurement::Measurement;
pub use micro::{MICRO_CAPACITY, MicroWu};
pub use phase::{Climb, Observation, Phase};
pub use real::Real;
pub use report::{Event, Outcome, Reason, Report, Verdict};
pub use schedule::{Baseline, BatchScaling, Decay, Warmup};
pub use scheduler::{AutoWu, CAPACITY};
#[cfg(feature = "serde")]
pub use state::StateError;
