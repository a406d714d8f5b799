//! What holds for every run, whatever its losses.
//!
//! `AUTOWU_EFFORT=20 cargo test --release -p autowu-tests --test laws` tries twenty times as many
//! cases, `AUTOWU_SEED=n` others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed expectation ends the test

mod configs;
mod course;
mod digest;
mod endings;
mod invariance;
mod precision;
mod refusals;
mod resume;
mod sampling;
mod schedule;
mod states;
mod trajectory;
mod votes;
mod watch;
