//! AutoWU for thousands of loss curves at once, on CUDA or on all cores of the host.
//!
//! One training is served by autowu-core in a fraction of a millisecond per test. Fleets are not:
//! sweeps, populations, vmapped small models, studies that simulate a million runs. This crate
//! makes the same test for all of them in three kernel launches, on a stream that the trainer
//! already has. A machine without a GPU runs the same program on its cores.
//!
//! # The algorithm
//! A test is a *measurement* and a *decision*. The measurement takes all the time: what a subset of
//! the losses says, its spectrum, 100 steps of Adam on the evidence; then for each vote another
//! subset, the posterior, and the probability that the loss has passed its minimum. The decision
//! (majority, patience, learning rate) is [`AutoWu::judge`](autowu_core::AutoWu::judge) and
//! [`AutoWu::resolve`](autowu_core::AutoWu::resolve), the same code as for one run.
//!
//! Host and GPU compute the same posterior in two ways. The host adds up normal equations in a
//! basis of 24 weighted Chebyshev polynomials, in double precision. The kernels reduce a subset to
//! a triangular factor of 32 Taylor features ([`autowu_core::gp::features`]) by Householder
//! reflections: more operations, but single precision keeps its digits, and single precision is
//! what a GPU is fast at. One warp per (curve, vote), a lane per feature while factoring and a lane
//! per location while inferring.
//!
//! # The modules, in reading order
//! 1. [`device`]: where a batch is computed. [`probe`]: what is there.
//! 2. [`BatchTest`]: the bare test for stored curves: for studies.
//! 3. [`Fleet`]: schedulers that step together: for training.
//! 4. [`batch`], [`kernels`]: the flat memory and the launches, for tests and other front ends.
//! 5. [`error`]: what can go wrong, and what to do about it.
//!
//! # Requirements
//! To build: nothing (no CUDA toolkit, no C++ compiler). To run on a GPU: Volta or later, and a
//! driver of CUDA 12.0 or later.

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod batch;
mod batch_test;
mod copy;
pub mod device;
mod due;
pub mod error;
mod fleet;
pub mod kernels;
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
