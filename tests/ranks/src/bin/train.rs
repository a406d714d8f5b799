//! A data-parallel training whose learning rate needs no tuning: copy from here.
//!
//! ```text
//! mpirun -n 4 train run.safetensors
//! ```
//! Started again after it was killed, it goes on from the last checkpoint.

use autowu_candle::{AdamW, Config, OptimizerState, ParamsAdamW, Scheduled};
use autowu_ranks::digits::{Digits, network};
use autowu_ranks::ranks::{Ranks, digest};
use candle_core::{DType, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{Module, VarMap};
use std::error::Error;
use std::path::Path;

const UPDATES: u64 = 600;

fn train(ranks: &Ranks, checkpoint: &Path) -> Result<(), Box<dyn Error>> {
    let (digits, map) = (Digits::load(DType::F32)?, VarMap::new());
    let model = network(&map, DType::F32)?;
    let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?; // its lr is not used
    // By name: a VarMap's own order is another in each process.
    let vars: Vec<Var> = optimizer.vars().into_iter().map(|(_, var)| var.clone()).collect();
    ranks.broadcast(&vars)?;

    // One scheduler per rank, and each rank keeps its own copy of the weights to go back to.
    let mut optimizer = Scheduled::new(optimizer, Config::new(UPDATES))?;
    if checkpoint.exists() {
        optimizer.load(checkpoint)?;
    }
    let agree = |optimizer: &Scheduled<_>| -> Result<(), Box<dyn Error>> {
        Ok(optimizer.autowu().agree(digest(&vars)?, |own| ranks.all_gather(&own))?)
    };
    agree(&optimizer)?;
    while optimizer.steps() < UPDATES {
        let (images, labels) = digits.share(optimizer.steps(), 0, ranks)?;
        let loss = cross_entropy(&model.forward(&images)?, &labels)?;
        // Loss and gradients of the global batch, with the same bits on every rank.
        let (loss, grads) = ranks.backward::<f32>(&loss, &vars)?;
        let event = optimizer.observe(&loss)?;
        // After a restore the gradient belongs to weights that are gone; a skipped one is NaN.
        if !event.is_some_and(|e| matches!(e.kind(), "restore" | "skip")) {
            optimizer.step(&grads)?;
        }
        if let Some(event) = event.filter(|e| ranks.rank() == 0 && e.kind() != "snapshot") {
            println!("{event}");
        }
        // Losses that wait have decided nothing: this is after every test, and before any harm.
        if optimizer.autowu().steps() == optimizer.steps() {
            agree(&optimizer)?;
        }
        // All ranks are equal, so the checkpoint of one is that of all.
        if optimizer.steps() % 50 == 0 && ranks.rank() == 0 {
            optimizer.save(checkpoint)?;
        }
    }
    if ranks.rank() == 0 {
        println!("test accuracy {:.4}", digits.accuracy(&model)?);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let universe = mpi::initialize().ok_or("MPI is initialised already")?;
    let ranks = Ranks::of(&universe);
    let checkpoint = std::env::args().nth(1).unwrap_or("run.safetensors".into());
    train(&ranks, checkpoint.as_ref()).or_else(|e| {
        eprintln!("rank {}: {e}", ranks.rank());
        ranks.abort()
    })
}
