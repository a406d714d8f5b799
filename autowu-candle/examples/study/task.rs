//! The tasks: a data set and a model each.

/// Data and model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// optdigits, 64-64-64-10.
    DigitsMlp,
    /// optdigits, two convolutions with batch normalisation.
    DigitsCnn,
    /// MNIST, its first 6,000 images, 784-64-64-10; tested on the first 2,000.
    MnistMlp,
    /// MNIST as in `MnistMlp`, two convolutions of stride 2 with batch normalisation.
    MnistCnn,
    /// MNIST whole, 784-256-256-10.
    MnistLarge,
    /// A synthetic function of 8 inputs, MSE; targets with a deviation of about 9, so that the loss
    /// starts at about 80.
    Regression,
    /// Characters of a text: one block of causal attention, context of 16.
    Text,
    /// Characters of a novel: two pre-norm blocks of width 64, four heads, context of 64.
    Transformer,
    /// The same characters: a gated recurrent unit of width 64.
    Gru,
    /// The next letter of a word from the three before it: embedding, 200 hidden units, tanh.
    Letters,
    /// optdigits, three convolutions with batch normalisation.
    DigitsNorm,
    /// The same without any normalisation.
    DigitsPlain,
    /// MNIST, its first 20,000 images, three convolutions of stride 2 with batch normalisation;
    /// tested on the first 5,000.
    MnistNorm,
    /// The same without any normalisation.
    MnistPlain,
    /// optdigits, eight linear layers of width 64: it does not learn in its first hundred steps.
    DeepMlp,
    /// optdigits, 64-64-8-64-64, MSE.
    Autoencoder,
    /// optdigits with every fifth training label wrong, 64-128-128-10.
    WrongLabels,
    /// The network of `DigitsNorm`, trained on the digits 0 to 4, goes on with 5 to 9.
    FineTune,
}

/// A run's metric, and the unit of its gap to the tuned baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Test accuracy in %; gaps in points.
    Accuracy,
    /// Test loss; gaps in % of the baseline's loss.
    Loss,
}

impl Task {
    /// The tasks of the grid of small networks.
    pub const SMALL: [Task; 7] = [
        Task::DigitsMlp,
        Task::DigitsCnn,
        Task::MnistMlp,
        Task::MnistCnn,
        Task::MnistLarge,
        Task::Regression,
        Task::Text,
    ];

    /// The tasks that look like what people train.
    pub const REAL: [Task; 11] = [
        Task::Transformer,
        Task::Gru,
        Task::Letters,
        Task::DigitsNorm,
        Task::DigitsPlain,
        Task::MnistNorm,
        Task::MnistPlain,
        Task::DeepMlp,
        Task::Autoencoder,
        Task::WrongLabels,
        Task::FineTune,
    ];

    pub fn is_real(self) -> bool {
        Task::REAL.contains(&self)
    }

    pub fn name(self) -> &'static str {
        match self {
            Task::DigitsMlp => "digits-mlp",
            Task::DigitsCnn => "digits-cnn",
            Task::MnistMlp => "mnist6k-mlp",
            Task::MnistCnn => "mnist6k-cnn",
            Task::MnistLarge => "mnist-mlp",
            Task::Regression => "regression",
            Task::Text => "text",
            Task::Transformer => "chars-transformer",
            Task::Gru => "chars-gru",
            Task::Letters => "letters-mlp",
            Task::DigitsNorm => "digits-norm",
            Task::DigitsPlain => "digits-plain",
            Task::MnistNorm => "mnist-norm",
            Task::MnistPlain => "mnist-plain",
            Task::DeepMlp => "digits-deep",
            Task::Autoencoder => "digits-autoencoder",
            Task::WrongLabels => "digits-wrong-labels",
            Task::FineTune => "digits-finetune",
        }
    }

    /// Training examples; for a text, about those of the repository's licence or of the novel.
    pub fn rows(self) -> usize {
        match self {
            Task::DigitsMlp
            | Task::DigitsCnn
            | Task::DigitsNorm
            | Task::DigitsPlain
            | Task::DeepMlp
            | Task::Autoencoder
            | Task::WrongLabels => 3823,
            Task::FineTune => 1882,
            Task::MnistMlp | Task::MnistCnn => 6000,
            Task::MnistLarge => 60000,
            Task::Regression => 8192,
            Task::Text => 1000,
            Task::Transformer | Task::Gru => 49600,
            Task::Letters => 52700,
            Task::MnistNorm | Task::MnistPlain => 20000,
        }
    }

    /// Rough milliseconds that a step takes on a busy core; a free one is up to four times faster.
    pub fn step_milliseconds(self, batch: usize) -> f64 {
        let (fixed, row) = match self {
            Task::DigitsMlp => (0.4, 0.0075),
            Task::DigitsCnn => (0.5, 0.07),
            Task::MnistMlp => (1.2, 0.027),
            Task::MnistCnn => (2.0, 0.2),
            Task::MnistLarge => (5.0, 0.06),
            Task::Regression => (0.4, 0.0055),
            Task::Text => (1.0, 0.4),
            Task::Transformer => (1.0, 1.5),
            Task::Gru => (10.0, 0.5),
            Task::Letters => (0.5, 0.03),
            Task::DigitsNorm | Task::FineTune => (1.0, 0.35),
            Task::DigitsPlain => (1.0, 0.35),
            Task::MnistNorm | Task::MnistPlain => (1.0, 0.45),
            Task::DeepMlp => (0.8, 0.03),
            Task::Autoencoder => (0.5, 0.01),
            Task::WrongLabels => (0.6, 0.01),
        };
        fixed + row * batch as f64
    }

    pub fn metric(self) -> Metric {
        match self {
            Task::Regression
            | Task::Text
            | Task::Transformer
            | Task::Gru
            | Task::Letters
            | Task::Autoencoder => Metric::Loss,
            _ => Metric::Accuracy,
        }
    }
}
