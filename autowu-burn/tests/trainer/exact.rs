//! Two lines in burn's trainer: the learning rates are the core's, bit for bit, whatever the speed
//! of the metrics' thread.

use crate::toy::*;
use autowu_burn::{AutoWu, Config, NonFinite, Response};
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn is_the_core(name: &str, config: Config, expected: Config) {
    let trace = Trace::default();
    let autowu = AutoWu::new(config).unwrap();
    let result = run(name, 40, 15, &autowu, &trace);
    assert!(result.error.is_none(), "{:?}", result.error);

    let (lrs, losses) = (trace.lrs(), trace.losses());
    assert_eq!(losses.len(), 300);
    assert_same(&lrs, &core_lrs(expected, &losses)[..300]);
    // It says something: the minimum was found, long before the warmup's share of the budget was
    // used.
    let peak =
        lrs.iter().position(|lr| lr == lrs.iter().max_by(|a, b| a.total_cmp(b)).unwrap()).unwrap();
    assert!(peak < 140 && lrs[299] == 0.0, "{peak}");
}

#[test]
fn the_default_rule_is_the_cores() {
    let config = Config::new(300).without_restore();
    is_the_core("default", config, config);
}

#[test]
fn without_a_wrapped_model_nothing_is_put_back() {
    is_the_core("plain", Config::new(300), Config::new(300).without_restore());
}

#[test]
fn the_papers_rule_is_the_cores() {
    let config = Config::paper(4, 75);
    let trace = Trace::default();
    let autowu = AutoWu::new(config).unwrap();
    assert!(run("paper", 8, 75, &autowu, &trace).error.is_none());
    assert_same(&trace.lrs(), &core_lrs(config, &trace.losses())[..300]);
    assert!(autowu.state().tests() >= 3);
}

#[test]
fn a_slow_metrics_thread_changes_nothing() {
    let fast = Trace::default();
    let slow = Trace { pause: Duration::from_millis(3), ..Trace::default() };
    for (name, trace) in [("fast", &fast), ("slow", &slow)] {
        let autowu = AutoWu::new(Config::new(200)).unwrap();
        assert!(run(name, 40, 10, &autowu, trace).error.is_none());
    }
    assert_same(&fast.lrs(), &slow.lrs());
    assert_same(&fast.losses(), &slow.losses());
}

/// Counts, at each learning rate, the losses that have come.
#[derive(Clone)]
struct Watch<S> {
    inner: S,
    trace: Trace,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl<S: LrScheduler + Clone + 'static> LrScheduler for Watch<S> {
    fn step(&mut self) -> f64 {
        self.seen.lock().unwrap().push(self.trace.losses().len());
        self.inner.step()
    }

    fn to_record(&self) -> LrSchedulerRecord {
        self.inner.to_record()
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.inner.load_record(record);
    }
}

#[test]
fn losses_are_never_more_than_two_updates_late() {
    let trace = Trace { pause: Duration::from_millis(2), ..Trace::default() };
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let watch = Watch { inner: autowu.scheduler(), trace: trace.clone(), seen: Arc::default() };
    let result = training("late", 40, 5, &trace)
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(watch.clone()));
    assert!(result.error.is_none());
    let seen = watch.seen.lock().unwrap();
    let late: Vec<usize> = seen.iter().enumerate().map(|(update, seen)| update - seen).collect();
    assert!(late.iter().all(|&late| late <= 2), "{late:?}");
    assert!(late.contains(&2), "a slow thread is late: {late:?}");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_warmup_two_updates_later_and_says_so() {
    // Far too large a first learning rate: the weights explode within a few dozen updates, and all
    // losses after them.
    let config = Config::new(400).without_restore().with_lr_range(0.5, 100.0);
    for skips in [0, 2] {
        let trace = Trace::default();
        let non_finite = NonFinite::EndClimb { skips: skips as u32, back_steps: 10 };
        let config = config.with_response(Response { non_finite, ..config.response });
        let autowu = AutoWu::new(config).unwrap();
        assert!(run(&format!("diverged-{skips}"), 40, 20, &autowu, &trace).error.is_none());
        let (lrs, losses) = (trace.lrs(), trace.losses());
        let first = losses.iter().position(|loss| !loss.is_finite()).expect("it explodes");
        assert!(losses[first..].iter().all(|loss| !loss.is_finite()), "the weights are lost");
        let bad = first + skips;
        let turn = lrs.windows(2).position(|pair| pair[1] < pair[0]).expect("the decay begins") + 1;
        assert!(turn <= bad + 3, "loss {bad} is not finite, the learning rate falls at {turn}");
        assert!(lrs.windows(2).skip(turn).all(|pair| pair[1] <= pair[0]));
    }
}

#[test]
fn groups_get_their_part_of_one_learning_rate() {
    use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
    use burn::module::{ParamGroup, ParamId};
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let head = ParamId::new();
    let mut scheduler = ModuleLrScheduler::new(autowu.scheduler())
        .with_group(ParamGroup::from_ids(vec![head]), autowu.scheduler_with_ratio(0.1));
    for _ in 0..2 {
        let lrs = scheduler.step();
        assert_eq!(lrs.lr_from_param(head, None), lrs.base() * 0.1);
    }
}
