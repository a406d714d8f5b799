//! Cells that an earlier simulation left in detector.csv.

use autowu_lab::detector::cells::Cell;
use autowu_lab::detector::curves::{Curve, Noise};
use autowu_lab::detector::rules::RULES;
use autowu_lab::detector::table::{COLUMNS, Row};
use std::path::Path;

/// The rows of the folder's detector.csv; none without the file.
///
/// # Errors
/// A file with other columns.
pub fn read(folder: &Path) -> Result<Vec<Row>, String> {
    let path = folder.join("detector.csv");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let wrong = |line: &str| {
        format!("{}: {line:?} is no row of it; delete the file to begin anew", path.display())
    };
    let mut lines = text.lines();
    match lines.next() {
        Some(head) if head == COLUMNS => {
            lines.map(|line| parse(line).ok_or_else(|| wrong(line))).collect()
        }
        head => Err(wrong(head.unwrap_or_default())),
    }
}

fn parse(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split(',').collect();
    let &[budget, curve, noise, level, rule, runs, false_ends, missed, delay, late, error, wide] =
        cells.as_slice()
    else {
        return None;
    };
    let pair = |a: &str, b: &str| match (a, b) {
        ("", "") => Some(None),
        _ => Some(Some([a.parse().ok()?, b.parse().ok()?])),
    };
    Some(Row {
        budget: budget.into(),
        curve: curve.into(),
        noise: noise.into(),
        level: level.parse().ok()?,
        rule: rule.into(),
        runs: runs.parse().ok()?,
        false_ends: false_ends.parse().ok()?,
        missed: missed.parse().ok()?,
        delay: pair(delay, late)?,
        error: pair(error, wide)?,
    })
}

/// Whether the row belongs to the cell.
pub fn is_of(row: &Row, cell: &Cell) -> bool {
    row.budget == format!("{}x{}", cell.steps_per_epoch, cell.epochs)
        && row.level == cell.level
        && (row.curve.as_str(), row.noise.as_str()) == (cell.curve.name(), cell.noise.name())
        && row.rule == cell.rule.name
}

/// By budget, curve, noise, level and rule, however many parts they came in.
pub fn sort(rows: &mut [Row]) {
    let steps =
        |budget: &str| budget.split('x').filter_map(|n| n.parse::<u64>().ok()).product::<u64>();
    rows.sort_by(|a, b| {
        let key = |r: &Row| {
            let curve = Curve::ALL.iter().position(|c| c.name() == r.curve);
            let noise = Noise::ALL.iter().position(|n| n.name() == r.noise);
            (steps(&r.budget), curve, noise)
        };
        let rule = |r: &Row| RULES.iter().position(|rule| rule.name == r.rule);
        key(a).cmp(&key(b)).then(a.level.total_cmp(&b.level)).then(rule(a).cmp(&rule(b)))
    });
}
