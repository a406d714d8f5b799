//! [`looks_smoothed`]: has the trainer told averages in the place of losses?

use crate::real::Real;
use core::cmp::Ordering;

/// Above this mean agreement, losses are smoothed by more than a little.
const AGREEMENT: f64 = -0.15;

/// The agreement of independent noise, and its variance per pair.
const INDEPENDENT: (f64, f64) = (-1.0 / 3.0, 8.0 / 9.0);

/// Fewest pairs of differences that tell anything.
const FEWEST: i32 = 50;

/// Whether losses look smoothed, or told several times.
///
/// With `dᵢ = yᵢ₊₁ − yᵢ`, the agreement is the mean of `sign(dᵢ) sign(dᵢ₊₁)`, where two zeros agree:
/// `−⅓` for independent noise, `(2/π) asin ρ` for normal differences of correlation `ρ`, so about 0
/// for an average that remembers ten losses. Smoothed: above `−0.15`, above `−⅓` by four standard
/// errors, and of 50 pairs or more; such an average shows after some 160 losses.
pub(crate) fn looks_smoothed<T: Real>(losses: &[T]) -> bool {
    let signs = losses.windows(2).map(|w| (w[1] - w[0]).partial_cmp(&T::zero()));
    let (mut sum, mut pairs) = (0, 0);
    for pair in signs.clone().zip(signs.skip(1)) {
        sum += match pair {
            (Some(Ordering::Equal), Some(Ordering::Equal)) => 1,
            (Some(a), Some(b)) => a as i32 * b as i32,
            // A loss that is not finite.
            _ => continue,
        };
        pairs += 1;
    }
    let (mean, variance) = INDEPENDENT;
    let least = AGREEMENT.max(mean + 4.0 * libm::sqrt(variance / f64::from(pairs)));
    pairs >= FEWEST && f64::from(sum) > least * f64::from(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// An average that remembers ten losses, a running mean and losses told ten times look
    /// smoothed; noise does not, on level ground or on a slope, under spikes or an explosion.
    #[test]
    fn smoothed_losses_are_recognised() {
        let noise = |i: u64| crate::sampling::mix(i) as f64 / 2_f64.powi(63) - 1.0;
        let looks = |losses: u64, loss: &dyn Fn(u64) -> f64| {
            looks_smoothed(&(0..losses).map(loss).collect::<Vec<f64>>())
        };
        for seed in 0..50_u64 {
            let raw = |i: u64| noise(seed << 32 | i);
            let average = |i: u64| (0..60).map(|k| 0.9_f64.powi(k) * raw(i + 60 - k as u64)).sum();
            let running = |i: u64| (0..10).map(|k| raw(i + k)).sum();
            let held = |i: u64| raw(i / 10);
            let smoothed: [&dyn Fn(u64) -> f64; 3] = [&average, &running, &held];
            let found = smoothed.map(|loss| looks(1000, loss));
            assert_eq!(found, [true; 3], "seed {seed}");
            assert!(!smoothed.iter().any(|loss| looks(51, loss)), "too few to tell");
            let slope = |i: u64| raw(i) - 0.02 * i as f64;
            let spikes = |i: u64| raw(i) + if i.is_multiple_of(20) { 30.0 } else { 0.0 };
            let explosion = |i: u64| raw(i) + (0.6 * (i as f64 - 390.0)).exp();
            let told: [&dyn Fn(u64) -> f64; 4] = [&raw, &slope, &spikes, &explosion];
            for losses in [100, 200, 400, 1000] {
                assert!(!told[..3].iter().any(|loss| looks(losses, loss)), "seed {seed}: {losses}");
            }
            assert!(!looks(400, told[3]), "seed {seed}");
        }
    }
}
