//! Learning rates against their closed forms in 256 bits: at the ends, at the joints, and over 10¹²
//! steps.

use autowu_core::{AutoWu, Baseline, Config, Curve, Decay, Ramp, Warmup};
use autowu_tests::effort::random_cases;
use autowu_tests::wide::Wide;
use proptest::prelude::*;

const TRILLION: u64 = 1_000_000_000_000;

fn wide(x: f64) -> Wide {
    Wide::of(x)
}

/// The k-th step after `start`: `floor + (peak − floor) g(k/(T − start))`.
fn decayed(decay: Decay, step: u64, start: u64, total: u64, peak: f64, floor: f64) -> Wide {
    let hold = decay.final_start(total).unwrap_or(0);
    if step < hold {
        return wide(peak);
    }
    let start = start.max(hold);
    let (k, length) = (step - start + 1, total.saturating_sub(start));
    if k >= length {
        return wide(floor);
    }
    let u = Wide::whole(k) / Wide::whole(length);
    let left = match decay {
        Decay::Cosine | Decay::ConstantCosine { .. } => {
            (wide(1.0) + (Wide::pi() * u).cos()) * wide(0.5)
        }
        Decay::Linear => wide(1.0) - u,
        Decay::ConstantSqrt { .. } => wide(1.0) - u.sqrt(),
        _ => unreachable!("{decay:?} needs its series here"),
    };
    wide(floor) + (wide(peak) - wide(floor)) * left
}

fn decays() -> impl Strategy<Value = Decay> {
    let fraction = prop_oneof![Just(0.2), Just(0.1), Just(0.5), Just(1.0), 1e-6..=1.0];
    (0..4_u8, fraction).prop_map(|(kind, fraction)| match kind {
        0 => Decay::Cosine,
        1 => Decay::ConstantCosine { fraction },
        2 => Decay::Linear,
        _ => Decay::ConstantSqrt { fraction },
    })
}

/// A length of a run, short, usual or a trillion; and a step of it, often near a joint.
fn steps() -> impl Strategy<Value = (u64, u64, u64)> {
    let total = prop_oneof![1..50_u64, 50..100_000_u64, Just(TRILLION), 1..=TRILLION];
    (total, 0.0..=1.0, prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0_f64], 0..4_u64).prop_map(
        |(total, start, at, off)| {
            let start = (start * total as f64) as u64;
            let step = start + (at * (total - start) as f64) as u64;
            let step = if at > 0.5 { step.saturating_sub(off) } else { step + off };
            (total, start, step.max(start))
        },
    )
}

proptest! {
    #![proptest_config(random_cases(2000))]

    /// Every decay, to 4 ε of its value; `1 − √u` to 4 ε of the peak, because it is a difference.
    #[test]
    fn decay(
        (total, start, step) in steps(),
        decay in decays(),
        peak in 1e-6..=10.0,
        floored in any::<bool>(),
    ) {
        let floor = if floored { peak * 1e-3 } else { 0.0 };
        let ours: f64 = decay.at(step, start, total, peak, floor);
        let theirs = decayed(decay, step, start, total, peak, floor);
        let unit = match decay { Decay::ConstantSqrt { .. } => peak, _ => theirs.to_f64() };
        let error = theirs.error_of(ours);
        prop_assert!(
            error <= 4.0 * f64::EPSILON * unit,
            "{ours:e} for {:e}: {error:e}",
            theirs.to_f64()
        );
    }

    /// The same in single precision, to 8 ε: on top, the counts of steps are rounded.
    #[test]
    fn decay_in_single_precision(
        (total, start, step) in steps(),
        decay in decays(),
        peak in 1e-6_f32..=10.0,
    ) {
        let ours: f32 = decay.at(step, start, total, peak, 0.0);
        let theirs = decayed(decay, step, start, total, f64::from(peak), 0.0);
        let unit = match decay {
            Decay::ConstantSqrt { .. } => f64::from(peak),
            _ => theirs.to_f64(),
        };
        let error = theirs.error_of(f64::from(ours));
        prop_assert!(
            error <= 8.0 * f64::from(f32::EPSILON) * unit,
            "{ours:e} for {:e}: {error:e}",
            theirs.to_f64()
        );
    }

    /// Eq. (1): `η_min (η_max/η_min)^(t/W)`, to (2 + 2 ln η_max/η_min) ε: the exponent's rounding
    /// is amplified by its size.
    #[test]
    fn exponential_warmup(
        total in prop_oneof![2..1000_u64, Just(TRILLION)],
        at in 0.0..=1.0,
        low in -12.0..=-1.0,
        growth in 0.1..=12.0,
    ) {
        let (min_lr, max_lr) = (10f64.powf(low), 10f64.powf(low + growth));
        let config = Config::new(total).without_scout().without_restore().with_lr_range(min_lr, max_lr);
        let autowu = AutoWu::<f64>::new(config).unwrap();
        let w = config.warmup_steps();
        let t = (at * (w - 1) as f64) as u64;
        let ratio = wide(max_lr) / wide(min_lr);
        let theirs = wide(min_lr) * (ratio.ln() * Wide::whole(t) / Wide::whole(w)).exp();
        let ours = autowu.lr_ahead(t);
        let allowed = (2.0 + 2.0 * ratio.ln().to_f64()) * f64::EPSILON;
        prop_assert!(
            theirs.relative_error_of(ours) <= allowed,
            "{ours:e} for {:e}",
            theirs.to_f64()
        );
        let x = t as f64 / w as f64;
        prop_assert!(
            theirs.relative_error_of(Warmup::Exponential.at(x, min_lr, max_lr)) <= allowed
        );
    }

    /// Eq. (6).
    #[test]
    fn linear_warmup(total in prop_oneof![2..1000_u64, Just(TRILLION)], at in 0.0..=1.0) {
        let curve = Curve::Linear { interval: 1, patience: 3 };
        let config = Config::paper(1, total).with_ramp(Ramp { curve, ..Ramp::paper(1) });
        let autowu = AutoWu::<f64>::new(config).unwrap();
        let w = config.warmup_steps();
        let t = (at * (w - 1) as f64) as u64;
        let theirs = wide(config.min_lr)
            + (wide(config.max_lr) - wide(config.min_lr)) * Wide::whole(t) / Wide::whole(w);
        prop_assert!(theirs.relative_error_of(autowu.lr_ahead(t)) <= 3.0 * f64::EPSILON);
    }

    /// The paper's baseline: `peak · (t + 1)/warmup`, then the cosine.
    #[test]
    fn baseline(
        warmup in 0..1000_u64,
        rest in 1..100_000_u64,
        at in 0.0..=1.0,
        peak in 1e-6..=10.0,
    ) {
        let total = warmup + rest;
        let baseline = Baseline {
            peak,
            warmup_steps: warmup,
            total_steps: total,
            decay: Decay::Cosine,
            floor: 0.0,
        };
        let t = (at * (total - 1) as f64) as u64;
        let theirs = if t < warmup {
            wide(peak) * Wide::whole(t + 1) / Wide::whole(warmup)
        } else {
            decayed(Decay::Cosine, t, warmup, total, peak, 0.0)
        };
        let error = theirs.error_of(baseline.lr(t));
        prop_assert!(error <= 4.0 * f64::EPSILON * theirs.to_f64());
    }
}

/// `⌈(1 − f) T⌉`: the paper's f = 0.2 at every length, odd fractions at most one step later, where
/// (1 − f) T in doubles, which the reference compares with, comes out just above a whole number.
#[test]
fn joints_are_where_rational_arithmetic_puts_them() {
    let mut late = 0;
    for percent in 1..=100_u64 {
        let fraction = percent as f64 / 100.0;
        for total in (1..=2000).chain([10_u64.pow(6), 10_u64.pow(9), TRILLION]) {
            let ours = Decay::ConstantCosine { fraction }.final_start(total).unwrap();
            let rational = (total * (100 - percent)).div_ceil(100);
            let off = ours - rational;
            assert!(
                off <= 1 && (off == 0 || ![10, 20, 25, 50].contains(&percent)),
                "fraction {fraction}, {total} steps: {ours}"
            );
            late += off;
        }
    }
    assert!(late < 2003, "{late} of 200300 joints are a step late");
}

#[test]
fn the_ends_of_a_trillion_steps_are_exact() {
    let autowu = AutoWu::<f64>::new(Config::new(TRILLION).without_scout()).unwrap();
    assert_eq!(autowu.lr(), 1e-5);
    let warmup = autowu.config().warmup_steps();
    assert_eq!(warmup, TRILLION / 5 * 2);
    assert_eq!(autowu.lr_ahead(warmup), 1.0);
    for decay in [
        Decay::Cosine,
        Decay::Linear,
        Decay::ConstantCosine { fraction: 0.2 },
        Decay::ConstantSqrt { fraction: 0.2 },
    ] {
        assert_eq!(decay.at(TRILLION - 1, 7, TRILLION, 1.0, 0.25), 0.25);
        assert_eq!(decay.at(u64::MAX, 7, TRILLION, 1.0, 0.25), 0.25);
        assert_eq!(decay.at(u64::MAX, u64::MAX, u64::MAX, 1.0, 0.25), 0.25);
    }
}
