//! How often a run reads its losses, tests, copies its weights and puts them back: on one rank,
//! without MPI, with losses that are simulated.
//!
//! Each row is five runs with other noise, as `fewest–most`.

use autowu_core::{AutoWu, Backlog, Config, ConfigError, Event, sampling::mix};

const RUNS: u64 = 5;
/// The loss falls at this learning rate as fast as it can, and rises above it.
const HIGHEST: f64 = 1e-2;
/// Half the width of the noise.
const NOISE: f64 = 0.05;

/// What a run asks its trainer for.
#[derive(Default)]
struct Counts {
    reads: u64,
    tests: u64,
    copies: u64,
    restores: u64,
}

/// Change of the loss in one update: `p (2 max(0, lr − h) − 3 min(lr, h) (level − 1))` with `h` the
/// highest learning rate that it bears, and `p = 1000/total`, so that all lengths descend alike.
fn change(level: f64, lr: f64, total: u64) -> f64 {
    let pace = 1000.0 / total as f64;
    pace * (2.0 * (lr - HIGHEST).max(0.0) - 3.0 * lr.min(HIGHEST) * (level - 1.0))
}

fn run(total: u64, seed: u64) -> Result<Counts, ConfigError> {
    let mut autowu: AutoWu = AutoWu::new(Config::new(total))?;
    let (mut waiting, mut backlog) = (Vec::new(), Backlog::new(Backlog::ROOM));
    let mut counts = Counts::default();
    let (mut level, mut copy) = (4.0, 4.0);
    for update in 0..total {
        let lr = autowu.lr_ahead(backlog.len() as u64);
        let random = mix(mix(seed) ^ update) as f64 / 2_f64.powi(63) - 1.0;
        waiting.push(level + NOISE * random);
        // The event comes between the loss and its update.
        let mut event = None;
        if backlog.push(autowu.steps_until_due()) {
            event = autowu.step_slice(&waiting).event;
            waiting.clear();
            backlog.clear();
            counts.reads += 1;
        }
        match event {
            Some(Event::Restore { .. }) => {
                counts.restores += 1;
                level = copy;
                continue;
            }
            Some(Event::Snapshot { .. }) => {
                counts.copies += 1;
                copy = level;
            }
            _ => {}
        }
        level += change(level, lr, total);
    }
    counts.tests = autowu.tests();
    Ok(counts)
}

fn main() -> Result<(), ConfigError> {
    println!("| updates | reads | tests | copies | restores |");
    println!("|---:|---:|---:|---:|---:|");
    for total in [1_000, 10_000, 100_000, 1_000_000] {
        let runs = (0..RUNS).map(|seed| run(total, seed)).collect::<Result<Vec<_>, _>>()?;
        let range = |of: fn(&Counts) -> u64| {
            let counts = || runs.iter().map(of);
            let (fewest, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            if fewest == most { format!("{most}") } else { format!("{fewest}–{most}") }
        };
        let [reads, tests] = [range(|run| run.reads), range(|run| run.tests)];
        let [copies, restores] = [range(|run| run.copies), range(|run| run.restores)];
        println!("| {total} | {reads} | {tests} | {copies} | {restores} |");
    }
    Ok(())
}
