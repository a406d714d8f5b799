//! AutoWU inside burn's own trainer, on the CPU backend.
#![cfg(feature = "train")]
// A failed expectation ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accumulation;
mod by_hand;
mod exact;
mod misuse;
mod model;
mod resume;
mod toy;
