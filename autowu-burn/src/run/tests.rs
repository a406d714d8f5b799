//! Laws of a whole run, with the calls that threads make in an order of the test's choice.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use super::*;
use autowu_core::Config;
use burn_core::tensor::Device;

fn run(config: Config) -> Run {
    Run::new(Core::new(config).unwrap())
}

fn tensor(loss: f64) -> Tensor<1> {
    Tensor::from_floats([loss as f32], &Device::default())
}

/// A record can be damaged and still be whole.
fn at_the_end_of_its_range(step: u64) -> Run {
    let mut state = serde_json::to_value(Core::new(Config::new(200)).unwrap()).unwrap();
    state["step"] = step.into();
    state["stage"]["Warmup"]["ascent"]["climb"]["number"] = u32::MAX.into();
    let core: Core = serde_json::from_value(state).unwrap();
    let saved = Saved { core, waiting: vec![1.0, f64::NAN, 2.0], copy: None };
    let mut run = run(Config::new(200));
    run.load_record(&record::encode(&saved).unwrap()).unwrap();
    run
}

#[test]
fn counters_at_the_end_of_their_range_do_not_overflow_in_a_loop() {
    for step in [u64::MAX - 1, u64::MAX] {
        let mut run = at_the_end_of_its_range(step);
        let record = run.to_record().unwrap();
        run.load_record(&record).unwrap();
        for _ in 0..3 {
            run.announce(run.begun());
            assert!(run.lr_of(run.begun()).is_finite());
            run.tell(&tensor(f64::NAN));
            let _ = (run.close(), run.next_lr(), run.unfinished());
        }
    }
}

#[test]
fn an_update_that_has_begun_keeps_its_learning_rate() {
    let mut run = run(Config::new(200).without_restore());
    let lrs: Vec<f64> = (0..9)
        .map(|update| {
            run.tell(&tensor(2.0));
            run.close().unwrap();
            run.lr_of(update)
        })
        .collect();
    for update in 1..9 {
        assert_eq!(run.lr_of(update), lrs[update as usize]);
    }
    // Eight updates are kept.
    assert_eq!((run.begun(), run.lr_of(0)), (9, run.course.floor()));
}

#[cfg(feature = "train")]
mod with_the_metric {
    use super::*;

    fn metric_run(config: Config) -> Run {
        let mut run = run(config);
        run.use_metric();
        run
    }

    fn arrive(run: &mut Run, loss: f64) {
        run.push(0, Batch { loss, last: false, iteration: Some(1) });
    }

    /// Falls for 50 updates, rises for 30, then falls again; a ripple for noise; some NaN.
    fn losses() -> Vec<f64> {
        let loss = |t: u64| match t {
            20..23 | 33 | 34 | 90 | 140 | 142 | 150..153 => f64::NAN,
            0..50 => 3.0 - t as f64 / 25.0,
            50..80 => t as f64 / 10.0 - 4.0,
            _ => 1.0 - t as f64 / 500.0,
        };
        (0..200).map(|t| loss(t) + 0.02 * (t * 7919 % 13) as f64).collect()
    }

    /// The learning rates of a run whose losses are as late as they may be. Before update `saved`,
    /// when all losses have come, it is saved and loaded into a fresh one.
    fn rates(config: Config, saved: u64) -> Vec<f64> {
        let (mut run, mut losses) = (metric_run(config), losses().into_iter());
        let mut arrived = 0;
        let mut begin = |update: u64| {
            while run.lacks_losses(update) || (update == saved && arrived < update) {
                arrive(&mut run, losses.next().unwrap());
                arrived += 1;
            }
            if update == saved {
                let record = run.to_record().unwrap();
                run = metric_run(config);
                run.load_record(&record).unwrap();
            }
            run.lr_of(update)
        };
        (0..200).map(&mut begin).collect()
    }

    #[test]
    fn a_run_that_is_saved_at_any_update_goes_on_the_same() {
        let restored = Config::new(200);
        for config in [restored, restored.without_restore(), restored.without_rescue()] {
            let expected = rates(config, u64::MAX);
            for saved in 0..200 {
                assert_eq!(rates(config, saved), expected, "saved at {saved}, {config:?}");
            }
        }
    }

    /// However late its losses are, an extended run has the core's learning rates, at once.
    #[test]
    fn an_extended_run_has_the_cores_learning_rates() {
        let loss = |update: u64| losses().get(update as usize).map_or(1.0, |&loss| loss);
        let loss = |update| if loss(update).is_nan() { 1.0 } else { loss(update) };
        for config in [Config::new(200), Config::new(200).without_restore()] {
            for at in [0, 40, 150, 198, 199, 200, 201, 202, 210] {
                let (mut run, mut core) = (metric_run(config), Core::new(config).unwrap());
                let mut arrived = 0;
                for update in 0..420 {
                    if update == at {
                        let least = 200.max(update);
                        let refused = Err(ExtendError { total_steps: least - 1, least });
                        assert_eq!(run.extend(least - 1), refused);
                        run.extend(400).unwrap();
                        core.extend(400).unwrap();
                    }
                    while run.lacks_losses(update) {
                        arrive(&mut run, loss(arrived));
                        arrived += 1;
                    }
                    assert_eq!(run.lr_of(update), core.lr(), "extended at {at}, update {update}");
                    let _ = core.step(loss(update));
                }
                assert_eq!((run.unfinished(), run.misuse()), (None, None));
            }
        }
    }

    #[test]
    fn counters_at_the_end_of_their_range_do_not_overflow() {
        for step in [u64::MAX - 1, u64::MAX] {
            let mut run = at_the_end_of_its_range(step);
            run.use_metric();
            let record = run.to_record().unwrap();
            run.load_record(&record).unwrap();
            for _ in 0..3 {
                run.announce(run.begun());
                assert!(run.lr_of(run.begun()).is_finite());
                arrive(&mut run, f64::NAN);
                run.end_epoch(0);
                let _ = (run.lacks_losses(run.begun()), run.sentence());
            }
        }
    }

    #[test]
    fn a_wrapped_model_takes_the_feed_over_and_a_metric_does_not() {
        let mut run = metric_run(Config::new(200));
        run.use_loop();
        run.use_metric();
        arrive(&mut run, 2.0);
        assert!(run.feed.metric().is_none() && run.feed.waiting().unwrap().is_empty());
        assert!(!run.lacks_losses(100));
    }

    #[test]
    fn losses_that_wait_in_a_record_wait_for_whoever_feeds_the_run() {
        let mut first = metric_run(Config::new(200).without_restore());
        first.lr_of(0);
        arrive(&mut first, 2.0);
        let record = first.to_record().unwrap();
        for feed in [|_: &mut Run| {}, Run::use_metric, Run::use_loop] {
            let mut run = run(Config::new(200));
            run.load_record(&record).unwrap();
            feed(&mut run);
            assert_eq!((run.begun(), run.feed.waiting().unwrap()), (1, vec![2.0]));
        }
    }
}
