//! Schedules beside the default, run by run: what a mechanism is worth.

use crate::judge::Judged;
use crate::tables;
use crate::task::Metric;
use std::collections::HashMap;
use std::fmt::Write;

/// Mean and its standard error, `√(Σ(x − x̄)²/(n(n − 1)))`; `None` of less than two.
fn mean(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    Some((mean, (square / (n * (n - 1.0))).sqrt()))
}

const PAIRS: &str = "Runs of the same cell and seed; equal ones are not counted. Means over all \
pairs, with their standard error: points of accuracy, and 100 · ln of the ratio of the losses; \
negative is better than the default. Pairs without a finite loss are not in the mean. Dead: of \
these runs, and of the default's.";

/// [`table`] under a title that ends with `beside`; empty where that is.
pub fn section(title: &str, judged: &[Judged]) -> String {
    let table = table(judged);
    match table.is_empty() {
        true => table,
        false => format!("\n## {title} the same run of the default\n\n{PAIRS}\n\n{table}"),
    }
}

/// A row for each schedule that shares cells and seeds with the default (without restoring: with
/// that); empty without one.
fn table(judged: &[Judged]) -> String {
    let runs: HashMap<_, &Judged> =
        judged.iter().map(|j| ((j.schedule, j.cell, j.run.seed), j)).collect();
    let mut rows = String::new();
    for schedule in tables::order(judged).into_iter().filter(|s| *s != "default") {
        let beside = if schedule == "overshoot unwatched" { "no restore" } else { "default" };
        let pairs: Vec<(&Judged, &Judged)> = judged
            .iter()
            .filter(|j| j.schedule == schedule)
            .filter_map(|j| Some((j, *runs.get(&(beside, j.cell, j.run.seed))?)))
            .collect();
        if pairs.is_empty() {
            continue;
        }
        let dead = pairs.iter().filter(|(a, _)| a.dead).count();
        let beside_dead = pairs.iter().filter(|(_, b)| b.dead).count();
        let better = pairs.iter().filter(|(a, b)| a.gap < b.gap).count();
        let worse = pairs.iter().filter(|(a, b)| a.gap > b.gap).count();
        let change = |unit: Metric| {
            let of = pairs.iter().filter(|(a, _)| a.cell.task.metric() == unit);
            let values: Vec<f64> = of
                .map(|(a, b)| match unit {
                    Metric::Accuracy => b.run.metric - a.run.metric,
                    Metric::Loss => 100.0 * (a.run.metric / b.run.metric).ln(),
                })
                .filter(|x| x.is_finite())
                .collect();
            mean(&values).map_or(String::new(), |(mean, error)| format!("{mean:+.2} ± {error:.2}"))
        };
        let (points, loss) = (change(Metric::Accuracy), change(Metric::Loss));
        let _ = writeln!(
            rows,
            "| {schedule} | {} | {dead}; {beside_dead} | {better} | {worse} | {points} | {loss} |",
            pairs.len()
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "| instead of the default | pairs | dead | better | worse | points | 100 · ln of the loss \
         |\n|---|---:|---:|---:|---:|---:|---:|\n{rows}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        // Variance 5/3, of four values.
        let (mean, error) = mean(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(mean, 2.5);
        assert!((error - (5.0_f64 / 12.0).sqrt()).abs() < 1e-15);
        assert_eq!(super::mean(&[1.0]), None);
    }
}
