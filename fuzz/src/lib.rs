//! The fuzz targets, one module each: `run` takes any bytes and panics where something does not
//! hold.
//!
//! `cargo fuzz run NAME` in this folder fuzzes one; `cargo test -p autowu-tests --test corpora`
//! replays what was found, without a fuzzer.
//!
//! On a stable toolchain: `cargo fuzz run --sanitizer none NAME`; there is no `unsafe` code here
//! for a sanitizer to watch. New inputs that are worth keeping: `cargo fuzz cmin --sanitizer none
//! NAME`.

pub mod differential;
pub mod factor;
pub mod input;
pub mod replay_csv;
pub mod resume;
pub mod step;

#[path = "../../tests/src/dense.rs"]
pub mod dense;
#[path = "../../autowu-core/examples/replay/log.rs"]
pub mod log;
#[path = "../../tests/src/tolerance.rs"]
pub mod tolerance;
