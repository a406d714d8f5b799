//! The command line, and the run that it describes.

use autowu_core::Config;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use std::path::PathBuf;

/// What AutoWU would have done on a recorded loss curve.
///
/// The log's losses come from its own learning rates: after the first detection, the output shows
/// what the rule says to these losses, not what training would have done.
#[derive(Parser)]
#[command(
    name = "autowu",
    version,
    after_help = "LOGS:\n  \
    tables (CSV, `;`, tab) of TensorBoard, Weights & Biases, MLflow, Comet, Lightning, Keras,\n  \
    fastai, YOLO; JSON (trainer_state.json, lines, arrays); printed lines (`loss: 2.3`); burn's\n  \
    Loss.log and experiment folder; one loss a line. Plain or .gz, UTF-8, UTF-16 or Latin-1.\n  \
    A log with a row every k steps is replayed at that spacing: budgets, tests and events are in\n  \
    steps of the training. More in docs/logs.md.\n\n\
    EXAMPLES:\n  \
    autowu losses.txt                                      one loss a line, budget = lines\n  \
    autowu run.csv --total-steps 20000 --plot run.svg      the training loss of a table\n  \
    autowu wandb.csv --column train/loss_ce                another column\n  \
    autowu run.csv --preset paper --steps-per-epoch 390 --epochs 200 --json out.json\n  \
    autowu --stream --protocol 2 --total-steps 20000       the other end of a trainer's pipe\n\n\
    PROTOCOL 2:\n  \
    The first line is `autowu 2 step STEPS-DONE`, the second the first learning rate. Then each\n  \
    line on standard input gets one line:\n    \
    a loss       LR [WORD]: of the next step; snapshot (copy the weights and the optimizer's\n                 \
    state), restore (put the copy back, no update), skip (no update; also after\n                 \
    decay and diverged), decay, diverged, finished (nothing to do)\n    \
    skip         LR: this step made no update; its loss is not told\n    \
    digest       digest HEX: equal on ranks that agree\n    \
    save PATH    saved PATH: for --resume PATH\n    \
    extend N     LR: the run has N steps in all\n    \
    else         error line N: what is wrong; nothing has changed"
)]
pub struct Args {
    /// The log, or burn's experiment folder; `-` reads standard input. `nan`, `inf` and `-inf`
    /// are losses.
    #[arg(required_unless_present = "stream")]
    pub losses: Option<PathBuf>,
    /// The column, key or tag with the losses [default: the training loss, if there is one].
    #[arg(long, value_name = "NAME")]
    pub column: Option<String>,
    /// Optimizer updates per epoch; with --epochs, the budget.
    #[arg(long, requires = "epochs")]
    pub steps_per_epoch: Option<u64>,
    /// Epochs of the whole run.
    #[arg(long, requires = "steps_per_epoch")]
    pub epochs: Option<u64>,
    /// Optimizer updates of the whole run [default: those that the log stands for].
    #[arg(long, conflicts_with_all = ["steps_per_epoch", "epochs"])]
    pub total_steps: Option<u64>,
    /// The rule.
    #[arg(long, value_enum, default_value_t = Preset::Default)]
    pub preset: Preset,
    /// The trainer cannot restore its weights: a detection ends the warmup (default preset only).
    #[arg(long)]
    pub no_restore: bool,
    /// Smallest and first learning rate [default: the preset's; on a log, which cannot answer a
    /// scout, 1e-5].
    #[arg(long)]
    pub min_lr: Option<f64>,
    /// Largest learning rate of the warmup [default: the preset's; on a log 1].
    #[arg(long)]
    pub max_lr: Option<f64>,
    /// Precision of all arithmetic.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    pub precision: Precision,
    /// Decides which losses a vote sees.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write learning rates, tests, events and the switch as JSON.
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Draw losses and learning rates.
    #[arg(long, value_name = "OUT.svg")]
    pub plot: Option<PathBuf>,
    /// Schedule a live trainer: print the first learning rate, then answer each loss on standard
    /// input with one line: the next learning rate and, if the trainer has something to do or to
    /// know, a space and a word.
    #[arg(long, conflicts_with_all = ["losses", "column", "json", "plot"])]
    pub stream: bool,
    /// What the lines of --stream mean: 1, losses alone, or 2, with commands (below).
    #[arg(
        long, value_name = "1|2", requires = "stream", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u8).range(1..=2)
    )]
    pub protocol: u8,
    /// Go on from what `save PATH` or --save wrote (protocol 2). The run's options are in it; those
    /// that are given have to be the same.
    #[arg(long, value_name = "PATH", requires = "stream")]
    pub resume: Option<PathBuf>,
    /// Write the state there at the end of input, for --resume (protocol 2).
    #[arg(long, value_name = "PATH", requires = "stream")]
    pub save: Option<PathBuf>,
    /// Whether an option of the run was given.
    #[arg(skip)]
    pub describes_run: bool,
}

impl Args {
    /// The command line; on a wrong one, says why and ends the process.
    pub fn read() -> Self {
        let matches = Args::command().get_matches();
        let mut args = Args::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
        args.describes_run =
            OF_THE_RUN.iter().any(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        if args.protocol == 1 && (args.resume.is_some() || args.save.is_some()) {
            Args::command()
                .error(ErrorKind::MissingRequiredArgument, "--resume and --save need --protocol 2")
                .exit();
        }
        args
    }
}

/// Options that a saved state has too.
const OF_THE_RUN: [&str; 8] = [
    "steps_per_epoch",
    "epochs",
    "total_steps",
    "preset",
    "no_restore",
    "min_lr",
    "max_lr",
    "seed",
];

#[derive(Clone, Copy, ValueEnum)]
pub enum Preset {
    /// Restore and climb on: survives short budgets.
    Default,
    /// The paper's rule, to the letter.
    Paper,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Precision {
    F32,
    F64,
}

/// Steps of the training; `otherwise`, if no budget is given.
pub fn budget(args: &Args, otherwise: Option<u64>) -> Result<u64, String> {
    match (args.total_steps, args.steps_per_epoch, args.epochs) {
        (Some(total), ..) => Ok(total),
        (None, Some(steps), Some(epochs)) => Ok(steps.saturating_mul(epochs)),
        _ => otherwise.ok_or_else(|| {
            "--stream needs the budget: --total-steps N, or --steps-per-epoch N --epochs N".into()
        }),
    }
}

/// The rule for a budget of steps, of which each `every`th has a loss: the learning rate grows as
/// fast per step as with all of them.
pub fn config(args: &Args, budget: u64, every: u64) -> Result<Config, String> {
    let losses = |steps: u64| if every > 1 { (steps / every).max(1) } else { steps };
    let preset = match (args.preset, args.steps_per_epoch, args.epochs) {
        (Preset::Paper, Some(steps), Some(epochs)) => Config::paper(losses(steps), epochs),
        (Preset::Paper, ..) => {
            return Err(
                "--preset paper tests at the end of every epoch: it needs --steps-per-epoch N \
                 --epochs N"
                    .into(),
            );
        }
        (Preset::Default, ..) => {
            // The losses of a log do not answer to a scout.
            let config = Config::new(losses(budget));
            let config = if args.stream { config } else { config.without_scout() };
            if args.no_restore { config.without_restore() } else { config }
        }
    };
    let (min_lr, max_lr) = (preset.min_lr, preset.max_lr);
    let (min_lr, max_lr) = (args.min_lr.unwrap_or(min_lr), args.max_lr.unwrap_or(max_lr));
    Ok(preset.with_lr_range(min_lr, max_lr).with_seed(args.seed))
}
