//! The Gaussian process, three orders of magnitude cheaper than a dense one.
//!
//! The kernel `k(x, x′) = s² exp(−(x − x′)²/2ℓ²)` on [0, 1] with fixed ℓ has rank 20 to the last
//! digits, so a GP over any number of losses is a Bayesian linear regression on few weights. In a
//! basis of weighted Chebyshev polynomials a loss costs 96 sums, and nothing else:
//!
//! 1. [`Factor`]: the losses of one subset, as these sums.
//! 2. [`Spectrum`]: the evidence of the hyper-parameters, as a sum over eigenvalues.
//! 3. [`Fit`]: the hyper-parameters, by Adam on the evidence.
//! 4. [`Posterior`]: mean and variances, and from them [`Posterior::past_minimum`].
//!
//! [`features`] is the same kernel in Taylor's expansion: more terms, but simple ones. The tests
//! compare with it, and the GPU uses it, one lane a feature.

mod basis;
mod factor;
mod features;
mod fit;
mod hyper;
mod inference;
mod past_minimum;
mod posterior;
mod spectrum;

pub(crate) use basis::Basis;
pub use factor::Factor;
pub use features::{FEATURES, features, truncation_bound};
pub use fit::{Fit, NOISE_FLOOR};
pub use hyper::Hyper;
pub(crate) use inference::location;
pub use inference::{Inference, LOCATIONS};
pub use posterior::Posterior;
pub use spectrum::Spectrum;

/// Bytes of the largest arrays of a test: basis, sums, and then either the Gram matrix of the
/// evidence or a posterior with its scratch.
pub(crate) const fn scratch<T>() -> usize {
    let evidence = GRAM + size_of::<Spectrum<T>>();
    let search = past_minimum::scratch::<T>();
    let solve = GRAM + posterior::GROUPS;
    let inference = size_of::<Posterior<T>>() + if search > solve { search } else { solve };
    size_of::<Basis>()
        + size_of::<Factor<T>>()
        + if evidence > inference { evidence } else { inference }
}

const GRAM: usize = size_of::<[[f64; basis::RANK]; basis::RANK]>();
