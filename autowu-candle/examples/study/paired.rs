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

/// A row for each schedule that shares cells and seeds with the default; empty without one.
pub fn table(judged: &[Judged]) -> String {
    const DEFAULT: &str = "default";
    let default: HashMap<_, &Judged> = judged
        .iter()
        .filter(|j| j.schedule == DEFAULT)
        .map(|j| ((j.cell, j.run.seed), j))
        .collect();
    let mut rows = String::new();
    for schedule in tables::order(judged).into_iter().filter(|s| *s != DEFAULT) {
        let pairs: Vec<(&Judged, &Judged)> = judged
            .iter()
            .filter(|j| j.schedule == schedule)
            .filter_map(|j| Some((j, *default.get(&(j.cell, j.run.seed))?)))
            .collect();
        if pairs.is_empty() {
            continue;
        }
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
            "| {schedule} | {} | {better} | {worse} | {points} | {loss} |",
            pairs.len()
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "| instead of the default | pairs | better | worse | points | 100 · ln of the loss |\n\
         |---|---:|---:|---:|---:|---:|\n{rows}"
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
