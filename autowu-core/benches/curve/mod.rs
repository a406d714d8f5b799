//! The curve that everything here is measured on, and schedulers that have seen it.

use autowu_core::{AutoWu, Config, Ramp, Real};

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

/// The default without a scout, for a budget whose first climb is `losses` steps long.
pub fn config(losses: u64) -> Config {
    Config::new(2 * losses + 2).without_scout().with_ramp(Ramp { fraction: 0.5, ..Ramp::default() })
}
