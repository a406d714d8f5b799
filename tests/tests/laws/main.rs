//! What holds for every run, whatever its losses.
//!
//! `AUTOWU_EFFORT=20 cargo test --release -p autowu-tests --test laws` tries twenty times as many
//! cases, `AUTOWU_SEED=n` others.
// A failed expectation ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agree;
mod bad_batches;
mod configs;
mod course;
mod digest;
mod endings;
mod extend;
mod guard;
mod invariance;
mod precision;
mod refusals;
mod resume;
mod sampling;
mod schedule;
mod states;
mod trajectory;
mod votes;
