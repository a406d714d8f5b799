//! Row by row operations with gradients, several times faster than candle's operations one after
//! the other: the transformer spends most of its time in them otherwise.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor, WithDType, bail,
};

/// `softmax(s·x)` over the last dimension of `[.., T, T]`, of the first i + 1 places of row i; 0 at
/// the others.
pub fn causal_softmax(x: &Tensor, s: f64) -> Result<Tensor> {
    let forward = |s: f32, row: usize, x: &[f32], y: &mut [f32]| {
        let known = row % x.len() + 1;
        let highest = x[..known].iter().fold(f32::NEG_INFINITY, |a, &b| a.max(s * b));
        let mut sum = 0.0;
        for (y, x) in y.iter_mut().zip(x).take(known) {
            *y = (s * x - highest).exp();
            sum += *y;
        }
        y.iter_mut().take(known).for_each(|y| *y /= sum);
    };
    let backward = |s: f32, [_, y, g]: [&[f32]; 3], to: &mut [f32]| {
        let mean = dot(y, g);
        for ((to, y), g) in to.iter_mut().zip(y).zip(g) {
            *to = s * y * (g - mean);
        }
    };
    x.apply_op1(RowOp { constant: s as f32, forward, backward })
}

/// `(x − mean x)/√(var x + ε)` over the last dimension.
pub fn normalised(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    let forward = |epsilon: f32, _: usize, x: &[f32], y: &mut [f32]| {
        let (mean, deviation) = moments(x, epsilon);
        for (y, x) in y.iter_mut().zip(x) {
            *y = (x - mean) / deviation;
        }
    };
    let backward = |epsilon: f32, [x, y, g]: [&[f32]; 3], to: &mut [f32]| {
        let (_, deviation) = moments(x, epsilon);
        let n = x.len() as f32;
        let (mean, slope) = (g.iter().sum::<f32>() / n, dot(y, g) / n);
        for ((to, y), g) in to.iter_mut().zip(y).zip(g) {
            *to = (g - mean - y * slope) / deviation;
        }
    };
    x.apply_op1(RowOp { constant: epsilon as f32, forward, backward })
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn moments(x: &[f32], epsilon: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = x.iter().sum::<f32>() / n;
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    (mean, (variance + epsilon).sqrt())
}

/// A function of the rows of the last dimension: `forward(constant, row, x, y)`, and from `x`, `y`
/// and the gradient of `y` that of `x`.
#[derive(Clone, Copy)]
struct RowOp {
    constant: f32,
    forward: fn(f32, usize, &[f32], &mut [f32]),
    backward: fn(f32, [&[f32]; 3], &mut [f32]),
}

impl CustomOp1 for RowOp {
    fn name(&self) -> &'static str {
        "row operation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, width) = (contiguous(x, layout)?, layout.shape().dims().last().map_or(1, |&n| n));
        let mut y = vec![0.0; x.len()];
        for (row, (x, y)) in x.chunks(width).zip(y.chunks_mut(width)).enumerate() {
            (self.forward)(self.constant, row, x, y);
        }
        Ok((f32::to_cpu_storage_owned(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.apply_op3_no_bwd(y, &gradient.contiguous()?, self)?))
    }
}

impl CustomOp3 for RowOp {
    fn name(&self) -> &'static str {
        "gradient of a row operation"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, width) = (contiguous(x, layout)?, layout.shape().dims().last().map_or(1, |&n| n));
        let (y, gradient) = (contiguous(y, y_layout)?, contiguous(gradient, gradient_layout)?);
        let mut to = vec![0.0; x.len()];
        let rows = x.chunks(width).zip(y.chunks(width)).zip(gradient.chunks(width));
        for (((x, y), g), to) in rows.zip(to.chunks_mut(width)) {
            (self.backward)(self.constant, [x, y, g], to);
        }
        Ok((f32::to_cpu_storage_owned(to), layout.shape().clone()))
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&storage.as_slice::<f32>()?[from..to]),
        None => bail!("a row operation needs contiguous numbers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, Device, Var};

    /// The same from candle's own operations.
    fn check(fused: fn(&Tensor) -> Result<Tensor>, plain: fn(&Tensor) -> Result<Tensor>) {
        let values = |n: u64| -> Vec<f32> {
            (0..32).map(|i| (autowu_core::sampling::mix(i + n) >> 40) as f32 / 5e6 - 1.5).collect()
        };
        let tensor = |n| Tensor::from_vec(values(n), (2, 4, 4), &Device::Cpu).unwrap();
        let x = Var::from_tensor(&tensor(0)).unwrap();
        let gradient = |f: fn(&Tensor) -> Result<Tensor>| {
            let y = f(&x).unwrap();
            let gradients = (&y * tensor(99)).unwrap().sum_all().unwrap().backward().unwrap();
            [y.detach(), gradients.get(&x).unwrap().clone()]
        };
        for (a, b) in gradient(fused).iter().zip(gradient(plain)) {
            let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f32>().unwrap() < 2e-6, "{a}");
        }
    }

    #[test]
    fn values_and_gradients_are_those_of_plain_operations() {
        check(
            |x| causal_softmax(x, 0.7),
            |x| {
                let later = |i: usize| i % 4 > i / 4;
                let mask: Vec<f32> =
                    (0..16).map(|i| if later(i) { f32::NEG_INFINITY } else { 0.0 }).collect();
                let mask = Tensor::from_vec(mask, (4, 4), &Device::Cpu)?;
                candle_nn::ops::softmax(&(x * 0.7)?.broadcast_add(&mask)?, 2)
            },
        );
        check(
            |x| normalised(x, 1e-3),
            |x| {
                let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
                let square = x.sqr()?.mean_keepdim(D::Minus1)?;
                x.broadcast_div(&square.affine(1.0, 1e-3)?.sqrt()?)
            },
        );
    }
}
