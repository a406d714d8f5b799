//! The detector's operating characteristics: how often it finds a minimum that is not there, how late it finds one that is, and
//! how far off. The curves are made, so the truth is known.
//!
//! ```text
//! cargo run --release -p autowu-core --example detector -- --runs 1000 --out target/detector
//! ```
//!
//! A run is one climb of the learning rate from η_min to η_max over half the budget; it ends with the first detection, or with
//! the warmup. Every run has its own minimum (2.5 to 4 decades above η_min), noise and seed, and the rules see the same runs.

mod curves;
mod rules;
mod table;

use autowu_core::{AutoWu, Event, Reason};
use clap::Parser;
use curves::{Curve, Noise, Rng};
use rules::{RULES, Rule};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use table::Row;

/// Simulates the detector on made loss curves and writes a table (CSV and Markdown).
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    detector --runs 50                                      a first look, in a minute\n  \
    detector --runs 1000 --out DIR                          default and paper on every curve\n  \
    detector --rules default,no-descent --curves flat       one mechanism left out")]
struct Args {
    /// Runs per cell (curve × noise × level × budget × rule).
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Budgets, as steps per epoch x epochs.
    #[arg(long, value_delimiter = ',', default_value = "10x20,50x20,50x200")]
    budgets: Vec<String>,
    /// Standard deviations of the noise; the signal is 1 high.
    #[arg(long, value_delimiter = ',', default_value = "0.03,0.1,0.3")]
    levels: Vec<f64>,
    /// Curves [default: all].
    #[arg(long, value_delimiter = ',')]
    curves: Vec<String>,
    /// Rules: default, paper, or the default with one thing changed.
    #[arg(long, value_delimiter = ',', default_value = "default,paper")]
    rules: Vec<String>,
    /// Kinds of noise on curves other than `flat`, which always has all.
    #[arg(long, value_delimiter = ',', default_value = "white")]
    noises: Vec<String>,
    /// Threads [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// Folder for detector.csv and detector.md; without it the table goes to standard output only.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// One row of the table.
struct Cell {
    curve: Curve,
    noise: Noise,
    level: f64,
    steps_per_epoch: u64,
    epochs: u64,
    rule: &'static Rule,
}

/// How one climb ended.
#[derive(Clone, Copy)]
struct End {
    /// Whether a minimum or a divergence was claimed; otherwise the warmup was used up.
    found: bool,
    /// Decades of the step it was claimed at, and of the learning rate that was gone back to.
    at: f64,
    peak: f64,
    /// Where the minimum was.
    truth: f64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let cells = cells(args)?;
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let mut rows = Vec::new();
    println!("{}", table::HEADER);
    for cell in &cells {
        let row = Row::of(cell, &simulate(cell, args.runs, threads)?);
        println!("{}", row.markdown());
        rows.push(row);
    }
    match &args.out {
        Some(folder) => table::write(folder, &rows),
        None => Ok(()),
    }
}

fn cells(args: &Args) -> Result<Vec<Cell>, String> {
    let rules = pick("rule", &args.rules, RULES, |r| r.name)?;
    let curves = match args.curves.as_slice() {
        [] => Curve::ALL.iter().collect(),
        names => pick("curve", names, &Curve::ALL, |c| c.name())?,
    };
    let noises = pick("noise", &args.noises, &Noise::ALL, |n| n.name())?;
    let mut cells = Vec::new();
    for budget in &args.budgets {
        let parsed = budget.split_once('x').and_then(|(s, e)| Some((s.parse().ok()?, e.parse().ok()?)));
        let (steps_per_epoch, epochs) =
            parsed.ok_or_else(|| format!("--budgets {budget}: write it as 50x20, steps per epoch x epochs"))?;
        for &&curve in &curves {
            // Flat noise has no signal to be measured against: one level.
            let (noises, levels) = match curve {
                Curve::Flat => (Noise::ALL.iter().collect(), &[1.0][..]),
                _ => (noises.clone(), &args.levels[..]),
            };
            for &&noise in &noises {
                for &level in levels {
                    let cell = |&rule| Cell { curve, noise, level, steps_per_epoch, epochs, rule };
                    cells.extend(rules.iter().map(cell));
                }
            }
        }
    }
    Ok(cells)
}

fn pick<'a, T>(what: &str, names: &[String], all: &'a [T], name: fn(&T) -> &'static str) -> Result<Vec<&'a T>, String> {
    let find = |n: &String| {
        let known = || all.iter().map(name).collect::<Vec<_>>().join(", ");
        all.iter().find(|t| name(t) == n).ok_or_else(|| format!("no {what} is called {n:?}; there are: {}", known()))
    };
    names.iter().map(find).collect()
}

/// All runs of a cell, over threads; the order of the result is that of the runs.
fn simulate(cell: &Cell, runs: usize, threads: usize) -> Result<Vec<End>, String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut ends = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= runs {
                return Ok(ends);
            }
            ends.push((number, climb(cell, number as u64)?));
        }
    };
    let mut ends = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let parts = workers.into_iter().map(|w| w.join().map_err(|_| String::from("a worker panicked"))?);
        parts.collect::<Result<Vec<Vec<(usize, End)>>, String>>()
    })?
    .concat();
    ends.sort_by_key(|&(number, _)| number);
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}

fn climb(cell: &Cell, number: u64) -> Result<End, String> {
    let mut rng = Rng::new(number ^ (cell.noise as u64) << 32);
    let truth = 2.5 + 1.5 * rng.uniform();
    let mut config = (cell.rule.config)(cell.steps_per_epoch, cell.epochs);
    config.seed = number;
    let decades = |lr: f32| (f64::from(lr) / config.min_lr).log10();
    let mut autowu = AutoWu::<f32>::new(config).map_err(|e| e.to_string())?;
    let mut last = 0.0;
    for step in 0..config.total_steps {
        let u = decades(autowu.lr());
        last = cell.noise.next(last, &mut rng);
        let loss = cell.curve.loss(u, truth, step, (cell.level, cell.level * last), &mut rng);
        let (reason, peak) = match autowu.step(loss as f32).event {
            Some(Event::Restore { reason, to, .. }) => (reason, to),
            Some(Event::Decay { reason, peak, .. }) => (reason, peak),
            _ => continue,
        };
        let found = matches!(reason, Reason::PastMinimum | Reason::NonFinite);
        return Ok(End { found, at: u, peak: decades(peak), truth });
    }
    Err(format!("{}: the warmup never ended", cell.rule.name))
}
