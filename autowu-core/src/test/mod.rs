//! One test, from losses to a report: each room is entered once, and imports only those above it.
//!
//! 1. `view`: the losses clipped, standardised, and how noisy they are at least.
//! 2. [`Measurement`]: a fit and its votes; all the time that a test takes.
//! 3. [`Verdict`]: whether the votes say that the loss has passed its minimum.
//! 4. [`Report`]: the verdict in its run, with the patience and the learning rate of the minimum.

mod measurement;
mod report;
mod verdict;
mod view;

pub use measurement::{Measurement, TestInput};
pub use report::Report;
pub(crate) use report::{Place, judge};
pub use verdict::Verdict;
