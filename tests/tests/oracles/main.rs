//! Each part of the arithmetic against another method, or against higher precision.
//!
//! `AUTOWU_EFFORT=20 cargo test --release -p autowu-tests --test oracles -- --nocapture` tries
//! twenty times as many cases and prints the worst errors.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed expectation ends the test

mod gp;
mod normal;
mod schedule;
