//! The table: one row per cell.

use super::cells::Cell;
use super::climb::End;
use std::fmt::Write;
use std::path::Path;

/// Head of the Markdown table.
pub const HEADER: &str = "\
| budget | curve | noise | level | rule | runs | false ends % | missed % | delay, median | 90 % \
| peak error, median decades | 90 % of \\|error\\| |
|---|---|---|---|---|---|---|---|---|---|---|---|";

/// The columns of detector.csv.
pub const COLUMNS: &str = "budget,curve,noise,level,rule,runs,false_percent,missed_percent,\
    delay_median,delay_p90,peak_error_median,peak_error_abs_p90";

/// Percentages of the runs; delay: growth of the learning rate from the minimum to the detection;
/// errors in decades.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Steps per epoch x epochs.
    pub budget: String,
    /// [`Curve::name`](super::curves::Curve::name)
    pub curve: String,
    /// [`Noise::name`](super::curves::Noise::name)
    pub noise: String,
    /// Standard deviation of the noise.
    pub level: f64,
    /// [`Rule::name`](super::rules::Rule::name)
    pub rule: String,
    /// Runs that the percentages are of.
    pub runs: usize,
    /// Ended before the loss had begun to rise.
    pub false_ends: f64,
    /// Went past the minimum to the end of the warmup.
    pub missed: f64,
    /// Median and 90th percentile.
    pub delay: Option<[f64; 2]>,
    /// Median, and 90th percentile of its size.
    pub error: Option<[f64; 2]>,
}

impl Row {
    /// The row of a cell, from the ends of its runs.
    pub fn of(cell: &Cell, ends: &[End]) -> Self {
        let share = |n: usize| 100.0 * n as f64 / ends.len().max(1) as f64;
        let lowest = |e: &End| cell.curve.lowest(e.truth);
        // An end is false before the loss has begun to rise.
        let is_false = |e: &End| e.found && lowest(e).is_none_or(|(_, to)| e.at < to);
        let right = || ends.iter().filter(|e| e.found && !is_false(e));
        let delays = right().filter_map(|e| lowest(e).map(|(_, to)| 10_f64.powf(e.at - to)));
        let errors: Vec<f64> = right()
            .filter_map(|e| lowest(e).map(|(from, to)| e.peak - e.peak.clamp(from, to)))
            .collect();
        let median = quantile(errors.clone(), 0.5);
        let wide = quantile(errors.iter().map(|e| e.abs()).collect(), 0.9);
        let delays: Vec<f64> = delays.collect();
        Row {
            budget: format!("{}x{}", cell.steps_per_epoch, cell.epochs),
            curve: cell.curve.name().into(),
            noise: cell.noise.name().into(),
            level: cell.level,
            rule: cell.rule.name.into(),
            runs: ends.len(),
            false_ends: share(ends.iter().filter(|e| is_false(e)).count()),
            missed: if cell.curve.lowest(0.0).is_some() {
                share(ends.iter().filter(|e| !e.found).count())
            } else {
                0.0
            },
            delay: quantile(delays.clone(), 0.5).zip(quantile(delays, 0.9)).map(Into::into),
            error: median.zip(wide).map(Into::into),
        }
    }

    /// A line of the Markdown table.
    pub fn markdown(&self) -> String {
        let pair = |p: Option<[f64; 2]>, show: fn(f64) -> String| {
            p.map_or([String::new(), String::new()], |p| p.map(show))
        };
        let [delay, late] = pair(self.delay, |x| format!("×{x:.2}"));
        let [error, wide] = pair(self.error, |x| format!("{x:.2}"));
        format!(
            "| {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {delay} | {late} | {error} | {wide} |",
            self.budget,
            self.curve,
            self.noise,
            self.level,
            self.rule,
            self.runs,
            self.false_ends,
            self.missed
        )
    }

    fn csv(&self) -> String {
        let pair =
            |p: Option<[f64; 2]>| p.map_or(String::from(","), |[a, b]| format!("{a:.4},{b:.4}"));
        format!(
            "{},{},{},{},{},{},{:.2},{:.2},{},{}",
            self.budget,
            self.curve,
            self.noise,
            self.level,
            self.rule,
            self.runs,
            self.false_ends,
            self.missed,
            pair(self.delay),
            pair(self.error)
        )
    }
}

/// The `q`-quantile, nearest rank.
fn quantile(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * q) as usize).min(values.len().saturating_sub(1))).copied()
}

/// Writes detector.csv and detector.md.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write(folder: &Path, rows: &[Row]) -> Result<(), String> {
    let mut csv = format!("{COLUMNS}\n");
    let mut markdown = format!("{HEADER}\n");
    for row in rows {
        let _ = writeln!(csv, "{}", row.csv());
        let _ = writeln!(markdown, "{}", row.markdown());
    }
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    file("detector.csv", &csv)?;
    file("detector.md", &markdown)
}
