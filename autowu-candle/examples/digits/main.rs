//! Trains a small network on handwritten digits with an untuned learning rate.
//!
//! ```text
//! cargo run --release -p autowu-candle --example digits
//! ```

mod model;

use autowu_candle::{
    Baseline, BatchScaling, CAPACITY, Config, Decay, Event, Scheduled, StatefulOptimizer,
    UpdateRule,
};
use autowu_candle::{ParamsAdamP, ParamsAdamW, ParamsLamb, ParamsSgdm};
use autowu_lab::images;
use autowu_replay::{plot, record};
use candle_core::{Device, Tensor};
use candle_nn::{ModuleT, Optimizer, VarMap, loss::cross_entropy};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Trains a small network on handwritten digits with an untuned learning rate.
///
/// Writes run.csv (step,lr,loss), run.json (tests and events) and run.svg, and ends with the
/// accuracy on unseen writers.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    digits                                         the data in the repository, AdamW, AutoWU\n  \
    digits --model mlp --optimizer sgd-m --batch 512\n  \
    digits --schedule baseline --peak 0.003        linear warmup + cosine, a peak that you tune\n  \
    digits --data mnist --epochs 3                 IDX files: train-images-idx3-ubyte[.gz] …")]
struct Args {
    /// A directory with optdigits' train.csv and test.csv, or with IDX files (MNIST,
    /// Fashion-MNIST), plain or .gz.
    #[arg(long, value_name = "DIR", default_value_os_t = repository_data())]
    data: PathBuf,
    /// The network.
    #[arg(long, value_enum, default_value_t = model::Kind::Cnn)]
    model: model::Kind,
    /// Passes over the training set: the budget.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    epochs: u64,
    /// Images per update.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Decides the weights, the order of the images, and the scheduler's subsets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The optimizer.
    #[arg(long, value_enum, default_value_t = Optim::Adamw)]
    optimizer: Optim,
    /// The learning-rate schedule.
    #[arg(long, value_enum, default_value_t = Schedule::Default)]
    schedule: Schedule,
    /// Peak learning rate of the baseline (5 % linear warmup, then cosine) [default: 0.001 ·
    /// √(batch/256)].
    #[arg(long, value_name = "LR", allow_negative_numbers = true, value_parser = positive)]
    peak: Option<f64>,
    /// Threads for the tensor work. A network of this size is several times faster on one than on
    /// two.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Where run.csv, run.json and run.svg go.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Optim {
    Adamw,
    Adamp,
    Lamb,
    /// Without momentum.
    Sgd,
    /// With momentum 0.9.
    SgdM,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Schedule {
    /// AutoWU's default: restore and climb on.
    Default,
    /// AutoWU by the paper's rule.
    Paper,
    /// Linear warmup and cosine, with a peak that you tune.
    Baseline,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(usize::from(args.threads)).build_global()?;
    std::fs::create_dir_all(&args.out).map_err(|e| format!("--out {}: {e}", args.out.display()))?;
    let data = images::load(&args.data)?;
    let steps_per_epoch = data.train.len() as u64 / u64::from(args.batch);
    if steps_per_epoch == 0 {
        let images = data.train.len();
        return Err(format!(
            "--batch {}: the training set has {images} images; use at most that many",
            args.batch
        )
        .into());
    }
    let map = VarMap::new();
    let side = (data.train.rows, data.train.columns);
    let model = model::Model::new(args.model, side, data.classes, args.seed, &map)?;
    let task =
        Task { args, steps_per_epoch, train: tensors(&data.train)?, model: &model, map: &map };
    let log = match args.optimizer {
        Optim::Adamw => train(&task, ParamsAdamW::default()),
        Optim::Adamp => train(&task, ParamsAdamP::default()),
        Optim::Lamb => train(&task, ParamsLamb::default()),
        Optim::Sgd => train(&task, ParamsSgdm { momentum: 0.0, ..Default::default() }),
        Optim::SgdM => train(&task, ParamsSgdm { momentum: 0.9, ..Default::default() }),
    }?;
    write_csv(&args.out.join("run.csv"), &log)?;
    let losses: Vec<f64> = log.iter().map(|row| row.1).collect();
    let record = match task.config() {
        // The same losses give the same run: the picture's band comes from a replay.
        Some(config) => record::Record::replay::<f64, CAPACITY>(config, &losses, |_| ())?,
        None => record::Record::untested(log.iter().map(|row| row.0).chain([0.0]).collect()),
    };
    record.write_json(&args.out.join("run.json"))?;
    plot::draw(&args.out.join("run.svg"), &losses, &record)?;
    println!("wrote run.csv, run.json and run.svg to {}", args.out.display());
    let (pixels, labels) = tensors(&data.test)?;
    println!("test accuracy {:.4}", model::accuracy(&model, &pixels, &labels)?);
    Ok(())
}

struct Task<'a> {
    args: &'a Args,
    steps_per_epoch: u64,
    /// `[images, pixels]` and `[images]`.
    train: (Tensor, Tensor),
    model: &'a model::Model,
    map: &'a VarMap,
}

impl Task<'_> {
    /// AutoWU's configuration, if it schedules the run.
    fn config(&self) -> Option<Config> {
        let (steps, epochs, seed) = (self.steps_per_epoch, self.args.epochs, self.args.seed);
        match self.args.schedule {
            Schedule::Default => Some(Config::epochs(steps, epochs).with_seed(seed)),
            Schedule::Paper => Some(Config::paper(steps, epochs).with_seed(seed)),
            Schedule::Baseline => None,
        }
    }

    fn baseline(&self) -> Baseline<f64> {
        let total_steps = self.steps_per_epoch * self.args.epochs;
        let scaled = || BatchScaling::Sqrt.peak(1e-3, u64::from(self.args.batch), 256);
        Baseline {
            peak: self.args.peak.unwrap_or_else(scaled),
            warmup_steps: total_steps.div_ceil(20),
            total_steps,
            decay: Decay::Cosine,
            floor: 0.0,
        }
    }
}

/// Trains, and returns learning rate and loss of every step.
fn train<R: UpdateRule<K>, const K: usize>(
    task: &Task,
    params: R,
) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let optimizer = StatefulOptimizer::from_varmap(task.map, params)?;
    let mut trainer = match task.config() {
        Some(config) => Trainer::AutoWu(Box::new(Scheduled::new(optimizer, config)?)),
        None => Trainer::Baseline(optimizer, task.baseline()),
    };
    let mut rng = fastrand::Rng::with_seed(task.args.seed ^ 0x5EED);
    let (images, labels) = &task.train;
    let batch = task.args.batch as usize;
    let mut order: Vec<u32> = (0..images.dim(0)? as u32).collect();
    let mut log = Vec::new();
    let bar = progress_bar(task.steps_per_epoch * task.args.epochs)?;
    for _ in 0..task.args.epochs {
        rng.shuffle(&mut order);
        for chosen in order.chunks_exact(batch) {
            let chosen = Tensor::new(chosen, &Device::Cpu)?;
            let logits = task.model.forward_t(&images.index_select(&chosen, 0)?, true)?;
            let loss = cross_entropy(&logits, &labels.index_select(&chosen, 0)?)?;
            let lr = trainer.lr(log.len() as u64);
            if let Some(event) = trainer.step(&loss, lr)?
                && !matches!(event, Event::Snapshot { .. })
            {
                bar.suspend(|| println!("{event}"));
            }
            // For the log and the bar; on a GPU a loop would not read the loss at every step.
            let loss = f64::from(loss.to_scalar::<f32>()?);
            log.push((lr, loss));
            bar.set_message(format!(
                "loss {loss:.4}  LR {lr:.2e}  {}",
                trainer.phase(log.len() as u64)
            ));
            bar.inc(1);
        }
    }
    bar.finish();
    Ok(log)
}

enum Trainer<O> {
    AutoWu(Box<Scheduled<O>>),
    Baseline(O, Baseline<f64>),
}

impl<O: Optimizer> Trainer<O> {
    fn lr(&self, step: u64) -> f64 {
        match self {
            Trainer::AutoWu(scheduled) => scheduled.lr(),
            Trainer::Baseline(_, baseline) => baseline.lr(step),
        }
    }

    fn step(&mut self, loss: &Tensor, lr: f64) -> Result<Option<Event<f64>>, autowu_candle::Error> {
        match self {
            Trainer::AutoWu(scheduled) => scheduled.backward_step(loss),
            Trainer::Baseline(optimizer, _) => {
                optimizer.set_learning_rate(lr);
                optimizer.backward_step(loss)?;
                Ok(None)
            }
        }
    }

    fn phase(&self, step: u64) -> &'static str {
        match self {
            Trainer::AutoWu(scheduled) => scheduled.autowu().phase().name(),
            Trainer::Baseline(_, baseline) if step < baseline.warmup_steps => "warmup",
            Trainer::Baseline(..) => "decay",
        }
    }
}

fn tensors(images: &images::Images) -> candle_core::Result<(Tensor, Tensor)> {
    let shape = (images.len(), images.rows * images.columns);
    Ok((
        Tensor::from_slice(&images.pixels, shape, &Device::Cpu)?,
        Tensor::from_slice(&images.labels, images.len(), &Device::Cpu)?,
    ))
}

fn progress_bar(steps: u64) -> Result<ProgressBar, Box<dyn Error>> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}  {eta} left")?;
    Ok(ProgressBar::new(steps).with_style(style))
}

fn write_csv(path: &Path, log: &[(f64, f64)]) -> Result<(), Box<dyn Error>> {
    let mut csv = csv::Writer::from_path(path).map_err(|e| format!("{}: {e}", path.display()))?;
    csv.write_record(["step", "lr", "loss"])?;
    for (step, (lr, loss)) in log.iter().enumerate() {
        csv.serialize((step, lr, loss))?;
    }
    Ok(csv.flush()?)
}

fn positive(text: &str) -> Result<f64, String> {
    let lr = text.parse::<f64>().ok().filter(|lr| *lr > 0.0 && lr.is_finite());
    lr.ok_or_else(|| "a finite learning rate above 0 is expected, 0.003 for example".into())
}

fn repository_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/optdigits")
}
