//! What a run writes to the log: when, at which level, how often.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use autowu_burn::{AutoWu, Config, Event, NonFinite, Response};
use burn::data::dataloader::Progress;
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::module::{Module, Param};
use burn::optim::SgdConfig;
use burn::tensor::{Device, Tensor};
use burn::train::metric::{LossInput, Metric, MetricMetadata};
use burn::train::{TrainOutput, TrainStep};
use log::{Level, LevelFilter};
use std::cell::RefCell;

type Lines = Vec<(Level, String)>;

thread_local! {
    /// Of this test: each runs on a thread of its own.
    static LINES: RefCell<Lines> = const { RefCell::new(Vec::new()) };
}

struct Ear;

impl log::Log for Ear {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("autowu_burn")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

fn logged(doing: impl FnOnce()) -> Lines {
    let _ = log::set_logger(&Ear); // the first test's
    log::set_max_level(LevelFilter::Debug);
    LINES.take();
    doing();
    LINES.take()
}

fn count(lines: &Lines, level: Level, words: &str) -> usize {
    lines.iter().filter(|line| line.0 == level && line.1.contains(words)).count()
}

fn tensor(loss: f32) -> Tensor<1> {
    Tensor::from_floats([loss], &Device::flex())
}

/// A valley in the logarithm of the learning rate, with ripples.
fn loss(lr: f64, step: u64) -> f32 {
    let x = (lr.max(1e-9) / 1e-2).ln();
    (1.0 + x * x / 10.0 + 0.05 * (step as f64 * 1.7).sin()) as f32
}

fn run(autowu: &AutoWu, steps: u64) -> Vec<Event<f64>> {
    let mut scheduler = autowu.scheduler();
    let step = |step| {
        let lr = scheduler.step();
        autowu.observe(&tensor(loss(lr, step))).unwrap()
    };
    (0..steps).filter_map(step).collect()
}

#[test]
fn every_event_but_a_snapshot_is_a_line_and_every_test_one_for_debugging() {
    let autowu = AutoWu::new(Config::new(300)).unwrap();
    let mut events = Vec::new();
    let lines = logged(|| events = run(&autowu, 300));
    events.retain(|event| !matches!(event, Event::Snapshot { .. }));
    assert!(events.len() >= 2);
    let expected: Lines =
        events.iter().map(|event| (Level::Info, format!("AutoWU: {event}"))).collect();
    let of_events: Lines = lines.iter().filter(|line| line.0 <= Level::Info).cloned().collect();
    assert_eq!(of_events, expected);
    assert_eq!(count(&lines, Level::Debug, "AutoWU: step ") as u64, autowu.state().tests());
    // One that the run cannot help is a warning.
    let autowu = AutoWu::new(with_skips(0, 300)).unwrap();
    let lines = logged(|| {
        let event = autowu.observe(&tensor(f32::NAN)).unwrap();
        assert!(matches!(event, Some(Event::Diverged { .. })), "{event:?}");
    });
    assert_eq!(lines.iter().map(|line| line.0).collect::<Vec<_>>(), [Level::Warn]);
}

/// The updates of up to this many non-finite losses in a row are skipped.
fn with_skips(skips: u32, total: u64) -> Config {
    let config = Config::new(total);
    let non_finite = NonFinite::EndClimb { skips, back_steps: 10 };
    config.with_response(Response { non_finite, ..config.response })
}

/// However many: a warning for the first, unless its restore says so, one where the run cannot help
/// them, and a line for each restore.
#[test]
fn losses_in_a_row_that_are_not_finite_are_one_warning() {
    for (good, skipped, restores) in
        [(0, 1, 0), (1, 0, 3), (9, 1, 3), (20, 0, 3), (150, 0, 3), (290, 0, 1)]
    {
        let autowu = AutoWu::new(Config::new(300)).unwrap();
        for step in 0..good {
            let _ = autowu.observe(&tensor(loss(autowu.lr(), step))).unwrap();
        }
        let mut events = Vec::new();
        let lines = logged(|| {
            let bad = (0..1000).filter_map(|_| autowu.observe(&tensor(f32::NAN)).unwrap());
            events = bad.filter(|event| event.kind() != "finished").collect();
        });
        let of = |words| count(&lines, Level::Warn, words);
        assert_eq!(of("a few in a row count as divergence"), skipped, "{good}: {lines:?}");
        assert_eq!(of("diverged"), 1, "{good}: {lines:?}");
        assert_eq!(count(&lines, Level::Info, "weights restored"), restores, "{good}: {lines:?}");
        assert!(lines.len() <= 7, "{good}: {lines:?}");
        let skips = events.iter().filter(|event| matches!(event, Event::Skip { .. })).count();
        assert!(skips > 10, "{good}: {skips}");
    }
    // A finite loss ends the silence: the next NaN is reported, once per read.
    let autowu = AutoWu::new(Config::new(300)).unwrap();
    let lines = logged(|| {
        for step in 1..=30 {
            let bad = [1, 2, 4, 6, 13, 14].contains(&step);
            let _ = autowu.observe(&tensor(if bad { f32::NAN } else { 1.0 })).unwrap();
        }
    });
    let warnings = lines.iter().filter(|line| line.0 == Level::Warn);
    let steps = warnings.map(|line| line.1.split(' ').nth(2).unwrap().to_owned());
    assert_eq!(steps.collect::<Vec<_>>(), ["1:", "4:", "13:"], "{lines:?}");
}

#[test]
fn updates_beyond_the_budget_are_one_warning_and_updates_short_of_it_another() {
    for (steps, beyond, short) in [(0, 0, 0), (3, 0, 1), (100, 0, 0), (101, 1, 0), (130, 1, 0)] {
        let lines = logged(|| {
            let autowu = AutoWu::new(Config::new(100)).unwrap();
            run(&autowu, steps);
        });
        assert_eq!(
            count(&lines, Level::Warn, "the budget of 100 updates is used"),
            beyond,
            "{steps}: {lines:?}"
        );
        let words = format!("the training ended after {steps} of 100 updates");
        assert_eq!(count(&lines, Level::Warn, &words), short, "{steps}: {lines:?}");
    }
}

/// A loop that steps no scheduler hears it from the core; an extended run ends once more.
#[test]
fn the_end_of_a_budget_is_one_warning_whoever_notices_it() {
    for has_scheduler in [false, true] {
        let autowu = AutoWu::new(Config::new(100)).unwrap();
        let mut scheduler = has_scheduler.then(|| autowu.scheduler());
        let mut done = 0;
        let mut run = |steps: u64| {
            for step in std::mem::replace(&mut done, steps)..steps {
                let lr = scheduler.as_mut().map_or_else(|| autowu.lr(), LrScheduler::step);
                let _ = autowu.observe(&tensor(loss(lr.max(1e-3), step))).unwrap();
            }
        };
        let ends = |lines: &Lines| count(lines, Level::Warn, "updates is used");
        let lines = logged(|| run(100));
        assert_eq!(ends(&lines), 0, "{lines:?}");
        let lines = logged(|| run(130));
        assert_eq!(ends(&lines), 1, "{lines:?}");
        assert_eq!(count(&lines, Level::Info, "the budget is used"), 0, "{lines:?}");
        assert!(autowu.extend(129).is_err());
        autowu.extend(200).unwrap();
        let lines = logged(|| run(200));
        assert_eq!(ends(&lines), 0, "{lines:?}");
        let lines = logged(|| run(230));
        assert_eq!(count(&lines, Level::Warn, "the budget of 200 updates is used"), 1, "{lines:?}");
        assert_eq!(ends(&lines), 1, "{lines:?}");
    }
}

#[test]
fn a_record_of_another_budget_names_the_call() {
    let saved = AutoWu::new(Config::new(200)).unwrap();
    for (total, extended, words) in [
        (200, None, None),
        (
            300,
            None,
            Some(
                "a budget of 200 updates and goes on with it, this one was given 300: call AutoWu::extend(300)",
            ),
        ),
        (
            150,
            None,
            Some(
                "a budget of 200 updates and goes on with it, this one was given 150: no run gets shorter",
            ),
        ),
        (200, Some(300), None),
        (300, Some(400), None),
    ] {
        let autowu = AutoWu::new(Config::new(total)).unwrap();
        if let Some(total) = extended {
            autowu.extend(total).unwrap();
        }
        let lines = logged(|| autowu.load_record(&saved.to_record().unwrap()).unwrap());
        match words {
            Some(words) => assert_eq!(count(&lines, Level::Warn, words), 1, "{lines:?}"),
            None => assert_eq!(lines, []),
        }
        assert!(lines.len() <= 1, "{lines:?}");
        assert_eq!(autowu.state().total_steps(), extended.unwrap_or(200));
    }
}

/// Tells the metric three epochs of this many updates.
fn epochs(autowu: &AutoWu, updates: usize) {
    let (mut scheduler, mut metric) = (autowu.scheduler(), autowu.loss_metric());
    for _ in 0..3 {
        for iteration in 1..=updates {
            let lr = scheduler.step();
            let progress =
                Progress { items_processed: iteration, items_total: updates, unit: None };
            let metadata =
                MetricMetadata { progress, iteration: Some(iteration), lr: Some(lr.into()) };
            metric.update(&LossInput::new(tensor(1.0)), &metadata).unwrap();
        }
        metric.clear();
    }
}

#[test]
fn epochs_that_do_not_divide_the_budget_are_one_warning() {
    for (updates, warnings) in [(7, 1), (10, 0), (20, 0)] {
        let autowu = AutoWu::new(Config::new(100)).unwrap();
        let lines = logged(|| epochs(&autowu, updates));
        let words = format!(
            "an epoch has {updates} updates, and the budget of 100 is not a whole number of epochs"
        );
        assert_eq!(count(&lines, Level::Warn, &words), warnings, "{lines:?}");
        assert_eq!(count(&lines, Level::Info, "the model is not wrapped"), 1, "{lines:?}");
    }
    // An epoch that was stopped before its first update has nothing to say.
    let autowu = AutoWu::new(Config::new(100)).unwrap().grads_accumulation(2);
    let mut metric = autowu.loss_metric();
    let progress = Progress { items_processed: 1, items_total: 10, unit: None };
    let metadata = MetricMetadata { progress, iteration: Some(1), lr: Some(1e-3.into()) };
    let lines = logged(|| {
        metric.update(&LossInput::new(tensor(1.0)), &metadata).unwrap();
        metric.clear();
    });
    assert_eq!(lines, []);
    // After a resume too: the updates of the epoch, not of the run.
    let first = AutoWu::new(Config::new(100)).unwrap();
    epochs(&first, 10);
    let second = AutoWu::new(Config::new(100)).unwrap();
    second.load_record(&first.to_record().unwrap()).unwrap();
    let lines = logged(|| epochs(&second, 10));
    assert_eq!(count(&lines, Level::Warn, "an epoch has"), 0, "{lines:?}");
}

#[test]
fn a_record_of_another_configuration_is_a_warning_but_where_only_the_way_back_differs() {
    let saved = |config| AutoWu::new(config).unwrap().to_record().unwrap();
    let ours = Config::new(100);
    for (theirs, warnings) in [(ours, 0), (ours.without_restore(), 0), (ours.with_seed(5), 1)] {
        let autowu = AutoWu::new(ours).unwrap();
        let lines = logged(|| autowu.load_record(&saved(theirs)).unwrap());
        assert_eq!(
            count(&lines, Level::Warn, "was configured differently"),
            warnings,
            "{theirs:?}: {lines:?}"
        );
    }
}

#[test]
fn a_copy_that_nothing_can_put_back_is_a_warning() {
    let plain = AutoWu::new(Config::new(100)).unwrap().to_record().unwrap();
    let with_copy = plain.clone().with_scalar("autowu.copy", 5_u64);
    for (record, has_metric, warnings) in
        [(&plain, true, 0), (&with_copy, true, 1), (&with_copy, false, 0)]
    {
        let autowu = AutoWu::new(Config::new(100)).unwrap();
        let _metric = has_metric.then(|| autowu.loss_metric());
        let lines = logged(|| autowu.load_record(record).unwrap());
        assert_eq!(
            count(&lines, Level::Warn, "this one cannot"),
            warnings,
            "{has_metric}: {lines:?}"
        );
    }
}

#[test]
fn what_stops_a_run_is_said_once() {
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let lines = logged(|| {
        let mut scheduler = autowu.scheduler();
        for _ in 0..10 {
            scheduler.step();
        }
        scheduler.load_record(LrSchedulerRecord::new());
    });
    assert_eq!(count(&lines, Level::Error, ""), 1, "{lines:?}");
    assert_eq!(count(&lines, Level::Error, "it receives no losses"), 1, "{lines:?}");
}

#[test]
fn a_scheduler_that_is_more_than_eight_updates_late_is_one_of_another_training() {
    let autowu = AutoWu::new(Config::new(200)).unwrap();
    let (mut second, mut third) = (autowu.scheduler(), autowu.scheduler_with_ratio(0.5));
    let mut first = autowu.scheduler();
    let mut step = || {
        let lr = first.step();
        autowu.observe(&tensor(loss(lr, 0))).unwrap();
        lr
    };
    let lrs: Vec<f64> = (0..8).map(|_| step()).collect();
    assert!(lrs.windows(2).all(|pair| pair[0] < pair[1]), "{lrs:?}");
    let lines = logged(|| assert_eq!((0..8).map(|_| second.step()).collect::<Vec<_>>(), lrs));
    assert_eq!(lines, []);
    step();
    let lines = logged(|| assert_eq!(third.step(), 0.5 * Config::new(200).min_lr));
    assert_eq!(
        count(&lines, Level::Error, "asks for the learning rate of update 0 after 9 updates"),
        1,
        "{lines:?}"
    );
    assert_eq!(third.step(), 0.5 * lrs[1]);
}

/// One weight; its input is its loss.
#[derive(Module, Debug)]
struct Weight {
    weight: Param<Tensor<1>>,
}

impl TrainStep for Weight {
    type Input = f64;
    type Output = ();

    fn step(&self, loss: f64) -> TrainOutput<()> {
        TrainOutput::new(self, (self.weight.val() * loss).backward(), ())
    }
}

#[test]
fn a_copy_that_cannot_be_written_or_read_is_said_with_its_place() {
    // A folder cannot be where a file is.
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-folder");
    std::fs::write(&file, "").unwrap();
    let place = file.display().to_string();
    let update = |autowu: &AutoWu| {
        let weight =
            Weight { weight: Param::from_tensor(Tensor::zeros([1], &Device::flex().autodiff())) };
        let model = autowu.model(weight, |()| tensor(1.0));
        let grads = TrainStep::step(&model, 1.0).grads;
        drop(model.optimize(&mut SgdConfig::new().init(), autowu.lr().into(), grads));
    };
    let autowu = AutoWu::new(Config::new(100)).unwrap().keep_copy_in(&file);
    update(&autowu);
    let mut record = LrSchedulerRecord::new();
    let lines = logged(|| record = autowu.to_record().unwrap());
    assert_eq!(count(&lines, Level::Error, &format!("was not saved: {place}")), 1, "{lines:?}");
    let resumed = AutoWu::new(Config::new(100)).unwrap().keep_copy_in(&file);
    resumed.load_record(&record).unwrap();
    let lines = logged(|| update(&resumed));
    assert_eq!(count(&lines, Level::Warn, &format!("could not be read ({place}")), 1, "{lines:?}");
}
