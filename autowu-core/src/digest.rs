//! The state in 64 bits.

use crate::phase::{Climb, Phase};
use crate::real::Real;
use crate::sampling::mix;
use crate::scheduler::AutoWu;

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// 64 bits that differ when the states differ (but for a chance of 2⁻⁶⁴): ranks that feed the same all-reduced loss
    /// can compare them. Equal on every platform.
    pub fn digest(&self) -> u64 {
        let (kind, a, b, c, d) = match self.phase {
            Phase::Warmup(Climb { base, rate, start, number }) => {
                (0, base.to_bits_u64(), rate.to_bits_u64(), start, u64::from(number))
            }
            Phase::Decay { peak, start } => (1, peak.to_bits_u64(), start, 0, 0),
        };
        let t = &self.trajectory;
        let counts = [
            self.config.total_steps,
            self.config.seed,
            self.step,
            kind,
            a,
            b,
            c,
            d,
            self.tests,
            u64::from(self.positives),
            u64::from(self.kept),
            u64::from(self.failures),
            self.skipped,
            t.resolution,
            t.finite,
            t.waiting,
            t.blocks.len() as u64,
        ];
        let numbers = t.blocks.iter().copied().chain([t.mean]).chain(self.fit.to_array());
        // Every NaN counts as the same.
        let bits = numbers.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits_u64() });
        counts.into_iter().chain(bits).fold(0, |hash: u64, word| mix(hash ^ word).rotate_left(23))
    }
}
