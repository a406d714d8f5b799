//! The models, their initial weights, their loss and their metric.

use crate::language;
use crate::networks::{self, Forward};
use crate::problem::{CONTEXT, LETTERS, LONG_CONTEXT, Problem, Rows};
use crate::task::{Metric, Task};
use candle_core::{D, DType, Device, Module, ModuleT, Result, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Embedding, Linear, VarBuilder, VarMap};

/// A model; all its numbers are in its `VarMap`.
pub enum Model {
    Mlp([Linear; 3]),
    Cnn {
        side: usize,
        convolutions: [(Conv2d, BatchNorm); 2],
        head: Linear,
    },
    Text(Box<Transformer>),
    /// A network of the real tasks.
    Real(Forward),
}

/// Embedding, one block of pre-normalised causal attention and MLP, head.
pub struct Transformer {
    characters: Embedding,
    places: Tensor,
    attention: [Linear; 4],
    mlp: [Linear; 2],
    head: Linear,
    mask: Tensor,
}

const WIDTH: usize = 32;

impl Model {
    /// The model of a task with weights that depend on the seed alone, but for those that the
    /// problem gives, and its variables in the order of their names.
    pub fn new(task: Task, problem: &Problem, seed: u64) -> Result<(Self, Vec<(String, Var)>)> {
        let vars = VarMap::new();
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let classes = problem.classes;
        let real = |model| {
            let named = named(&vars)?;
            let mut random = autowu_core::sampling::mix(seed ^ 0x5eed);
            networks::initialise(&named, || uniform(&mut random))?;
            for (name, value) in &problem.start {
                if let Some((_, var)) = named.iter().find(|(n, _)| n == name) {
                    var.set(value)?;
                }
            }
            Ok((Model::Real(model), named))
        };
        let model = match task {
            Task::DigitsMlp => mlp([64, 64, classes], &vb)?,
            Task::MnistMlp => mlp([784, 64, classes], &vb)?,
            Task::MnistLarge => mlp([784, 256, classes], &vb)?,
            Task::Regression => mlp([8, 64, 1], &vb)?,
            Task::DigitsCnn => cnn(8, [1, 2], classes, &vb)?,
            Task::MnistCnn => cnn(28, [2, 2], classes, &vb)?,
            Task::Text => Model::Text(Box::new(Transformer::new(classes, &vb)?)),
            _ => return real(network(task, classes, &vb)?),
        };
        let all = initialise(&vars, seed)?;
        Ok((model, all))
    }

    /// `[rows, classes]` logits, `[rows, 1]` predictions, or `[rows · context, characters]` logits.
    pub fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        match self {
            Model::Mlp([a, b, c]) => c.forward(&b.forward(&a.forward(x)?.relu()?)?.relu()?),
            Model::Cnn { side, convolutions, head } => {
                let mut x = x.reshape(((), 1, *side, *side))?;
                for (convolution, norm) in convolutions {
                    x = norm.forward_t(&convolution.forward(&x)?, train)?.relu()?;
                }
                head.forward(&x.flatten_from(1)?)
            }
            Model::Text(t) => t.forward(x),
            Model::Real(network) => network(x, train),
        }
    }

    /// Test accuracy in %, or test loss.
    pub fn judge(&self, task: Task, test: &Rows) -> Result<f64> {
        let n = test.inputs.dim(0)?;
        // Forward passes keep what a gradient would need: a gigabyte for 1,000 windows of text.
        let chunk = if matches!(task, Task::Transformer | Task::Gru) { 100 } else { 1000 };
        let mut sum = 0.0;
        for start in (0..n).step_by(chunk) {
            let size = chunk.min(n - start);
            let output = self.forward(&test.inputs.narrow(0, start, size)?, false)?.detach();
            let targets = test.targets.narrow(0, start, size)?;
            sum += match task.metric() {
                Metric::Accuracy => {
                    let hits = output.argmax(1)?.eq(&targets)?.to_dtype(DType::F32)?.sum_all()?;
                    100.0 * f64::from(hits.to_scalar::<f32>()?)
                }
                Metric::Loss => {
                    f64::from(loss(task, &output, &targets)?.to_scalar::<f32>()?) * size as f64
                }
            };
        }
        Ok(sum / n as f64)
    }
}

/// The mean loss over the rows.
pub fn loss(task: Task, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
    match task {
        Task::Regression | Task::Autoencoder => candle_nn::loss::mse(output, targets),
        _ => candle_nn::loss::cross_entropy(output, &targets.flatten_all()?),
    }
}

/// The network of a real task.
fn network(task: Task, classes: usize, vb: &VarBuilder) -> Result<Forward> {
    let digits = [(16, 1), (32, 2), (32, 2)];
    let mnist = [(8, 2), (16, 2), (32, 2)];
    match task {
        Task::Transformer => language::transformer(classes, LONG_CONTEXT, vb),
        Task::Gru => language::gru(classes, LONG_CONTEXT, vb),
        Task::Letters => language::letters(classes, LETTERS, vb),
        Task::DigitsNorm | Task::FineTune => networks::convolutions(8, &digits, classes, true, vb),
        Task::DigitsPlain => networks::convolutions(8, &digits, classes, false, vb),
        Task::MnistNorm => networks::convolutions(28, &mnist, classes, true, vb),
        Task::MnistPlain => networks::convolutions(28, &mnist, classes, false, vb),
        Task::DeepMlp => {
            let mut widths = [64; 9];
            widths[8] = classes;
            networks::mlp(&widths, vb)
        }
        Task::Autoencoder => networks::mlp(&[64, 64, 8, 64, 64], vb),
        Task::WrongLabels => networks::mlp(&[64, 128, 128, classes], vb),
        _ => candle_core::bail!("{}: not of the real grid", task.name()),
    }
}

fn mlp([from, width, to]: [usize; 3], vb: &VarBuilder) -> Result<Model> {
    Ok(Model::Mlp([
        candle_nn::linear(from, width, vb.pp("1"))?,
        candle_nn::linear(width, width, vb.pp("2"))?,
        candle_nn::linear(width, to, vb.pp("3"))?,
    ]))
}

/// Two 3×3 convolutions to 8 and 16 channels with these strides.
fn cnn(side: usize, strides: [usize; 2], classes: usize, vb: &VarBuilder) -> Result<Model> {
    let layer = |name: &str, from, to, stride| {
        let config = Conv2dConfig { stride, padding: 1, ..Default::default() };
        let convolution = candle_nn::conv2d_no_bias(from, to, 3, config, vb.pp(name))?;
        Ok::<_, candle_core::Error>((
            convolution,
            candle_nn::batch_norm(to, 1e-5, vb.pp(name).pp("norm"))?,
        ))
    };
    let left = side / strides[0] / strides[1];
    Ok(Model::Cnn {
        side,
        convolutions: [layer("1", 1, 8, strides[0])?, layer("2", 8, 16, strides[1])?],
        head: candle_nn::linear(16 * left * left, classes, vb.pp("head"))?,
    })
}

impl Transformer {
    fn new(characters: usize, vb: &VarBuilder) -> Result<Self> {
        let linear = |name: &str, from, to| candle_nn::linear(from, to, vb.pp(name));
        let later = |i: usize| i % CONTEXT > i / CONTEXT;
        let mask: Vec<f32> = (0..CONTEXT * CONTEXT)
            .map(|i| if later(i) { f32::NEG_INFINITY } else { 0.0 })
            .collect();
        Ok(Transformer {
            characters: candle_nn::embedding(characters, WIDTH, vb.pp("characters"))?,
            places: vb.get_with_hints(
                (CONTEXT, WIDTH),
                "places",
                candle_nn::init::DEFAULT_KAIMING_NORMAL,
            )?,
            attention: [
                linear("q", WIDTH, WIDTH)?,
                linear("k", WIDTH, WIDTH)?,
                linear("v", WIDTH, WIDTH)?,
                linear("o", WIDTH, WIDTH)?,
            ],
            mlp: [linear("in", WIDTH, 4 * WIDTH)?, linear("out", 4 * WIDTH, WIDTH)?],
            head: linear("head", WIDTH, characters)?,
            mask: Tensor::from_vec(mask, (CONTEXT, CONTEXT), vb.device())?,
        })
    }

    fn forward(&self, codes: &Tensor) -> Result<Tensor> {
        let x = self.characters.forward(codes)?.broadcast_add(&self.places)?;
        let [q, k, v, o] = &self.attention;
        let y = normalised(&x)?;
        let scores = q
            .forward(&y)?
            .matmul(&k.forward(&y)?.t()?)?
            .affine(1.0 / (WIDTH as f64).sqrt(), 0.0)?;
        let weights = candle_nn::ops::softmax(&scores.broadcast_add(&self.mask)?, 2)?;
        let x = (x + o.forward(&weights.matmul(&v.forward(&y)?)?)?)?;
        let [a, b] = &self.mlp;
        let x = (&x + b.forward(&a.forward(&normalised(&x)?)?.relu()?)?)?;
        self.head.forward(&normalised(&x)?.flatten_to(1)?)
    }
}

/// `x/√(mean x² + 1e-5)` (candle-nn's fused norms have no gradient).
fn normalised(x: &Tensor) -> Result<Tensor> {
    let square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&square.affine(1.0, 1e-5)?.sqrt()?)
}

/// Redraws every variable from the seed: matrices normal with deviation `√(2/fan-in)`, biases 0;
/// normalisations keep 1 and 0. candle's own generator on the CPU cannot be seeded.
fn initialise(vars: &VarMap, seed: u64) -> Result<Vec<(String, Var)>> {
    let named = named(vars)?;
    let mut random = autowu_core::sampling::mix(seed ^ 0x5eed);
    for (name, var) in &named {
        let dims = var.dims();
        if dims.len() < 2 {
            if name.ends_with("bias") {
                var.set(&var.zeros_like()?)?;
            }
            continue;
        }
        // An embedding has no fan-in; 50 gives it a deviation of 0.2.
        let is_embedding = name.starts_with("characters") || name.starts_with("places");
        let fan_in = if is_embedding { 50 } else { dims[1..].iter().product() };
        let deviation = (2.0 / fan_in as f64).sqrt();
        let values: Vec<f32> = (0..var.elem_count())
            .map(|_| {
                // Sum of four uniforms: close enough to normal, and the same everywhere.
                let sum: f64 = (0..4).map(|_| uniform(&mut random)).sum();
                (sum * 3.0_f64.sqrt() * deviation) as f32
            })
            .collect();
        var.set(&Tensor::from_vec(values, dims, &Device::Cpu)?)?;
    }
    Ok(named)
}

/// The variables in the order of their names.
fn named(vars: &VarMap) -> Result<Vec<(String, Var)>> {
    let mut named: Vec<(String, Var)> = match vars.data().lock() {
        Ok(data) => data.iter().map(|(name, var)| (name.clone(), var.clone())).collect(),
        Err(e) => return Err(candle_core::Error::Msg(e.to_string())),
    };
    named.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(named)
}

/// The next number from −½ to ½.
fn uniform(random: &mut u64) -> f64 {
    *random = autowu_core::sampling::mix(*random);
    (*random >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}
