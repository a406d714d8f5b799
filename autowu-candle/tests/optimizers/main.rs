//! AdamP, LAMB, AdamW and SGD with momentum: their numbers, their state, their limits.

#![allow(clippy::expect_used)] // a failed expectation ends the test

mod limits;
mod numbers;
mod resume;

use autowu_candle::{AdamP, AdamW, Lamb, OptimizerState, Sgdm};
use candle_core::{Result, Tensor, Var};
use candle_nn::Optimizer;

/// One step with the gradients given: that of `Σ w·g` by `w` is `g`, exactly.
fn step(optimizer: &mut impl Optimizer, vars_and_gradients: &[(&Var, &Tensor)]) -> Result<()> {
    let terms = vars_and_gradients.iter().map(|(w, g)| (w.as_tensor() * *g)?.sum_all());
    let loss = terms.reduce(|a, b| a? + b?).expect("at least one variable")?;
    optimizer.backward_step(&loss)
}

/// The elements, as doubles.
fn elements(t: &Tensor) -> Result<Vec<f64>> {
    t.to_dtype(candle_core::DType::F64)?.flatten_all()?.to_vec1()
}

/// A law that holds for each of the four optimizers.
trait Law {
    fn check<O: Optimizer + OptimizerState>(
        &self,
        make: impl Fn(Vec<Var>, f64) -> Result<O>,
    ) -> Result<()>;
}

fn for_each_optimizer(law: impl Law) -> Result<()> {
    law.check(AdamW::new_lr)?;
    law.check(AdamP::new_lr)?;
    law.check(Lamb::new_lr)?;
    law.check(Sgdm::new_lr)
}
