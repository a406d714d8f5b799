//! Linear regression in burn's trainer, small enough for hundreds of updates a second, with a trace
//! of what happened.

use autowu_burn::AutoWu;
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{Module, Param};
use burn::optim::{ModuleOptimizer, SgdConfig, momentum::MomentumConfig};
use burn::tensor::{Device, ExecutionError, Tensor, TensorData, TensorReadError};
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{
    Adaptor, LossInput, Metric, MetricMetadata, MetricName, SerializedEntry,
};
use burn::train::{
    InferenceStep, ItemLazy, Learner, LearnerModel, LearningResult, SupervisedTraining,
    TrainOutput, TrainStep,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const FEATURES: usize = 4;

#[derive(Clone, Debug)]
pub struct Batch {
    x: Tensor<2>,
    y: Tensor<2>,
}

#[derive(Clone, Debug)]
struct Row([f32; FEATURES], f32);

struct Stack;

impl Batcher<Row, Batch> for Stack {
    fn batch(&self, rows: Vec<Row>, device: &Device) -> Batch {
        let n = rows.len();
        let x: Vec<f32> = rows.iter().flat_map(|row| row.0).collect();
        let y: Vec<f32> = rows.iter().map(|row| row.1).collect();
        Batch {
            x: Tensor::from_data(TensorData::new(x, [n, FEATURES]), device),
            y: Tensor::from_data(TensorData::new(y, [n, 1]), device),
        }
    }
}

#[derive(Module, Debug)]
pub struct Toy {
    pub weight: Param<Tensor<2>>,
}

pub struct Output {
    pub loss: Tensor<1>,
}

impl ItemLazy for Output {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Output { loss: self.loss.without_autodiff() })
    }
}

impl Adaptor<LossInput> for Output {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

pub struct Loss(Tensor<1>);

impl Adaptor<Loss> for Output {
    fn adapt(&self) -> Loss {
        Loss(self.loss.clone())
    }
}

impl Toy {
    pub fn new(device: &Device) -> Self {
        Toy { weight: Param::from_tensor(Tensor::zeros([FEATURES, 1], device)) }
    }

    fn loss(&self, batch: &Batch) -> Tensor<1> {
        (batch.x.clone().matmul(self.weight.val()) - batch.y.clone()).square().mean()
    }
}

impl TrainStep for Toy {
    type Input = Batch;
    type Output = Output;

    fn step(&self, batch: Batch) -> TrainOutput<Output> {
        let loss = self.loss(&batch);
        TrainOutput::new(self, loss.backward(), Output { loss })
    }
}

impl InferenceStep for Toy {
    type Input = Batch;
    type Output = Output;

    fn step(&self, batch: Batch) -> Output {
        Output { loss: self.loss(&batch) }
    }
}

/// Rows that a linear model fits up to noise; a learning rate above about 0.1 diverges.
pub fn rows(n: usize) -> Arc<dyn DataLoader<Batch>> {
    loader(n, 1.0)
}

/// The same with every target times `scale`.
pub fn loader(n: usize, scale: f32) -> Arc<dyn DataLoader<Batch>> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let row = |_| {
        let x = std::array::from_fn(|_| 4.0 * noise());
        let y = x.iter().zip([1.0, -2.0, 0.5, 3.0]).map(|(x, w)| x * w).sum::<f32>() + noise();
        Row(x, scale * y)
    };
    DataLoaderBuilder::new(Stack).batch_size(2).build(InMemDataset::new((0..n).map(row).collect()))
}

/// What a training metric sees: `(learning rate, loss)` of every batch, in the order of the
/// metrics' thread.
#[derive(Clone, Default)]
pub struct Trace {
    pub items: Arc<Mutex<Vec<(f64, f64)>>>,
    /// Makes the metrics' thread slow.
    pub pause: Duration,
}

impl Trace {
    pub fn lrs(&self) -> Vec<f64> {
        self.items.lock().unwrap().iter().map(|item| item.0).collect()
    }

    pub fn losses(&self) -> Vec<f64> {
        self.items.lock().unwrap().iter().map(|item| item.1).collect()
    }
}

impl Metric for Trace {
    type Input = Loss;

    fn name(&self) -> MetricName {
        Arc::new("Trace".into())
    }

    fn update(
        &mut self,
        loss: &Loss,
        metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        std::thread::sleep(self.pause);
        if let Some(lr) = &metadata.lr {
            let loss = loss.0.clone().try_into_scalar::<f64>()?;
            self.items.lock().unwrap().push((lr.base(), loss));
        }
        self.compute()
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(SerializedEntry::new(String::new(), String::new()))
    }

    fn clear(&mut self) {}
}

pub fn device() -> Device {
    Device::flex().autodiff()
}

pub fn sgd() -> ModuleOptimizer {
    SgdConfig::new().init()
}

pub fn momentum() -> ModuleOptimizer {
    SgdConfig::new().with_momentum(Some(MomentumConfig::new())).init()
}

/// A folder of its own for each test.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// A training with nothing but a trace: the rest is what a test is about.
pub fn training<M>(name: &str, items: usize, epochs: usize, trace: &Trace) -> SupervisedTraining<M>
where
    M: LearnerModel
        + TrainStep<Input = Batch, Output = Output>
        + InferenceStep<Input = Batch, Output = Output>,
{
    SupervisedTraining::new(folder(name), rows(items), rows(4))
        .num_epochs(epochs)
        .metric_train(trace.clone())
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
}

/// The two lines: metric and scheduler.
pub fn run(
    name: &str,
    items: usize,
    epochs: usize,
    autowu: &AutoWu,
    trace: &Trace,
) -> LearningResult<Toy> {
    training(name, items, epochs, trace)
        .metric_train_numeric(autowu.loss_metric())
        .launch(learner(autowu.scheduler()))
}

pub fn learner(scheduler: impl Into<ModuleLrScheduler>) -> Learner<Toy> {
    Learner::new(Toy::new(&device()), sgd(), scheduler)
}

/// The learning rates that the core gives for these losses, one more than there are losses.
pub fn core_lrs(config: autowu_burn::Config, losses: &[f64]) -> Vec<f64> {
    let mut core = autowu_core::AutoWu::<f64>::new(config).unwrap();
    let first = core.lr();
    std::iter::once(first).chain(losses.iter().map(|&loss| core.step(loss).lr)).collect()
}

/// Means of `n` neighbours each.
pub fn means(values: &[f64], n: usize) -> Vec<f64> {
    values.chunks(n).map(|these| these.iter().sum::<f64>() / these.len() as f64).collect()
}

/// Bit for bit.
pub fn assert_same(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (step, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.to_bits(), b.to_bits(), "step {step}: {a} and {b}");
    }
}
