//! The learning rates of any run: any configuration, any losses.

use crate::configs::{configs, losses};
use autowu_core::{AutoWu, Config, Event, PastEnd, Phase, Ramp, Real, Reason};
use autowu_tests::configs::{sampled, voted};
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

const N: usize = 256;

/// Runs and checks each step: finite, within [floor, max], non-increasing in the decay, true
/// events.
fn runs<T: Real>(config: Config, losses: &[f64]) -> Result<(), TestCaseError> {
    let mut autowu = AutoWu::<T, N>::new(config).unwrap();
    let (floor, max) = (T::of(config.floor_lr), T::of(config.max_lr));
    let mut has_copy = false;
    for (i, &loss) in losses.iter().enumerate() {
        let (before, in_decay) = (autowu.lr(), matches!(autowu.phase(), Phase::Decay { .. }));
        let outcome = autowu.step(T::of(loss));
        let place = || {
            format!("step {i}, loss {loss:e}, LR {before} → {}, {:?}", outcome.lr, outcome.event)
        };
        prop_assert_eq!(outcome.lr, autowu.lr());
        prop_assert_eq!(autowu.steps(), i as u64 + 1);
        prop_assert!(outcome.lr >= floor && outcome.lr <= max, "{}", place());
        let ended = config.past_end == PastEnd::Reference && autowu.steps() >= config.total_steps;
        // Where going back was in vain, the learning rate is what it would have been.
        let given_back =
            matches!(outcome.event, Some(Event::Diverged { reason: Reason::StillLost, .. }));
        prop_assert!(!in_decay || outcome.lr <= before || ended || given_back, "{}", place());
        let decays = matches!(autowu.phase(), Phase::Decay { .. });
        prop_assert_eq!(autowu.phase().name(), if decays { "decay" } else { "warmup" });
        if let Some(event) = outcome.event {
            prop_assert_eq!(event.step(), autowu.steps());
            let decays = event.kind() == "decay";
            prop_assert!(
                if decays { event.lr() >= outcome.lr } else { event.lr() == outcome.lr },
                "{}",
                place()
            );
        }
        match outcome.event {
            Some(Event::Snapshot { .. }) => {
                prop_assert!(config.response.can_restore(), "{}", place());
                has_copy = true;
            }
            Some(Event::Restore { from, to, .. }) => {
                let can_restore = config.response.can_restore();
                prop_assert!(can_restore && has_copy, "there is no copy: {}", place());
                prop_assert!(from == before && to == outcome.lr, "{}", place());
            }
            Some(Event::Decay { from, .. }) => {
                prop_assert!(!in_decay && from == before, "{}", place())
            }
            Some(Event::Diverged { from, .. }) => prop_assert!(from == before, "{}", place()),
            _ => {}
        }
        if !in_decay && outcome.event.is_none() {
            prop_assert!(outcome.lr >= before, "a climb rises: {}", place());
        }
    }
    if losses.len() as u64 >= config.total_steps && config.past_end == PastEnd::Floor {
        prop_assert_eq!(autowu.lr(), floor, "a run ends at the floor");
    }
    Ok(())
}

proptest! {
    #![proptest_config(random_cases(150))]

    #[test]
    fn any_run_stays_in_range(config in configs(), seed in any::<u64>(), kind in 0..3_u8) {
        let losses = losses(seed, kind, config.total_steps + 5);
        runs::<f64>(config, &losses)?;
        runs::<f32>(config, &losses)?;
    }

    /// Every bit pattern of both precisions is a loss.
    #[test]
    fn any_bits_are_a_loss(
        config in configs(),
        bits in prop::collection::vec(any::<u64>(), 0..200),
    ) {
        let mut double = AutoWu::<f64, N>::new(config).unwrap();
        let mut single = AutoWu::<f32, N>::new(config).unwrap();
        for bits in bits {
            let a = double.step(f64::from_bits(bits)).lr;
            let b = single.step(f32::from_bits(bits as u32)).lr;
            prop_assert!((config.floor_lr..=config.max_lr).contains(&a), "{a}");
            prop_assert!((config.floor_lr as f32..=config.max_lr as f32).contains(&b), "{b}");
        }
    }
}

/// A run's work does not grow with its length: a budget ten thousand times as long makes no more
/// tests, and the state keeps its size.
#[test]
fn tests_and_state_do_not_grow_with_the_run() {
    let measure = |total: u64| {
        let config = voted(sampled(Config::new(total).without_scout(), 100, 200), 1);
        let mut autowu = AutoWu::<f64, N>::new(config).unwrap();
        for i in 0..total {
            // Falls for ever, so the first climb goes all the way.
            let _ = autowu.step(3.0 - i as f64 / total as f64);
        }
        (autowu.tests(), serde_json::to_string(&autowu).unwrap().len())
    };
    for total in [1_000, 100_000, 1_000_000] {
        let (tests, bytes) = measure(total);
        // ln(max/min)/ln 1.1 = 121 tests of the first climb.
        assert!(tests <= 140, "{total} steps: {tests} tests");
        assert!(bytes < 1500 + 25 * N, "{total} steps: {bytes} bytes");
    }
}

/// `W = max(⌊ρT⌋, min(min_steps, ⌊T/2⌋))`, at least 1, in whole numbers.
#[test]
fn the_warmup_has_its_share_of_every_budget() {
    for total in 1..3000_u64 {
        assert_eq!(
            Config::new(total).without_scout().warmup_steps(),
            (2 * total / 5).max(30.min(total / 2)).max(1),
            "{total}"
        );
        assert_eq!(Config::paper(1, total).warmup_steps(), (total / 2).max(1), "{total}");
        let share = |config: Config, fraction| {
            config.with_ramp(Ramp { fraction, ..config.ramp }).warmup_steps()
        };
        assert_eq!(
            share(Config::paper(1, total), 0.125),
            (total / 8).max(1),
            "the paper has no least warmup: {total}"
        );
        assert_eq!(share(Config::new(total).without_scout(), 1.0), total);
    }
}
