//! Budgets that change: a run can get more steps at any time, and says once that they are used.

use crate::configs::{configs, losses};
use autowu_core::{AutoWu, Config, Decay, Event, ExtendError, PastEnd, Phase, Real};
use autowu_tests::configs::sampled;
use autowu_tests::curves::bowl;
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

const N: usize = 256;

/// Steps that these runs go beyond their end. What a warmup has left to say takes fewer.
const BEYOND: u64 = 8;

fn told<T: Real>(config: Config, losses: &[f64]) -> AutoWu<T, N> {
    let mut autowu = AutoWu::new(config).unwrap();
    losses.iter().for_each(|&loss| _ = autowu.step(T::of(loss)));
    autowu
}

fn is_warmup<T: Real>(autowu: &AutoWu<T, N>) -> bool {
    matches!(autowu.phase(), Phase::Warmup(_))
}

/// The learning rate after `step` steps, of a decay planned with `total` steps from its start.
fn planned<T: Real>(config: &Config, phase: Phase<T>, total: u64, step: u64) -> T {
    let Phase::Decay { peak, start, .. } = phase else { panic!("{phase:?}") };
    let step = match config.past_end {
        PastEnd::Reference if step >= total => total.saturating_sub(2).max(start),
        _ => step,
    };
    config.decay.at(step, start, total, peak, T::of(config.floor_lr))
}

/// Extends a run of these losses after `at` steps: in the decay the learning rates are from there
/// on those of a decay planned so, at most the peak, falling, and the floor with the last step.
fn goes_on<T: Real>(
    config: Config,
    losses: &[f64],
    at: u64,
    total: u64,
) -> Result<(), TestCaseError> {
    let (before, rest) = losses.split_at(at as usize);
    let mut autowu = told::<T>(config, before);
    autowu.extend(total).unwrap();
    prop_assert_eq!((autowu.total_steps(), autowu.steps()), (total, at));
    prop_assert_eq!(autowu.config(), &config);
    let (floor, max) = (T::of(config.floor_lr), T::of(config.max_lr));
    let last_is_floor = config.decay.final_start(total).is_none_or(|hold| hold < total);
    let mut finished = 0;
    for &loss in rest {
        let (step, lr, phase) = (autowu.steps(), autowu.lr(), autowu.phase());
        prop_assert!(lr >= floor && lr <= max, "{lr} at step {step}");
        if let Phase::Decay { peak, .. } = phase {
            prop_assert_eq!(lr.to_bits_u64(), planned(&config, phase, total, step).to_bits_u64());
            prop_assert!(lr <= peak, "{lr} > {peak} at step {step}");
            let next = autowu.lr_ahead(1);
            prop_assert!(next <= lr || step + 1 >= total, "{lr} → {next} after step {step}");
            let is_last = step + 1 == total && last_is_floor;
            let is_past = step >= total && config.past_end == PastEnd::Floor;
            prop_assert!(lr == floor || !is_last && !is_past, "{lr} at step {step} of {total}");
        }
        let event = autowu.step(T::of(loss)).event;
        if let Some(Event::Finished { step, lr }) = event {
            prop_assert_eq!((step, lr), (autowu.steps(), autowu.lr()));
            finished += 1;
        }
        // With the first step past the end that has nothing else to say.
        let said = finished == 1;
        let silent = autowu.steps() <= total || matches!(phase, Phase::Warmup(_));
        let other = event.is_some_and(|e| e.kind() != "finished");
        prop_assert!(if silent { !said } else { said || other }, "{event:?} of {total} steps");
    }
    prop_assert_eq!(finished, 1);
    Ok(())
}

/// Losses, when the run is extended, and to how many steps.
fn cut(config: &Config, seed: u64, kind: u8, at: u64, more: u64) -> (Vec<f64>, u64, u64) {
    let at = at % (config.total_steps + BEYOND);
    let total = config.total_steps.max(at) + more;
    (losses(seed, kind, total + BEYOND), at, total)
}

fn through_json<T: Real>(autowu: &AutoWu<T, N>) -> AutoWu<T, N> {
    serde_json::from_str(&serde_json::to_string(autowu).unwrap()).unwrap()
}

fn through_bytes<T: Real>(autowu: &AutoWu<T, N>) -> AutoWu<T, N> {
    postcard::from_bytes(&postcard::to_stdvec(autowu).unwrap()).unwrap()
}

/// Saved before or after it is extended, a run is the same, and goes on the same.
fn is_saved<T: Real>(config: Config, losses: &[f64], at: u64, total: u64) {
    let (before, rest) = losses.split_at(at as usize);
    let whole = told::<T>(config, before);
    let mut extended = whole.clone();
    extended.extend(total).unwrap();
    let mut copies = vec![through_json(&extended), through_bytes(&extended)];
    for mut loaded in [through_json(&whole), through_bytes(&whole)] {
        loaded.extend(total).unwrap();
        copies.push(loaded);
    }
    assert_eq!(whole.digest() == extended.digest(), total == whole.total_steps());
    for &loss in rest {
        let outcome = extended.step(T::of(loss));
        for copy in &mut copies {
            assert_eq!(copy.step(T::of(loss)), outcome);
            assert_eq!((copy.digest(), &*copy), (extended.digest(), &extended));
        }
    }
}

proptest! {
    #![proptest_config(random_cases(120))]

    #[test]
    fn an_extended_run_ends_at_its_new_end(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        (at, more) in (any::<u64>(), 0..300_u64),
    ) {
        let (losses, at, total) = cut(&config, seed, kind, at, more);
        goes_on::<f64>(config, &losses, at, total)?;
        goes_on::<f32>(config, &losses, at, total)?;
    }

    /// A run that is extended before its decay begins has the warmup of one that is not, bit for
    /// bit, until the final fall of the shorter one, and ends it in the same way.
    #[test]
    fn a_warmup_goes_on_as_it_was_planned(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        (at, more) in (any::<u64>(), 1..300_u64),
    ) {
        let mut whole = AutoWu::<f64, N>::new(config).unwrap();
        let mut extended = whole.clone();
        let at = at % config.warmup_steps();
        let forced = config.decay.final_start(config.total_steps).unwrap_or(u64::MAX);
        for loss in losses(seed, kind, config.total_steps) {
            if extended.steps() == at {
                extended.extend(config.total_steps + more).unwrap();
            }
            let outcome = whole.step(loss);
            if !is_warmup(&whole) && whole.steps() >= forced {
                break;
            }
            let lr = outcome.lr;
            let other = extended.step(loss);
            prop_assert_eq!((&other.event, &other.report), (&outcome.event, &outcome.report));
            prop_assert_eq!(extended.phase(), whole.phase());
            if !is_warmup(&whole) {
                break;
            }
            prop_assert_eq!(other.lr.to_bits(), lr.to_bits());
        }
    }

    /// When in its decay a run was extended does not matter.
    #[test]
    fn a_decay_does_not_remember_when_it_was_extended(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        more in 1..300_u64,
    ) {
        let total = config.total_steps + more;
        let mut late = AutoWu::<f64, N>::new(config).unwrap();
        let mut early = None;
        for loss in losses(seed, kind, config.total_steps - 1) {
            let _ = late.step(loss);
            if let Some(early) = &mut early {
                let _ = AutoWu::step(early, loss);
            } else if !is_warmup(&late) {
                early.insert(late.clone()).extend(total).unwrap();
            }
            if let Some(early) = &early {
                let mut late = late.clone();
                late.extend(total).unwrap();
                prop_assert_eq!(early, &late);
                prop_assert_eq!(early.digest(), late.digest());
            }
        }
    }

    #[test]
    fn saving_and_extending_commute(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        (at, more) in (any::<u64>(), 0..100_u64),
    ) {
        let (losses, at, total) = cut(&config, seed, kind, at, more);
        is_saved::<f64>(config, &losses, at, total);
        is_saved::<f32>(config, &losses, at, total);
    }

    /// Fewer steps than a run has, or has done, are refused and change nothing. As many change
    /// nothing, but past the end its end is said once more.
    #[test]
    fn no_run_gets_shorter(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        (at, other) in (any::<u64>(), any::<u64>()),
    ) {
        let (losses, at, least) = cut(&config, seed, kind, at, 0);
        let whole = told::<f64>(config, &losses[..at as usize]);
        let mut same = whole.clone();
        for total_steps in [0, least - 1, other % least] {
            let refused = same.extend(total_steps);
            prop_assert_eq!(refused, Err(ExtendError { total_steps, least }));
            prop_assert!(refused.unwrap_err().to_string().contains(&least.to_string()));
            prop_assert_eq!((same.digest(), &same), (whole.digest(), &whole));
        }
        same.extend(least).unwrap();
        prop_assert!(at > config.total_steps || same == whole);
        let is_over = at > config.total_steps && !is_warmup(&whole);
        if is_over && config.past_end == PastEnd::Floor {
            prop_assert_eq!(same.lr(), whole.lr());
        }
        // Finite losses: a guard can have one word to say first.
        let said: Vec<_> = (0..3).filter_map(|_| same.step(1.0).event).collect();
        let ends = said.iter().filter(|e| e.kind() == "finished").count();
        prop_assert!(!is_over || ends == 1, "{said:?}");
    }

    /// The end of a budget is said once, however the losses are buffered: in slices until something
    /// is due, or far too long.
    #[test]
    fn an_end_is_said_once(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
        longest in 1..300_u64,
        more in 0..100_u64,
    ) {
        let mut autowu = AutoWu::<f64, N>::new(config).unwrap();
        for total in [config.total_steps, config.total_steps + 100 + more] {
            if total > autowu.total_steps() {
                autowu.extend(total.max(autowu.steps())).unwrap();
            }
            let losses = losses(seed, kind, autowu.total_steps() + 5);
            let mut said = Vec::new();
            while autowu.steps() < autowu.total_steps() + 5 {
                let done = autowu.steps();
                let rest = &losses[done as usize..];
                let due = autowu.steps_until_due().unwrap_or(64);
                let length = (rest.len() as u64).min(if longest > 150 { longest } else { due });
                let event = autowu.step_slice(&rest[..length as usize]).event;
                said.extend(event.filter(|e| e.kind() == "finished"));
                if kind == 0 && longest <= 150 && !said.is_empty() {
                    prop_assert!(said[0].step() == autowu.total_steps() + 1 || is_late(&autowu));
                }
            }
            for _ in 0..BEYOND {
                said.extend(autowu.step(1.0).event.filter(|e| e.kind() == "finished"));
            }
            prop_assert_eq!(said.len(), 1, "{:?}", said);
        }
    }
}

/// Whether the decay began past the end, or its guard spoke there.
fn is_late(autowu: &AutoWu<f64, N>) -> bool {
    let Phase::Decay { start, .. } = autowu.phase() else { return false };
    let state = serde_json::to_value(autowu).unwrap();
    start >= autowu.total_steps() || state["stage"]["Decay"]["guard"].is_null()
}

/// With the four decays: a finished run goes on from its peak's decay, and the step past the end is
/// the one that says so, whoever watches the decay.
#[test]
fn a_finished_run_goes_on() {
    for (decay, guarded) in [
        Decay::Linear,
        Decay::Cosine,
        Decay::ConstantCosine { fraction: 0.2 },
        Decay::ConstantSqrt { fraction: 0.3 },
    ]
    .into_iter()
    .flat_map(|decay| [(decay, true), (decay, false)])
    {
        let config = sampled(Config::new(400).without_scout(), 100, 100).with_decay(decay);
        let config = if guarded { config } else { config.without_rescue() };
        let mut autowu = AutoWu::<f64, N>::new(config).unwrap();
        let run = |autowu: &mut AutoWu<f64, N>, to: u64| {
            let mut last = None;
            while autowu.steps() < to {
                let loss = if is_warmup(autowu) { bowl(autowu.lr(), 1e-2) } else { 1.0 };
                last = autowu.step(loss).event.or(last);
            }
            last
        };
        let last = run(&mut autowu, 401);
        assert_eq!(last, Some(Event::Finished { step: 401, lr: 0.0 }), "{decay:?}");
        autowu.extend(1000).unwrap();
        let phase = autowu.phase();
        let lr = autowu.lr();
        assert!(lr > 0.0 && lr == planned(&config, phase, 1000, 401), "{decay:?}: {lr}");
        assert_eq!(autowu.lr_ahead(1000 - 402), 0.0, "{decay:?}: with the last step");
        assert_eq!(run(&mut autowu, 1000), None, "{decay:?}");
        let last = run(&mut autowu, 1010);
        assert_eq!(last, Some(Event::Finished { step: 1001, lr: 0.0 }), "{decay:?}");
    }
}

/// The largest budgets: nothing overflows, and what has no end says none.
#[test]
fn the_longest_budgets() {
    for decay in [Decay::Linear, Decay::Cosine, Decay::ConstantSqrt { fraction: 0.3 }] {
        for at in [0, 50, 300, 405] {
            let config = sampled(Config::new(400).without_scout(), 100, 100).with_decay(decay);
            let losses: Vec<f64> = (0..at).map(|step| 3.0 - step as f64 / 200.0).collect();
            for total in [u64::MAX - 1, u64::MAX] {
                let mut autowu = told::<f64>(config, &losses);
                autowu.extend(total).unwrap();
                assert_eq!(autowu.extend(400).is_err_and(|e| e.least == total), total > 400);
                let (lr, far) = (autowu.lr(), autowu.lr_ahead(u64::MAX));
                assert!(lr > 0.0 && lr <= 1.0 && (0.0..=1.0).contains(&far), "{lr} {far}");
                let mut state = serde_json::to_value(&autowu).unwrap();
                state["step"] = (u64::MAX - 2).into();
                let mut autowu: AutoWu<f64, N> = serde_json::from_value(state).unwrap();
                let events: Vec<_> = (0..6).filter_map(|_| autowu.step(1.5).event).collect();
                assert_eq!(autowu.steps(), u64::MAX);
                let finished = events.iter().filter(|e| e.kind() == "finished").count();
                let decays = !is_warmup(&autowu);
                assert_eq!(finished, usize::from(decays && total < u64::MAX), "{events:?}");
                autowu.extend(u64::MAX).unwrap();
                assert!(autowu.extend(u64::MAX - 1).is_err());
            }
        }
    }
}
