//! The detector's operating characteristics: how often it finds a minimum that does not exist, and
//! how late and how far off it finds one that does. The curves are synthetic, so the truth is
//! known.
//!
//! ```text
//! cargo run --release -p autowu-core --example detector -- --runs 1000 --out target/detector
//! ```
//!
//! A run is one climb of the learning rate from η_min to η_max over half the budget; it ends with
//! the first detection, or with the warmup. Every run has its own minimum (2.5 to 4 decades above
//! η_min), noise and seed, and the rules see the same runs.

mod chart;
mod known;

use autowu_lab::detector::cells::{Cell, Cells};
use autowu_lab::detector::climb::{Climb, End};
use autowu_lab::detector::table::{self, Row};
use clap::Parser;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Simulates the detector on synthetic loss curves and writes a table (CSV and Markdown) and a
/// picture.
///
/// A cell that OUT/detector.csv already has with as many runs is not simulated again, so you can
/// stop a long simulation and resume it, or run it in parts. Delete the file when the rules change.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    detector --runs 50                                      a first look, in a minute\n  \
    detector --runs 1000 --out DIR                          default and paper on every curve\n  \
    detector --rules default,no-descent --curves flat       one mechanism left out")]
struct Args {
    /// Runs per cell (curve × noise × level × budget × rule).
    #[arg(long, default_value_t = 100)]
    runs: usize,
    #[command(flatten)]
    cells: Cells,
    /// Threads [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// Folder for detector.csv, detector.md and detector.svg; without it the table goes to
    /// standard output only.
    #[arg(long)]
    out: Option<PathBuf>,
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
    let cells = args.cells.list()?;
    let threads = args
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .max(1);
    let mut rows = match &args.out {
        Some(folder) => known::read(folder)?,
        None => Vec::new(),
    };
    let is_known = |rows: &[Row], cell: &Cell| {
        rows.iter().any(|r| known::is_of(r, cell) && r.runs >= args.runs)
    };
    let begun = Instant::now();
    let to_do: Vec<&Cell> = cells.iter().filter(|cell| !is_known(&rows, cell)).collect();
    println!("{}", table::HEADER);
    for (done, cell) in (1..).zip(&to_do) {
        let row = Row::of(cell, &simulate(cell, args.runs, threads)?);
        println!("{}", row.markdown());
        rows.retain(|r| !known::is_of(r, cell));
        rows.push(row);
        if let Some(folder) = &args.out {
            known::sort(&mut rows);
            table::write(folder, &rows)?;
        }
        let left = begun.elapsed().as_secs_f64() / 60.0 * (to_do.len() - done) as f64 / done as f64;
        if std::io::stderr().is_terminal() {
            eprintln!("{done} of {} cells, about {left:.0} minutes left", to_do.len());
        }
    }
    match &args.out {
        Some(folder) => {
            table::write(folder, &rows)?;
            chart::draw(folder, &rows)
        }
        None => Ok(()),
    }
}

/// All runs of a cell, over threads; the results are in the order of the runs.
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
        let parts =
            workers.into_iter().map(|w| w.join().map_err(|_| String::from("a worker panicked"))?);
        parts.collect::<Result<Vec<Vec<(usize, End)>>, String>>()
    })?
    .concat();
    ends.sort_by_key(|&(number, _)| number);
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}

fn climb(cell: &Cell, number: u64) -> Result<End, String> {
    let mut climb = Climb::new(cell, number)?;
    for _ in 0..climb.autowu.config().total_steps {
        let loss = climb.loss();
        if let Some(end) = climb.autowu.step(loss).event.and_then(|event| climb.end(event)) {
            return Ok(end);
        }
    }
    Err(format!("{}: the warmup never ended", cell.rule.name))
}
