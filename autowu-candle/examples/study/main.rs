//! The training study: does untuned AutoWU do as well as warmup and cosine with a tuned peak? For
//! each data set, optimizer, batch size and budget of a grid, and with each mechanism left out in
//! turn.
//!
//! ```text
//! cargo run --release -p autowu-candle --example study -- --quick --out out/study
//! ```

mod cells;
mod charts;
mod finetune;
mod fused;
mod judge;
mod language;
mod model;
mod networks;
mod optim;
mod paired;
mod pictures;
mod problem;
mod real;
mod runs;
mod schedules;
mod sources;
mod summary;
mod tables;
mod targets;
mod task;
mod texts;
mod train;
mod work;

use cells::{Grid, Half, Selection};
use clap::Parser;
use runs::Shard;
use schedules::Choice;
use sources::{Sources, repository};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares AutoWU with tuned warmup + cosine on a grid of data, models, optimizers, batch sizes
/// and budgets.
///
/// A cell is a task with an optimizer, a batch size and a budget: digits-mlp/adamw/b128/e20 (20
/// epochs), text/sgd/b64/s60 (60 steps). Each cell is trained with every schedule on the same
/// seeds. OUT/runs.csv gets one row per run; a finished run is not repeated, so you can stop the
/// study and resume it at any time. At the end OUT/summary.md has the tables, with a picture for
/// each.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    study --quick                                          a first look, in two minutes\n  \
    study --list --half report --max-seconds 2             the cells, and how long each takes\n  \
    study --half report --max-seconds 2 --cells 3          three untuned cells of each kind\n  \
    study --only digits-mlp/adamw --schedules default,peaks\n  \
    study --shard 3/16 --out DIR                           one job of an array of sixteen; then\n  \
    study --summary --out DIR                              once")]
struct Args {
    /// Which cells: many small networks, or tasks that look like what people train. The latter's
    /// rows and tables go to OUT/real.
    #[arg(long, value_enum, default_value = "small")]
    grid: Grid,
    /// Folder with `optdigits`, `mnist` and `text` in it: optdigits' train.csv and test.csv,
    /// MNIST's four IDX files, plain or .gz, and emma.txt. Missing digits come from the repository;
    /// without MNIST or the text their cells are left out.
    #[arg(long, value_name = "DIR", default_value_os_t = repository().join("data"))]
    data: PathBuf,
    /// Plain text for the language models: any of 1,000 characters or more, for those of the real
    /// tasks of a novel's length [default: the repository's LICENSE-APACHE; for the real tasks
    /// text/emma.txt in the folder of --data].
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Where runs.csv, summary.md and the pictures go.
    #[arg(long, value_name = "DIR", default_value = "out/study")]
    out: PathBuf,
    /// A first look: default, paper, no restore and peaks, two seeds, runs of at most a second,
    /// one cell for each task and budget. At the real tasks: default and peaks, 60 steps of each
    /// task with AdamW, in OUT/real-look.
    #[arg(long)]
    quick: bool,
    /// Only the cells of one half [default: both].
    #[arg(long, value_enum)]
    half: Option<Half>,
    /// Only cells whose names begin like one of these: `digits-mlp`, `text/adamw`.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Only cells whose runs take at most this many seconds on one core, roughly [default: all;
    /// --quick: 1].
    #[arg(long, value_name = "S")]
    max_seconds: Option<f64>,
    /// At most this many cells for each pair of task and budget [default: all; --quick: 1].
    #[arg(long, value_name = "N")]
    cells: Option<usize>,
    /// Runs of each cell with each schedule [default: 5; --quick: 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Schedules: default, paper, the default with one mechanism left out (a wrong name lists
    /// them), `peaks` for the baseline, `untuned` for the one of them that people use without
    /// tuning, "peak 0.2" for any other [default: all; --quick: default, paper, no restore, peaks].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    schedules: Vec<String>,
    /// The i-th of n parts of the work, with a file of its own: runs-i-of-n.csv.
    #[arg(long, value_name = "i/n", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// Runs at the same time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print the cells with the steps and rough seconds of a run, and stop.
    #[arg(long)]
    list: bool,
    /// Run nothing: make tables and pictures of the finished runs.
    #[arg(long, conflicts_with_all = ["list", "shard"])]
    summary: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = if std::env::var_os(THREADS).is_some() {
        run(&args).map(|()| ExitCode::SUCCESS)
    } else {
        again()
    };
    match result {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Where candle reads how many threads a product of matrices may use.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Runs this program again, with one thread for each product: this makes small models up to four
/// times faster, and runs go in parallel. A process cannot safely change its own environment.
fn again() -> Result<ExitCode, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let ended = std::process::Command::new(&program)
        .args(std::env::args_os().skip(1))
        .env(THREADS, "1")
        .status();
    let ended = ended.map_err(|e| format!("{}: {e}", program.display()))?;
    Ok(ended
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

fn run(args: &Args) -> Result<(), String> {
    let is_look = args.quick && args.grid == Grid::Real;
    let grid = args.grid.cells(is_look);
    let out = match args.grid {
        Grid::Small => args.out.clone(),
        Grid::Real if is_look => args.out.join("real-look"),
        Grid::Real => args.out.join("real"),
    };
    let summary = || match args.grid {
        Grid::Small => summary::write(&out, &grid, args.half),
        Grid::Real => real::write(&out, &grid, &args.out, args.half),
    };
    if args.summary {
        return summary();
    }
    let most = if args.quick && !is_look { 1.0 } else { f64::INFINITY };
    let selection = Selection {
        half: args.half,
        seconds: args.max_seconds.unwrap_or(most),
        only: args.only.clone(),
        most: args.cells.unwrap_or(if args.quick { 1 } else { usize::MAX }),
    };
    let sources = Sources { folder: args.data.clone(), text: args.text.clone() };
    let mut cells = selection.of(&grid)?;
    for &task in args.grid.tasks() {
        let before = cells.len();
        if let Some(path) = sources.lacks(task) {
            cells.retain(|c| c.task != task);
            if cells.len() < before {
                let (count, name) = (before - cells.len(), task.name());
                eprintln!(
                    "no {}: {count} cells of {name} are left out (--data names the folder)",
                    path.display()
                );
            }
        }
    }
    if cells.is_empty() {
        return Err(
            "no cell is left; ask for more with --half, --max-seconds, --cells and --only".into()
        );
    }
    if args.list {
        for cell in &cells {
            println!(
                "{} {} steps {:.2} s, {} half",
                cell.name(),
                cell.steps(cell.task.rows()).1,
                cell.seconds(),
                cell.half().words()
            );
        }
        return Ok(());
    }
    let quick = ["default", "paper", "no restore", schedules::PEAKS].map(String::from);
    let look = ["default", schedules::PEAKS].map(String::from);
    let names = match (args.quick && args.schedules.is_empty(), is_look) {
        (true, true) => &look[..],
        (true, false) => &quick[..],
        (false, _) => &args.schedules,
    };
    let choice = Choice::new(names)?;
    std::fs::create_dir_all(&out).map_err(|e| format!("--out {}: {e}", out.display()))?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let seeds = args.seeds.unwrap_or(if args.quick { 2 } else { 5 });
    let done = runs::read(&out)?;
    let jobs = work::jobs(&cells, &choice, seeds, shard, &done);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let minutes = (work::seconds(&jobs) / 60.0 / threads as f64).ceil();
    println!(
        "{} cells, {} runs to do: at most {minutes} minutes on {threads} free cores",
        cells.len(),
        jobs.len()
    );
    work::work(&jobs, &sources, &out, shard, threads)?;
    match args.shard {
        Some(_) => {
            println!("wrote {}; when all parts are done: study --summary --out {0}", out.display());
            Ok(())
        }
        None => summary(),
    }
}
