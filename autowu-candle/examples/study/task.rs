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
    pub const ALL: [Task; 7] = [
        Task::DigitsMlp,
        Task::DigitsCnn,
        Task::MnistMlp,
        Task::MnistCnn,
        Task::MnistLarge,
        Task::Regression,
        Task::Text,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Task::DigitsMlp => "digits-mlp",
            Task::DigitsCnn => "digits-cnn",
            Task::MnistMlp => "mnist6k-mlp",
            Task::MnistCnn => "mnist6k-cnn",
            Task::MnistLarge => "mnist-mlp",
            Task::Regression => "regression",
            Task::Text => "text",
        }
    }

    /// Training examples; for a text, about those of the repository's licence.
    pub fn rows(self) -> usize {
        match self {
            Task::DigitsMlp | Task::DigitsCnn => 3823,
            Task::MnistMlp | Task::MnistCnn => 6000,
            Task::MnistLarge => 60000,
            Task::Regression => 8192,
            Task::Text => 1000,
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
        };
        fixed + row * batch as f64
    }

    pub fn metric(self) -> Metric {
        match self {
            Task::Regression | Task::Text => Metric::Loss,
            _ => Metric::Accuracy,
        }
    }
}
