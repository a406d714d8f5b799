//! OUT/summary.md and its pictures: all tables of the finished runs.

use crate::cells::{Cell, Half};
use crate::charts::{self, Line};
use crate::judge::{Judged, Judgement, TUNED, judge};
use crate::paired;
use crate::runs;
use crate::tables::{self, Row};
use std::fmt::Write;
use std::path::Path;

/// Writes them, and prints the first tables.
///
/// # Errors
/// A folder without runs, or one that cannot be written to.
pub fn write(folder: &Path, grid: &[Cell], half: Option<Half>) -> Result<(), String> {
    let mut runs = runs::read(folder)?;
    runs.retain(|r| half.is_none_or(|h| grid.iter().any(|c| c.half() == h && c.name() == r.cell)));
    if runs.is_empty() {
        return Err(format!("--out {}: there are no runs to sum up", folder.display()));
    }
    let judgement = judge(&runs, grid, false)?;
    let mut text = head(&judgement, half);
    let all = tables::rows(&judgement.runs, |_| ((), String::new()));
    let switches = tables::switches(&judgement.runs);
    if all.is_empty() {
        text.push_str(
            "\nNo cell has all peaks of the baseline yet, so there is nothing to measure \
             against.\n",
        );
    } else {
        let _ = write!(
            text,
            "\n## Gaps to the tuned peak\n\n{GAPS}\n\n![](gaps.svg)\n\n{}",
            tables::gaps(None, &all)
        );
        let _ = write!(
            text,
            "\n## Where the decay began\n\n{SWITCH}\n\n![](switch.svg)\n\n{}",
            tables::switch(&switches)
        );
        text.push_str(&paired::section("Beside", &judgement.runs));
    }
    println!("{text}");
    if !all.is_empty() {
        picture(folder, "gaps", &all)?;
        let lines: Vec<Line> = (1..)
            .zip(&switches)
            .map(|(color, s)| Line {
                group: "",
                label: &s.schedule,
                color,
                spreads: [s.ratio.as_ref(), s.start.as_ref()],
            })
            .collect();
        charts::draw(&folder.join("switch.svg"), [&charts::RATIO, &charts::START], &lines)?;
        breakdowns(folder, &judgement.runs, &mut text)?;
        dead(&judgement, &mut text);
    }
    let path = folder.join("summary.md");
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

const GAPS: &str = "Gap: how much worse a run's final test metric is than the mean of the tuned \
peak's runs in the same cell; negative is better. The tuned peak is the best of six on the test \
data itself, so that its own row shows the noise of the seeds and nothing else. Dead: worse than \
half-way between the untrained model and the tuned peak's mean.";

const SWITCH: &str = "The learning rate that the decay began from, compared with the tuned peak; \
why it began; climbs that were taken back, and the steps that this cost; time in the scheduler, \
losses read included in neither.";

fn head(judgement: &Judgement, half: Option<Half>) -> String {
    let cells = judgement.baselines.len();
    let of = |half| judgement.baselines.keys().filter(|c| c.half() == half).count();
    let edge = judgement.baselines.values().filter(|b| b.at_edge).count();
    let tuned = judgement.runs.iter().filter(|j| j.schedule == TUNED).count();
    let mut text = String::from("# Summary of the study\n\n");
    let _ = write!(text, "{} runs of AutoWU in {cells} cells", judgement.runs.len() - tuned);
    let _ = match half {
        Some(half) => write!(text, " of the {} half", half.words()),
        None => write!(
            text,
            ", {} of the tuning half and {} of the reporting half",
            of(Half::Tune),
            of(Half::Report)
        ),
    };
    let _ = writeln!(text, ", beside the six peaks of the baseline on the same seeds.");
    let _ = writeln!(text, "The best peak lies at an end of the grid in {edge} cells.");
    if judgement.waiting > 0 {
        let _ = writeln!(
            text,
            "{} runs are not in the tables: their cells have not been run with all six peaks yet.",
            judgement.waiting
        );
    }
    text
}

/// The presets and the baseline, each by one property. The first table shows what each mechanism is
/// worth.
fn breakdowns(folder: &Path, judged: &[Judged], text: &mut String) -> Result<(), String> {
    let is_main = |j: &&Judged| [TUNED, "default", "no restore", "paper"].contains(&j.schedule);
    let judged: &[Judged] = &judged.iter().filter(is_main).copied().collect::<Vec<_>>();
    let mut table = |name: &str, rows: Vec<Row>| {
        let _ = write!(
            text,
            "\n## By {name}\n\n![](by-{name}.svg)\n\n{}",
            tables::gaps(Some(name), &rows)
        );
        picture(folder, &format!("by-{name}"), &rows)
    };
    table("task", tables::rows(judged, |j| (j.cell.task, j.cell.task.name().into())))?;
    table(
        "optimizer",
        tables::rows(judged, |j| (j.cell.optimizer, j.cell.optimizer.name().into())),
    )?;
    table("batch", tables::rows(judged, |j| (j.cell.batch, format!("batch {}", j.cell.batch))))?;
    table("steps", tables::rows(judged, |j| length(j.run.steps)))?;
    table("budget", tables::rows(judged, |j| (j.cell.budget, j.cell.budget.words())))?;
    table("half", tables::rows(judged, |j| (j.cell.half() as u8, j.cell.half().words().into())))
}

/// The order of magnitude of a run's length.
fn length(steps: usize) -> (usize, String) {
    match steps {
        0..=100 => (0, "up to 100 steps".into()),
        101..=300 => (1, "101 to 300".into()),
        301..=1000 => (2, "301 to 1,000".into()),
        _ => (3, "over 1,000".into()),
    }
}

/// A table of gaps as a picture.
fn picture(folder: &Path, name: &str, rows: &[Row]) -> Result<(), String> {
    let mut colors: Vec<&str> = Vec::new();
    let lines: Vec<Line> = rows
        .iter()
        .map(|row| {
            let known = colors.iter().position(|s| *s == row.schedule);
            let color = known.unwrap_or_else(|| {
                colors.push(&row.schedule);
                colors.len() - 1
            });
            let spreads = [row.points.as_ref(), row.percent.as_ref()];
            Line { group: &row.group, label: &row.schedule, color, spreads }
        })
        .collect();
    charts::draw(&folder.join(format!("{name}.svg")), [&charts::POINTS, &charts::PERCENT], &lines)
}

/// Lists the dead runs of the default.
fn dead(judgement: &Judgement, text: &mut String) {
    text.push_str("\n## Dead runs of the default\n\n");
    let mut dead = judgement.runs.iter().filter(|j| j.dead && j.schedule == "default").peekable();
    if dead.peek().is_none() {
        text.push_str("None.\n");
        return;
    }
    text.push_str(
        "| cell | seed | metric | untrained | tuned | decay from | tuned peak | reason |\n\
         |---|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for j in dead {
        let Judged { run, baseline, .. } = j;
        let _ = writeln!(
            text,
            "| {} | {} | {:.3} | {:.3} | {:.3} | {:.1e} | {} | {} |",
            run.cell,
            run.seed,
            run.metric,
            run.untrained,
            baseline.metric,
            run.peak,
            baseline.peak,
            run.reason
        );
    }
}
