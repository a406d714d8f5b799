//! What AutoWU would have done on a loss log that you already have; or, with `--stream`, the
//! scheduler of a live trainer in any language at the other end of a pipe.
//!
//! ```text
//! cargo run --release -p autowu-core --example replay -- losses.csv --plot replay.svg
//! ```

use autowu_core::{AutoWu, Config, Event, Real};
use autowu_lab::log::{self, Log};
use autowu_lab::plot;
use autowu_lab::record::{self, Record};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Losses kept exactly: recorded warmups are rarely longer, and memory does not matter here.
const CAPACITY: usize = 16384;

/// What AutoWU would have done on a recorded loss curve.
///
/// The log's losses come from its own learning rates: after the first detection, the output shows
/// what the rule says to these losses, not what training would have done.
#[derive(Parser)]
#[command(
    name = "replay",
    version,
    after_help = "LOGS:\n  \
    tables (CSV, `;`, tab) of TensorBoard, Weights & Biases, MLflow, Comet, Lightning, Keras,\n  \
    fastai, YOLO; JSON (trainer_state.json, lines, arrays); printed lines (`loss: 2.3`); burn's\n  \
    Loss.log and experiment folder; one loss a line. Plain or .gz, UTF-8, UTF-16 or Latin-1.\n  \
    A log with a row every k steps is replayed at that spacing: budgets, tests and events are in\n  \
    steps of the training. More in docs/logs.md.\n\n\
    EXAMPLES:\n  \
    replay losses.txt                                      one loss a line, budget = lines\n  \
    replay run.csv --total-steps 20000 --plot replay.svg   the training loss of a table\n  \
    replay wandb.csv --column train/loss_ce                another column\n  \
    replay run.csv --preset paper --steps-per-epoch 390 --epochs 200 --json out.json\n  \
    my_trainer | replay --stream --total-steps 20000       see docs/any-language.md"
)]
struct Args {
    /// The log, or burn's experiment folder; `-` reads standard input. `nan`, `inf` and `-inf`
    /// are losses.
    #[arg(required_unless_present = "stream")]
    losses: Option<PathBuf>,
    /// The column, key or tag with the losses [default: the training loss, if there is one].
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Optimizer updates per epoch; with --epochs, the budget.
    #[arg(long, requires = "epochs")]
    steps_per_epoch: Option<u64>,
    /// Epochs of the whole run.
    #[arg(long, requires = "steps_per_epoch")]
    epochs: Option<u64>,
    /// Optimizer updates of the whole run [default: those that the log stands for].
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
    #[arg(long, conflicts_with_all = ["losses", "column", "json", "plot"])]
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
        let config = config(args, budget(args, None)?, 1)?;
        return stream(AutoWu::<T, CAPACITY>::new(config).map_err(|e| e.to_string())?);
    }
    let log = read(args)?;
    let mut out = Output { is_open: true };
    out.say(&log.summary())?;
    for note in &log.notes {
        eprintln!("note: {note}");
    }
    let steps = log.training_steps();
    let every = log.every();
    let budget = budget(args, Some(steps))?;
    let config = config(args, budget, every)?;
    if steps > budget {
        eprintln!(
            "note: the log stands for {steps} steps, the budget is {budget}; the rest is not \
             replayed"
        );
    }
    let losses = log.evenly(config.total_steps)?;
    let mut said = Ok(());
    let record = Record::replay_thinned::<T, CAPACITY>(config, &losses, every, |line| {
        if said.is_ok() {
            said = out.say(&line);
        }
    })
    .map_err(|e| e.to_string())?;
    said?;
    if let Some(path) = &args.json {
        record.write_json(path)?;
    }
    if let Some(path) = &args.plot {
        let losses = losses.iter().flat_map(|&loss| (0..every).map(move |_| loss));
        plot::draw(path, &losses.collect::<Vec<f64>>(), &record)?;
    }
    Ok(())
}

/// Steps of the training.
fn budget(args: &Args, log: Option<u64>) -> Result<u64, String> {
    match (args.total_steps, args.steps_per_epoch, args.epochs) {
        (Some(total), ..) => Ok(total),
        (None, Some(steps), Some(epochs)) => Ok(steps.saturating_mul(epochs)),
        _ => log.ok_or_else(|| {
            "--stream needs the budget: --total-steps N, or --steps-per-epoch N --epochs N".into()
        }),
    }
}

/// The rule for a budget of steps, of which each `every`th has a loss: the learning rate grows as
/// fast per step as with all of them.
fn config(args: &Args, budget: u64, every: u64) -> Result<Config, String> {
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
        (Preset::Default, ..) if args.no_restore => Config::new(losses(budget)).without_restore(),
        (Preset::Default, ..) => Config::new(losses(budget)),
    };
    Ok(preset.with_lr_range(args.min_lr, args.max_lr).with_seed(args.seed))
}

fn read(args: &Args) -> Result<Log, String> {
    let path = args.losses.clone().unwrap_or_default();
    let options =
        log::Options { column: args.column.as_deref(), steps_per_epoch: args.steps_per_epoch };
    let read = if path.as_os_str() == "-" {
        log::read(io::stdin().lock(), &options)
    } else if let Some(bar) = progress(&path) {
        let read = log::open(&path, &options, |file| bar.wrap_read(file));
        bar.finish_and_clear();
        read
    } else {
        log::open(&path, &options, |file| file)
    };
    read.map_err(|e| format!("{}: {e}", path.display()))
}

/// Files that take longer than a blink to read.
const LARGE: u64 = 1 << 24;

/// A bar on a terminal's standard error, for a large file.
fn progress(path: &Path) -> Option<ProgressBar> {
    let about = File::open(path).and_then(|file| file.metadata()).ok()?;
    let style = ProgressStyle::with_template("reading {bar:40} {bytes}/{total_bytes}").ok()?;
    (about.is_file() && about.len() >= LARGE)
        .then(|| ProgressBar::new(about.len()).with_style(style))
}

/// Standard output, until its reader has seen enough (`| head`).
struct Output {
    is_open: bool,
}

impl Output {
    fn say(&mut self, line: &str) -> Result<(), String> {
        if self.is_open {
            self.is_open = is_read(writeln!(io::stdout(), "{line}"))?;
        }
        Ok(())
    }
}

/// Whether somebody reads on.
fn is_read(written: io::Result<()>) -> Result<bool, String> {
    match written {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true).map_err(|e| format!("standard output: {e}")),
    }
}

/// The other end of a pipe.
fn stream<T: Real>(mut autowu: AutoWu<T, CAPACITY>) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let mut say = |lr: T, word: &str| {
        let gap = if word.is_empty() { "" } else { " " };
        is_read(writeln!(out, "{lr}{gap}{word}").and_then(|()| out.flush()))
    };
    let mut goes_on = say(autowu.lr(), "")?;
    for (i, line) in std::io::stdin().lock().lines().enumerate() {
        if !goes_on {
            break;
        }
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
        goes_on = say(outcome.lr, outcome.event.as_ref().map_or("", word))?;
    }
    Ok(())
}

/// What the trainer reads of an event. The end of the budget has no word: the trainer has nothing
/// to do, and knows its budget.
fn word<T: Real>(event: &Event<T>) -> &'static str {
    match event {
        Event::Finished { .. } => "",
        event => event.kind(),
    }
}

fn sentence<T: Real>(event: &Event<T>) -> String {
    if let Event::Finished { step, lr } = event {
        return format!("autowu: step {step}: the budget is used; LR stays at {lr}");
    }
    let reason = record::reason(event).map_or("", |r| r.sentence());
    format!("autowu: step {}: {}: {reason}; LR {}", event.step(), event.kind(), event.lr())
}
