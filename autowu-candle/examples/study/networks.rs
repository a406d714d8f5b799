//! The image networks of the real tasks, with PyTorch's initial weights.

use candle_core::{Module, ModuleT, Result, Tensor, Var};
use candle_nn::{Conv2dConfig, VarBuilder};

/// Inputs, and whether the network is in training, to outputs.
pub type Forward = Box<dyn Fn(&Tensor, bool) -> Result<Tensor>>;

/// Linear layers of these widths with ReLU between them.
pub fn mlp(widths: &[usize], vb: &VarBuilder) -> Result<Forward> {
    let layer = |(i, pair): (usize, &[usize])| {
        candle_nn::linear(pair[0], pair[1], vb.pp(format!("layer-{i:02}")))
    };
    let layers = widths.windows(2).enumerate().map(layer).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |x, _| {
        let mut x = x.clone();
        for (i, layer) in layers.iter().enumerate() {
            x = layer.forward(&if i == 0 { x } else { x.relu()? })?;
        }
        Ok(x)
    }))
}

/// 3×3 convolutions to these channels with these strides, each followed by a batch normalisation
/// (where `is_normed`) and ReLU; then a linear layer.
pub fn convolutions(
    side: usize,
    layers: &[(usize, usize)],
    classes: usize,
    is_normed: bool,
    vb: &VarBuilder,
) -> Result<Forward> {
    let (mut from, mut left, mut all) = (1, side, Vec::new());
    for (i, &(to, stride)) in layers.iter().enumerate() {
        let vb = vb.pp(format!("layer-{i}"));
        let config = Conv2dConfig { stride, padding: 1, ..Default::default() };
        let convolution = candle_nn::conv2d(from, to, 3, config, vb.clone())?;
        let norm = is_normed.then(|| candle_nn::batch_norm(to, 1e-5, vb.pp("norm")));
        all.push((convolution, norm.transpose()?));
        (from, left) = (to, left.div_ceil(stride));
    }
    let head = candle_nn::linear(from * left * left, classes, vb.pp("head"))?;
    Ok(Box::new(move |x, train| {
        let mut x = x.reshape(((), 1, side, side))?;
        for (convolution, norm) in &all {
            x = convolution.forward(&x)?;
            if let Some(norm) = norm {
                x = norm.forward_t(&x, train)?;
            }
            x = x.relu()?;
        }
        head.forward(&x.flatten_from(1)?)
    }))
}

/// PyTorch's default: weights and biases of linear layers and convolutions uniform on ±1/√fan-in
/// (`kaiming_uniform_` with a = √5). Embeddings are normal with a deviation of 1
/// (`embedding.unit`) or 0.02; normalisations keep 1 and 0.
pub fn initialise(named: &[(String, Var)], mut uniform: impl FnMut() -> f64) -> Result<()> {
    let dims = |name: &str| named.iter().find(|(n, _)| n == name).map(|(_, v)| v.dims().to_vec());
    for (name, var) in named {
        let is_embedding = name.starts_with("embedding.");
        let weights = match name.strip_suffix("bias") {
            Some(layer) => dims(&format!("{layer}weight")).unwrap_or_default(),
            None => var.dims().to_vec(),
        };
        if weights.len() < 2 {
            continue;
        }
        let fan_in: usize = weights[1..].iter().product();
        let bound = 1.0 / (fan_in as f64).sqrt();
        let deviation = if name == "embedding.unit" { 1.0 } else { 0.02 };
        let values: Vec<f32> = (0..var.elem_count())
            .map(|_| {
                let value = if is_embedding {
                    // Sum of twelve uniforms of variance 1/12: close enough to normal.
                    deviation * (0..12).map(|_| uniform()).sum::<f64>()
                } else {
                    2.0 * bound * uniform()
                };
                value as f32
            })
            .collect();
        var.set(&Tensor::from_vec(values, var.dims(), var.device())?)?;
    }
    Ok(())
}
