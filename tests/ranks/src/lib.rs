//! Data-parallel training with AutoWU: candle over MPI.
//!
//! `src/bin/train.rs` is the recipe, on top of [`ranks`]. `src/bin/trial.rs` makes the same
//! training with something wrong on one rank, and compares everything on all ranks at every update;
//! `src/bin/check.rs` runs trials and says what came out; `src/bin/cost.rs` measures what AutoWU
//! adds to an update; `src/bin/counts.rs` counts reads, tests, copies and restores.

#![forbid(unsafe_code)]

pub mod digits;
pub mod ranks;
