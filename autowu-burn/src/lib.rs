//! AutoWU for [burn](https://burn.dev): a learning-rate scheduler that finds its own warmup and its own peak, in burn's own
//! trainer or in a loop of your own; and AdamP, which burn does not have. The rule itself is in
//! [`autowu_core`].
//!
//! # In burn's trainer
//! Two lines: [`AutoWu::loss_metric`] where `LossMetric::new()` stood, and [`AutoWu::scheduler`] as
//! the scheduler.
#![cfg_attr(feature = "train", doc = "```no_run")]
#![cfg_attr(not(feature = "train"), doc = "```ignore")]
//! # use burn::{data::dataloader::DataLoader, optim::AdamWConfig, train::metric::AccuracyMetric};
//! # use burn::train::{ClassificationOutput, InferenceStep, Learner, LearnerModel, SupervisedTraining, TrainStep};
//! # use std::sync::Arc;
//! use autowu_burn::{AutoWu, Config};
//!
//! # fn train<M, B: 'static>(model: M, train: Arc<dyn DataLoader<B>>, valid: Arc<dyn DataLoader<B>>)
//! # -> Result<M, autowu_burn::ConfigError>
//! # where
//! #     M: LearnerModel
//! #         + TrainStep<Input = B, Output = ClassificationOutput>
//! #         + InferenceStep<Input = B, Output = ClassificationOutput>,
//! # {
//! # let (items, batch_size, epochs) = (50_000_usize, 128, 20);
//! // The budget in optimizer updates is all that it needs to be told.
//! let steps_per_epoch = items.div_ceil(batch_size) as u64;
//! let autowu = AutoWu::new(Config::epochs(steps_per_epoch,
//! epochs))?.keep_best_in("out/checkpoint"); let model = autowu.model(model, |output|
//! output.loss.clone()); // recommended: weights can go back let training =
//! SupervisedTraining::new("out", train, valid)     .metrics((AccuracyMetric::new(),
//! autowu.loss_metric())) // 1: in the place of LossMetric::new()     .metric_train(autowu.
//! phase_metric()) // what AutoWU does and why, in the dashboard     .with_default_checkpointers()
//!     .num_epochs(epochs as usize);
//! let result = training.launch(Learner::new(model, AdamWConfig::new().init(),
//! autowu.scheduler())); // 2 let model = result.model.into_inner();
//! # Ok(model)
//! # }
//! ```
//! The third, [`AutoWu::model`], wraps the model: when a climb of the learning rate ends, its weights and the optimizer's state go
//! back to their best point, and the climb goes on from there, more slowly. It is the better rule. Without it the first
//! detection ends the warmup. The example `digits` has all of it, with burn's dashboard, checkpoints and resume.
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
//! let mut best = w.clone();
//! for _ in 0..200 {
//!     let (loss, gradient) = (w.clone().square() * 0.5, w.clone());
//!     let lr = autowu.lr();
//!     match autowu.record(&loss)? {
//!         Some(Event::Snapshot { .. }) => best = w.clone(),
//!         Some(Event::Restore { .. }) => {
//!             w = best.clone();
//!             continue; // the gradient belongs to the weights that were thrown away
//!         }
//!         _ => {}
//!     }
//!     w = w - gradient * lr;
//! }
//! assert!(w.into_scalar::<f32>().abs() < 1e-2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is exact and what is late
//! burn hands every batch to the thread of the metrics through a channel that holds one. A test decides the learning rate of an update
//! by the losses of all updates before it; when one is due, the scheduler waits for those that are on their way, at most two.
//! So **every learning rate is the core's, bit for bit**, whatever the speed of that thread. Between tests nothing waits: the
//! learning rate does not depend on losses there. One thing is late, and always by the same: a loss that is NaN or infinite is acted
//! on two updates after its own, because no update may wait for its predecessor's loss. With [`AutoWu::model`] or
//! [`AutoWu::record`] losses never leave the trainer's thread; they stay on the device and are read together when a test is
//! due, NaN included. A test is due each time the learning rate of the first climb has grown by a tenth: about every 300th part of the budget.
//! In the decay the mean loss is looked at every eightieth part.
//!
//! # Several batches to an update
//! A step of AutoWU is an optimizer update. With `grads_accumulation(4)` in the training, say so here too
//! ([`AutoWu::grads_accumulation`]); with `MultiDevice`, say how many devices ([`AutoWu::devices`]). The loss of an update is the mean over
//! its batches. The wrapped model counts by itself. A wrong declaration is noticed, see [`Misuse`].
//!
//! # Checkpoints
//! burn's checkpoints hold the whole state ([`AutoWu::to_record`]): a resumed training has the learning rates of the one that was not
//! interrupted, bit for bit, if it sees the same batches. They have no place for the copy of the best weights that a
//! wrapped model keeps: [`AutoWu::keep_best_in`] puts it beside them.
//!
//! # Modules, in reading order
//! 1. `course`: which losses are known when an update asks for its learning rate.
//! 2. `handle`: the run as the trainer sees it, and who waits for whom.
//! 3. `batches`, `unread`: losses of batches to losses of updates, on the host and on the device.
//! 4. `scheduler`, `record`: burn's scheduler, and the state as burn's named scalars.
//! 5. `train`: the loss metric, the wrapped model and its copies, what the dashboard shows.
//! 6. `misuse`, `words`: what can go wrong between a trainer and its scheduler, and what a run says.
//! 7. `adamp`: the optimizer.
//!
//! # Features
//! `train` (default): what burn's trainer needs; without it 75 crates fewer are built. `tui`: burn's terminal dashboard
//! (`burn-train/tui`), for the example; a program that uses the `burn` crate with its defaults has it anyway.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Half of a run's course is reached by the trainer's metrics alone; it is the same course in a loop
// of one's own.
#![cfg_attr(not(feature = "train"), allow(dead_code))]

mod adamp;
mod batches;
mod course;
mod handle;
mod misuse;
mod record;
mod scheduler;
#[cfg(feature = "train")]
mod train;
mod unread;
mod words;

pub use adamp::{AdamP, AdamPConfig, AdamPState};
pub use autowu_core::{
    Baseline, BatchScaling, CAPACITY, Climb, Config, ConfigError, Decay, Detection, Event,
    Fallback, Interval, NonFinite, Patience, Phase, Reason, Report, Verdict, Warmup,
};
pub use handle::AutoWu;
pub use misuse::{Misuse, RecordError};
pub use scheduler::Scheduler;
#[cfg(feature = "train")]
pub use train::{LossMetric, PhaseMetric, ProbabilityMetric, Scheduled};
