//! Where the data of each task come from: read or generated.

use crate::finetune;
use crate::pictures::{self, digits_units, mnist_units};
use crate::problem::{CONTEXT, LETTERS, LONG_CONTEXT, Problem, Rows};
use crate::task::Task;
use crate::texts;
use candle_core::{Device, Result, Tensor};
use std::path::{Path, PathBuf};

/// Where to look for data.
pub struct Sources {
    /// Holds `optdigits`, `mnist` and `text`.
    pub folder: PathBuf,
    /// Plain text of any kind.
    pub text: Option<PathBuf>,
}

impl Sources {
    /// The folder of a task's images, or its text; `None` where it needs none. optdigits comes with
    /// the repository.
    fn files(&self, task: Task) -> Option<PathBuf> {
        let text = |default: PathBuf| Some(self.text.clone().unwrap_or(default));
        match task {
            Task::DigitsMlp
            | Task::DigitsCnn
            | Task::DigitsNorm
            | Task::DigitsPlain
            | Task::DeepMlp
            | Task::Autoencoder
            | Task::WrongLabels
            | Task::FineTune => {
                let own = self.folder.join("optdigits");
                Some(if own.exists() { own } else { repository().join("data/optdigits") })
            }
            Task::MnistMlp
            | Task::MnistCnn
            | Task::MnistLarge
            | Task::MnistNorm
            | Task::MnistPlain => Some(self.folder.join("mnist")),
            Task::Text => text(repository().join("LICENSE-APACHE")),
            Task::Transformer | Task::Gru | Task::Letters => {
                text(self.folder.join("text/emma.txt"))
            }
            Task::Regression => None,
        }
    }

    /// What the task's data are missing from, if they are.
    pub fn lacks(&self, task: Task) -> Option<PathBuf> {
        self.files(task).filter(|f| !f.exists())
    }

    /// Reads or generates the data of `task`.
    ///
    /// # Errors
    /// A missing, cut or foreign file: its name, and what was expected.
    pub fn load(&self, task: Task) -> std::result::Result<Problem, String> {
        let fail = |e: candle_core::Error| format!("{}: {e}", task.name());
        let files = self.files(task).unwrap_or_default();
        let digits = || pictures::load(&files, 8, [usize::MAX; 2], digits_units);
        let mnist = |counts| pictures::load(&files, 28, counts, mnist_units);
        match task {
            Task::DigitsMlp
            | Task::DigitsCnn
            | Task::DigitsNorm
            | Task::DigitsPlain
            | Task::DeepMlp => digits(),
            Task::Autoencoder => Ok(digits()?.with_inputs_as_targets()),
            Task::WrongLabels => digits()?.with_wrong_labels().map_err(fail),
            Task::FineTune => finetune::problem(&digits()?).map_err(fail),
            Task::MnistMlp | Task::MnistCnn => mnist([6000, 2000]),
            Task::MnistNorm | Task::MnistPlain => mnist([20000, 5000]),
            Task::MnistLarge => mnist([60000, 10000]),
            Task::Regression => regression().map_err(fail),
            // Training windows overlap by half, or by three quarters. Half of the novel's test is
            // enough.
            Task::Text => texts::characters(&files, CONTEXT, [CONTEXT / 2, CONTEXT]),
            Task::Transformer | Task::Gru => {
                texts::characters(&files, LONG_CONTEXT, [LONG_CONTEXT / 4, 2 * LONG_CONTEXT])
            }
            Task::Letters => texts::words(&files, LETTERS),
        }
    }
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// `y = 10 (sin 3x₀ + x₁x₂ + |x₃| − ½ + x₄ cos 2x₅) + ε`, inputs uniform on [−1, 1], ε with
/// deviation 1.
fn regression() -> Result<Problem> {
    let mut random = autowu_core::sampling::mix(2021);
    let mut uniform = || {
        random = autowu_core::sampling::mix(random);
        (random >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let mut make = |n: usize| {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let x: [f32; 8] = std::array::from_fn(|_| uniform());
            let noise = (0..3).map(|_| uniform()).sum::<f32>();
            let f = (3.0 * x[0]).sin() + x[1] * x[2] + x[3].abs() - 0.5 + x[4] * (2.0 * x[5]).cos();
            inputs.extend(x);
            targets.push(10.0 * f + noise);
        }
        Ok::<_, candle_core::Error>(Rows {
            inputs: Tensor::from_vec(inputs, (n, 8), &Device::Cpu)?,
            targets: Tensor::from_vec(targets, (n, 1), &Device::Cpu)?,
        })
    };
    Ok(Problem::new(make(8192)?, make(2048)?, 1))
}
