//! The measured work: the default's test of a curve of 200 losses.

use autowu_core::{Config, Real, sampling::mix};

/// Losses of a curve.
pub const LOSSES: usize = 200;

/// The rules: 100 losses for the fit, five votes on 160 each, 500 locations.
pub fn config() -> Config {
    Config::new(2 * LOSSES as u64 + 2)
}

/// Curve number `i`: falls until 70 % of the climb and rises again, with noise.
pub fn curve<T: Real>(i: u64) -> Vec<T> {
    let loss = |k: usize| {
        let far = (k as f64 / LOSSES as f64 - 0.7) / 0.7;
        let noise = (mix(i ^ mix(k as u64)) >> 40) as f64 / f64::from(1 << 24) - 0.5;
        T::of(0.5 + 1.5 * far * far + 0.2 * noise)
    };
    (0..LOSSES).map(loss).collect()
}

/// Floating-point operations of one kernel for one curve.
pub struct Operations {
    /// Additions and multiplications; a fused multiply-add is two.
    pub simple: u64,
    /// Divisions, square roots, exponentials, logarithms, error functions.
    pub special: u64,
}

/// Counted by the test `operations_are_those_of_the_benchmark` of the crate `autowu-tests`, which
/// runs the kernels on a number that counts: means over the first eight curves.
pub const FIT: Operations = Operations { simple: 1_608_000, special: 107_000 };
/// As above, for all five votes of a curve.
pub const VOTE: Operations = Operations { simple: 6_420_000, special: 119_000 };
