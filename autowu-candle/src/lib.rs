//! AutoWU for candle: an optimizer whose learning rate needs no tuning.
//!
//! [`Scheduled`] replaces the optimizer. It raises the learning rate, watches the training loss,
//! restores the weights when the learning rate has passed its best value, climbs on from there, and
//! decays; [`autowu_core`] has the method.
//!
//! ```
//! # fn main() -> candle_core::Result<()> {
//! # use candle_core::{DType, Device, Tensor};
//! # use candle_nn::{Module, VarBuilder, VarMap, linear, loss::mse};
//! # let map = VarMap::new();
//! # let model = linear(1, 1, VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
//! # let x = Tensor::new(&[[1f32], [2.]], &Device::Cpu)?;
//! # let y = Tensor::new(&[[2f32], [4.]], &Device::Cpu)?;
//! # let total_steps = 100;
//! use autowu_candle::{AdamW, Config, ParamsAdamW, Scheduled};
//!
//! let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?; // its lr is not used
//! let mut optimizer = Scheduled::new(optimizer, Config::new(total_steps))?;
//! for _ in 0..total_steps {
//!     let loss = mse(&model.forward(&x)?, &y)?;
//!     if let Some(event) = optimizer.backward_step(&loss)? {
//!         println!("{event}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # In reading order
//! 1. [`Scheduled`]: one optimizer or several as parameter groups, copies and restores included.
//!    [`Scheduled::save`] writes a run, which goes on bit for bit after [`Scheduled::load`].
//! 2. [`Scheduler`]: learning rate and events alone, for loops that do everything else themselves.
//! 3. [`AdamW`], [`AdamP`], [`Lamb`], [`Sgdm`]: optimizers that expose their state
//!    ([`OptimizerState`]), so that a restore puts the moments back too. candle-nn's keep theirs
//!    private; [`Scheduled::weights_only`] takes them all the same.
//! 4. `fleet`, with the feature of that name: thousands of models at once, whose losses stay on the
//!    GPU between tests.
//!
//! # What holds
//! - Losses stay on the device until a test is due: no read per step. A loss has one element, f32
//!   or f64, and is stored as f32.
//! - A loss that is NaN or infinite makes no update; on a GPU, where nobody has read it yet, one
//!   with a gradient of zeros ([`Scheduled::step`]). The scheduler learns of it at the next read,
//!   at most one test interval late (in the decay: one block of the guard, or 64 steps).
//! - Past the end of the budget the learning rate is the floor, and the first step there returns
//!   [`Event::Finished`]. [`Scheduled::extend`] gives a run more steps.
//! - Memory: one copy of the variables and of the optimizer's state; during the warmup only if
//!   [`Recovery::Restore`] has no `rescue`, none with [`Recovery::None`].
//!
//! # Features
//! Neither is needed for one training on a GPU: choose candle's backend in your own manifest, and
//! everything here runs there. `cuda` is candle's own CUDA backend, for those who would rather name
//! it here. `fleet` (implies `cuda`) is the module of that name, which docs.rs does not show,
//! because it has no nvcc.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adamp;
mod adamw;
mod checkpoint;
mod copy;
mod error;
mod finite;
#[cfg(feature = "fleet")]
pub mod fleet;
mod lamb;
mod losses;
mod moments;
mod optimizer;
mod scheduled;
mod scheduler;
mod sgdm;
mod state;

pub use adamp::{AdamP, ParamsAdamP};
pub use adamw::{AdamW, ParamsAdamW};
pub use autowu_core::{
    AutoWu, Baseline, BatchScaling, CAPACITY, Climb, Config, ConfigError, Curve, Decay, Event,
    ExtendError, Fallback, Interval, NonFinite, Outcome, PastEnd, Patience, PeakRule, Phase, Ramp,
    Reason, Recovery, Report, Response, TestRules, Verdict, Warmup,
};
pub use error::{Error, Result};
pub use lamb::{Lamb, ParamsLamb};
pub use optimizer::{StatefulOptimizer, UpdateRule};
pub use scheduled::Scheduled;
pub use scheduler::Scheduler;
pub use sgdm::{ParamsSgdm, Sgdm};
pub use state::OptimizerState;
