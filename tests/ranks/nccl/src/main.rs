//! A data-parallel training on GPUs. **Never run**: type-checked on a machine without one.
//!
//! One process for each GPU, with `RANK`, `WORLD_SIZE` and `LOCAL_RANK` in its environment, as
//! `torchrun --no-python` or Slurm's `srun` (`SLURM_PROCID`, …) give them, and the path of a file
//! that does not exist yet, in a folder that all see.

#![forbid(unsafe_code)]

mod ranks;

use autowu_candle::{AdamW, Config, OptimizerState, ParamsAdamW, Scheduled};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{Activation, Module, VarBuilder, VarMap, linear, seq};
use ranks::Ranks;
use std::error::Error;

const UPDATES: u64 = 1000;

fn number(name: &str) -> Result<usize, Box<dyn Error>> {
    Ok(std::env::var(name).map_err(|e| format!("{name}: {e}"))?.parse()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::new_cuda(number("LOCAL_RANK")?)?;
    let file = std::env::args().nth(1).ok_or("name the file at which the ranks meet")?;
    let (rank, size) = (number("RANK")?, number("WORLD_SIZE")?);
    let ranks = Ranks::meet(rank, size, device.as_cuda_device()?, file.as_ref())?;

    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &device);
    let (first, last) = (linear(64, 256, vb.pp("first"))?, linear(256, 10, vb.pp("last"))?);
    let model = seq().add(first).add(Activation::Relu).add(last);
    let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?; // its lr is not used
    let vars: Vec<Var> = optimizer.vars().into_iter().map(|(_, var)| var.clone()).collect();
    ranks.broadcast(&vars)?;

    let mut optimizer = Scheduled::new(optimizer, Config::new(UPDATES))?;
    while optimizer.steps() < UPDATES {
        // Each rank its own share of the batch.
        let images = Tensor::randn(0f32, 1., (128, 64), &device)?;
        let labels = images.narrow(1, 0, 10)?.argmax(1)?;
        let loss = cross_entropy(&model.forward(&images)?, &labels)?;
        let (loss, grads) = ranks.backward(&loss, &vars)?; // on the GPU; no read
        let event = optimizer.observe(&loss)?; // reads where a test is due
        if !event.is_some_and(|e| matches!(e.kind(), "restore" | "skip")) {
            optimizer.step(&grads)?;
        }
        if optimizer.autowu().steps() == optimizer.steps() {
            optimizer.autowu().agree(0, |own| ranks.all_gather(&own))?;
        }
        if let Some(event) = event.filter(|e| ranks.rank() == 0 && e.kind() != "snapshot") {
            println!("{event}");
        }
    }
    Ok(())
}
