//! Runs measured against the tuned baseline of their cell.

use crate::cells::Cell;
use crate::runs::Run;
use crate::schedules::UNTUNED;
use crate::task::Metric;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The name that the tuned baseline's own runs get in the tables.
pub const TUNED: &str = "tuned peak";

/// A peak, and the metric of its runs by their seed.
type Peak = (f64, BTreeMap<u64, f64>);

/// Warmup + cosine with the best peak of the grid: the one whose mean over the seeds is best on the
/// test data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    pub peak: f64,
    /// The mean over the seeds.
    pub metric: f64,
    /// Whether no smaller, or no larger, peak of the grid was tried.
    pub at_edge: bool,
}

impl Baseline {
    /// From the metrics of each peak by seed. Only seeds that every peak has count; `None` without
    /// one.
    fn of(metric: Metric, peaks: &[Peak]) -> Option<Self> {
        let (_, first) = peaks.first()?;
        let seeds: Vec<u64> = first
            .keys()
            .copied()
            .filter(|s| peaks.iter().all(|(_, by_seed)| by_seed.contains_key(s)))
            .collect();
        if seeds.is_empty() {
            return None;
        }
        let mean = |by_seed: &BTreeMap<u64, f64>| {
            seeds.iter().filter_map(|s| by_seed.get(s)).sum::<f64>() / seeds.len() as f64
        };
        let loss = |m: f64| match metric {
            Metric::Accuracy => -m,
            Metric::Loss if m.is_nan() => f64::INFINITY,
            Metric::Loss => m,
        };
        let means: Vec<(f64, f64)> =
            peaks.iter().map(|(peak, by_seed)| (*peak, mean(by_seed))).collect();
        let &(peak, best) = means.iter().min_by(|a, b| loss(a.1).total_cmp(&loss(b.1)))?;
        let at_edge = means.iter().all(|m| m.0 <= peak) || means.iter().all(|m| m.0 >= peak);
        Some(Baseline { peak, metric: best, at_edge })
    }

    /// How much worse than the baseline: points of accuracy, or % of the baseline's loss. Infinite
    /// where the loss is not a number.
    pub fn gap(&self, unit: Metric, metric: f64) -> f64 {
        let gap = match unit {
            Metric::Accuracy => self.metric - metric,
            Metric::Loss => 100.0 * (metric - self.metric) / self.metric,
        };
        if gap.is_nan() { f64::INFINITY } else { gap }
    }

    /// Worse than half-way between the untrained model and the baseline.
    pub fn is_dead(&self, unit: Metric, metric: f64, untrained: f64) -> bool {
        let half_way = (untrained + self.metric) / 2.0;
        match unit {
            Metric::Accuracy => !(metric >= half_way),
            Metric::Loss => !(metric <= half_way),
        }
    }
}

/// Points of accuracy and % of the loss by which a run may lie below the tuned peak before it counts
/// as far below.
const FAR: [f64; 2] = [3.0, 5.0];

/// A run and its gap.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    pub run: &'a Run,
    pub cell: Cell,
    /// The run's schedule, or [`TUNED`], or [`UNTUNED`].
    pub schedule: &'a str,
    pub baseline: Baseline,
    pub gap: f64,
    pub dead: bool,
}

impl Judged<'_> {
    pub fn is_far(&self) -> bool {
        let [points, percent] = FAR;
        self.gap
            > match self.cell.task.metric() {
                Metric::Accuracy => points,
                Metric::Loss => percent,
            }
    }
}

/// The judged runs, and the baselines of their cells.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The tuned baselines' runs, and those of AutoWU.
    pub runs: Vec<Judged<'a>>,
    pub baselines: HashMap<Cell, Baseline>,
    /// Runs of AutoWU whose cell has no complete grid of peaks yet.
    pub waiting: usize,
}

/// With the runs of what people use without tuning as [`UNTUNED`] where `untuned` asks for it; they
/// are among those of the peaks.
///
/// # Errors
/// A run of a cell that is not in the grid.
pub fn judge<'a>(runs: &'a [Run], grid: &[Cell], untuned: bool) -> Result<Judgement<'a>, String> {
    let names: HashMap<String, Cell> = grid.iter().map(|c| (c.name(), *c)).collect();
    let cell_of = |run: &Run| {
        let cell = names.get(&run.cell).copied();
        cell.ok_or_else(|| {
            format!(
                "the cell {:?} of a run is not in the grid; --list shows those that are",
                run.cell
            )
        })
    };
    let mut found: HashMap<Cell, Vec<Peak>> = HashMap::new();
    for run in runs {
        let cell = cell_of(run)?;
        let Some(peak) = peak_of(run) else { continue };
        let peaks =
            found.entry(cell).or_insert_with(|| cell.peaks().map(|p| (p, BTreeMap::new())).into());
        if let Some((_, by_seed)) = peaks.iter_mut().find(|(p, _)| *p == peak) {
            by_seed.insert(run.seed, run.metric);
        }
    }
    let baselines: HashMap<Cell, Baseline> = found
        .iter()
        .filter_map(|(cell, peaks)| Some((*cell, Baseline::of(cell.task.metric(), peaks)?)))
        .collect();
    let mut judgement = Judgement { runs: Vec::new(), baselines, waiting: 0 };
    for run in runs {
        let cell = cell_of(run)?;
        let peak = peak_of(run);
        let Some(&baseline) = judgement.baselines.get(&cell) else {
            judgement.waiting += usize::from(peak.is_none());
            continue;
        };
        let unit = cell.task.metric();
        let mut add = |schedule: &'a str| {
            judgement.runs.push(Judged {
                run,
                cell,
                schedule,
                baseline,
                gap: baseline.gap(unit, run.metric),
                dead: baseline.is_dead(unit, run.metric, run.untrained),
            });
        };
        match peak {
            None => add(&run.schedule),
            Some(peak) => {
                if peak == baseline.peak {
                    add(TUNED);
                }
                if untuned && peak == cell.optimizer.untuned() {
                    add(UNTUNED);
                }
            }
        }
    }
    Ok(judgement)
}

/// The peak of a run of warmup + cosine.
fn peak_of(run: &Run) -> Option<f64> {
    run.schedule.strip_prefix("peak ")?.parse().ok()
}

/// The schedules in their order of display: the known ones, then others as they come.
pub fn schedules<'a>(judged: &[Judged<'a>], known: &[&'a str]) -> Vec<&'a str> {
    let present: HashSet<&str> = judged.iter().map(|j| j.schedule).collect();
    let mut order: Vec<&str> =
        known.iter().copied().filter(|name| present.contains(name)).collect();
    for j in judged {
        if !order.contains(&j.schedule) {
            order.push(j.schedule);
        }
    }
    order
}

/// Values in ascending order.
#[derive(Clone, Debug)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Spread(values))
    }

    /// The smallest value that at least a share `q` of them does not exceed.
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn largest(&self) -> f64 {
        self.quantile(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(metrics: [[f64; 2]; 3]) -> Vec<Peak> {
        [0.01, 0.03, 0.1]
            .into_iter()
            .zip(metrics)
            .map(|(p, m)| (p, (0..).zip(m).collect()))
            .collect()
    }

    #[test]
    fn the_best_mean_is_tuned_not_the_best_run() {
        let tuned =
            Baseline::of(Metric::Accuracy, &peaks([[90.0, 92.0], [95.0, 96.0], [99.0, 10.0]]));
        assert_eq!(tuned, Some(Baseline { peak: 0.03, metric: 95.5, at_edge: false }));
        let tuned = Baseline::of(Metric::Loss, &peaks([[0.5, 0.7], [0.9, 0.9], [0.1, f64::NAN]]));
        assert_eq!(tuned, Some(Baseline { peak: 0.01, metric: 0.6, at_edge: true }));
    }

    #[test]
    fn only_seeds_that_every_peak_has_count() {
        let mut some = peaks([[1.0, 9.0], [2.0, 9.0], [3.0, 0.0]]);
        some[0].1.remove(&1);
        let tuned = Baseline::of(Metric::Loss, &some);
        assert_eq!(tuned, Some(Baseline { peak: 0.01, metric: 1.0, at_edge: true }));
        some[1].1.remove(&0);
        assert_eq!(Baseline::of(Metric::Loss, &some), None);
    }

    #[test]
    fn gaps_are_points_or_per_cent_and_nan_is_dead() {
        let tuned = Baseline { peak: 0.1, metric: 98.0, at_edge: false };
        assert_eq!(tuned.gap(Metric::Accuracy, 97.5), 0.5);
        assert!(!tuned.is_dead(Metric::Accuracy, 54.0, 10.0));
        assert!(tuned.is_dead(Metric::Accuracy, 53.9, 10.0));
        let tuned = Baseline { peak: 0.1, metric: 2.0, at_edge: false };
        assert_eq!(tuned.gap(Metric::Loss, 2.1), 100.0 * (2.1 - 2.0) / 2.0);
        assert_eq!(tuned.gap(Metric::Loss, f64::NAN), f64::INFINITY);
        assert!(!tuned.is_dead(Metric::Loss, 3.0, 4.0));
        assert!(tuned.is_dead(Metric::Loss, 3.1, 4.0));
        assert!(tuned.is_dead(Metric::Loss, f64::NAN, 4.0));
    }

    #[test]
    fn quantiles_are_values() {
        let spread = Spread::of((1..=20).rev().map(f64::from)).unwrap();
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|q| spread.quantile(q)), [1.0, 10.0, 19.0, 20.0]);
        assert!(Spread::of([]).is_none());
    }
}
