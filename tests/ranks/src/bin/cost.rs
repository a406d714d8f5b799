//! What AutoWU adds to an update: the same training with it and without, in turns.
//!
//! ```text
//! mpirun -n 4 cost
//! ```

use autowu_candle::{AdamW, Config, Event, OptimizerState, ParamsAdamW, Scheduled};
use autowu_ranks::digits::{Digits, network, seed_weights};
use autowu_ranks::ranks::{Ranks, digest};
use candle_core::{DType, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{Module, Optimizer, VarMap};
use std::error::Error;
use std::time::Instant;

const PAIRS: u64 = 40;
const BLOCK: u64 = 50;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Microseconds of one `call`, the median of 1,000.
fn one(mut call: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let begun = Instant::now();
        call()?;
        times.push(1e6 * begun.elapsed().as_secs_f64());
    }
    Ok(median(times))
}

fn run(ranks: &Ranks) -> Result<(), Box<dyn Error>> {
    let digits = Digits::load(DType::F32)?;
    let (plain_map, map) = (VarMap::new(), VarMap::new());
    let (plain_model, model) = (network(&plain_map, DType::F32)?, network(&map, DType::F32)?);
    let mut plain = AdamW::from_varmap(&plain_map, ParamsAdamW::default())?;
    let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?;
    let vars_of = |optimizer: &AdamW| -> Vec<Var> {
        optimizer.vars().into_iter().map(|(_, var)| var.clone()).collect()
    };
    let (plain_vars, vars) = (vars_of(&plain), vars_of(&optimizer));
    seed_weights(&plain_vars, 0)?;
    seed_weights(&vars, 0)?;
    let mut optimizer = Scheduled::new(optimizer, Config::new(PAIRS * BLOCK))?;
    let (mut without, mut added) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let updates = pair * BLOCK..(pair + 1) * BLOCK;
        let begun = Instant::now();
        for update in updates.clone() {
            let (images, labels) = digits.share(update, 0, ranks)?;
            let loss = cross_entropy(&plain_model.forward(&images)?, &labels)?;
            let (_, grads) = ranks.backward::<f32>(&loss, &plain_vars)?;
            plain.set_learning_rate(3e-3 * (1.0 - update as f64 / (PAIRS * BLOCK) as f64));
            plain.step(&grads)?;
        }
        let alone = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for update in updates {
            let (images, labels) = digits.share(update, 0, ranks)?;
            let loss = cross_entropy(&model.forward(&images)?, &labels)?;
            let (loss, grads) = ranks.backward::<f32>(&loss, &vars)?;
            let event = optimizer.observe(&loss)?;
            if !matches!(event, Some(Event::Restore { .. })) {
                optimizer.step(&grads)?;
            }
            if optimizer.autowu().steps() == optimizer.steps() {
                optimizer.autowu().agree(digest(&vars)?, |own| ranks.all_gather(&own))?;
            }
        }
        let with = begun.elapsed().as_secs_f64();
        without.push(1e6 * alone / BLOCK as f64);
        added.push(1e6 * (with - alone) / BLOCK as f64);
    }
    let agree = one(|| Ok(optimizer.autowu().agree(0, |own| ranks.all_gather(&own))?))?;
    let weights = one(|| Ok(_ = digest(&vars)?))?;
    let (without, added) = (median(without), median(added));
    if ranks.rank() == 0 {
        println!(
            "| {} | {without:.0} | {added:.0} | {:.1} % | {agree:.1} | {weights:.1} |",
            ranks.size(),
            100.0 * added / without
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let universe = mpi::initialize().ok_or("MPI is initialised already")?;
    let ranks = Ranks::of(&universe);
    run(&ranks).or_else(|e| {
        eprintln!("rank {}: {e}", ranks.rank());
        ranks.abort()
    })
}
