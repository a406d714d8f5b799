//! The remaining runs, over threads.

use crate::cells::Cell;
use crate::problem::Problem;
use crate::runs::{Log, Run, Shard};
use crate::schedules::{Choice, Schedule};
use crate::sources::Sources;
use crate::task::Task;
use crate::train::train;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// One run to do.
pub struct Job {
    cell: Cell,
    schedule: Schedule,
    seed: u64,
}

/// The shard's jobs that `runs` lacks: all cells with the first seed, then all with the next.
pub fn jobs(cells: &[Cell], choice: &Choice, seeds: u64, shard: Shard, runs: &[Run]) -> Vec<Job> {
    let done: HashSet<_> = runs.iter().map(Run::key).collect();
    let all = (0..seeds).flat_map(|seed| {
        let of = move |cell: &Cell| {
            let cell = *cell;
            choice.of(&cell).into_iter().map(move |schedule| Job { cell, schedule, seed })
        };
        cells.iter().flat_map(of)
    });
    // A shard's part does not depend on what is already done.
    all.enumerate()
        .filter(|(number, _)| shard.has(*number))
        .map(|(_, job)| job)
        .filter(|j| !done.contains(&(j.cell.name(), j.schedule.name(), j.seed)))
        .collect()
}

/// Rough seconds that the jobs take on one core.
pub fn seconds(jobs: &[Job]) -> f64 {
    jobs.iter().map(|j| j.cell.seconds()).fold(0.0, |sum, s| sum + s)
}

/// Does the jobs and appends a row for each to the shard's file in `folder`.
///
/// # Errors
/// Data that cannot be read; a file that cannot be written; a run that failed.
pub fn work(
    jobs: &[Job],
    sources: &Sources,
    folder: &Path,
    shard: Shard,
    threads: usize,
) -> Result<(), String> {
    let mut problems: BTreeMap<Task, Problem> = BTreeMap::new();
    for job in jobs {
        if let Entry::Vacant(place) = problems.entry(job.cell.task) {
            place.insert(sources.load(job.cell.task)?);
        }
    }
    let log = Mutex::new(Log::open(folder, shard)?);
    let bar = bar(jobs)?;
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || -> Result<(), String> {
        // In a shared pool candle's convolutions would wait for each other.
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| e.to_string())?;
        while !stop.load(Ordering::Relaxed) {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let what = format!("{} {}", job.cell.name(), job.schedule.name());
            bar.set_message(what.clone());
            let Some(problem) = problems.get(&job.cell.task) else { continue };
            let run = pool.install(|| train(&job.cell, &job.schedule, problem, job.seed));
            let run = run.map_err(|e| format!("{what}, seed {}: {e}", job.seed))?;
            log.lock().map_err(|e| e.to_string())?.append(&run)?;
            bar.inc(milliseconds(job));
        }
        Ok(())
    };
    let result = std::thread::scope(|scope| {
        let work = || worker().inspect_err(|_| stop.store(true, Ordering::Relaxed));
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ends =
            workers.into_iter().map(|w| w.join().map_err(|_| String::from("a worker panicked"))?);
        ends.collect::<Result<Vec<()>, String>>()
    });
    bar.finish_and_clear();
    result.map(drop)
}

/// Counts milliseconds of work, so that the time left is right for runs of different lengths.
fn bar(jobs: &[Job]) -> Result<ProgressBar, String> {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta} left  {msg}")
        .map_err(|e| e.to_string())?;
    let bar = ProgressBar::new(jobs.iter().map(milliseconds).sum()).with_style(style);
    bar.enable_steady_tick(Duration::from_secs(1));
    Ok(bar)
}

fn milliseconds(job: &Job) -> u64 {
    (1e3 * job.cell.seconds()) as u64 + 1
}
