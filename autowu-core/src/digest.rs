//! The state in 64 bits.

use crate::config::{Config, Detection, Interval, NonFinite, Patience};
use crate::phase::{Climb, Phase};
use crate::real::Real;
use crate::sampling::mix;
use crate::schedule::Decay;
use crate::scheduler::AutoWu;

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// 64 bits that differ when the states differ (but for a chance of 2⁻⁶⁴): ranks that feed the
    /// same all-reduced loss can compare them. Equal on every platform.
    pub fn digest(&self) -> u64 {
        let (kind, a, b, c, d) = match self.phase {
            Phase::Warmup(Climb { base, rate, start, number }) => {
                (0, base.to_bits_u64(), rate.to_bits_u64(), start, u64::from(number))
            }
            Phase::Decay { peak, start } => (1, peak.to_bits_u64(), start, 0, 0),
        };
        let t = &self.trajectory;
        let counts = [
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
            self.watch.span,
            self.watch.count,
            u64::from(self.watch.rescues),
        ];
        let numbers = t.blocks.iter().copied().chain([t.mean]).chain(self.fit.to_array());
        let numbers =
            numbers.chain([self.watch.noise, self.watch.first, self.watch.lowest, self.watch.mean]);
        // Every NaN counts as the same.
        let bits = numbers.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits_u64() });
        words(&self.config)
            .into_iter()
            .chain(counts)
            .chain(bits)
            .fold(0, |hash: u64, word| mix(hash ^ word).rotate_left(23))
    }
}

/// Every field of a configuration. Taken apart by name, so that a new field cannot be forgotten
/// here.
fn words(config: &Config) -> [u64; 35] {
    let Config {
        total_steps,
        min_lr,
        max_lr,
        floor_lr,
        warmup,
        warmup_fraction,
        min_warmup_steps,
        decay,
        length_scale,
        fit_samples,
        test_samples,
        subset_fraction,
        min_samples,
        votes,
        confidence,
        descent,
        standardise,
        noise_blocks,
        clip,
        interval,
        patience,
        detection,
        fallback,
        non_finite,
        rescue,
        restore,
        past_end,
        seed,
    } = *config;
    let (decay, fraction) = match decay {
        Decay::Cosine => (0, 0.0),
        Decay::ConstantCosine { fraction } => (1, fraction),
        Decay::Linear => (2, 0.0),
        Decay::ConstantSqrt { fraction } => (3, fraction),
    };
    let (interval, every) = match interval {
        Interval::Steps(steps) => (0, steps),
        Interval::Growth(growth) => (1, growth.to_bits()),
    };
    let (patience, lasting) = match patience {
        Patience::Tests(tests) => (0, u64::from(tests)),
        Patience::Growth(growth) => (1, growth.to_bits()),
    };
    let (detection, slowdown) = match detection {
        Detection::EndWarmup => (0, 0.0),
        Detection::ClimbOn { slowdown } => (1, slowdown),
    };
    let (non_finite, back) = match non_finite {
        NonFinite::Ignore => (0, 0),
        NonFinite::EndClimb { back_steps } => (1, back_steps),
    };
    [
        total_steps,
        min_lr.to_bits(),
        max_lr.to_bits(),
        floor_lr.to_bits(),
        warmup as u64,
        warmup_fraction.to_bits(),
        min_warmup_steps,
        decay,
        fraction.to_bits(),
        length_scale.to_bits(),
        u64::from(fit_samples),
        u64::from(test_samples),
        subset_fraction.to_bits(),
        u64::from(min_samples),
        u64::from(votes),
        confidence.to_bits(),
        u64::from(descent.is_some()),
        descent.map_or(0, f64::to_bits),
        u64::from(standardise),
        u64::from(noise_blocks),
        u64::from(clip),
        interval,
        every,
        patience,
        lasting,
        detection,
        slowdown.to_bits(),
        fallback as u64,
        non_finite,
        u64::from(back),
        u64::from(rescue.is_some()),
        rescue.map_or(0, f64::to_bits),
        u64::from(restore),
        past_end as u64,
        seed,
    ]
}
