//! AutoWU in burn's own trainer: handwritten digits, and an untuned learning rate.
//!
//! ```text
//! cargo run --release -p autowu-burn --example digits
//! cargo run --release -p autowu-burn --features tui --example digits     # in burn's dashboard
//! ```

mod args;
mod batches;
mod model;
mod plain;
mod results;

use crate::args::Args;
use crate::batches::Batch;
use crate::model::Model;
use autowu_burn::AutoWu;
use autowu_lab::images::{self, Dataset};
use burn::tensor::Device;
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::metric::{AccuracyMetric, LearningRateMetric, LossMetric};
use burn::train::{
    ClassificationOutput, InferenceStep, Learner, LearnerModel, SupervisedTraining, TrainStep,
};
use clap::Parser;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let data = images::load(&args.data)?;
    let device = Device::flex().autodiff();
    device.seed(args.seed);
    let model =
        Model::new(args.model, [data.train.rows, data.train.columns], data.classes, &device);
    let optimizer = args.optimizer();

    // burn's last batch of an epoch may be short: the updates of an epoch are rounded up.
    let steps_per_epoch = data.train.len().div_ceil(args.batch as usize) as u64;
    let config = args.config(steps_per_epoch);
    println!(
        "burn's trainer: {} images, {steps_per_epoch} updates an epoch, {} epochs",
        data.train.len(),
        args.epochs
    );
    let model = match config {
        None => train(
            args,
            &data,
            Learner::new(model, optimizer, args.baseline(steps_per_epoch)),
            None,
        )?,
        Some(config) => {
            let autowu = AutoWu::new(config)?.keep_copy_in(args.out.join("checkpoint"));
            let scheduler = autowu.scheduler();
            if args.no_restore {
                train(args, &data, Learner::new(model, optimizer, scheduler), Some(&autowu))?
            } else {
                // The recommended form: weights go back to their best point when a climb of the
                // learning rate ends.
                let model = autowu.model(model, |output| output.loss.clone());
                train(args, &data, Learner::new(model, optimizer, scheduler), Some(&autowu))?
                    .into_inner()
            }
        }
    };
    results::write(&args.out, args.stop_after.unwrap_or(args.epochs), config)?;
    println!("test accuracy {:.4}", results::accuracy(&model, &data.test)?);
    Ok(())
}

/// burn's trainer, as with any scheduler, and AutoWU's metrics.
fn train<M>(
    args: &Args,
    data: &Dataset,
    learner: Learner<M>,
    autowu: Option<&AutoWu>,
) -> Result<M, Box<dyn Error>>
where
    M: LearnerModel
        + TrainStep<Input = Batch, Output = ClassificationOutput>
        + InferenceStep<Input = Batch, Output = ClassificationOutput>,
{
    let done = args.resume.unwrap_or(0);
    let batches = batches::Epochs::shuffled(
        &data.train,
        args.batch as usize,
        args.seed,
        done..args.epochs.max(done + 1),
    );
    let mut training =
        SupervisedTraining::new(&args.out, batches, batches::in_order(&data.test, 512))
            .num_epochs(args.stop_after.unwrap_or(args.epochs) as usize)
            .metrics((AccuracyMetric::new(),))
            .metric_train_numeric(LearningRateMetric::new())
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(2))
            .with_default_checkpointers()
            .summary();
    training = match autowu {
        None => training.metrics((LossMetric::new(),)),
        Some(autowu) => training
            .metrics((autowu.loss_metric(),)) // in the place of LossMetric::new()
            .metric_train_numeric(autowu.probability_metric())
            .metric_train(autowu.phase_metric()),
    };
    if args.plain || cfg!(not(feature = "tui")) {
        training = training.renderer(Box::new(plain::Plain::default()));
    }
    if done > 0 {
        let checkpoint = args.out.join(format!("checkpoint/scheduler-{done}.bpk"));
        if !checkpoint.exists() {
            return Err(format!(
                "--resume {done}: {} is not there; burn keeps the last two epochs",
                checkpoint.display()
            )
            .into());
        }
        training = training.checkpoint(done as usize);
    }
    let result = training.launch(learner);
    match result.error {
        Some(error) => Err(error.to_string().into()),
        None => Ok(result.model),
    }
}
