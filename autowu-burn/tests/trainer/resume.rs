//! A training that is interrupted and resumed from burn's checkpoints is the one that was not.

use crate::toy::*;
use autowu_burn::{AutoWu, Config};
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::{Learner, SupervisedTraining};
use std::path::Path;

const EPOCHS: usize = 12;

/// How AutoWU is used.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Scheduler and metric.
    Two,
    /// With the wrapped model.
    Wrapped,
    /// With the wrapped model, whose copy of the weights is beside the checkpoints.
    Saved,
}

/// Trains from after epoch `done` to epoch `end`, in a process of its own as far as AutoWU is
/// concerned.
fn part(folder: &Path, form: Form, done: usize, end: usize, config: Config, trace: &Trace) {
    let mut autowu = AutoWu::new(config).unwrap();
    if form == Form::Saved {
        autowu = autowu.keep_copy_in(folder.join("checkpoint"));
    }
    fn training<M>(
        folder: &Path,
        trace: &Trace,
        autowu: &AutoWu,
        end: usize,
    ) -> SupervisedTraining<M>
    where
        M: burn::train::LearnerModel
            + burn::train::TrainStep<Input = Batch, Output = Output>
            + burn::train::InferenceStep<Input = Batch, Output = Output>,
    {
        SupervisedTraining::new(folder, rows(40), rows(4))
            .num_epochs(end)
            .metrics((autowu.loss_metric(),))
            .metric_train(trace.clone())
            .with_metric_logger(InMemoryMetricLogger::new())
            .with_application_logger(None)
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(1))
            .with_default_checkpointers()
    }
    let error = if form != Form::Two {
        let model = autowu.model(Toy::new(&device()), |output| output.loss.clone());
        let learner = Learner::new(model, momentum(), autowu.scheduler());
        let training = training(folder, trace, &autowu, end);
        if done > 0 { training.checkpoint(done) } else { training }.launch(learner).error
    } else {
        let learner = Learner::new(Toy::new(&device()), momentum(), autowu.scheduler());
        let training = training(folder, trace, &autowu, end);
        if done > 0 { training.checkpoint(done) } else { training }.launch(learner).error
    };
    assert!(error.is_none(), "{error:?}");
}

fn in_parts(name: &str, form: Form, every: usize, config: Config) -> Trace {
    let (trace, folder) = (Trace::default(), folder(name));
    for done in (0..EPOCHS).step_by(every) {
        part(&folder, form, done, (done + every).min(EPOCHS), config, &trace);
    }
    trace
}

fn same_in_parts(name: &str, config: Config) {
    let whole = in_parts(&format!("{name}-whole"), Form::Two, EPOCHS, config);
    assert_eq!(whole.lrs().len(), 20 * EPOCHS);
    for every in [1, 3] {
        let parts = in_parts(&format!("{name}-{every}"), Form::Two, every, config);
        assert_same(&whole.losses(), &parts.losses());
        assert_same(&whole.lrs(), &parts.lrs());
    }
}

#[test]
fn interrupted_after_each_and_after_each_third_epoch() {
    same_in_parts("resumed", Config::new(20 * EPOCHS as u64));
}

#[test]
fn the_papers_rule_too() {
    same_in_parts("resumed-paper", Config::paper(20, EPOCHS as u64));
}

/// The wrapped model in one piece, and the step at which weights first go back after the first
/// interruption.
fn wrapped_whole(name: &str, config: Config) -> (Trace, usize) {
    let whole = in_parts(name, Form::Saved, EPOCHS, config);
    let lrs = whole.lrs();
    let back = (61..=96).find(|&step| lrs[step] < 0.8 * lrs[step - 1]).expect("a climb ends");
    (whole, back)
}

/// With a scout, whose weights go back before the first interruption, and without.
fn configs() -> [(&'static str, Config); 2] {
    let config = Config::new(20 * EPOCHS as u64);
    [("", config.without_scout()), ("-scout", config)]
}

#[test]
fn the_wrapped_model_too_with_its_copy_on_disk() {
    for (name, config) in configs() {
        let (whole, _) = wrapped_whole(&format!("resumed-saved-whole{name}"), config);
        for every in [1, 3] {
            let folder = format!("resumed-saved-{every}{name}");
            let parts = in_parts(&folder, Form::Saved, every, config);
            assert_same(&whole.losses(), &parts.losses());
            assert_same(&whole.lrs(), &parts.lrs());
        }
    }
}

#[test]
fn copies_of_the_warmup_stay_on_disk_for_as_long_as_checkpoints_do() {
    let config = Config::new(20 * EPOCHS as u64);
    let name = "copy-files";
    in_parts(name, Form::Saved, EPOCHS, config);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("checkpoint");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().into_string().ok());
    let copies = files.filter(|name| name.starts_with("autowu-copy-")).count();
    assert!((2..=8).contains(&copies), "{copies} files");
}

#[test]
fn without_a_copy_on_disk_the_checkpoints_own_weights_take_its_place() {
    let [(_, config), _] = configs();
    let (whole, back) = wrapped_whole("resumed-model-whole", config);
    let parts = in_parts("resumed-model", Form::Wrapped, 3, config);
    assert_same(&whole.lrs()[..=back], &parts.lrs()[..=back]);
    // And it ends as well.
    let end = |trace: &Trace| trace.losses()[230..].iter().sum::<f64>() / 10.0;
    assert!(end(&parts) < 2.0 * end(&whole) + 0.5, "{} and {}", end(&parts), end(&whole));
}
