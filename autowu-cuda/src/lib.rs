//! AutoWU for thousands of loss curves at once, on CUDA or on all cores of the host.
//!
//! For one training, autowu-core makes a test in a fraction of a millisecond. For a fleet (a sweep,
//! a population, vmapped small models, a study that simulates a million runs) this crate makes all
//! tests in three kernel launches, on a stream that the trainer already has. A machine without a
//! GPU runs the same program on its cores.
//!
//! # The algorithm
//! A test is a *measurement* and a *decision*. The measurement takes all the time: from a subset of
//! the losses its spectrum and 100 steps of Adam on the evidence; then for each vote another
//! subset, the posterior, and the probability that the loss is past its minimum. The decision
//! (majority, patience, learning rate) is [`AutoWu::judge`](autowu_core::AutoWu::judge) and
//! [`AutoWu::resolve`](autowu_core::AutoWu::resolve), the same code as for one run.
//!
//! Host and GPU compute the same posterior in two ways. The host adds up normal equations in a
//! basis of 24 weighted Chebyshev polynomials, in double precision. The kernels reduce a subset to
//! a triangular factor of 32 Taylor features ([`autowu_core::gp::features`]) by Householder
//! reflections. That takes more operations, but keeps its digits in single precision, in which GPUs
//! are fast. One warp per (curve, vote), a lane per feature while factoring and a lane per location
//! while inferring.
//!
//! # The modules, in reading order
//! 1. [`Device`]: where a batch is computed. [`probe()`]: what is there.
//! 2. [`BatchTest`]: the bare test for stored curves: for studies.
//! 3. [`Fleet`]: schedulers that step together: for training. `waiting`: losses that stay on the
//!    GPU until a test is due.
//! 4. `engine`: measurements on all cores, or by the kernels.
//! 5. `batch`: the flat memory of the kernels. `module`: the kernels, loaded. `resident`: one batch
//!    in the GPU's memory. `kernels`: batches of any size.
//! 6. [`Error`]: what can go wrong, and what to do about it.
//!
//! # Requirements
//! To build: nothing (no CUDA toolkit, no C++ compiler). To run on a GPU: Volta or later, and a
//! driver of CUDA 12.0 or later.

#![deny(missing_docs)]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// Public for the tests and benchmarks of this workspace only: not covered by semver.
#[doc(hidden)]
pub mod batch;
mod batch_test;
mod copy;
mod device;
mod engine;
mod error;
mod fleet;
// As `batch`.
#[doc(hidden)]
pub mod kernels;
mod module;
mod number;
mod probe;
mod resident;
mod waiting;

pub use batch_test::{BatchTest, Stored};
pub use device::Device;
pub use error::Error;
pub use fleet::{Fleet, Happened};
pub use number::Number;
pub use probe::{Probe, open, probe};
