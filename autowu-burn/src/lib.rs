//! AutoWU for [burn](https://burn.dev): a learning-rate scheduler that finds its own warmup and its
//! own peak, in burn's trainer or in a loop of your own; and AdamP, which burn does not have. The
//! rule itself is in [`autowu_core`].
//!
//! # In burn's trainer
//! Two lines: [`AutoWu::loss_metric`] in place of `LossMetric::new()`, and [`AutoWu::scheduler`] as
//! the scheduler.
#![cfg_attr(feature = "train", doc = "```no_run")]
#![cfg_attr(not(feature = "train"), doc = "```ignore")]
//! # use burn::{data::dataloader::DataLoader, optim::AdamWConfig, train::metric::AccuracyMetric};
//! # use burn::train::{ClassificationOutput, InferenceStep, Learner, LearnerModel};
//! # use burn::train::{SupervisedTraining, TrainStep};
//! # use std::sync::Arc;
//! use autowu_burn::{AutoWu, Config};
//!
//! # type Loader<B> = Arc<dyn DataLoader<B>>;
//! # fn train<M, B: 'static>(model: M, train: Loader<B>, valid: Loader<B>)
//! # -> Result<M, autowu_burn::ConfigError>
//! # where
//! #     M: LearnerModel
//! #         + TrainStep<Input = B, Output = ClassificationOutput>
//! #         + InferenceStep<Input = B, Output = ClassificationOutput>,
//! # {
//! # let (items, batch_size, epochs) = (50_000_usize, 128, 20);
//! // The budget in optimizer updates is all that it needs.
//! let steps_per_epoch = items.div_ceil(batch_size) as u64;
//! let autowu = AutoWu::new(Config::epochs(steps_per_epoch, epochs))?
//!     .keep_copy_in("out/checkpoint");
//! // Recommended: weights can go back.
//! let model = autowu.model(model, |output| output.loss.clone());
//! let training = SupervisedTraining::new("out", train, valid)
//!     .metrics((AccuracyMetric::new(), autowu.loss_metric())) // 1: in place of LossMetric::new()
//!     .metric_train(autowu.phase_metric()) // what AutoWU does and why, in the dashboard
//!     .with_default_checkpointers()
//!     .num_epochs(epochs as usize);
//! let optimizer = AdamWConfig::new().init();
//! let result = training.launch(Learner::new(model, optimizer, autowu.scheduler())); // 2
//! let model = result.model.into_inner();
//! # Ok(model)
//! # }
//! ```
//! The third, [`AutoWu::model`], wraps the model: when a climb of the learning rate ends, the
//! weights and the optimizer's state go back to their best point, and a slower climb starts from
//! there. That is the better rule; without it the first detection ends the warmup. The example
//! `digits` has all of it, with burn's dashboard, checkpoints and resume.
//!
//! # In a loop of your own
//! ```
//! use autowu_burn::{AutoWu, Config, Event};
//! use burn_core::tensor::{Device, Tensor};
//!
//! // Minimise f(w) = w²/2 by gradient descent, for 200 steps.
//! let device = Device::default();
//! let autowu = AutoWu::new(Config::new(200))?;
//! let mut w = Tensor::<1>::from_floats([3.0], &device);
//! let mut copy = w.clone();
//! for _ in 0..200 {
//!     let (loss, gradient) = (w.clone().square() * 0.5, w.clone());
//!     let lr = autowu.lr();
//!     let event = autowu.observe(&loss)?;
//!     match event {
//!         Some(Event::Snapshot { .. }) => copy = w.clone(),
//!         Some(Event::Restore { .. }) => w = copy.clone(),
//!         _ => {}
//!     }
//!     if event.is_some_and(|event| event.skips_update()) {
//!         continue; // the gradient belongs to weights that are gone, or to a loss that is NaN
//!     }
//!     w = w - gradient * lr;
//! }
//! assert!(w.into_scalar::<f32>().abs() < 1e-2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is exact and what is late
//! **Every learning rate is the core's, bit for bit**, while losses are finite. With
//! [`AutoWu::model`] or [`AutoWu::observe`], losses never leave the trainer's thread: they stay on
//! the device and are read together when a test is due. A test is due each time the learning rate
//! of the first climb has grown by a tenth, about every 300th part of the budget. It grows faster
//! in the scout, a short first climb through the whole range. In the decay, a read is due after
//! every 128th part of it, but no sooner than after eight losses.
//!
//! The loss metric runs on a thread of its own. burn hands it every batch through a channel that
//! holds one, so at most two losses are on their way. When a test is due the scheduler waits for
//! them; between tests nothing waits, because the learning rate does not depend on losses there.
//!
//! # A loss that is NaN or infinite
//! One such loss may be its batch's fault alone. The first and the second in a row only skip their
//! updates ([`Event::Skip`]), if they are known in time; the third ends the climb or, in the decay,
//! brings the copy of the weights back ([`NonFinite`] has the numbers). A row is one warning in the
//! log.
//!
//! - With [`AutoWu::model`] or [`AutoWu::observe`], losses are read late. If the loss is the last
//!   of those that are read, it is in time: the wrapped model makes no update, and a loop of your
//!   own makes none where [`Event::skips_update`] says so. Of any other, the update has been made.
//!   If its gradient was bad, the weights are NaN, and so are the losses after it. The third of
//!   them brings the copy back.
//! - With the loss metric, the trainer has always made the update. The third such loss in a row
//!   ends the warmup. It is acted on two updates after its own, or earlier if a test is due,
//!   whatever the thread's speed. Nothing brings the weights back.
//!
//! # Optimizers
//! The decay begins at the learning rate of the minimum. That suits Adam, AdamP, AdamW, and SGD
//! with momentum. SGD without momentum wants twice as much, and LAMB half. This crate does not see
//! the optimizer, so say it with [`Config::with_peak_factor`]: 2 or 0.5.
//!
//! # Several batches to an update
//! A step of AutoWU is an optimizer update. For the loss metric, declare what the trainer does:
//! [`AutoWu::grads_accumulation`], and with `MultiDevice` [`AutoWu::devices`]. The loss of an
//! update is the mean over its batches. The wrapped model counts by itself. A wrong declaration is
//! noticed: see [`Misuse`].
//!
//! # Checkpoints
//! burn's checkpoints hold the whole state ([`AutoWu::to_record`]): with the same batches, a
//! resumed training has the learning rates of the uninterrupted one, bit for bit. They have no
//! place for the wrapped model's copy of the weights; [`AutoWu::keep_copy_in`] writes it beside
//! them.
//!
//! # More updates than planned
//! Past the end of the budget the learning rate is the floor, which is one warning in the log.
//! [`AutoWu::extend`] gives a run more updates, a resumed one too: build it with its own budget and
//! extend it before or after the checkpoint is loaded.
//!
//! # Modules, in reading order
//! Each uses only those above it.
//! 1. `misuse`: what can go wrong between a trainer and its scheduler.
//! 2. `status`, `course`: what the last decisions said, and the core scheduler that made them.
//! 3. `feed`: how losses reach the core. `own_loop` over `on_device`: from the trainer's thread;
//!    `metric` over `batches`: from the thread of burn's metrics.
//! 4. `rates`, `copy_state`, `record`: learning rates of the last updates; where the copy is; the
//!    state as burn's named scalars.
//! 5. `run`: one training, made of these. `trainer`, `shared`: the run behind its lock, and who
//!    waits for whom.
//! 6. `train`: the loss metric, the wrapped model with its copies, metrics for the dashboard.
//! 7. `scheduler`, `handle`, `in_trainer`: burn's scheduler, and [`AutoWu`] itself.
//! 8. `adamp`: the optimizer; on its own.
//!
//! # Features
//! `train` (default): what burn's trainer needs; without it 75 crates fewer are built. `tui`:
//! burn's terminal dashboard (`burn-train/tui`), for the example; a program that uses the `burn`
//! crate with its defaults has it anyway.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adamp;
#[cfg(feature = "train")]
mod copy_state;
mod course;
mod feed;
mod handle;
#[cfg(feature = "train")]
mod in_trainer;
mod misuse;
mod rates;
mod record;
mod run;
mod scheduler;
mod shared;
#[cfg(feature = "train")]
mod status;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod trainer;

pub use adamp::{AdamP, AdamPConfig, AdamPState};
pub use autowu_core::{
    Baseline, BatchScaling, CAPACITY, Climb, Config, ConfigError, Curve, Decay, Event, ExtendError,
    Fallback, Interval, NonFinite, PastEnd, Patience, PeakRule, Phase, Ramp, Reason, Recovery,
    Report, Response, Scout, TestRules, Verdict, Warmup,
};
pub use handle::AutoWu;
pub use misuse::{Misuse, RecordError};
pub use scheduler::Scheduler;
#[cfg(feature = "train")]
pub use train::{LossMetric, PhaseMetric, ProbabilityMetric, Scheduled};
