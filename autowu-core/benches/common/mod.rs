//! The curve that everything here is measured on, and schedulers that have seen it.
#![allow(dead_code)] // no benchmark needs all of it

use autowu_core::gp::{Factor, Fit, Hyper, Spectrum};
use autowu_core::{AutoWu, Config, Interval, Patience, Ramp, Real};

/// A loss curve with noise that falls until 70 % of the climb and rises again: `x` in [0, 1], the
/// `i`-th draw of the noise. `autowu-core/benches/peers/peers.py` has the same.
pub fn loss(x: f64, i: u64) -> f64 {
    let noise = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1 << 24) as f64 - 0.5;
    let far = (x - 0.7) / 0.7;
    0.5 + 1.5 * far * far + 0.2 * noise
}

/// The default's scheduler after `losses` steps of its first climb.
pub fn climbed<T: Real, const N: usize>(losses: u64, config: Config) -> AutoWu<T, N> {
    let mut autowu = AutoWu::new(config).expect("a valid configuration");
    for i in 0..losses {
        // Tests that come due are not made: one that detects would end the climb.
        let _ = autowu.observe(T::of(loss(i as f64 / losses as f64, i)));
    }
    autowu
}

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

/// The default for a budget whose first climb is `losses` steps long.
pub fn config(losses: u64) -> Config {
    Config::new(2 * losses + 2).with_ramp(Ramp { fraction: 0.5, ..Ramp::default() })
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
