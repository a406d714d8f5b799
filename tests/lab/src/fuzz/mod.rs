//! The fuzz targets, one module each: `run` takes any bytes and panics if a property fails.
//!
//! `cargo fuzz run NAME` in the folder `fuzz` fuzzes one; `cargo test -p autowu-tests --test
//! corpora` replays the corpora without a fuzzer.
//!
//! On a stable toolchain: `cargo fuzz run --sanitizer none NAME`; there is no `unsafe` code here
//! for a sanitizer to check. `cargo fuzz cmin --sanitizer none NAME` selects the new inputs worth
//! keeping.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a panic is a finding

pub mod differential;
pub mod factor;
pub mod input;
pub mod replay_csv;
pub mod resume;
pub mod step;
