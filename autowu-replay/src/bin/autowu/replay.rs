//! What AutoWU would have done on a log.

use crate::CAPACITY;
use crate::args::{Args, budget, config};
use crate::output::Output;
use autowu_core::Real;
use autowu_replay::log::{self, Log};
use autowu_replay::plot;
use autowu_replay::record::{Record, SMOOTHED};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io;
use std::path::Path;

/// Reads the log, replays it, says and writes what came of it.
pub fn run<T: Real>(args: &Args) -> Result<(), String> {
    let log = read(args)?;
    let mut out = Output::default();
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
            said = out.say(&line).map(|_| ());
        }
    })
    .map_err(|e| e.to_string())?;
    said?;
    if record.smoothed {
        eprintln!("note: {SMOOTHED}");
    }
    if let Some(path) = &args.json {
        record.write_json(path)?;
    }
    if let Some(path) = &args.plot {
        let losses = losses.iter().flat_map(|&loss| (0..every).map(move |_| loss));
        plot::draw(path, &losses.collect::<Vec<f64>>(), &record)?;
    }
    Ok(())
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
