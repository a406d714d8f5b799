//! A loop of one's own: `lr` and `observe`, and the state as burn's record.

// A failed expectation ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use autowu_burn::{
    AutoWu, Config, Event, Interval, Misuse, NonFinite, Patience, Ramp, RecordError, Response,
};
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::tensor::{Device, Tensor};

/// A valley in the logarithm of the learning rate, with ripples.
fn loss(lr: f64, step: u64) -> f32 {
    let x = lr.max(1e-9).ln() - 1e-2_f64.ln();
    (1.0 + x * x / 10.0 + 0.05 * (step as f64 * 1.7).sin()) as f32
}

fn tensor(value: f32) -> Tensor<1> {
    Tensor::from_floats([value], &Device::flex())
}

fn configs() -> [Config; 3] {
    [Config::new(500), Config::new(500).without_restore(), Config::paper(25, 20)]
}

#[test]
fn learning_rates_and_events_are_the_cores() {
    for config in configs() {
        let autowu = AutoWu::new(config).unwrap();
        let mut core = autowu_core::AutoWu::<f64>::new(config).unwrap();
        let mut restores = 0;
        for step in 0..500 {
            let lr = autowu.lr();
            assert_eq!(lr.to_bits(), core.lr().to_bits(), "step {step}");
            let event = autowu.observe(&tensor(loss(lr, step))).unwrap();
            assert_eq!(event, core.step(f64::from(loss(lr, step))).event, "step {step}");
            restores += u32::from(matches!(event, Some(Event::Restore { .. })));
        }
        assert_eq!(restores > 0, config.response.can_restore());
        assert_eq!(autowu.lr(), core.lr());
    }
}

#[test]
fn in_a_long_run_a_loss_that_is_not_finite_waits_for_256_updates_at_most() {
    // Tests are some 3,300 updates apart, in the scout 259.
    let config = Config::new(1_000_000);
    for config in [config.without_scout(), config] {
        for skips in [0, 2, 5] {
            let non_finite = NonFinite::EndClimb { skips, back_steps: 10 };
            let response = Response { non_finite, ..config.response };
            let autowu = AutoWu::new(config.with_response(response)).unwrap();
            let last = 600 + u64::from(skips);
            let bad = |step| (600..=last).contains(&step);
            let events: Vec<_> = (0..1025)
                .map(|step| autowu.observe(&tensor(if bad(step) { f32::NAN } else { 2.0 })))
                .collect();
            assert!(matches!(events[0], Ok(Some(Event::Snapshot { .. }))));
            let restores = |event: &_| matches!(event, Ok(Some(Event::Restore { .. })));
            let back = events.iter().position(restores).unwrap() as u64;
            assert!((last..last + 256).contains(&back), "{skips} skips: {back}");
        }
    }
}

/// Only the last loss of those that are read comes before its update.
#[test]
fn an_update_is_skipped_where_its_own_loss_is_read_in_time_and_no_other_is() {
    // Losses are read in steps 1, 257, 513, …
    let config = Config::new(1_000_000).without_scout();
    for (bad, skipped) in [
        (&[256][..], Some(256)),
        (&[255], None),
        (&[2, 254], None),
        (&[100, 256], Some(256)),
        (&[100, 101, 255, 256], Some(256)),
    ] {
        let autowu = AutoWu::new(config).unwrap();
        for step in 0..600 {
            let loss = tensor(if bad.contains(&step) { f32::NAN } else { 2.0 });
            let event = autowu.observe(&loss).unwrap();
            if Some(step) == skipped {
                let Some(Event::Skip { step: told, lr, .. }) = event else { panic!("{event:?}") };
                assert_eq!((told, lr), (step + 1, autowu.lr()), "{bad:?}");
                assert!(event.is_some_and(|event| event.skips_update()));
            } else {
                assert_eq!(event.is_some(), step == 0, "{bad:?}, step {step}: {event:?}");
            }
        }
    }
}

#[test]
fn losses_are_read_when_a_test_is_due_and_otherwise_not() {
    let reads = |config: Config, steps: u64| {
        let autowu = AutoWu::new(config).unwrap();
        let mut reads = Vec::new();
        for step in 1..=steps {
            let before = autowu.state();
            autowu.observe(&tensor(loss(autowu.lr(), step))).unwrap();
            if autowu.state().steps() == step {
                reads.push((step, before.steps_until_due().map(|steps| before.steps() + steps)));
            }
        }
        reads
    };
    let config = Config::new(500);
    let tests: Vec<(u64, u64)> =
        reads(config, 500).into_iter().filter_map(|(step, due)| Some((step, due?))).collect();
    assert!(tests.len() > 50 && tests.iter().all(|(step, due)| step == due), "{tests:?}");
    // Tests of a long run are some 3,300 steps apart, and 256 losses are the most that wait. In its
    // scout they are 259 steps apart.
    let long = Config::new(1_000_000);
    for (config, expected) in [
        (long.without_scout(), &[1, 257, 513, 769, 1025][..]),
        (long, &[1, 257, 259, 515, 518, 774, 777, 1033, 1036]),
    ] {
        let steps: Vec<u64> = reads(config, 1100).iter().map(|read| read.0).collect();
        assert_eq!(steps, expected);
    }
    // A decay that nothing can put back has no tests; its losses are read for NaN, every 64 steps.
    let ramp = Ramp::default().tested(Interval::Steps(7), Patience::Growth(1.25));
    let config = Config::new(2000).without_rescue().with_ramp(ramp);
    let decay: Vec<u64> =
        reads(config, 2000).iter().filter(|read| read.1.is_none()).map(|read| read.0).collect();
    assert!(decay.len() > 10 && decay.windows(2).all(|pair| pair[1] - pair[0] == 64), "{decay:?}");
}

#[test]
fn the_scheduler_of_the_loop_gives_the_same() {
    let config = Config::new(300).without_restore();
    let autowu = AutoWu::new(config).unwrap();
    let mut scheduler = autowu.scheduler();
    for step in 0..300 {
        let lr = autowu.lr();
        assert_eq!(scheduler.step(), lr, "step {step}");
        autowu.observe(&tensor(loss(lr, step))).unwrap();
    }
    assert!(autowu.misuse().is_none());
}

#[test]
fn a_batch_of_losses_counts_as_its_mean() {
    let device = Device::flex();
    let a = AutoWu::new(Config::new(100)).unwrap();
    let b = AutoWu::new(Config::new(100)).unwrap();
    for i in 0..30 {
        let i = i as f32;
        a.observe(&Tensor::from_floats([i, i + 2.0], &device)).unwrap();
        b.observe(&tensor(i + 1.0)).unwrap();
    }
    assert_eq!(
        a.to_record().unwrap().scalar::<u64>("autowu.digest"),
        b.to_record().unwrap().scalar("autowu.digest")
    );
}

/// Also where losses that are not finite wait for the next read, with a scheduler of the loop or
/// without.
#[test]
fn a_state_saved_at_any_step_goes_on_the_same() {
    for config in configs() {
        for (bad, saves) in [
            (&[][..], &[0, 1, 19, 20, 33, 150, 251, 400, 499][..]),
            (&[31, 33, 252, 401], &[32, 34, 36, 253, 402, 403]),
            (&[31, 32, 33, 251, 252, 253, 401, 402, 403], &[32, 33, 34, 36, 253, 254, 402, 403]),
        ] {
            for &save in saves {
                let autowu = AutoWu::new(config).unwrap();
                let mut scheduler = autowu.scheduler();
                let mut other = None;
                for step in 0..500 {
                    if step == save {
                        // Through bytes, into a fresh run that is configured like it.
                        let bytes = autowu.to_record().unwrap().into_bytes().unwrap();
                        let fresh = AutoWu::new(config).unwrap();
                        fresh.load_record(&LrSchedulerRecord::from_bytes(bytes).unwrap()).unwrap();
                        other = Some((fresh.scheduler(), fresh));
                    }
                    let (lr, place) =
                        (scheduler.step(), format!("saved at {save}, step {step}, NaN at {bad:?}"));
                    let loss = tensor(if bad.contains(&step) { f32::NAN } else { loss(lr, step) });
                    let event = autowu.observe(&loss).unwrap();
                    if let Some((scheduler, other)) = &mut other {
                        assert_eq!(other.lr().to_bits(), lr.to_bits(), "{place}");
                        assert_eq!(scheduler.step().to_bits(), lr.to_bits(), "{place}");
                        assert_eq!(other.observe(&loss).unwrap(), event, "{place}");
                    }
                }
            }
        }
    }
}

/// Tests are some 3,300 updates apart: losses are read when 256 wait, also of those that waited in
/// the record. The third in a row that is not finite puts the weights back.
#[test]
fn in_a_long_run_losses_wait_in_the_record() {
    let config = Config::new(1_000_000).without_scout();
    for (bad, save) in [(600, 590), (600, 601), (600, 602), (600, 768), (1100, 1030), (767, 769)] {
        let autowu = AutoWu::new(config).unwrap();
        let other = AutoWu::new(config).unwrap();
        let mut back = None;
        for step in 0..2000 {
            if step == save {
                other.load_record(&autowu.to_record().unwrap()).unwrap();
            }
            let loss = tensor(if (bad..bad + 3).contains(&step) { f32::NAN } else { 2.0 });
            let event = autowu.observe(&loss).unwrap();
            if matches!(event, Some(Event::Restore { .. })) {
                back = Some(step);
            }
            if step >= save {
                assert_eq!(
                    (other.observe(&loss).unwrap(), other.lr()),
                    (event, autowu.lr()),
                    "{bad} {save} {step}"
                );
            }
        }
        assert!(back.is_some_and(|back| back >= save), "{bad} {save}: {back:?}");
    }
}

#[test]
fn saving_does_not_move_the_run() {
    let (a, b) = (AutoWu::new(Config::new(300)).unwrap(), AutoWu::new(Config::new(300)).unwrap());
    for step in 0..300 {
        let lr = a.lr();
        assert_eq!(lr, b.lr(), "step {step}");
        assert_eq!(a.observe(&tensor(loss(lr, step))), b.observe(&tensor(loss(lr, step))));
        b.to_record().unwrap();
    }
}

fn saved(steps: u64) -> LrSchedulerRecord {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    for step in 0..steps {
        autowu.observe(&tensor(loss(autowu.lr(), step))).unwrap();
    }
    autowu.to_record().unwrap()
}

/// Refused in words, and the run is as it was.
fn refused(record: &LrSchedulerRecord, words: &str) -> RecordError {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    for step in 0..77 {
        autowu.observe(&tensor(loss(autowu.lr(), step))).unwrap();
    }
    let before = autowu.state();
    let error = autowu.load_record(record).unwrap_err();
    assert!(error.to_string().contains(words), "{error} has not {words:?}");
    assert_eq!(autowu.state(), before);
    error
}

#[test]
fn records_that_are_not_whole_are_refused_and_change_nothing() {
    let good = saved(123);
    assert_eq!(refused(&LrSchedulerRecord::new(), "another scheduler"), RecordError::Foreign);
    assert_eq!(
        refused(&LrSchedulerRecord::new().with_scalar("current_step", 5_u64), "not a record"),
        RecordError::Foreign
    );
    for other in [1, 2, 4] {
        let record = good.clone().with_scalar("autowu.format", other);
        let words = format!("it has format {other}, this version of autowu-burn reads format 3: ");
        assert_eq!(refused(&record, &words), RecordError::Format { found: other, known: 3 });
    }
    // Longer than what is there.
    let length: u64 = good.scalar("autowu.length").unwrap();
    refused(&good.clone().with_scalar("autowu.length", length + 8), "cut short");
    refused(&good.clone().with_scalar("autowu.length", 1_u64 << 20), "cut short");
    refused(&good.clone().with_scalar("autowu.length", (1_u64 << 20) + 1), "bytes");
    refused(&good.clone().with_scalar("autowu.length", u64::MAX), "bytes");
    refused(&good.clone().with_scalar("autowu.length", length - 8), "damaged");
    refused(&good.clone().with_scalar("autowu.waiting", 500_u64), "cut short");
    refused(&good.clone().with_scalar("autowu.waiting", u64::MAX), "cut short");
    // More than can wait.
    let many = good.clone().with_scalar("autowu.waiting", 256_u64);
    let many = (0..256).fold(many, |record, i| {
        record.with_scalar(&format!("autowu.waiting.{i:05}"), 2.0_f64.to_bits())
    });
    refused(&many, "256 losses wait");
    // A word of another type, or of another state.
    refused(&good.clone().with_scalar("autowu.00003", 0.5_f64), "cut short");
    refused(&good.clone().with_scalar("autowu.00003", 0_u64), "damaged");
    let other: u64 = saved(140).scalar("autowu.digest").unwrap();
    refused(&good.with_scalar("autowu.digest", other), "digest");
}

#[test]
fn a_scheduler_that_refuses_a_record_keeps_its_state_and_holds_its_learning_rate() {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    let mut scheduler = autowu.scheduler();
    scheduler.load_record(LrSchedulerRecord::new());
    assert!(matches!(autowu.misuse(), Some(Misuse::Record(RecordError::Foreign))));
    let first = scheduler.step();
    assert!((0..50).all(|_| scheduler.step() == first));
}

#[test]
fn a_loop_that_tells_no_losses_holds_the_learning_rate() {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    let mut scheduler = autowu.scheduler();
    let first = scheduler.step();
    assert!((0..200).all(|_| scheduler.step() == first));
    let words = autowu.misuse().unwrap().to_string();
    assert!(
        words.contains("AutoWu::loss_metric()") && words.contains("AutoWu::observe"),
        "{words}"
    );
}

#[test]
fn a_loop_that_tells_more_losses_than_it_steps_its_scheduler_is_told_so() {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    let mut scheduler = autowu.scheduler();
    scheduler.step();
    // The loss of an update may come before the scheduler is stepped for it.
    assert!(autowu.observe(&tensor(2.0)).is_ok() && autowu.observe(&tensor(2.0)).is_ok());
    assert_eq!(autowu.observe(&tensor(2.0)), Err(Misuse::TooManyLosses { losses: 3, updates: 1 }));
    assert_eq!(autowu.misuse(), Some(Misuse::TooManyLosses { losses: 3, updates: 1 }));
}

#[test]
fn a_loop_that_tells_fewer_losses_than_it_steps_its_scheduler_holds_the_learning_rate() {
    let autowu = AutoWu::new(Config::new(500)).unwrap();
    let mut scheduler = autowu.scheduler();
    scheduler.step();
    autowu.observe(&tensor(2.0)).unwrap();
    let last = (scheduler.step(), scheduler.step()).1;
    assert_eq!(autowu.misuse(), None);
    assert_eq!(scheduler.step(), last);
    assert_eq!(autowu.misuse(), Some(Misuse::MissingLosses { losses: 1, updates: 3 }));
}

/// In any phase and past the end, before or after it is saved, a run gets more updates at once.
#[test]
fn an_extended_run_goes_on_as_the_core_does() {
    for config in configs() {
        let total = config.total_steps;
        for at in [0, 31, total - 60, total, total + 1, total + 20] {
            let mut core: autowu_core::AutoWu = autowu_core::AutoWu::new(config).unwrap();
            let mut autowu = AutoWu::new(config).unwrap();
            let resume = |run: &AutoWu| {
                let resumed = AutoWu::new(config).unwrap();
                resumed.load_record(&run.to_record().unwrap()).unwrap();
                resumed
            };
            let mut ends = Vec::new();
            for step in 0..2 * total + 10 {
                if step == at {
                    // A record that is loaded into an extended run is extended.
                    let resumed = AutoWu::new(config).unwrap();
                    resumed.extend(2 * total).unwrap();
                    resumed.load_record(&autowu.to_record().unwrap()).unwrap();
                    autowu.extend(2 * total).unwrap();
                    core.extend(2 * total).unwrap();
                    assert_eq!(resumed.lr(), autowu.lr(), "extended at {at}");
                    let digest = |run: &AutoWu| run.to_record().unwrap().scalar("autowu.digest");
                    assert_eq!(digest(&resumed), digest(&autowu) as Option<u64>);
                    autowu = resume(&resumed);
                }
                assert_eq!(autowu.lr(), core.lr(), "extended at {at}, step {step}");
                // No learning rate is too low, so that the guard has nothing to say at the end.
                let loss = loss(core.lr().max(1e-3), step);
                let event = autowu.observe(&tensor(loss)).unwrap();
                assert_eq!(event, core.step(f64::from(loss)).event, "step {step}");
                ends.extend(event.filter(|e| e.kind() == "finished").map(|e| e.step()));
                if step == at + 7 {
                    autowu = resume(&autowu);
                }
            }
            let first = (at > total).then_some(total + 1);
            let last = 2 * total + 1;
            assert_eq!(ends, first.into_iter().chain([last]).collect::<Vec<_>>(), "{at}");
        }
    }
}
