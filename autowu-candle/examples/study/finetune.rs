//! A network that was trained on other classes.

use crate::model::{self, Model};
use crate::optim::{Kind, Optim};
use crate::problem::Problem;
use crate::task::Task;
use autowu_core::sampling::Permutation;
use candle_core::{Device, Result, Tensor, Var};

const STEPS: usize = 300;
const BATCH: usize = 64;

/// The digits 5 to 9, from the weights of a network that has learnt 0 to 4: AdamW, a learning rate
/// that falls from 0.003 to 0. Its head is not kept.
pub fn problem(digits: &Problem) -> Result<Problem> {
    let first = digits.with_classes(0..5)?;
    let (model, named) = Model::new(Task::FineTune, &first, 0)?;
    let vars: Vec<Var> = named.iter().map(|(_, var)| var.clone()).collect();
    let mut optimizer = Optim::new(Kind::AdamW, vars)?;
    let rows = first.train.inputs.dim(0)?;
    let epoch = rows / BATCH;
    for step in 0..STEPS {
        let order = Permutation::new(rows as u32, 0, (step / epoch) as u64, 0);
        let from = (step % epoch * BATCH) as u32;
        let members: Vec<u32> = (from..from + BATCH as u32).map(|i| order.index(i)).collect();
        let members = Tensor::new(members, &Device::Cpu)?;
        let inputs = first.train.inputs.index_select(&members, 0)?;
        let targets = first.train.targets.index_select(&members, 0)?;
        let loss = model::loss(Task::FineTune, &model.forward(&inputs, true)?, &targets)?;
        optimizer.step(&loss.backward()?, 3e-3 * (1.0 - step as f64 / STEPS as f64))?;
    }
    let body = named.into_iter().filter(|(name, _)| !name.starts_with("head."));
    let start = body.map(|(name, var)| Ok((name, var.as_tensor().copy()?)));
    Ok(Problem { start: start.collect::<Result<_>>()?, ..digits.with_classes(5..10)? })
}
