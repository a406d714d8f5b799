//! The course by hand: `begin` is the trainer's call, `arrive` that of the metrics' thread, which
//! is early or late.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use super::*;
use autowu_core::{Config, Interval};

fn course(config: Config) -> Course {
    Course { source: Source::Metric, ..Course::new(Core::new(config).unwrap()) }
}

/// Falls for 50 updates, rises for 30, then falls again; a ripple for noise; no numbers at `bad`.
fn losses(bad: &[u64]) -> Vec<f64> {
    let shape = |t: f64| {
        if t < 50.0 {
            3.0 - t / 25.0
        } else if t < 80.0 {
            t / 10.0 - 4.0
        } else {
            1.0 - t / 500.0
        }
    };
    let loss = |t: u64| {
        if bad.contains(&t) { f64::NAN } else { shape(t as f64) + 0.02 * (t * 7919 % 13) as f64 }
    };
    (0..200).map(loss).collect()
}

/// The learning rates where the losses of so many updates are still on their way, of those that may
/// be.
fn rates(config: Config, losses: &[f64], on_their_way: impl Fn(u64) -> u64) -> Vec<f64> {
    rates_resumed(config, losses, on_their_way, u64::MAX)
}

/// The same, of a run that is saved before an update, when all losses are there, and loaded into a
/// fresh one.
fn rates_resumed(
    config: Config,
    losses: &[f64],
    on_their_way: impl Fn(u64) -> u64,
    saved: u64,
) -> Vec<f64> {
    let (mut course, mut told) = (course(config), 0);
    let mut begin = |update: u64| {
        if update == saved {
            (told..update).for_each(|loss| course.arrive(losses[loss as usize]));
            told = update;
            let record = course.to_record().unwrap();
            course = self::course(config);
            course.load_record(&record).unwrap();
        }
        let here = update.saturating_sub(on_their_way(update)).max(course.needed(update));
        while told < here {
            course.arrive(losses[told as usize]);
            told += 1;
        }
        course.begin()
    };
    (0..losses.len() as u64).map(&mut begin).collect()
}

/// The same from the core alone, which is shown all losses when a test is due or one that is not
/// finite is [`LAG`] updates old.
fn rates_of_the_core(config: Config, losses: &[f64]) -> Vec<f64> {
    let mut core = Core::new(config).unwrap();
    let mut lr = |update: u64| {
        let unseen = &losses[core.steps() as usize..update as usize];
        let old = unseen.len().saturating_sub(LAG as usize);
        let due = core.steps_until_due().is_some_and(|steps| steps <= unseen.len() as u64);
        if due || unseen[..old].iter().any(|loss| !loss.is_finite()) {
            core.step_slice(unseen);
        }
        core.lr_ahead(update - core.steps())
    };
    (0..losses.len() as u64).map(&mut lr).collect()
}

#[test]
fn the_speed_of_the_metrics_thread_changes_nothing() {
    let restored = Config::new(200);
    for config in [
        restored,
        restored.without_restore(),
        Config { rescue: None, ..restored },
        Config::paper(10, 20),
    ] {
        for bad in [&[][..], &[33], &[33, 34], &[40, 45], &[3, 4, 5, 6, 7, 8], &[10, 90, 140, 142]]
        {
            let losses = losses(bad);
            let expected = rates_of_the_core(config, &losses);
            assert_eq!(rates(config, &losses, |_| 0), expected, "at once, {bad:?}, {config:?}");
            assert_eq!(rates(config, &losses, |_| 2), expected, "late, {bad:?}, {config:?}");
            assert_eq!(
                rates(config, &losses, |update| update * 7 % 3),
                expected,
                "both, {bad:?}, {config:?}"
            );
        }
    }
}

#[test]
fn a_run_that_is_saved_at_any_update_goes_on_the_same() {
    let restored = Config::new(200);
    for config in [restored, restored.without_restore(), Config { rescue: None, ..restored }] {
        let losses = losses(&[33, 34, 90, 140, 142]);
        let expected = rates(config, &losses, |_| 2);
        for saved in 0..200 {
            assert_eq!(
                rates_resumed(config, &losses, |_| 2, saved),
                expected,
                "saved at {saved}, {config:?}"
            );
        }
    }
}

/// A record can be damaged and still be whole.
#[test]
fn counters_at_the_end_of_their_range_do_not_overflow() {
    let fresh = serde_json::to_value(Core::new(Config::new(200)).unwrap()).unwrap();
    for step in [u64::MAX - 1, u64::MAX] {
        let mut state = fresh.clone();
        state["step"] = step.into();
        state["phase"]["Warmup"]["number"] = u32::MAX.into();
        for source in [Source::Metric, Source::Loop] {
            let mut course =
                Course { source, ..Course::new(serde_json::from_value(state.clone()).unwrap()) };
            course.waiting = [1.0, f64::NAN, 2.0].into();
            let record = course.to_record().unwrap();
            course.load_record(&record).unwrap();
            for _ in 0..3 {
                assert!(course.begin().is_finite());
                course.arrive(f64::NAN);
                let _ = (course.close(), course.unfed(course.begun), course.sentence());
            }
        }
    }
}

#[test]
fn two_updates_lie_between_a_loss_that_is_not_finite_and_what_follows_from_it() {
    let config = Config { interval: Interval::Steps(20), ..Config::new(200) };
    let lrs = rates(config, &losses(&[33]), |_| 0);
    assert_eq!((1..50).find(|&update| lrs[update] < lrs[update - 1]), Some(36));
}

#[test]
fn without_losses_the_learning_rate_gets_no_further_than_the_next_test() {
    let course = course(Config::new(200).without_restore());
    let test = course.core.steps_until_due().unwrap();
    assert!(course.lr_of(test - 1) > course.lr_of(test - 2));
    for late in [test, test + 1, 10 * test] {
        assert_eq!(course.lr_of(late), course.lr_of(test - 1));
    }
}

#[test]
fn a_way_back_is_forgone_at_the_first_update_and_not_later() {
    let config = Config::new(200);
    let mut fresh = course(config);
    fresh.forgo_restore();
    assert_eq!(*fresh.core.config(), config.without_restore());
    let mut resumed = course(config);
    resumed.core.step(1.0);
    resumed.forgo_restore();
    assert_eq!((*resumed.core.config(), resumed.core.steps()), (config, 1));
}
