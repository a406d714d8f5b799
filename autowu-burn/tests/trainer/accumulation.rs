//! Several batches to an update: gradient accumulation and several devices.

use crate::toy::*;
use autowu_burn::{AutoWu, Config};
use burn::train::{ExecutionStrategy, Learner, MultiDeviceOptim};

const OPTIMS: [MultiDeviceOptim; 2] =
    [MultiDeviceOptim::OptimMainDevice, MultiDeviceOptim::OptimSharded];

/// The learning rates of the updates, each `batches` items of the trace with one more at the end of
/// an epoch where `short`.
fn per_update(trace: &Trace, batches: usize, epoch: usize) -> (Vec<f64>, Vec<f64>) {
    let (lrs, losses) = (trace.lrs(), trace.losses());
    let last =
        |lrs: &[f64]| lrs.chunks(batches).map(|these| these[these.len() - 1]).collect::<Vec<_>>();
    (
        lrs.chunks(epoch).flat_map(last).collect(),
        losses.chunks(epoch).flat_map(|losses| means(losses, batches)).collect(),
    )
}

#[test]
fn an_accumulated_update_is_one_step_with_the_mean_loss() {
    // 10 batches an epoch, 4 to an update: the third update of an epoch has 2.
    let trace = Trace::default();
    let config = Config::new(3 * 30).without_restore();
    let autowu = AutoWu::new(config).unwrap().grads_accumulation(4);
    let result = training("accumulated", 20, 30, &trace)
        .grads_accumulation(4)
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    assert!(result.error.is_none(), "{:?}", result.error);
    let (lrs, losses) = per_update(&trace, 4, 10);
    assert_eq!(lrs.len(), 90);
    assert_same(&lrs, &core_lrs(config, &losses)[..90]);
    assert!(autowu.state().tests() > 2);
}

#[test]
fn the_wrapped_model_counts_the_batches_itself() {
    let trace = Trace::default();
    let config = Config::new(3 * 30).without_restore();
    let autowu = AutoWu::new(config).unwrap();
    let model = autowu.model(Toy::new(&device()), |output| output.loss.clone());
    let result = training("accumulated-model", 20, 30, &trace)
        .grads_accumulation(4)
        .metric_train_numeric(autowu.loss_metric())
        .launch(Learner::new(model, sgd(), autowu.scheduler()));
    assert!(result.error.is_none(), "{:?}", result.error);
    let (lrs, losses) = per_update(&trace, 4, 10);
    assert_same(&lrs, &core_lrs(config, &losses)[..90]);
}

/// The CPU as many times: burn trains a clone of the model for each, on a thread of its own.
fn workers(workers: usize, optim: MultiDeviceOptim) -> ExecutionStrategy {
    ExecutionStrategy::multi(vec![device(); workers], optim)
}

#[test]
fn several_devices_are_one_step_with_the_mean_loss() {
    // 22 rows for each device, 2 rows a batch: 11 updates an epoch.
    for devices in [2, 4] {
        for (i, optim) in OPTIMS.into_iter().enumerate() {
            let trace = Trace::default();
            let config = Config::new(11 * 10).without_restore();
            let autowu = AutoWu::new(config).unwrap().devices(devices);
            let result = training(&format!("{devices}-devices-{i}"), 22 * devices, 10, &trace)
                .with_training_strategy(workers(devices, optim).into())
                .metric_train_numeric(autowu.loss_metric())
                .launch(learner(autowu.scheduler()));
            assert!(result.error.is_none(), "{:?}", result.error);
            let (lrs, losses) = per_update(&trace, devices, 11 * devices);
            assert_eq!(lrs.len(), 110);
            assert_same(&lrs, &core_lrs(config, &losses)[..110]);
            assert!(autowu.state().tests() > 2);
        }
    }
}

#[test]
fn a_device_that_runs_out_of_data_first_holds_nothing_up() {
    // 45 rows: 22 on the first device, 23 on the second, which has one batch more.
    let trace = Trace::default();
    let config = Config::new(12 * 10).without_restore();
    let autowu = AutoWu::new(config).unwrap().devices(2);
    let optim = MultiDeviceOptim::OptimMainDevice;
    let result = training("uneven", 45, 10, &trace)
        .with_training_strategy(workers(2, optim).into())
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()));
    assert!(result.error.is_none(), "{:?}", result.error);
    let (lrs, losses) = per_update(&trace, 2, 23);
    assert_eq!(lrs.len(), 120);
    assert_same(&lrs, &core_lrs(config, &losses)[..120]);
}

#[test]
fn several_devices_with_a_wrapped_model_need_no_declaration() {
    for devices in [2, 4] {
        for (i, optim) in OPTIMS.into_iter().enumerate() {
            let trace = Trace::default();
            let config = Config::new(11 * 10).without_restore();
            let autowu = AutoWu::new(config).unwrap();
            let model = autowu.model(Toy::new(&device()), |output| output.loss.clone());
            let result =
                training(&format!("{devices}-devices-model-{i}"), 22 * devices, 10, &trace)
                    .with_training_strategy(workers(devices, optim).into())
                    .launch(Learner::new(model, sgd(), autowu.scheduler()));
            assert!(result.error.is_none(), "{:?}", result.error);
            let (lrs, losses) = per_update(&trace, devices, 11 * devices);
            assert_same(&lrs, &core_lrs(config, &losses)[..110]);
        }
    }
}
