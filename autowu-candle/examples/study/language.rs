//! The language models of the real tasks: a transformer, a recurrent network, and an MLP over
//! three letters.

use crate::fused;
use crate::networks::Forward;
use candle_core::{DType, Module, Result, Tensor};
use candle_nn::{Init, Linear, VarBuilder};

const LAYERS: usize = 2;
const WIDTH: usize = 64;
const HEADS: usize = 4;
/// Width of the letters' hidden layer, and of a letter.
const HIDDEN: usize = 200;
const LETTER: usize = 10;

/// An embedding starts at a deviation of 0.02, as GPT-2's.
const EMBEDDING: Init = Init::Randn { mean: 0.0, stdev: 0.02 };

/// `[rows, context]` characters to `[rows · context, characters]` logits: pre-norm blocks
/// `x ← x + attention(norm x)`, `x ← x + mlp(norm x)`, then norm and head. No biases.
pub fn transformer(characters: usize, context: usize, vb: &VarBuilder) -> Result<Forward> {
    let embedding = vb.get_with_hints((characters, WIDTH), "embedding.characters", EMBEDDING)?;
    let places = vb.get_with_hints((context, WIDTH), "embedding.places", EMBEDDING)?;
    let blocks: Vec<Block> = (0..LAYERS).map(|i| Block::new(&vb.pp(i))).collect::<Result<_>>()?;
    let gain = gain("norm", vb)?;
    let head = candle_nn::linear(WIDTH, characters, vb.pp("head"))?;
    Ok(Box::new(move |codes, _| {
        let rows = codes.dim(0)?;
        let x = embedding.index_select(&codes.flatten_all()?, 0)?;
        let x = x.reshape((rows, context, WIDTH))?.broadcast_add(&places)?;
        let mut x = x.flatten_to(1)?;
        for block in &blocks {
            x = block.forward(&x, context)?;
        }
        head.forward(&norm(&x, &gain)?)
    }))
}

/// The factors of a normalisation.
fn gain(name: &str, vb: &VarBuilder) -> Result<Tensor> {
    vb.get_with_hints(WIDTH, name, Init::Const(1.0))
}

/// `γ (x − mean x)/√(var x + 1e-5)` of each row (candle-nn's fused norms have no gradient).
fn norm(x: &Tensor, gain: &Tensor) -> Result<Tensor> {
    fused::normalised(x, 1e-5)?.broadcast_mul(gain)
}

/// Attention with a causal mask, and an MLP of four times the width.
struct Block {
    gains: [Tensor; 2],
    qkv: Linear,
    out: Linear,
    mlp: [Linear; 2],
}

impl Block {
    fn new(vb: &VarBuilder) -> Result<Self> {
        let linear = |name: &str, from, to| candle_nn::linear_no_bias(from, to, vb.pp(name));
        Ok(Block {
            gains: [gain("norm-1", vb)?, gain("norm-2", vb)?],
            qkv: linear("qkv", WIDTH, 3 * WIDTH)?,
            out: linear("out", WIDTH, WIDTH)?,
            mlp: [linear("mlp-1", WIDTH, 4 * WIDTH)?, linear("mlp-2", 4 * WIDTH, WIDTH)?],
        })
    }

    /// `[rows · context, width]` to the same.
    fn forward(&self, x: &Tensor, context: usize) -> Result<Tensor> {
        let size = WIDTH / HEADS;
        // [3, rows, heads, context, size]
        let qkv = self.qkv.forward(&norm(x, &self.gains[0])?)?;
        let qkv = qkv.reshape(((), context, 3, HEADS, size))?.permute((2, 0, 3, 1, 4))?;
        let qkv = qkv.contiguous()?;
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let weights = fused::causal_softmax(&q.matmul(&k.t()?)?, 1.0 / (size as f64).sqrt())?;
        let y = weights.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape(((), WIDTH))?;
        let x = (x + self.out.forward(&y)?)?;
        let [a, b] = &self.mlp;
        &x + b.forward(&a.forward(&norm(&x, &self.gains[1])?)?.relu()?)?
    }
}

/// `[rows, context]` characters to `[rows · context, characters]` logits, one layer of
///
/// ```text
/// z, r = σ(W x + U h),  n = tanh(W x + r ∘ (U h)),  h ← n + z ∘ (h − n)
/// ```
pub fn gru(characters: usize, context: usize, vb: &VarBuilder) -> Result<Forward> {
    let embedding = vb.get_with_hints((characters, WIDTH), "embedding.characters", EMBEDDING)?;
    let input = candle_nn::linear(WIDTH, 3 * WIDTH, vb.pp("input"))?;
    let recurrent = candle_nn::linear(WIDTH, 3 * WIDTH, vb.pp("recurrent"))?;
    let head = candle_nn::linear(WIDTH, characters, vb.pp("head"))?;
    Ok(Box::new(move |codes, _| {
        let rows = codes.dim(0)?;
        // W x of every character, and then of those that come.
        let table = input.forward(&embedding)?;
        let mut h = Tensor::zeros((rows, WIDTH), DType::F32, codes.device())?;
        let mut states = Vec::with_capacity(context);
        for place in 0..context {
            let codes = codes.narrow(1, place, 1)?.flatten_all()?;
            let (x, u) = (table.index_select(&codes, 0)?, recurrent.forward(&h)?);
            let (gates, last) = (2 * WIDTH, WIDTH);
            let sum = (x.narrow(1, 0, gates)? + u.narrow(1, 0, gates)?)?;
            let gates = logistic(&sum)?;
            let (z, r) = (gates.narrow(1, 0, last)?, gates.narrow(1, last, last)?);
            let n = (x.narrow(1, 2 * last, last)? + (r * u.narrow(1, 2 * last, last)?)?)?.tanh()?;
            h = (&n + (z * (&h - &n)?)?)?;
            states.push(h.clone());
        }
        head.forward(&Tensor::stack(&states, 1)?.flatten_to(1)?)
    }))
}

/// `1/(1 + e⁻ˣ)`
fn logistic(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

/// `[rows, 3]` letters to `[rows, letters]` logits: embedding, one hidden layer, tanh.
pub fn letters(letters: usize, before: usize, vb: &VarBuilder) -> Result<Forward> {
    let unit = Init::Randn { mean: 0.0, stdev: 1.0 };
    let embedding = vb.get_with_hints((letters, LETTER), "embedding.unit", unit)?;
    let hidden = candle_nn::linear(before * LETTER, HIDDEN, vb.pp("hidden"))?;
    let head = candle_nn::linear(HIDDEN, letters, vb.pp("head"))?;
    Ok(Box::new(move |codes, _| {
        let rows = codes.dim(0)?;
        let x = embedding.index_select(&codes.flatten_all()?, 0)?;
        head.forward(&hidden.forward(&x.reshape((rows, before * LETTER))?)?.tanh()?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, IndexOp};
    use candle_nn::VarMap;

    #[test]
    fn a_character_does_not_change_what_is_said_before_it() {
        let vars = VarMap::new();
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        for network in [transformer(9, 8, &vb.pp("t")), gru(9, 8, &vb.pp("g"))] {
            let network = network.unwrap();
            let logits = |last: u32| {
                let rows = [[1_u32, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, last]];
                let codes = Tensor::new(&rows, &Device::Cpu).unwrap();
                let logits = network(&codes, false).unwrap().reshape((2, 8, 9)).unwrap();
                logits.i(1).unwrap().to_vec2::<f32>().unwrap()
            };
            let (a, b) = (logits(0), logits(1));
            assert_eq!(a[..7], b[..7]);
            assert_ne!(a[7], b[7]);
        }
    }
}
