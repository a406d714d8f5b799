//! What the examples, tests and fuzz targets of the AutoWU crates share. Never published.
//!
//! | module | feature | content |
//! |---|---|---|
//! | `images` | `images` | optdigits, MNIST and their like |
//! | `detector` | `detector` | simulated loss curves, climbs on them, their table |
//! | `dense` | `dense` | the oracle: the GP by the textbook |
//! | `tolerance` | | how far the GP may be from an oracle |
//! | `fuzz` | `fuzz` | the bodies of the fuzz targets |
//! | `work` | | what the benchmark of autowu-cuda computes |
//!
//! To use a module, name its feature in a dev-dependency without a version, which `cargo package`
//! leaves out.

#[cfg(feature = "dense")]
pub mod dense;
#[cfg(feature = "detector")]
pub mod detector;
#[cfg(feature = "fuzz")]
pub mod fuzz;
#[cfg(feature = "images")]
pub mod images;
pub mod tolerance;
pub mod work;
