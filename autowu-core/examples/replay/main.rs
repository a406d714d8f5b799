//! What AutoWU would have done on a loss log that you already have; or, with `--stream`, the
//! scheduler of a live trainer in any language at the other end of a pipe.
//!
//! ```text
//! cargo run --release -p autowu-core --example replay -- losses.csv --plot replay.svg
//! ```

use autowu_core::{AutoWu, Config, Event, Real};
use autowu_lab::record::{self, Record};
use autowu_lab::{log, plot};
use clap::{Parser, ValueEnum};
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Losses kept exactly: recorded warmups are rarely longer, and memory does not matter here.
const CAPACITY: usize = 16384;

/// What AutoWU would have done on a recorded loss curve.
///
/// The log's losses come from its own learning rates: after the first detection, the output shows
/// what the rule says to these losses, not what training would have done.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    replay losses.txt                                      one loss a line, budget = lines\n  \
    replay run.csv --total-steps 20000 --plot replay.svg   a CSV, column `loss` or `Value`\n  \
    replay run.csv --preset paper --steps-per-epoch 390 --epochs 200 --json out.json\n  \
    my_trainer | replay --stream --total-steps 20000       see docs/any-language.md")]
struct Args {
    /// The log: one loss a line, or a CSV with a header and a column `loss` or `Value`
    /// (TensorBoard, Weights & Biases); `-` reads standard input. `nan`, `inf` and `-inf` are
    /// losses.
    #[arg(required_unless_present = "stream")]
    losses: Option<PathBuf>,
    /// Optimizer updates per epoch; with --epochs, the budget.
    #[arg(long, requires = "epochs")]
    steps_per_epoch: Option<u64>,
    /// Epochs of the whole run.
    #[arg(long, requires = "steps_per_epoch")]
    epochs: Option<u64>,
    /// Optimizer updates of the whole run [default: the number of losses].
    #[arg(long, conflicts_with_all = ["steps_per_epoch", "epochs"])]
    total_steps: Option<u64>,
    /// The rule.
    #[arg(long, value_enum, default_value_t = Preset::Default)]
    preset: Preset,
    /// The trainer cannot restore its weights: a detection ends the warmup (default preset only).
    #[arg(long)]
    no_restore: bool,
    /// Smallest and first learning rate.
    #[arg(long, default_value_t = 1e-5)]
    min_lr: f64,
    /// Largest learning rate of the warmup.
    #[arg(long, default_value_t = 1.0)]
    max_lr: f64,
    /// Precision of all arithmetic.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    precision: Precision,
    /// Decides which losses a vote sees.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write learning rates, tests, events and the switch as JSON.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Draw losses and learning rates.
    #[arg(long, value_name = "OUT.svg")]
    plot: Option<PathBuf>,
    /// Schedule a live trainer: print the first learning rate, then answer each loss on standard
    /// input with one line: the next learning rate and, if the trainer has something to do or to
    /// know, a space and `snapshot`, `restore`, `decay` or `diverged`.
    #[arg(long, conflicts_with_all = ["losses", "json", "plot"])]
    stream: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Preset {
    /// Restore and climb on: survives short budgets.
    Default,
    /// The paper's rule, to the letter.
    Paper,
}

#[derive(Clone, Copy, ValueEnum)]
enum Precision {
    F32,
    F64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.precision {
        Precision::F32 => run::<f32>(&args),
        Precision::F64 => run::<f64>(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run<T: Real>(args: &Args) -> Result<(), String> {
    if args.stream {
        let config = config(args, None)?;
        return stream(AutoWu::<T, CAPACITY>::new(config).map_err(|e| e.to_string())?);
    }
    let losses = read(args)?;
    let config = config(args, Some(losses.len() as u64))?;
    if losses.len() as u64 > config.total_steps {
        let budget = config.total_steps;
        eprintln!(
            "note: the log has {} losses, the budget is {budget} steps; the rest is not replayed",
            losses.len()
        );
    }
    let record = Record::replay::<T, CAPACITY>(config, &losses, |line| println!("{line}"))
        .map_err(|e| e.to_string())?;
    if let Some(path) = &args.json {
        record.write_json(path)?;
    }
    if let Some(path) = &args.plot {
        plot::draw(path, &losses, &record)?;
    }
    Ok(())
}

fn config(args: &Args, losses: Option<u64>) -> Result<Config, String> {
    let total = match (args.total_steps, args.steps_per_epoch, args.epochs) {
        (Some(total), ..) => total,
        (None, Some(steps), Some(epochs)) => steps.saturating_mul(epochs),
        _ => losses.ok_or(
            "--stream needs the budget: --total-steps N, or --steps-per-epoch N --epochs N",
        )?,
    };
    let preset = match (args.preset, args.steps_per_epoch, args.epochs) {
        (Preset::Paper, Some(steps), Some(epochs)) => Config::paper(steps, epochs),
        (Preset::Paper, ..) => {
            return Err(
                "--preset paper tests at the end of every epoch: it needs --steps-per-epoch N \
                 --epochs N"
                    .into(),
            );
        }
        (Preset::Default, ..) if args.no_restore => Config::new(total).without_restore(),
        (Preset::Default, ..) => Config::new(total),
    };
    Ok(preset.with_lr_range(args.min_lr, args.max_lr).with_seed(args.seed))
}

fn read(args: &Args) -> Result<Vec<f64>, String> {
    let path = args.losses.clone().unwrap_or_default();
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(|e| format!("standard input: {e}"))?;
    } else {
        text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    log::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The other end of a pipe.
fn stream<T: Real>(mut autowu: AutoWu<T, CAPACITY>) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let mut say = |lr: T, word: &str| {
        let gap = if word.is_empty() { "" } else { " " };
        writeln!(out, "{lr}{gap}{word}")
            .and_then(|()| out.flush())
            .map_err(|e| format!("standard output: {e}"))
    };
    say(autowu.lr(), "")?;
    for (i, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|e| format!("standard input: {e}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let loss = log::number(&line).ok_or_else(|| {
            format!(
                "line {} of standard input: {line:?} is not a loss (a number, nan, inf or -inf)",
                i + 1
            )
        })?;
        let outcome = autowu.step(T::of(loss));
        if let Some(event) = outcome.event
            && !matches!(event, Event::Snapshot { .. })
        {
            eprintln!("{}", sentence(&event));
        }
        say(outcome.lr, outcome.event.map_or("", |e| e.kind()))?;
    }
    Ok(())
}

fn sentence<T: Real>(event: &Event<T>) -> String {
    let reason = record::reason(event).map_or("", |r| r.sentence());
    format!("autowu: step {}: {}: {reason}; LR {}", event.step(), event.kind(), event.lr())
}
