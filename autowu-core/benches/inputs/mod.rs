//! What the timed and the counted calls get.

use crate::curve::{climbed, config, loss};
use autowu_core::gp::{Factor, Fit, Hyper, Spectrum};
use autowu_core::{AutoWu, Interval, Patience, Real};

/// The default's scheduler in the middle of a long climb, more than 2 % of it away from the next
/// test.
pub fn between_tests<T: Real>() -> AutoWu<T> {
    let climb = 10_000_000;
    let config = config(climb);
    let ramp = config.ramp.tested(Interval::Growth(1.5), Patience::Growth(1.25));
    let autowu = climbed(climb / 2, config.with_ramp(ramp));
    assert!(autowu.steps_until_due().is_some_and(|steps| steps > climb / 50));
    autowu
}

/// `n` standardised samples `(x_i, y_i)`, in an order that jumps about as that of a subset does.
pub fn samples<T: Real>(n: u64) -> Vec<(T, T)> {
    let order = autowu_core::sampling::Permutation::new(n as u32, 0, 0, 0);
    let at = |i| {
        let i = u64::from(order.index(i));
        let x = i as f64 / n as f64;
        (T::of(x), T::of((loss(x, i) - 0.8) / 0.4))
    };
    (0..n as u32).map(at).collect()
}

/// The hyper-parameters that a first fit on 100 samples ends with.
pub fn fitted<T: Real>() -> Hyper<T> {
    let factor = Factor::of(samples::<T>(100), T::of(0.2));
    Fit::default().run(&Spectrum::of(&factor), T::zero())
}
