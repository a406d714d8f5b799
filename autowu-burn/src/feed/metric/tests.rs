//! The feed by hand: `settle` is the trainer's call, `arrive` that of the metrics' thread, which is
//! early or late.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use super::*;
use crate::course::Core;
use autowu_core::{Config, Event, Interval, NonFinite, Patience, Ramp, Response};

fn course(config: Config) -> Course {
    Course::new(Core::new(config).unwrap())
}

/// The same; the updates of up to this many non-finite losses in a row are skipped.
fn skipping(skips: u32, config: Config) -> Config {
    let non_finite = NonFinite::EndClimb { skips, back_steps: 10 };
    config.with_response(Response { non_finite, ..config.response })
}

/// Falls for 50 updates, rises for 30, then falls again; a ripple for noise; NaN at `bad`.
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

/// The learning rates, where before each update the losses of `late(update)` updates are still on
/// their way, of those that may be.
fn rates(config: Config, losses: &[f64], late: impl Fn(u64) -> u64) -> Vec<f64> {
    let (mut course, mut feed) = (course(config), MetricFeed::new(Vec::new(), 0));
    let mut begin = |update: u64| {
        let here = update.saturating_sub(late(update));
        while feed.arrived() < here || feed.lacks(&course, update) {
            feed.arrive(losses[feed.arrived() as usize], update).unwrap();
        }
        feed.settle(&mut course, update);
        course.lr_of(update)
    };
    (0..losses.len() as u64).map(&mut begin).collect()
}

/// The same from the core alone, which is shown all losses when a test is due, or when one that is
/// not finite and changes the course is [`LAG`] updates old. One that changes nothing is shown when
/// it is as old.
fn rates_of_the_core(config: Config, losses: &[f64]) -> Vec<f64> {
    let mut core = Core::new(config).unwrap();
    let mut lr = |update: u64| {
        let unseen = &losses[core.steps() as usize..update as usize];
        let old = unseen.len().saturating_sub(LAG as usize);
        let due = core.steps_until_due().is_some_and(|steps| steps <= unseen.len() as u64);
        if due {
            let _ = core.step_slice(unseen);
        } else {
            for (i, loss) in unseen[..old].iter().enumerate() {
                let mut next = core.clone();
                let event = next.step(*loss).event;
                let skips = matches!(event, None | Some(Event::Skip { .. }));
                let changes = !skips || next.phase() != core.phase();
                if !loss.is_finite() && changes {
                    let _ = core.step_slice(&unseen[i..]);
                    break;
                }
                core = next;
            }
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
        restored.without_scout(),
        restored.without_restore(),
        restored.without_rescue(),
        skipping(0, restored.without_scout()),
        skipping(0, restored.without_restore()),
        skipping(1, restored),
        Config::paper(10, 20),
    ] {
        for bad in [
            &[][..],
            &[33],
            &[33, 34],
            &[33, 34, 35],
            &[33, 34, 36, 37, 38, 40],
            &[40, 45],
            &[3, 4, 5, 6, 7, 8],
            &[10, 90, 140, 142],
            &[10, 11, 12, 90, 91, 92, 140, 141, 142, 143, 144, 145],
            &(20..48).collect::<Vec<_>>(),
        ] {
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
fn two_updates_lie_between_a_loss_that_is_not_finite_and_what_follows_from_it() {
    let ramp = Ramp::default().tested(Interval::Steps(20), Patience::Growth(1.25));
    let config = Config::new(200).without_scout().with_ramp(ramp);
    for (skips, bad, falls) in [
        (0, &[33][..], Some(36)),
        (1, &[32, 33], Some(36)),
        (2, &[31, 32, 33], Some(36)),
        (2, &[33], None),
        (2, &[32, 33], None),
        (2, &[30, 31, 33, 34], None),
    ] {
        let lrs = rates(skipping(skips, config), &losses(bad), |_| 0);
        let found = (1..50).find(|&update| lrs[update] < lrs[update - 1]);
        assert_eq!(found, falls, "{skips} skips, {bad:?}");
    }
}

#[test]
fn one_metric_feeds_and_no_more_than_the_updates_that_have_begun() {
    let batch = |loss| Batch { loss, last: false, iteration: Some(1) };
    let (mut feed, one) = (MetricFeed::new(vec![5.0], 7), Grouping::default());
    assert_eq!(feed.push(1, batch(4.0), one, 8), Ok(()));
    assert_eq!(feed.push(2, batch(3.0), one, 8), Err(Misuse::TwoMetrics));
    assert_eq!((feed.arrived(), feed.waiting()), (8, vec![5.0, 4.0]));
    let refused = Err(Misuse::TooManyLosses { losses: 9, updates: 8 });
    assert_eq!(feed.push(1, batch(3.0), one, 8), refused);
}

#[test]
fn the_last_update_of_an_epoch_is_complete_when_its_metric_says_so() {
    let batch = Batch { loss: 4.0, last: true, iteration: Some(1) };
    let (mut feed, two) =
        (MetricFeed::new(Vec::new(), 0), Grouping { accumulation: 1, devices: 2 });
    feed.push(1, batch, two, 1).unwrap();
    feed.end_epoch(2, two, 1, 10).unwrap();
    assert!(feed.waiting().is_empty());
    feed.end_epoch(1, two, 1, 10).unwrap();
    assert_eq!(feed.take_waiting(), [4.0]);
}
