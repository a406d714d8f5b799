//! The wrapped model: exact, transparent, and it goes back to its best weights.

use crate::toy::*;
use autowu_burn::{AutoWu, Config, Event, Phase, Scheduled};
use burn::module::{Module, Param, RunningState};
use burn::optim::ModuleOptimizer;
use burn::tensor::Tensor;
use burn::train::{Learner, TrainOutput, TrainStep};

fn wrapped(autowu: &AutoWu) -> Scheduled<Toy> {
    autowu.model(Toy::new(&device()), |output| output.loss.clone())
}

#[test]
fn the_default_rule_puts_weights_back_where_they_were_best() {
    let (trace, config) = (Trace::default(), Config::new(300));
    let autowu = AutoWu::new(config).unwrap();
    let result = training("restore", 40, 15, &trace)
        .metric_train_numeric(autowu.loss_metric())
        .launch(Learner::new(wrapped(&autowu), momentum(), autowu.scheduler()));
    assert!(result.error.is_none(), "{:?}", result.error);

    let (lrs, losses) = (trace.lrs(), trace.losses());
    assert_same(&lrs, &core_lrs(config, &losses)[..300]);

    // A climb ended: the learning rate falls from one step to the next within the warmup, and the
    // loss with it.
    let turn =
        lrs[..150].windows(2).position(|pair| pair[1] < 0.8 * pair[0]).expect("a climb ends") + 1;
    let before = losses[turn - 3..turn].iter().sum::<f64>() / 3.0;
    let after = losses[turn..turn + 3].iter().sum::<f64>() / 3.0;
    assert!(after < 0.5 * before, "{before} before the restore, {after} after it");
    let end = losses[280..].iter().sum::<f64>() / 20.0;
    assert!(end < losses[..20].iter().sum::<f64>() / 20.0 / 50.0, "{end} at the end");
}

#[test]
fn checkpoints_of_the_wrapped_model_load_into_the_plain_one_and_back() {
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let mut model = Toy::new(&device());
    model.weight = model.weight.map(|w| w + 2.0);
    let wrapped = autowu.model(model, |output| output.loss.clone());
    let numbers = |w: Tensor<2>| w.try_into_vec_as::<f32>().unwrap();

    let plain = Toy::new(&device()).load_record(wrapped.clone().into_record());
    assert_eq!(numbers(plain.weight.val()), [2.0; FEATURES]);

    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let other = autowu.model(Toy::new(&device()), |output| output.loss.clone());
    let other = other.load_record(plain.into_record()).into_inner();
    assert_eq!(numbers(other.weight.val()), [2.0; FEATURES]);
    assert_eq!(wrapped.num_params(), FEATURES);
}

/// A model that counts its batches, as a normalisation follows their statistics. Its input is its
/// loss; one that is not finite has a gradient that ruins the weight, and that all later losses.
#[derive(Module, Debug)]
struct Counter {
    batches: RunningState<Tensor<1>>,
    weight: Param<Tensor<1>>,
}

impl TrainStep for Counter {
    type Input = f64;
    type Output = Output;

    fn step(&self, loss: f64) -> TrainOutput<Output> {
        self.batches.update(self.batches.value_sync() + 1.0);
        let loss = (self.weight.val() * 0.0 + 1.0) * loss;
        TrainOutput::new(self, loss.backward(), Output { loss })
    }
}

/// The wrapped model in a loop of three lines, which is what burn's trainer does with it.
struct Loop {
    autowu: AutoWu,
    model: Scheduled<Counter>,
    optim: ModuleOptimizer,
}

impl Loop {
    fn new(config: Config) -> Self {
        let zero = || Tensor::zeros([1], &device());
        let model =
            Counter { batches: RunningState::new(zero()), weight: Param::from_tensor(zero()) };
        let autowu = AutoWu::new(config).unwrap();
        let model = autowu.model(model, |output| output.loss.clone());
        Loop { autowu, model, optim: sgd() }
    }

    /// One update; the batches counted before it and after it.
    fn step(&mut self, loss: f64) -> (f32, f32) {
        let lr = self.autowu.lr();
        let grads = TrainStep::step(&self.model, loss).grads;
        let before = self.count();
        self.model = self.model.clone().optimize(&mut self.optim, lr.into(), grads);
        (before, self.count())
    }

    /// The step of the copy of the weights.
    fn copy(&self) -> Option<u64> {
        self.autowu.to_record().unwrap().scalar("autowu.copy")
    }

    fn count(&self) -> f32 {
        self.model.valid().into_inner().batches.value().into_scalar()
    }

    fn weight(&self) -> f32 {
        self.model.valid().into_inner().weight.val().into_scalar()
    }
}

#[test]
fn running_statistics_go_back_with_the_weights() {
    let config = Config::new(300);
    let mut run = Loop::new(config);
    let mut core = autowu_core::AutoWu::<f64>::new(config).unwrap();
    let (mut kept, mut restores) = (0.0, 0);
    for _ in 0..300 {
        let x = (core.lr().max(1e-9) / 1e-2).ln();
        let loss = f64::from((1.0 + x * x / 10.0) as f32);
        let (before, after) = run.step(loss);
        match core.step(loss).event {
            Some(Event::Snapshot { .. }) => kept = before,
            Some(Event::Restore { .. }) => {
                assert_eq!(after, kept);
                restores += 1;
            }
            _ => assert_eq!(after, before),
        }
    }
    assert!(restores > 0);
}

#[test]
fn a_loss_that_is_not_finite_puts_the_weights_back_when_the_next_test_is_due() {
    let mut run = Loop::new(Config::new(2000).without_scout());
    let interval = run.autowu.state().config().test_interval() as usize;
    let losses = (0..100).map(|i| if i == 45 { f64::NAN } else { 2.0 - f64::from(i) / 100.0 });
    let steps: Vec<(f32, f32, f32)> = losses
        .map(|loss| {
            let (before, after) = run.step(loss);
            (before, after, run.weight())
        })
        .collect();
    let back = steps.iter().position(|(before, after, _)| after < before).expect("they go back");
    // It is read late: its update has been made, the losses after it are lost too, and the third
    // of them brings the copy back.
    assert!((45 + 2..45 + interval).contains(&back), "{back}");
    let lost: Vec<usize> = (0..100).filter(|&i| steps[i].2.is_nan()).collect();
    assert_eq!(lost, (45..back).collect::<Vec<_>>());
    assert!(matches!(run.autowu.state().phase(), Phase::Warmup(climb) if climb.number == 1));
}

#[test]
fn a_loss_that_is_not_finite_and_read_in_time_makes_no_update_and_no_more() {
    let mut run = Loop::new(Config::new(2000).without_scout());
    let bad = 7 * run.autowu.state().config().test_interval();
    for step in 1..=100 {
        let (before, after) = run.step(if step == bad { f64::NAN } else { 2.0 });
        assert!(after == before && run.weight() == 0.0, "step {step}");
    }
    assert_eq!(run.count(), 100.0);
    assert!(matches!(run.autowu.state().phase(), Phase::Warmup(climb) if climb.number == 0));
}

#[test]
fn a_copy_is_held_for_as_long_as_the_run_can_go_back_to_it() {
    for (config, rescues) in [(Config::new(300), true), (Config::new(300).without_rescue(), false)]
    {
        let mut run = Loop::new(config);
        assert_eq!(run.copy(), None);
        for step in 0..300 {
            run.step(2.0 - f64::from(step) / 300.0);
            assert!(
                run.copy().is_some() || !run.autowu.state().may_restore(),
                "step {step}, {config:?}"
            );
        }
        assert!(matches!(run.autowu.state().phase(), Phase::Decay { .. }));
        assert_eq!(run.copy().is_some(), rescues);
    }
}
