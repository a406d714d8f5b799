//! Configurations and losses for the laws.

use autowu_core::{
    Config, Decay, Fallback, Interval, NonFinite, Patience, Ramp, Response, Scout, TestRules,
};
use autowu_tests::configs::climbing_on;
use autowu_tests::curves::{curve, hostile};
use proptest::prelude::*;

/// Any configuration that is valid, small enough to run.
pub fn configs() -> impl Strategy<Value = Config> {
    let decay = prop_oneof![
        Just(Decay::Cosine),
        Just(Decay::Linear),
        Just(Decay::ConstantCosine { fraction: 0.2 }),
        (0.01..=1.0).prop_map(|fraction| Decay::ConstantSqrt { fraction }),
    ];
    let presets =
        (1..400_u64, 1..40_u64, 0..5_u8).prop_map(|(steps, per_epoch, preset)| match preset {
            0 => Config::new(steps).without_scout(),
            1 => Config::new(steps).without_scout().without_restore(),
            2 => {
                let config = Config::new(steps).without_scout();
                let ramp = Ramp { scout: Some(Scout::default()), ..config.ramp };
                config.with_lr_range(1e-7, 10.0).with_ramp(ramp)
            }
            3 => Config::paper(per_epoch, steps.div_ceil(per_epoch)),
            _ => climbing_on(Config::new(steps).without_scout(), None),
        });
    let interval =
        prop_oneof![(1..40_u64).prop_map(Interval::Steps), (1.001..3.0).prop_map(Interval::Growth)];
    let patience =
        prop_oneof![(1..4_u32).prop_map(Patience::Tests), (1.001..3.0).prop_map(Patience::Growth)];
    let samples = (1..30_u32, 1..120_u32, 1..200_u32, 1..=3_u32);
    let rules = (any::<bool>(), any::<bool>(), any::<bool>(), 0..30_u32, 0.01..=1.0);
    (presets, decay, interval, patience, samples, rules, any::<u64>()).prop_map(
        |(preset, decay, interval, patience, samples, rules, seed)| {
            let (argmin, clip, ignore, back_steps, fraction) = rules;
            let (min_samples, fit_samples, test_samples, votes) = samples;
            let fallback = if argmin { Fallback::Argmin } else { Fallback::Reached };
            let non_finite = if ignore {
                NonFinite::Ignore
            } else {
                NonFinite::EndClimb { skips: back_steps % 4, back_steps }
            };
            let overshoot = preset.response.overshoot.filter(|_| seed.is_multiple_of(2));
            let rules = preset.test;
            preset
                .with_ramp(Ramp { fraction, ..preset.ramp }.tested(interval, patience))
                .with_test(TestRules {
                    min_samples,
                    fit_samples,
                    test_samples,
                    votes,
                    clip,
                    ..rules
                })
                .with_response(Response { fallback, non_finite, overshoot, ..preset.response })
                .with_decay(decay)
                .with_floor_lr(preset.min_lr * (seed % 3) as f64 / 2.0)
                .with_seed(seed)
        },
    )
}

/// Losses of a run: a made curve, or numbers of any bit pattern, or the one with some of the other.
pub fn losses(seed: u64, kind: u8, steps: u64) -> Vec<f64> {
    let mut losses = curve(seed, steps);
    for (i, loss) in losses.iter_mut().enumerate() {
        let i = i as u64;
        if kind == 2 || kind == 1 && autowu_core::sampling::mix(seed ^ i).is_multiple_of(40) {
            *loss = hostile(seed, i);
        }
    }
    losses
}
