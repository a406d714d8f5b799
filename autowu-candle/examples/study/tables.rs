//! The tables: results of each schedule, or of each group of cells.

use crate::judge::{Judged, Spread, TUNED, schedules};
use crate::schedules::{AUTO, UNTUNED};
use crate::task::Metric;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A row: the runs of a schedule within a group of cells.
pub struct Row {
    /// Empty in a table that has no groups.
    pub group: String,
    pub schedule: String,
    pub runs: usize,
    pub dead: usize,
    /// Gaps in points of accuracy, and in % of the loss.
    pub points: Option<Spread>,
    pub percent: Option<Spread>,
}

impl Row {
    fn of(group: &str, schedule: &str, judged: &[&Judged]) -> Self {
        let gaps = |unit| {
            Spread::of(judged.iter().filter(|j| j.cell.task.metric() == unit).map(|j| j.gap))
        };
        Row {
            group: group.into(),
            schedule: schedule.into(),
            runs: judged.len(),
            dead: judged.iter().filter(|j| j.dead).count(),
            points: gaps(Metric::Accuracy),
            percent: gaps(Metric::Loss),
        }
    }

    /// Its cells from the schedule on.
    pub fn markdown(&self) -> String {
        let spread = |s: &Option<Spread>| match s {
            Some(s) => {
                let [median, late, worst] = [s.median(), s.quantile(0.95), s.largest()].map(short);
                format!("{median} | {late} | {worst}")
            }
            None => " | | ".into(),
        };
        let Row { schedule, runs, dead, .. } = self;
        format!(
            "{schedule} | {runs} | {dead} | {} | {} |",
            spread(&self.points),
            spread(&self.percent)
        )
    }
}

/// Two decimals, fewer for large numbers.
pub fn short(x: f64) -> String {
    match x.abs() {
        _ if x.is_infinite() => "∞".into(),
        a if a < 9.995 => format!("{x:.2}"),
        a if a < 99.95 => format!("{x:.1}"),
        a if a < 1e4 => format!("{x:.0}"),
        _ => format!("{x:.0e}"),
    }
}

/// Groups in their order, and within each the schedules in theirs.
pub fn rows<'a, K: Ord>(
    judged: &'a [Judged<'a>],
    group: impl Fn(&Judged<'a>) -> (K, String),
) -> Vec<Row> {
    let order = order(judged);
    let mut groups: BTreeMap<K, (String, Vec<&Judged>)> = BTreeMap::new();
    for j in judged {
        let (key, name) = group(j);
        groups.entry(key).or_insert_with(|| (name, Vec::new())).1.push(j);
    }
    let mut rows = Vec::new();
    for (name, members) in groups.into_values() {
        for schedule in &order {
            let of: Vec<&Judged> =
                members.iter().copied().filter(|j| j.schedule == *schedule).collect();
            if !of.is_empty() {
                rows.push(Row::of(&name, schedule, &of));
            }
        }
    }
    rows
}

/// The baselines, then the presets, then the rest.
pub fn order<'a>(judged: &[Judged<'a>]) -> Vec<&'a str> {
    let auto = AUTO.iter().map(|(name, _)| *name);
    let known: Vec<&str> = [TUNED, UNTUNED].into_iter().chain(auto).collect();
    schedules(judged, &known)
}

/// The head of [`Row::markdown`] and the line below it.
pub const GAPS: [&str; 2] = [
    "schedule | runs | dead | points: median | 95 % | worst | % of loss: median | 95 % | worst |",
    "---|---:|---:|---:|---:|---:|---:|---:|---:|",
];

/// A table of gaps; `group` heads its first column, if it has groups.
pub fn gaps(group: Option<&str>, rows: &[Row]) -> String {
    let [head, line] = GAPS;
    let mut text = match group {
        Some(group) => format!("| {group} | {head}\n|---|{line}\n"),
        None => format!("| {head}\n|{line}\n"),
    };
    let mut last = "";
    for row in rows {
        if group.is_some() {
            let name = if row.group == last { "" } else { &row.group };
            let _ = write!(text, "| {name} ");
            last = &row.group;
        }
        let _ = writeln!(text, "| {}", row.markdown());
    }
    text
}

/// When and why the decay of a schedule's runs began, and what the scheduler cost.
pub struct Switch {
    pub schedule: String,
    /// The decay's first step, in % of the run.
    pub start: Option<Spread>,
    /// Its learning rate over the tuned peak.
    pub ratio: Option<Spread>,
    reasons: BTreeMap<String, usize>,
    restores: f64,
    /// Steps whose learning was thrown away, and time in the scheduler, in % of all.
    lost: f64,
    time: f64,
}

/// One row for each schedule of AutoWU.
pub fn switches(judged: &[Judged]) -> Vec<Switch> {
    let of = |schedule: &&str| {
        let runs: Vec<&Judged> = judged.iter().filter(|j| j.schedule == *schedule).collect();
        let sum = |value: fn(&Judged) -> f64| runs.iter().map(|j| value(j)).sum::<f64>();
        let decaying = || runs.iter().filter(|j| !j.run.reason.is_empty());
        let mut reasons = BTreeMap::new();
        for j in &runs {
            let reason = if j.run.reason.is_empty() { "never" } else { &j.run.reason };
            *reasons.entry(reason.into()).or_insert(0) += 1;
        }
        Switch {
            schedule: (*schedule).into(),
            start: Spread::of(
                decaying().map(|j| 100.0 * j.run.decay_step as f64 / j.run.steps as f64),
            ),
            ratio: Spread::of(decaying().map(|j| j.run.peak / j.baseline.peak)),
            reasons,
            restores: sum(|j| j.run.restores as f64) / runs.len() as f64,
            lost: 100.0 * sum(|j| j.run.lost as f64) / sum(|j| j.run.steps as f64),
            time: 100.0 * sum(|j| j.run.scheduler_seconds) / sum(|j| j.run.seconds),
        }
    };
    order(judged).iter().filter(|s| ![TUNED, UNTUNED].contains(*s)).map(of).collect()
}

/// The table of [`switches`].
pub fn switch(switches: &[Switch]) -> String {
    let mut text = String::from(
        "| schedule | decay begins at, % of steps: median | peak over tuned peak: 5 % | median | \
         95 % | why the decay began, % of runs | restores per run | steps thrown away, % | \
         time in the scheduler, % |\n|---|---:|---:|---:|---:|---|---:|---:|---:|\n",
    );
    for s in switches {
        let runs: usize = s.reasons.values().sum();
        let mut reasons: Vec<(&String, &usize)> = s.reasons.iter().collect();
        reasons.sort_by_key(|r| std::cmp::Reverse(r.1));
        let share = |(name, n): &(&String, &usize)| {
            format!("{name} {:.0}", 100.0 * **n as f64 / runs as f64)
        };
        let reasons: Vec<String> = reasons.iter().map(share).collect();
        let start = s.start.as_ref().map_or(String::new(), |s| format!("{:.0}", s.median()));
        let ratio = s.ratio.as_ref().map_or([const { String::new() }; 3], |r| {
            [0.05, 0.5, 0.95].map(|q| short(r.quantile(q)))
        });
        let _ = writeln!(
            text,
            "| {} | {start} | {} | {} | {:.1} | {:.1} | {:.2} |",
            s.schedule,
            ratio.join(" | "),
            reasons.join(", "),
            s.restores,
            s.lost,
            s.time
        );
    }
    text
}
