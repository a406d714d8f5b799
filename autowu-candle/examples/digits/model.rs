//! The two networks, with weights that depend on the seed alone.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, Linear, ModuleT, VarBuilder, VarMap};
use candle_nn::{batch_norm, conv2d_no_bias, linear};

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Two 3×3 convolutions (16 and 32 channels) with batch normalisation, a 2×2 maximum after
    /// each, a hidden layer of 64.
    Cnn,
    /// Two hidden layers of 128.
    Mlp,
}

/// `[batch, rows · columns]` pixels to `[batch, classes]` logits.
#[derive(Debug)]
pub enum Model {
    Cnn { side: (usize, usize), conv: [Conv2d; 2], norm: Vec<BatchNorm>, linear: [Linear; 2] },
    Mlp([Linear; 3]),
}

impl Model {
    /// A network on the CPU whose variables live in `vars`.
    pub fn new(
        kind: Kind,
        side: (usize, usize),
        classes: usize,
        seed: u64,
        vars: &VarMap,
    ) -> Result<Self> {
        let vb = VarBuilder::from_varmap(vars, DType::F32, &Device::Cpu);
        let (rows, columns) = side;
        let model = match kind {
            Kind::Cnn => {
                let same = Conv2dConfig { padding: 1, ..Default::default() };
                Model::Cnn {
                    side,
                    conv: [
                        conv2d_no_bias(1, 16, 3, same, vb.pp("conv0"))?,
                        conv2d_no_bias(16, 32, 3, same, vb.pp("conv1"))?,
                    ],
                    norm: vec![
                        batch_norm(16, 1e-5, vb.pp("norm0"))?,
                        batch_norm(32, 1e-5, vb.pp("norm1"))?,
                    ],
                    linear: [
                        linear(32 * (rows / 4) * (columns / 4), 64, vb.pp("linear0"))?,
                        linear(64, classes, vb.pp("linear1"))?,
                    ],
                }
            }
            Kind::Mlp => Model::Mlp([
                linear(rows * columns, 128, vb.pp("linear0"))?,
                linear(128, 128, vb.pp("linear1"))?,
                linear(128, classes, vb.pp("linear2"))?,
            ]),
        };
        initialise(vars, seed)?;
        Ok(model)
    }
}

impl ModuleT for Model {
    fn forward_t(&self, pixels: &Tensor, train: bool) -> Result<Tensor> {
        match self {
            Model::Cnn { side: (rows, columns), conv, norm, linear } => {
                let mut x = pixels.reshape(((), 1, *rows, *columns))?;
                for (conv, norm) in conv.iter().zip(norm) {
                    x = x.apply(conv)?.apply_t(norm, train)?.relu()?.max_pool2d(2)?;
                }
                x.flatten_from(1)?.apply(&linear[0])?.relu()?.apply(&linear[1])
            }
            Model::Mlp(layers) => {
                pixels.apply(&layers[0])?.relu()?.apply(&layers[1])?.relu()?.apply(&layers[2])
            }
        }
    }
}

/// Weights and biases uniform in ±1/√fan-in (PyTorch's default; a bias has its layer's fan-in);
/// normalisations keep 1 and 0. candle's own generator on the CPU cannot be seeded.
fn initialise(vars: &VarMap, seed: u64) -> Result<()> {
    let mut named: Vec<(String, Var)> = match vars.data().lock() {
        Ok(vars) => vars.iter().map(|(name, var)| (name.clone(), var.clone())).collect(),
        Err(e) => return Err(candle_core::Error::Msg(e.to_string())),
    };
    // The map has no fixed order. A layer's weight comes before its bias in reverse order of the
    // names.
    named.sort_by(|a, b| b.0.cmp(&a.0));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut fan_in = 1;
    for (name, var) in named.iter().filter(|(name, _)| !name.starts_with("norm")) {
        if name.ends_with("weight") {
            fan_in = var.dims().iter().skip(1).product();
        }
        let bound = (fan_in as f32).sqrt().recip();
        let values: Vec<f32> =
            (0..var.elem_count()).map(|_| bound * (2.0 * rng.f32() - 1.0)).collect();
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(())
}

/// Share of images whose largest logit is that of their class.
pub fn accuracy(model: &Model, pixels: &Tensor, labels: &Tensor) -> Result<f64> {
    let (len, batch) = (pixels.dim(0)?, 500);
    let mut right = 0.0;
    for start in (0..len).step_by(batch) {
        let size = batch.min(len - start);
        let found = model.forward_t(&pixels.narrow(0, start, size)?, false)?.argmax(D::Minus1)?;
        let same = found.eq(&labels.narrow(0, start, size)?)?.to_dtype(DType::F32)?.sum_all()?;
        right += f64::from(same.to_scalar::<f32>()?);
    }
    Ok(right / len as f64)
}
