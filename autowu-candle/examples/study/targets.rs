//! Small networks and real tasks in one table: what has to come out.

use crate::judge::{Judged, Spread, TUNED};
use crate::schedules::UNTUNED;
use crate::tables::short;
use crate::task::Metric;
use std::fmt::Write;

/// The columns.
const SCHEDULES: [&str; 4] = [TUNED, UNTUNED, "default", "no restore"];

/// A row: its name, what belongs to it, and what is counted.
type Row<'a> = (&'a str, fn(&Judged) -> bool, fn(&[&Judged]) -> String);

/// The lengths of small networks' runs, their losses; then the real tasks; then dead runs of both.
pub fn table(small: &[Judged], real: &[Judged]) -> String {
    let is_points = |j: &Judged| j.cell.task.metric() == Metric::Accuracy;
    let is_loss = |j: &Judged| j.cell.task.metric() == Metric::Loss;
    let small_rows: [Row; 4] = [
        ("runs over 300 steps: points, median; 95 %", |j| j.run.steps > 300, spread),
        ("101 to 300 steps", |j| (101..=300).contains(&j.run.steps), spread),
        ("up to 100 steps", |j| j.run.steps <= 100, spread),
        ("regression and language, % of the loss", |_| true, spread),
    ];
    let real_rows: [Row; 4] = [
        ("real tasks: points, median; 95 %", is_points, spread),
        ("real tasks: % of the loss, median; 95 %", is_loss, spread),
        (
            "real tasks: more than 3 points or 5 % below tuned",
            |_| true,
            |of| count(of, of.iter().filter(|j| j.is_far()).count()),
        ),
        ("real tasks: dead runs", |_| true, dead),
    ];
    let mut text = format!("| | {} |\n|---|", SCHEDULES.join(" | "));
    text.push_str(&"---:|".repeat(SCHEDULES.len()));
    text.push('\n');
    let mut add = |judged: &[Judged], (name, is_in, show): Row, unit: Option<Metric>| {
        let cells = SCHEDULES.map(|schedule| {
            let of: Vec<&Judged> = judged
                .iter()
                .filter(|j| j.schedule == schedule && is_in(j))
                .filter(|j| unit.is_none_or(|unit| j.cell.task.metric() == unit))
                .collect();
            if of.is_empty() { String::new() } else { show(&of) }
        });
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    for (i, row) in small_rows.into_iter().enumerate() {
        add(small, row, Some(if i < 3 { Metric::Accuracy } else { Metric::Loss }));
    }
    add(small, ("small networks: dead runs", |_| true, dead), None);
    for row in real_rows {
        add(real, row, None);
    }
    text
}

/// Median and 95th percentile of the gaps.
fn spread(of: &[&Judged]) -> String {
    Spread::of(of.iter().map(|j| j.gap)).map_or(String::new(), |gaps| {
        format!("{}; {}", short(gaps.median()), short(gaps.quantile(0.95)))
    })
}

fn dead(of: &[&Judged]) -> String {
    count(of, of.iter().filter(|j| j.dead).count())
}

fn count(of: &[&Judged], n: usize) -> String {
    format!("{n} of {}", of.len())
}
