//! The command line.

use crate::model::Kind;
use autowu_burn::{AdamPConfig, Baseline, BatchScaling, Config, Decay};
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::{AdamWConfig, LambConfig, ModuleOptimizer, SgdConfig, momentum::MomentumConfig};
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};

/// Trains a small network on handwritten digits in burn's trainer, with an untuned learning rate.
///
/// Ends with the accuracy on unseen writers.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    digits                                         the data in the repository, AdamW, AutoWU\n  \
    digits --model mlp --optimizer sgd --batch 512\n  \
    digits --schedule baseline --peak 0.003        linear warmup + cosine, a peak that you tune\n  \
    digits --data mnist --epochs 3                 IDX files: train-images-idx3-ubyte[.gz] …\n  \
    digits --stop-after 6; digits --resume 6       an interruption, and the rest\n\n\
    FILES in --out:\n  \
    run.csv, run.json, run.svg   step, learning rate and loss; tests and events; a picture\n  \
    experiment.log               burn's log, with every decision of AutoWU and its reason\n  \
    train, valid, checkpoint     burn's metrics and checkpoints")]
pub struct Args {
    /// A directory with optdigits' train.csv and test.csv, or with IDX files (MNIST,
    /// Fashion-MNIST), plain or .gz.
    #[arg(long, value_name = "DIR", default_value_os_t = repository_data())]
    pub data: PathBuf,
    /// The network.
    #[arg(long, value_enum, default_value_t = Kind::Cnn)]
    pub model: Kind,
    /// Passes over the training set: the budget.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub epochs: u32,
    /// Images per update.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Decides the weights, the order of the images, and the scheduler's subsets.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub seed: u64,
    /// The optimizer.
    #[arg(long, value_enum, default_value_t = Optim::Adamw)]
    pub optimizer: Optim,
    /// The learning-rate schedule.
    #[arg(long, value_enum, default_value_t = Schedule::Default)]
    pub schedule: Schedule,
    /// Peak learning rate of the baseline (5 % linear warmup, then cosine) [default: 0.001 ·
    /// √(batch/256)].
    #[arg(long, value_name = "LR", allow_negative_numbers = true, value_parser = positive)]
    pub peak: Option<f64>,
    /// The two-line form: a detection ends the warmup, and weights are never restored.
    #[arg(long)]
    pub no_restore: bool,
    /// Stop after this epoch, as an interruption would.
    #[arg(long, value_name = "EPOCH", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// Resume after this epoch, from its checkpoint in --out.
    #[arg(long, value_name = "EPOCH", value_parser = clap::value_parser!(u32).range(1..))]
    pub resume: Option<u32>,
    /// Lines of text instead of burn's dashboard, which the feature `tui` brings.
    #[arg(long)]
    pub plain: bool,
    /// Where the results go.
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Optim {
    Adamw,
    Adamp,
    Lamb,
    /// With momentum 0.9.
    Sgd,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Schedule {
    /// AutoWU's default: restore and climb on.
    Default,
    /// AutoWU by the paper's rule.
    Paper,
    /// Linear warmup and cosine, with a peak that you tune.
    Baseline,
}

impl Args {
    /// AutoWU's configuration, if it schedules the run. It only needs the budget in optimizer
    /// updates.
    pub fn config(&self, steps_per_epoch: u64) -> Option<Config> {
        let epochs = u64::from(self.epochs);
        let config = match self.schedule {
            Schedule::Default => Config::epochs(steps_per_epoch, epochs),
            Schedule::Paper => Config::paper(steps_per_epoch, epochs),
            Schedule::Baseline => return None,
        };
        let config = config.with_seed(self.seed);
        Some(if self.no_restore { config.without_restore() } else { config })
    }

    pub fn baseline(&self, steps_per_epoch: u64) -> Tuned {
        let total_steps = steps_per_epoch * u64::from(self.epochs);
        let scaled = || BatchScaling::Sqrt.peak(1e-3, u64::from(self.batch), 256);
        let peak = self.peak.unwrap_or_else(scaled);
        let warmup_steps = total_steps.div_ceil(20);
        Tuned {
            curve: Baseline { peak, warmup_steps, total_steps, decay: Decay::Cosine, floor: 0.0 },
            step: 0,
        }
    }

    pub fn optimizer(&self) -> ModuleOptimizer {
        match self.optimizer {
            Optim::Adamw => AdamWConfig::new().init(),
            Optim::Adamp => AdamPConfig::new().init(),
            Optim::Lamb => LambConfig::new().init(),
            Optim::Sgd => SgdConfig::new().with_momentum(Some(MomentumConfig::new())).init(),
        }
    }
}

/// The baseline as burn's scheduler.
#[derive(Clone)]
pub struct Tuned {
    curve: Baseline<f64>,
    step: u64,
}

impl LrScheduler for Tuned {
    fn step(&mut self) -> f64 {
        self.step += 1;
        self.curve.lr(self.step - 1)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("step", self.step)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.step = record.scalar("step").unwrap_or(self.step);
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let lr = text.parse::<f64>().ok().filter(|lr| *lr > 0.0 && lr.is_finite());
    lr.ok_or_else(|| "a finite learning rate above 0 is expected, 0.003 for example".into())
}

fn repository_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/optdigits")
}
