//! The training of `train.rs`, with something wrong on one rank, and everything compared on all
//! ranks after every update. `check.rs` runs it and reads the lines `key value` that rank 0 prints.
//!
//! ```text
//! mpirun -n 4 trial seed=3 fault=loss at=80 rank=1
//! ```

mod faults;
mod options;

use autowu_candle::{AdamW, Config, OptimizerState, ParamsAdamW, Scheduled};
use autowu_core::AgreeError;
use autowu_ranks::digits::{Digits, network, seed_weights};
use autowu_ranks::ranks::{Ranks, digest};
use candle_core::{DType, Tensor, Var};
use candle_nn::loss::cross_entropy;
use candle_nn::{Module, Sequential, VarMap};
use options::Options;
use std::error::Error;
use std::fmt::Write as _;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is compared on all ranks after every update.
const COMPARED: [&str; 4] = ["learning rate", "event", "digest", "weights"];

struct Trial<'a> {
    ranks: &'a Ranks,
    options: Options,
    digits: Digits,
    model: Sequential,
    vars: Vec<Var>,
    optimizer: Scheduled<AdamW>,
    /// The weights of the last two snapshots.
    copies: Vec<Vec<Tensor>>,
    /// Steps done when something went wrong.
    fault: Option<u64>,
    /// Calls of `agree` since then.
    exchanges: u64,
    restores: u64,
    compared: u64,
    /// The first update that differs, and in what.
    differs: Option<(u64, &'static str)>,
    record: String,
}

impl<'a> Trial<'a> {
    fn new(ranks: &'a Ranks, options: Options) -> Result<Self> {
        let map = VarMap::new();
        let dtype = if options.double { DType::F64 } else { DType::F32 };
        let model = network(&map, dtype)?;
        let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?;
        let vars: Vec<Var> = optimizer.vars().into_iter().map(|(_, var)| var.clone()).collect();
        seed_weights(&vars, options.seed)?;
        let other = options.fault == "config" && options.rank == ranks.rank();
        let config = Config::new(options.updates).with_seed(u64::from(other));
        let mut optimizer = Scheduled::new(optimizer, config)?;
        if let Some(path) = options.checkpoint.as_ref().filter(|path| path.exists()) {
            optimizer.load(path)?;
        }
        Ok(Trial {
            ranks,
            digits: Digits::load(dtype)?,
            model,
            vars,
            optimizer,
            copies: Vec::new(),
            fault: (options.fault == "config").then_some(0),
            exchanges: 0,
            restores: 0,
            compared: 0,
            differs: None,
            record: String::from("update,lr,event,loss,digest\n"),
            options,
        })
    }

    fn run(&mut self) -> Result<()> {
        self.agree()?;
        while self.optimizer.steps() < self.options.updates {
            self.resume()?;
            let (loss, event) = self.update()?;
            let [lr, event, state, _] = self.compare(event)?;
            let (step, lr) = (self.optimizer.steps(), f64::from_bits(lr));
            writeln!(self.record, "{step},{lr:e},{event:x},{loss:e},{state:x}")?;
            if self.optimizer.autowu().steps() == step && !self.options.alone {
                self.agree()?;
            }
            if let (Some(path), 0, 0) = (&self.options.checkpoint, step % 25, self.ranks.rank()) {
                self.optimizer.save(path)?;
            }
            if self.options.die == Some(step) && self.ranks.rank() + 1 == self.ranks.size() {
                std::process::abort();
            }
        }
        Ok(())
    }

    /// The loss and, as a number, the event.
    fn update(&mut self) -> Result<(f64, u64)> {
        let (step, seed) = (self.optimizer.steps(), self.options.seed);
        let (images, labels) = self.digits.share(step, seed, self.ranks)?;
        let own = cross_entropy(&self.model.forward(&images)?, &labels)?;
        let own = self.with_nan(own)?;
        let (loss, grads) = match own.dtype() {
            DType::F64 => self.ranks.backward::<f64>(&own, &self.vars)?,
            _ => self.ranks.backward::<f32>(&own, &self.vars)?,
        };
        let (loss, grads) = self.instead(&own, loss, grads)?;
        let event = self.optimizer.observe(&loss)?;
        if !event.is_some_and(|e| matches!(e.kind(), "restore" | "skip")) {
            self.optimizer.step(&grads)?;
        }
        self.after(event.as_ref())?;
        let letters = event.map_or("", |e| e.kind()).bytes();
        let loss = loss.to_dtype(DType::F64)?.to_scalar()?;
        Ok((loss, letters.fold(0, |code, letter| code << 8 | u64::from(letter))))
    }

    fn agree(&mut self) -> std::result::Result<(), AgreeError<candle_core::Error>> {
        self.exchanges += u64::from(self.fault.is_some());
        let weights = digest(&self.vars).map_err(AgreeError::Exchange)?;
        self.optimizer.autowu().agree(weights, |own| self.ranks.all_gather(&own))
    }

    /// Without `agree`, which is what is tried.
    fn compare(&mut self, event: u64) -> Result<[u64; COMPARED.len()]> {
        let (lr, state) = (self.optimizer.lr().to_bits(), self.optimizer.autowu().digest());
        let own = [lr, event, state, digest(&self.vars)?];
        let all = self.ranks.all_gather(&own)?;
        let differs = |i: &usize| all.iter().skip(*i).step_by(own.len()).any(|w| *w != all[*i]);
        self.compared += 1;
        if let (None, Some(what)) = (self.differs, (0..own.len()).find(differs)) {
            self.differs = Some((self.optimizer.steps(), COMPARED[what]));
        }
        Ok(own)
    }

    fn report(&self, ended: Result<()>) -> Result<()> {
        if let Some(path) = &self.options.record {
            std::fs::write(path, &self.record)?;
        }
        let square = |var: &Var| var.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>();
        let norm = self.vars.iter().map(square).sum::<candle_core::Result<f64>>()?.sqrt();
        println!("compared {}", self.compared);
        println!("restores {}", self.restores);
        println!("weights {:x}", digest(&self.vars)?);
        println!("norm {norm}");
        println!("accuracy {:.4}", self.digits.accuracy(&self.model)?);
        if let Some((update, what)) = self.differs {
            println!("differs {update} {what}");
        }
        if let Some(update) = self.fault {
            println!("fault {update}");
        }
        if let Err(e) = ended {
            println!("exchanges {}", self.exchanges);
            println!("found {e}");
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let universe = mpi::initialize().ok_or("MPI is initialised already")?;
    let ranks = Ranks::of(&universe);
    let options = Options::parse(std::env::args().skip(1))?;
    let mut trial = Trial::new(&ranks, options)?;
    let ended = trial.run();
    // Every rank hears the same answer; any other error is this rank's own.
    if let Some(e) = ended.as_ref().err().filter(|e| !e.is::<AgreeError<candle_core::Error>>()) {
        eprintln!("rank {}: {e}", ranks.rank());
        ranks.abort();
    }
    if ranks.rank() == 0 { trial.report(ended) } else { Ok(()) }
}
