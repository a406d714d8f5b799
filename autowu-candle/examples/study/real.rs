//! OUT/real/summary.md: every run of the real tasks, and both grids against the targets.

use crate::cells::{Cell, Grid, Half};
use crate::judge::{Judged, Judgement, TUNED, judge};
use crate::runs::{self, Run};
use crate::schedules::UNTUNED;
use crate::task::Metric;
use crate::{paired, tables, targets};
use std::fmt::Write;
use std::path::Path;

/// Writes it, and prints it. The rows of the small networks, where there are any, come from
/// `small`.
///
/// # Errors
/// A folder without runs, or one that cannot be written to.
pub fn write(folder: &Path, grid: &[Cell], small: &Path, half: Option<Half>) -> Result<(), String> {
    let real = of_half(runs::read(folder)?, grid, half);
    if real.is_empty() {
        return Err(format!("{}: there are no runs to sum up", folder.display()));
    }
    let small_grid = Grid::Small.cells(false);
    let small = of_half(runs::read(small)?, &small_grid, half);
    let real = judge(&real, grid, true)?;
    let small = judge(&small, &small_grid, true)?;
    let mut text = head(&real, half);
    let _ = write!(text, "\n## All cells\n\n{NOTES}\n\n{}", totals(&real.runs));
    let _ = write!(text, "\n## The targets\n\n{}", targets::table(&small.runs, &real.runs));
    for (name, judged) in [("Real tasks", &real.runs), ("Small networks", &small.runs)] {
        text.push_str(&paired::section(&format!("{name}: beside"), judged));
    }
    let _ = write!(text, "\n## Every cell, every seed\n\n{CELLS}\n\n{}", cells(&real.runs));
    println!("{text}");
    let path = folder.join("summary.md");
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

const NOTES: &str = "Gap: how much worse a run's final test metric is than the mean of the tuned \
peak's runs in the same cell; negative is better. The tuned peak is the best of six on the test \
data. Untuned: what people use without tuning, a peak of 0.001 with AdamW and AdamP, 0.1 with SGD, \
0.01 with LAMB. Far: more than 3 points or 5 % of the loss below tuned. Dead: worse than half-way \
between the untrained model and the tuned peak.";

const CELLS: &str = "Test accuracy in %, or test loss; seeds in their order. Peak: the median. \
Restores: per run, in the warmup + in the decay.";

fn of_half(mut runs: Vec<Run>, grid: &[Cell], half: Option<Half>) -> Vec<Run> {
    runs.retain(|r| half.is_none_or(|h| grid.iter().any(|c| c.half() == h && c.name() == r.cell)));
    runs
}

fn head(judgement: &Judgement, half: Option<Half>) -> String {
    let cells = judgement.baselines.len();
    let edge = judgement.baselines.values().filter(|b| b.at_edge).count();
    let of = half.map_or(String::new(), |half| format!(" of the {} half", half.words()));
    let mut text = format!("# Summary of the real tasks\n\n{cells} cells{of} have all six peaks. ");
    let _ = writeln!(text, "The best peak lies at an end of the grid in {edge}.");
    if judgement.waiting > 0 {
        let _ = writeln!(text, "{} runs wait for the peaks of their cells.", judgement.waiting);
    }
    text
}

/// One row for each schedule.
fn totals(judged: &[Judged]) -> String {
    let [head, line] = tables::GAPS;
    let mut text = format!("| {head} far |\n|{line}---:|\n");
    for row in tables::rows(judged, |_| ((), String::new())) {
        let far = judged.iter().filter(|j| j.schedule == row.schedule && j.is_far()).count();
        let _ = writeln!(text, "| {} {far} |", row.markdown());
    }
    text
}

/// Rows for each cell and schedule, with each seed's metric.
fn cells(judged: &[Judged]) -> String {
    let mut text = String::from(
        "| cell | schedule | median | worst | gap: median | worst | dead | far | peak | restores | \
         seeds |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    let mut names: Vec<(&'static str, Cell)> =
        judged.iter().map(|j| (j.cell.half().words(), j.cell)).collect();
    names.sort_by_key(|(half, cell)| (*half, cell.task, cell.optimizer, cell.budget));
    names.dedup();
    let order = tables::order(judged);
    for (half, cell) in names {
        let mut label = format!("{}, {half}", cell.name());
        for schedule in &order {
            let is_of = |j: &&Judged| j.cell == cell && j.schedule == *schedule;
            let mut members: Vec<&Judged> = judged.iter().filter(is_of).collect();
            if !members.is_empty() {
                members.sort_by_key(|j| j.run.seed);
                let _ = writeln!(text, "| {label} | {} |", line(schedule, &members));
                label.clear();
            }
        }
    }
    text
}

fn line(schedule: &str, members: &[&Judged]) -> String {
    let number = |metric: f64| match members[0].cell.task.metric() {
        Metric::Accuracy => format!("{metric:.1}"),
        Metric::Loss => format!("{metric:.3}"),
    };
    let mut by_gap: Vec<&Judged> = members.to_vec();
    by_gap.sort_by(|a, b| a.gap.total_cmp(&b.gap));
    let (middle, worst) = (by_gap[(by_gap.len() - 1) / 2], by_gap[by_gap.len() - 1]);
    let mut peaks: Vec<f64> = members.iter().map(|j| j.run.peak).collect();
    peaks.sort_by(f64::total_cmp);
    let peak = peaks[(peaks.len() - 1) / 2];
    let (peak, restores) = if [TUNED, UNTUNED].contains(&schedule) {
        (peak.to_string(), String::new())
    } else {
        let runs = members.len() as f64;
        let sum = |of: fn(&Run) -> usize| members.iter().map(|j| of(j.run)).sum::<usize>() as f64;
        let decay = sum(|r| r.decay_restores.unwrap_or(0));
        let warmup = sum(|r| r.restores) - decay;
        (format!("{peak:.2e}"), format!("{:.1} + {:.1}", warmup / runs, decay / runs))
    };
    let seeds: Vec<String> = members.iter().map(|j| number(j.run.metric)).collect();
    format!(
        "{schedule} | {} | {} | {} | {} | {} | {} | {peak} | {restores} | {}",
        number(middle.run.metric),
        number(worst.run.metric),
        tables::short(middle.gap),
        tables::short(worst.gap),
        members.iter().filter(|j| j.dead).count(),
        members.iter().filter(|j| j.is_far()).count(),
        seeds.join(" ")
    )
}
