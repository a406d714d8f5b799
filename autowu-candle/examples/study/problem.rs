//! The data of each task, read or generated.

use crate::task::Task;
use autowu_lab::images::{self, Images};
use candle_core::{Device, Result, Tensor};
use std::path::{Path, PathBuf};

/// Rows of inputs and targets.
pub struct Rows {
    pub inputs: Tensor,
    pub targets: Tensor,
}

/// Training and test data.
pub struct Problem {
    pub train: Rows,
    pub test: Rows,
    /// Classes, or characters of the text.
    pub classes: usize,
}

/// Characters that the text model sees at once.
pub const CONTEXT: usize = 16;

/// Where to look for data.
pub struct Sources {
    /// Holds `optdigits` and `mnist`.
    pub folder: PathBuf,
    /// Plain text of any kind.
    pub text: PathBuf,
}

impl Sources {
    /// The folder of a task's images; `None` where it needs none. optdigits comes with the
    /// repository.
    fn images(&self, task: Task) -> Option<PathBuf> {
        match task {
            Task::DigitsMlp | Task::DigitsCnn => {
                let own = self.folder.join("optdigits");
                Some(if own.exists() { own } else { repository().join("data/optdigits") })
            }
            Task::MnistMlp | Task::MnistCnn | Task::MnistLarge => Some(self.folder.join("mnist")),
            Task::Regression | Task::Text => None,
        }
    }

    /// The folder that the task's images are missing from, if they are.
    pub fn lacks(&self, task: Task) -> Option<PathBuf> {
        self.images(task).filter(|f| !f.exists())
    }

    /// Reads or generates the data of `task`.
    ///
    /// # Errors
    /// A missing, cut or foreign file: its name, and what was expected.
    pub fn load(&self, task: Task) -> std::result::Result<Problem, String> {
        let fail = |e: candle_core::Error| format!("{}: {e}", task.name());
        let folder = self.images(task).unwrap_or_default();
        match task {
            // 0 to 1 becomes −1 to 1.
            Task::DigitsMlp | Task::DigitsCnn => {
                pictures(&folder, 8, [usize::MAX; 2], |p| p * 2.0 - 1.0)
            }
            Task::MnistMlp | Task::MnistCnn => pictures(&folder, 28, [6000, 2000], mnist_units),
            Task::MnistLarge => pictures(&folder, 28, [60000, 10000], mnist_units),
            Task::Regression => regression().map_err(fail),
            Task::Text => characters(&self.text),
        }
    }
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// MNIST's pixels to mean 0 and deviation 1.
fn mnist_units(pixel: f32) -> f32 {
    (pixel - 0.1307) / 0.3081
}

/// The first training and test images, of `side × side` pixels, as many as asked for.
fn pictures(
    folder: &Path,
    side: usize,
    [train, test]: [usize; 2],
    unit: fn(f32) -> f32,
) -> std::result::Result<Problem, String> {
    let data = images::load(folder)?;
    if (data.train.rows, data.train.columns) != (side, side) {
        let (rows, columns) = (data.train.rows, data.train.columns);
        return Err(format!(
            "{}: images of {rows}×{columns} pixels; {side}×{side} were expected",
            folder.display()
        ));
    }
    let rows = |images: &Images, most: usize| {
        let (n, width) = (images.len().min(most), images.rows * images.columns);
        let inputs = images.pixels.iter().take(n * width).map(|&p| unit(p)).collect();
        Ok::<_, candle_core::Error>(Rows {
            inputs: Tensor::from_vec(inputs, (n, width), &Device::Cpu)?,
            targets: Tensor::from_slice(&images.labels[..n], n, &Device::Cpu)?,
        })
    };
    let rows = |images, most| rows(images, most).map_err(|e| format!("{}: {e}", folder.display()));
    Ok(Problem {
        train: rows(&data.train, train)?,
        test: rows(&data.test, test)?,
        classes: data.classes,
    })
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
    Ok(Problem { train: make(8192)?, test: make(2048)?, classes: 1 })
}

/// Windows of [`CONTEXT`] characters and those that follow; the last tenth of the text is the test.
fn characters(path: &Path) -> std::result::Result<Problem, String> {
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("--text {}: {e}", path.display()))?;
    let mut known: Vec<char> = text.chars().collect();
    known.sort_unstable();
    known.dedup();
    let codes: Vec<u32> =
        text.chars().filter_map(|c| known.binary_search(&c).ok()).map(|i| i as u32).collect();
    let (train, test) = codes.split_at(codes.len() * 9 / 10);
    if test.len() <= 2 * CONTEXT {
        return Err(format!(
            "--text {}: {} characters are too few; use 1,000 at the least",
            path.display(),
            codes.len()
        ));
    }
    let windows = |codes: &[u32], stride: usize| {
        let starts = (0..codes.len() - CONTEXT).step_by(stride);
        let n = starts.len();
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for s in starts {
            inputs.extend(&codes[s..s + CONTEXT]);
            targets.extend(&codes[s + 1..=s + CONTEXT]);
        }
        let tensor = |v: Vec<u32>| {
            Tensor::from_vec(v, (n, CONTEXT), &Device::Cpu).map_err(|e| e.to_string())
        };
        Ok::<_, String>(Rows { inputs: tensor(inputs)?, targets: tensor(targets)? })
    };
    // Training windows overlap by half.
    Ok(Problem {
        train: windows(train, CONTEXT / 2)?,
        test: windows(test, CONTEXT)?,
        classes: known.len(),
    })
}
