//! AutoWU inside burn's own trainer, on the CPU backend.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed expectation ends the test

mod accumulation;
mod by_hand;
mod exact;
mod misuse;
mod model;
mod resume;
mod toy;
