//! Handwritten digits, and a small network for them.

use crate::ranks::Ranks;
use autowu_core::sampling::mix;
use autowu_lab::images::{Images, load};
use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{Activation, Module, Sequential, VarBuilder, VarMap, linear, seq};
use std::path::Path;

/// Images of one update, of all ranks together.
pub const BATCH: usize = 128;

/// 64 inputs, two layers of 64, 10 classes: 8,970 weights.
pub fn network(map: &VarMap, dtype: DType) -> Result<Sequential> {
    let vb = VarBuilder::from_varmap(map, dtype, &Device::Cpu);
    Ok(seq()
        .add(linear(64, 64, vb.pp("first"))?)
        .add(Activation::Relu)
        .add(linear(64, 64, vb.pp("second"))?)
        .add(Activation::Relu)
        .add(linear(64, 10, vb.pp("last"))?))
}

/// Weights that depend on the seed alone: uniform, of the variance 2 / inputs.
pub fn seed_weights(vars: &[Var], seed: u64) -> Result<()> {
    for (number, var) in (0_u64..).zip(vars) {
        let inputs = *var.dims().last().unwrap_or(&1) as f64;
        let bound = if var.rank() > 1 { (6.0 / inputs).sqrt() } else { 0.0 };
        let weight = |i| {
            let bits = mix(mix(seed << 8 | number) ^ i);
            (bound * (bits as f64 / 2_f64.powi(63) - 1.0)) as f32
        };
        let weights: Vec<f32> = (0..var.elem_count() as u64).map(weight).collect();
        var.set(&Tensor::from_vec(weights, var.shape(), &Device::Cpu)?.to_dtype(var.dtype())?)?;
    }
    Ok(())
}

pub struct Digits {
    train: (Tensor, Tensor),
    test: (Tensor, Tensor),
}

impl Digits {
    /// The repository's.
    pub fn load(dtype: DType) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/optdigits");
        let dataset = load(&folder).map_err(candle_core::Error::msg)?;
        Ok(Digits { train: tensors(dataset.train, dtype)?, test: tensors(dataset.test, dtype)? })
    }

    /// This rank's share of the batch of an update. It depends on nothing else, so that a run that
    /// is resumed sees the same data.
    pub fn share(&self, update: u64, seed: u64, ranks: &Ranks) -> Result<(Tensor, Tensor)> {
        let (images, labels) = &self.train;
        let (len, share) = (images.dim(0)? as u64, BATCH / ranks.size());
        let first = (update as usize * BATCH + ranks.rank() * share) as u64;
        let index = |i| (mix(mix(seed) ^ i) % len) as u32;
        let indices: Vec<u32> = (first..first + share as u64).map(index).collect();
        let indices = Tensor::from_vec(indices, share, &Device::Cpu)?;
        Ok((images.index_select(&indices, 0)?, labels.index_select(&indices, 0)?))
    }

    /// The part of the test images that the model gets right.
    pub fn accuracy(&self, model: &impl Module) -> Result<f64> {
        let (images, labels) = &self.test;
        let guesses = model.forward(images)?.argmax(D::Minus1)?;
        let right = guesses.eq(labels)?.to_dtype(DType::F32)?.mean_all()?;
        Ok(f64::from(right.to_scalar::<f32>()?))
    }
}

fn tensors(images: Images, dtype: DType) -> Result<(Tensor, Tensor)> {
    let len = images.len();
    let pixels = Tensor::from_vec(images.pixels, (len, ()), &Device::Cpu)?.to_dtype(dtype)?;
    Ok((pixels, Tensor::from_vec(images.labels, len, &Device::Cpu)?))
}
