//! The Gaussian process, three orders of magnitude cheaper than a dense one.
//!
//! The kernel `k(x, x′) = s² exp(−(x − x′)²/2ℓ²)` on [0, 1] with fixed ℓ has an explicit finite expansion
//! ([`features`]), so a GP over any number of losses is a Bayesian linear regression on [`FEATURES`] weights:
//!
//! 1. [`Factor`]: the losses of one subset as one triangular factor.
//! 2. [`Fit`]: the hyper-parameters, by Adam on the evidence; one step costs O([`FEATURES`]).
//! 3. [`Posterior`]: mean and variances, and from them [`Posterior::past_minimum`].

mod factor;
mod features;
mod fit;
mod posterior;

pub use factor::Factor;
pub use features::{FEATURES, features, truncation_bound};
pub use fit::{Fit, Hyper, NOISE_FLOOR, Spectrum};
pub(crate) use posterior::location;
pub use posterior::{Inference, Posterior};
