//! The detector's operating characteristics, as in autowu-core's example `detector`, with all runs
//! of a cell side by side: the tests due in a step are one batch, on all cores or on a GPU.
//!
//! ```text
//! cargo run --release -p autowu-cuda --example detector_batch -- --device cuda --runs 1000
//! ```

use autowu_core::{Config, Event, Observation};
use autowu_cuda::{BatchTest, Device};
use autowu_lab::detector::cells::{Cell, Cells};
use autowu_lab::detector::climb::{Climb, End};
use autowu_lab::detector::table::{self, Row};
use clap::{Parser, ValueEnum};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;

/// Simulates the detector on synthetic loss curves, all runs of a cell at once, and writes a table
/// (CSV and Markdown).
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    detector_batch --runs 50                              a first look\n  \
    detector_batch --device cuda --runs 100000 --out DIR  a study on a GPU")]
struct Args {
    /// Runs per cell (curve × noise × level × budget × rule).
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// Where the tests are computed.
    #[arg(long, value_enum, default_value_t = Where::Host)]
    device: Where,
    #[command(flatten)]
    cells: Cells,
    /// Folder for detector.csv and detector.md; without it the table goes to standard output only.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Where {
    /// All cores.
    Host,
    /// The first GPU, or an error.
    Cuda,
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
    let device = match args.device {
        Where::Host => Device::Host,
        Where::Cuda => Device::cuda(0).map_err(|e| e.to_string())?,
    };
    // Each scheduler brings its rules.
    let test = BatchTest::new(Config::new(1000), device).map_err(|e| e.to_string())?;
    let cells = args.cells.list()?;
    let bar = ProgressBar::new(cells.len() as u64);
    let mut rows = Vec::new();
    println!("{}", table::HEADER);
    for cell in &cells {
        let row = Row::of(cell, &simulate(cell, args.runs, &test)?);
        bar.suspend(|| println!("{}", row.markdown()));
        bar.inc(1);
        rows.push(row);
    }
    bar.finish_and_clear();
    match &args.out {
        Some(folder) => table::write(folder, &rows),
        None => Ok(()),
    }
}

/// All runs of a cell, step by step; the results are in the order of the runs.
fn simulate(cell: &Cell, runs: u64, test: &BatchTest<f32>) -> Result<Vec<End>, String> {
    // Boxed, because those that go on move up at every step.
    let mut going = (0..runs)
        .map(|number| Climb::new(cell, number).map(Box::new))
        .collect::<Result<Vec<_>, _>>()?;
    let mut numbers: Vec<usize> = (0..going.len()).collect();
    let mut ends: Vec<Option<End>> = vec![None; going.len()];
    while !going.is_empty() {
        let observe = |climb: &mut Box<Climb>| {
            let loss = climb.loss();
            climb.autowu.observe(loss)
        };
        let observed: Vec<Observation<f32>> =
            going.par_iter_mut().with_min_len(64).map(observe).collect();
        let is_due = |i: &usize| observed[*i] == Observation::TestDue;
        let due: Vec<_> = (0..going.len()).filter(is_due).map(|i| &going[i].autowu).collect();
        let mut measured = test.measure(&due).map_err(|e| e.to_string())?.into_iter();
        let events: Vec<Option<Event<f32>>> = going
            .iter_mut()
            .zip(observed)
            .map(|(climb, observation)| match observation {
                Observation::Nothing => None,
                Observation::Event(event) => Some(event),
                Observation::TestDue => {
                    let report = climb.autowu.judge(&measured.next()?)?;
                    climb.autowu.resolve(&report)
                }
            })
            .collect();
        let mut still = Vec::with_capacity(going.len());
        for ((climb, number), event) in going.into_iter().zip(numbers).zip(events) {
            match event.and_then(|event| climb.end(event)) {
                Some(end) => ends[number] = Some(end),
                None if climb.autowu.steps() < climb.autowu.config().total_steps => {
                    still.push((climb, number))
                }
                None => return Err(format!("{}: the warmup never ended", cell.rule.name)),
            }
        }
        (going, numbers) = still.into_iter().unzip();
    }
    Ok(ends.into_iter().flatten().collect())
}
