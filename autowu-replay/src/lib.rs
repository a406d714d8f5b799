//! The command `autowu`: what AutoWU would have done on a loss log that you already have, and the
//! scheduler of a live trainer in any language at the other end of a pipe.
//!
//! ```text
//! cargo install autowu-replay
//! autowu run.csv --total-steps 20000 --plot run.svg
//! my_trainer | autowu --stream --protocol 2 --total-steps 20000
//! ```
//!
//! `autowu --help` has all options. This library is what the command shares with the examples and
//! tests of its repository; it is no interface, and semver does not cover it. To schedule a
//! trainer in Rust, take `autowu-core`.

#[cfg(feature = "log")]
#[doc(hidden)]
pub mod log;
#[cfg(feature = "plot")]
#[doc(hidden)]
pub mod plot;
#[cfg(feature = "record")]
#[doc(hidden)]
pub mod record;
