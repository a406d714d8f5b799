//! The two networks, in the form that burn's trainer takes.

use crate::batches::Batch;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, Relu};
use burn::tensor::{Device, Tensor};
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Two 3×3 convolutions (16 and 32 channels) with batch normalisation, a 2×2 maximum after
    /// each, a hidden layer of 64.
    Cnn,
    /// Two hidden layers of 128.
    Mlp,
}

/// Convolutions, if any, each with its normalisation; then linear layers.
#[derive(Module, Debug)]
pub struct Model {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    pool: MaxPool2d,
    hidden: Vec<Linear>,
    last: Linear,
    relu: Relu,
}

impl Model {
    pub fn new(kind: Kind, [rows, columns]: [usize; 2], classes: usize, device: &Device) -> Self {
        let (channels, sizes) = match kind {
            Kind::Cnn => (vec![1, 16, 32], vec![32 * (rows / 4) * (columns / 4), 64]),
            Kind::Mlp => (vec![1], vec![rows * columns, 128, 128]),
        };
        let conv = |pair: &[usize]| {
            let config = Conv2dConfig::new([pair[0], pair[1]], [3, 3]).with_bias(false);
            config.with_padding(PaddingConfig2d::Same).init(device)
        };
        Model {
            convs: channels.windows(2).map(conv).collect(),
            norms: channels[1..]
                .iter()
                .map(|&channels| BatchNormConfig::new(channels).init(device))
                .collect(),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            hidden: sizes
                .windows(2)
                .map(|pair| LinearConfig::new(pair[0], pair[1]).init(device))
                .collect(),
            last: LinearConfig::new(sizes[sizes.len() - 1], classes).init(device),
            relu: Relu::new(),
        }
    }

    /// Logits `[batch, classes]` of images `[batch, 1, rows, columns]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let blocks = self.convs.iter().zip(&self.norms);
        let x = blocks.fold(images, |x, (conv, norm)| {
            self.pool.forward(self.relu.forward(norm.forward(conv.forward(x))))
        });
        let x = self
            .hidden
            .iter()
            .fold(x.flatten(1, 3), |x, layer| self.relu.forward(layer.forward(x)));
        self.last.forward(x)
    }

    fn classify(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.forward(batch.images);
        let loss = CrossEntropyLossConfig::new()
            .init(&logits.device())
            .forward(logits.clone(), batch.labels.clone());
        ClassificationOutput::new(loss, logits, batch.labels)
    }
}

impl TrainStep for Model {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

impl InferenceStep for Model {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.classify(batch)
    }
}
