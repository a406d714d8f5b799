//! What goes wrong between trainer and scheduler is reported, and never lets the learning rate
//! grow.

use crate::toy::*;
use autowu_burn::{AutoWu, Config, Misuse};
use burn::train::{ExecutionStrategy, LearningResult, MultiDeviceOptim, SupervisedTraining};

fn autowu() -> AutoWu {
    AutoWu::new(Config::new(200)).unwrap()
}

/// The trainer stopped, with a sentence that has these words.
fn stopped(result: &LearningResult<Toy>, words: &str) {
    let error = result.error.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(error.contains(words), "{error:?} has not {words:?}");
}

fn held(trace: &Trace, updates: usize) {
    let lrs = trace.lrs();
    assert!(lrs.iter().all(|&lr| lr <= lrs[0] * 1.5), "{lrs:?}");
    assert!(lrs.len() <= updates, "{} updates", lrs.len());
}

#[test]
fn a_metric_that_was_never_made_holds_the_learning_rate() {
    let (trace, autowu) = (Trace::default(), autowu());
    training("never", 40, 10, &trace).launch(learner(autowu.scheduler()));
    assert_eq!(autowu.misuse(), Some(Misuse::NoLoss));
    held(&trace, 200);
}

#[test]
fn a_metric_that_was_made_and_not_registered_holds_the_learning_rate() {
    let (trace, autowu) = (Trace::default(), autowu());
    let _metric = autowu.loss_metric();
    training("unregistered", 40, 10, &trace).launch(learner(autowu.scheduler()));
    assert_eq!(autowu.misuse(), Some(Misuse::NoTrainingLoss { updates: 3 }));
    held(&trace, 200);
}

#[test]
fn a_metric_for_validation_only_stops_the_training() {
    let (trace, autowu) = (Trace::default(), autowu());
    let result = training("validation", 40, 10, &trace)
        .metric_valid_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    stopped(&result, "for the training split");
    held(&trace, 22);
}

#[test]
fn a_metric_registered_twice_stops_the_training() {
    let (trace, autowu) = (Trace::default(), autowu());
    let metric = autowu.loss_metric();
    let result = training("twice", 40, 10, &trace)
        .metric_train_numeric(metric.clone())
        .metric_train_numeric(metric)
        .launch(learner(autowu.scheduler()));
    stopped(&result, "two loss metrics");
    held(&trace, 5);
}

#[test]
fn both_splits_at_once_are_no_misuse() {
    let (trace, autowu) = (Trace::default(), autowu());
    let result: LearningResult<Toy> = training("both", 40, 10, &trace)
        .metrics((autowu.loss_metric(),))
        .launch(learner(autowu.scheduler()));
    assert!(result.error.is_none() && autowu.misuse().is_none());
}

#[test]
fn a_second_training_on_the_same_handle_stops_and_the_first_is_not_hurt() {
    let (trace, autowu) = (Trace::default(), autowu());
    let first = run("first", 40, 10, &autowu, &trace);
    assert!(first.error.is_none());
    let (again, second_trace) = (autowu.clone(), Trace::default());
    let second = run("second", 40, 10, &again, &second_trace);
    stopped(&second, "AutoWu of its own");
    held(&second_trace, 5);
}

#[test]
fn undeclared_accumulation_stops_the_training_at_once() {
    let (trace, autowu) = (Trace::default(), autowu());
    let result = training("undeclared", 40, 10, &trace)
        .grads_accumulation(4)
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    stopped(&result, "grads_accumulation");
    held(&trace, 5);
}

#[test]
fn undeclared_devices_stop_the_training_at_once() {
    let (trace, autowu) = (Trace::default(), autowu());
    let devices =
        ExecutionStrategy::multi(vec![device(), device()], MultiDeviceOptim::OptimMainDevice);
    let result = training("undeclared-devices", 40, 10, &trace)
        .with_training_strategy(devices.into())
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    stopped(&result, "several devices");
    held(&trace, 8);
}

#[test]
fn more_updates_than_the_budget_stay_at_its_end() {
    let trace = Trace::default();
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let result = run("longer", 40, 10, &autowu, &trace);
    assert!(result.error.is_none());
    assert!(trace.lrs()[99..].iter().all(|&lr| lr == 0.0));
}

#[test]
fn fewer_updates_than_the_budget_are_an_unfinished_schedule() {
    let trace = Trace::default();
    let autowu = AutoWu::new(Config::new(10_000)).unwrap();
    assert!(run("shorter", 40, 2, &autowu, &trace).error.is_none());
    assert_eq!(autowu.state().phase().name(), "warmup");
    held(&trace, 40);
}

#[test]
fn a_refused_checkpoint_stops_the_training() {
    let trace = Trace::default();
    let checkpointed = |name: &str| -> SupervisedTraining<Toy> {
        let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        SupervisedTraining::new(folder, rows(40), rows(4))
            .metric_train(trace.clone())
            .with_application_logger(None)
            .with_default_checkpointers()
    };
    let _ = folder("foreign");
    checkpointed("foreign").num_epochs(1).launch(learner(1e-3));
    let autowu = autowu();
    let result = checkpointed("foreign")
        .num_epochs(3)
        .checkpoint(1)
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    stopped(&result, "not a record of AutoWU");
}
