//! What a run must not depend on: the unit of the losses, their zero, and how they arrive.

use crate::configs::{configs, losses};
use autowu_core::{AutoWu, Config, Event, Observation};
use autowu_tests::configs::sampled;
use autowu_tests::curves::curve;
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

type Scheduler = AutoWu<f64, 256>;

/// The learning rate and the event of each step.
fn run(config: Config, losses: impl IntoIterator<Item = f64>) -> Vec<(u64, Option<Event<f64>>)> {
    let mut autowu = Scheduler::new(config).unwrap();
    losses
        .into_iter()
        .map(|loss| {
            let outcome = autowu.step(loss);
            (outcome.lr.to_bits(), outcome.event)
        })
        .collect()
}

fn standardised(steps: u64, seed: u64) -> Config {
    sampled(Config::new(steps).without_scout(), 100, 200).with_seed(seed)
}

proptest! {
    #![proptest_config(random_cases(12))]

    /// `L → 2ᵏ L` loses no digit: the whole run is the same, bit for bit.
    #[test]
    fn powers_of_two_change_no_bit(
        seed in any::<u64>(),
        k in -900..=900_i32,
        steps in 60..300_u64,
    ) {
        let config = standardised(steps, seed);
        let losses = curve(seed, steps);
        let scaled = losses.iter().map(|l| l * 2f64.powi(k));
        prop_assert_eq!(run(config, losses.iter().copied()), run(config, scaled));
    }

    /// `L → aL + b`: the same events at the same steps; learning rates differ by L's rounding.
    #[test]
    fn scale_and_offset_change_no_decision(
        seed in any::<u64>(),
        a in -5.0..=5.0,
        b in -100.0..=100.0,
        steps in 60..300_u64,
    ) {
        let config = standardised(steps, seed);
        let losses = curve(seed, steps);
        let a = 10f64.powf(a);
        // b in units of the losses, or L itself would drown in b.
        let size = losses[0].abs() * a;
        let other = run(config, losses.iter().map(|l| l * a + b * size));
        let pairs = run(config, losses.iter().copied()).into_iter().zip(other);
        for (i, ((lr, event), (other_lr, other_event))) in pairs.enumerate() {
            let (lr, other_lr) = (f64::from_bits(lr), f64::from_bits(other_lr));
            prop_assert!((lr - other_lr).abs() <= 1e-9 * lr, "step {i}: {lr} {other_lr}");
            prop_assert_eq!(event.map(|e| e.kind()), other_event.map(|e| e.kind()), "step {}", i);
        }
    }

    /// Buffered losses, in slices of any length until a test is due, give the same run as one by
    /// one.
    #[test]
    fn slices_are_the_same_as_one_by_one(
        config in configs(),
        seed in any::<u64>(),
        cut in any::<u64>(),
    ) {
        let losses: Vec<f64> = losses(seed, 0, config.total_steps + 5);
        let mut single = Scheduler::new(config).unwrap();
        let mut sliced = single.clone();
        let mut rest = &losses[..];
        while !rest.is_empty() {
            let longest = sliced.steps_until_due().unwrap_or(u64::MAX).min(rest.len() as u64);
            let length = 1 + autowu_core::sampling::mix(cut ^ rest.len() as u64) % longest;
            let (slice, others) = rest.split_at(length as usize);
            let planned: Vec<f64> = (0..length).map(|ahead| sliced.lr_ahead(ahead)).collect();
            for (&loss, lr) in slice.iter().zip(planned) {
                prop_assert_eq!(
                    single.lr(),
                    lr,
                    "the learning rates up to the next test are known"
                );
                let _ = single.step(loss);
            }
            let outcome = sliced.step_slice(slice);
            prop_assert_eq!(outcome.lr, single.lr());
            prop_assert_eq!(sliced.digest(), single.digest());
            rest = others;
        }
    }

    /// `step` is `observe`, `test`, `resolve`; a test changes nothing, nor does a stale report.
    #[test]
    fn a_step_is_its_three_parts(config in configs(), seed in any::<u64>(), kind in 0..3_u8) {
        let mut whole = Scheduler::new(config).unwrap();
        let mut parts = whole.clone();
        let mut stale = None;
        for loss in losses(seed, kind, config.total_steps + 5) {
            let outcome = whole.step(loss);
            let event = match parts.observe(loss) {
                Observation::Nothing => None,
                Observation::Event(event) => Some(event),
                Observation::TestDue => {
                    let before = parts.digest();
                    let report = parts.test().unwrap();
                    prop_assert_eq!(before, parts.digest());
                    let event = parts.resolve(&report);
                    stale = Some(report);
                    event
                }
            };
            if let Some(report) = &stale {
                let before = parts.digest();
                prop_assert_eq!(parts.resolve(report), None, "a report counts once");
                prop_assert_eq!(before, parts.digest());
            }
            prop_assert_eq!(format!("{event:?}"), format!("{:?}", outcome.event));
            prop_assert_eq!(parts.digest(), whole.digest());
        }
    }
}
