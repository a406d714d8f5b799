//! From rows to steps of the training: order, repeats, gaps, spacing.

use super::series::Series;

/// Rows below which a run shows no minimum (README, "Limits").
const FEW: usize = 60;
/// Most steps that a replay holds in memory.
const MOST: u64 = 1 << 28;

/// A log of losses.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The column, key or tag that was read.
    pub column: String,
    /// In the order of their steps.
    pub losses: Vec<f64>,
    /// Step of each loss, growing; empty: 0, 1, 2, …
    steps: Vec<u64>,
    /// Usual distance of two rows, at least 1.
    every: u64,
    is_regular: bool,
    /// What a reader has to know, a sentence each.
    pub notes: Vec<String>,
}

impl Log {
    pub(super) fn arrange(
        column: String,
        series: Series,
        notes: Vec<String>,
        steps_per_epoch: Option<u64>,
    ) -> Self {
        let mut log =
            Log { column, losses: series.losses, steps: vec![], every: 1, is_regular: true, notes };
        let scale = match (series.epochs, steps_per_epoch) {
            (true, Some(steps)) => steps as f64,
            (true, None) => 0.0,
            (false, _) => 1.0,
        };
        if scale == 0.0 && !series.steps.is_empty() {
            log.notes.push(
                "the log has epochs and no steps: each row counts as one step; with \
                 --steps-per-epoch N --epochs N it counts as its epoch's"
                    .into(),
            );
        } else if !series.steps.is_empty() {
            log.order(&series.steps, scale);
        }
        let said = |n: u64, one: &str, text: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{} {text}", grouped(n))),
        };
        log.notes.extend(said(
            series.stepless,
            "row without a step is left out",
            "rows without a step are left out",
        ));
        log.notes.extend(said(
            series.restarts,
            "time the steps begin again in a new epoch: they are counted on",
            "times the steps begin again in a new epoch: they are counted on",
        ));
        log.measure();
        if log.losses.len() < FEW {
            log.notes.push(format!(
                "too few losses: {}; a run needs about {FEW} to show a minimum",
                log.losses.len()
            ));
        }
        log
    }

    /// Sorts the losses by their steps; the last of a step counts.
    fn order(&mut self, steps: &[f64], scale: f64) {
        let mut rows: Vec<(u64, f64)> = steps
            .iter()
            .zip(&self.losses)
            .filter(|(step, _)| **step >= 0.0 && **step * scale < 9e15)
            .map(|(step, &loss)| ((step * scale).round() as u64, loss))
            .collect();
        if rows.is_empty() {
            self.notes.push("no step is a number of 0 or more: the rows are counted".into());
            return;
        }
        if rows.len() < steps.len() {
            let left = (steps.len() - rows.len()) as u64;
            self.notes.push(format!("{} rows whose step is negative are left out", grouped(left)));
        }
        let falls = rows.windows(2).filter(|w| w[1].0 < w[0].0).count();
        if falls > 0 {
            rows.sort_by_key(|(step, _)| *step);
        }
        let repeats = rows.windows(2).filter(|w| w[1].0 == w[0].0).count() as u64;
        if repeats > 0 {
            let first = rows.windows(2).find(|w| w[1].0 == w[0].0).map_or(0, |w| w[0].0);
            rows.reverse();
            rows.dedup_by_key(|(step, _)| *step);
            rows.reverse();
            let times = if repeats == 1 { "row repeats a step" } else { "rows repeat a step" };
            self.notes.push(format!(
                "{} {times} (the first: {first}), as after a resume: the last loss of a step counts",
                grouped(repeats)
            ));
        } else if falls > 0 {
            self.notes.push("the rows are out of order: they are sorted by their steps".into());
        }
        (self.steps, self.losses) = rows.into_iter().unzip();
    }

    /// Spacing and gaps.
    fn measure(&mut self) {
        let mut gaps: Vec<u64> = self.steps.windows(2).map(|w| w[1] - w[0]).collect();
        if gaps.is_empty() {
            return;
        }
        gaps.sort_unstable();
        self.every = gaps[gaps.len() / 2].max(1);
        let usual = gaps.iter().filter(|&&gap| gap == self.every).count();
        let span = self.last() - self.first();
        // A log that changes its interval is not one with gaps.
        let is_dense = span / self.every <= 2 * gaps.len() as u64;
        self.is_regular = usual * 10 >= gaps.len() * 9
            || (is_dense && gaps.iter().all(|&gap| gap.is_multiple_of(self.every)));
        if !self.is_regular {
            self.every = (span as f64 / gaps.len() as f64).round().max(1.0) as u64;
        }
        let far = if self.is_regular { self.every } else { self.every.saturating_mul(4) };
        let wide = gaps.iter().filter(|&&gap| gap > far).count() as u64;
        if wide > 0 {
            let longest = self.steps.windows(2).max_by_key(|w| w[1] - w[0]);
            let (from, to) = longest.map_or((0, 0), |w| (w[0], w[1]));
            self.notes.push(format!(
                "{} in the steps, the longest from {from} to {to}: the last loss stands for each",
                if wide == 1 { "1 gap".into() } else { format!("{} gaps", grouped(wide)) }
            ));
        }
        if self.first() > self.every {
            self.notes.push(format!(
                "the log begins at step {}: its first loss stands for the steps before",
                self.first()
            ));
        }
        if self.every > 1 {
            self.notes.push(format!(
                "a row every {} steps: the scheduler climbs as in {} steps and sees one loss for \
                 every {}. What happens between the rows does not show, nor, where a row is an \
                 average, spikes and the noise of a step; live, a minimum is found a little \
                 sooner or later",
                self.every,
                self.training_steps(),
                self.every
            ));
        }
    }

    fn first(&self) -> u64 {
        self.steps.first().copied().unwrap_or(0)
    }

    fn last(&self) -> u64 {
        self.steps.last().copied().unwrap_or_else(|| self.losses.len().saturating_sub(1) as u64)
    }

    /// `read 1,000 losses (column "train/loss"), steps 0 to 19980, every 20 steps`
    pub fn summary(&self) -> String {
        let n = self.losses.len();
        let every = match (n, self.every, self.is_regular) {
            (..=1, ..) => String::new(),
            (_, 1, true) => ", every step".into(),
            (_, 1, false) => ", about every step".into(),
            (_, k, true) => format!(", every {k} steps"),
            (_, k, false) => format!(", about every {k} steps"),
        };
        format!(
            "read {} {} (column \"{}\"), steps {} to {}{every}",
            grouped(n as u64),
            if n == 1 { "loss" } else { "losses" },
            self.column,
            self.first(),
            self.last()
        )
    }

    /// Steps that the log stands for. A first row within the first interval, as of a trainer that
    /// counts from 1 or logs at the end of an interval, stands for the interval.
    pub fn training_steps(&self) -> u64 {
        self.last() - self.start() + self.every
    }

    fn start(&self) -> u64 {
        if self.first() <= self.every { self.first() } else { 0 }
    }

    /// Steps that a row stands for: the usual distance of two rows.
    pub fn every(&self) -> u64 {
        self.every
    }

    /// A loss for every [`every`](Self::every) steps, at most `most`: the mean of the rows there,
    /// or else the last one before.
    ///
    /// # Errors
    /// More than memory should hold.
    pub fn evenly(&self, most: u64) -> Result<Vec<f64>, String> {
        let cells = self.training_steps().div_ceil(self.every).min(most);
        let steps = cells.saturating_mul(self.every);
        if steps > MOST {
            return Err(format!("{steps} steps are too many to replay; the most are {MOST}"));
        }
        if self.steps.is_empty() {
            return Ok(self.losses.iter().copied().take(cells as usize).collect());
        }
        let mut out: Vec<f64> = Vec::with_capacity(cells as usize);
        let mut rows = self.steps.iter().zip(&self.losses).peekable();
        let mut held = self.losses.first().copied().unwrap_or(f64::NAN);
        for cell in 0..cells {
            let (mut sum, mut count) = (0.0, 0);
            let is_here = |(step, _): &(&u64, &f64)| (**step - self.start()) / self.every <= cell;
            while let Some((_, loss)) = rows.next_if(is_here) {
                (sum, count) = (sum + loss, count + 1);
            }
            held = if count > 0 { sum / f64::from(count) } else { held };
            out.push(held);
        }
        Ok(out)
    }
}

/// 1,234,567
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(rows: &[(f64, f64)]) -> Log {
        let mut series = Series::default();
        rows.iter().for_each(|&(step, loss)| series.push(Some(step), None, loss));
        Log::arrange("loss".into(), series, vec![], None)
    }

    #[test]
    fn a_row_stands_for_its_steps() {
        let log = log(&[(0.0, 2.0), (50.0, 1.5), (100.0, 1.2)]);
        assert_eq!(
            log.summary(),
            "read 3 losses (column \"loss\"), steps 0 to 100, every 50 steps"
        );
        assert_eq!(log.training_steps(), 150);
        assert_eq!(log.every(), 50);
        assert_eq!(log.evenly(3).unwrap(), [2.0, 1.5, 1.2]);
        assert_eq!(log.evenly(2).unwrap(), [2.0, 1.5]);
    }

    #[test]
    fn counting_from_one_or_from_the_end_of_an_interval() {
        for first in [0.0, 1.0] {
            let log = log(&[(first, 3.0), (first + 1.0, 2.0), (first + 2.0, 1.0)]);
            assert_eq!(log.evenly(9).unwrap(), [3.0, 2.0, 1.0]);
        }
        for first in [0.0, 1.0, 4.0, 5.0] {
            let log = log(&[(first, 2.0), (first + 5.0, 1.0)]);
            assert_eq!((log.evenly(99).unwrap(), log.training_steps()), (vec![2.0, 1.0], 10));
        }
    }

    #[test]
    fn a_gap_and_a_late_begin_are_held() {
        let log = log(&[(2.0, 3.0), (3.0, 2.0), (4.0, 1.0), (7.0, 0.0)]);
        assert_eq!(log.evenly(99).unwrap(), [3.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 0.0]);
        assert!(log.notes[0].starts_with("1 gap in the steps, the longest from 4 to 7"));
        assert!(log.notes[1].starts_with("the log begins at step 2"), "{:?}", log.notes);
    }

    #[test]
    fn repeats_and_disorder() {
        let twice = log(&[(0.0, 2.0), (1.0, 1.9), (1.0, 1.91)]);
        assert_eq!(twice.losses, [2.0, 1.91]);
        assert!(twice.notes[0].starts_with("1 row repeats a step (the first: 1)"));
        let resumed =
            log(&[(0.0, 2.0), (1.0, 1.9), (2.0, 1.8), (1.0, 1.7), (2.0, 1.6), (3.0, 1.5)]);
        assert_eq!(resumed.losses, [2.0, 1.7, 1.6, 1.5]);
        let shuffled = log(&[(2.0, 1.0), (0.0, 3.0), (1.0, 2.0)]);
        assert_eq!(shuffled.losses, [3.0, 2.0, 1.0]);
        assert!(shuffled.notes[0].contains("out of order"));
    }

    #[test]
    fn epochs_become_steps_if_their_length_is_known() {
        let mut series = Series::default();
        (0..3).for_each(|i| series.push(None, Some(f64::from(i)), 2.0 - f64::from(i)));
        let log = Log::arrange("loss".into(), series, vec![], Some(4));
        assert_eq!(log.summary(), "read 3 losses (column \"loss\"), steps 0 to 8, every 4 steps");
        assert_eq!((log.evenly(99).unwrap().len(), log.training_steps()), (3, 12));
    }

    #[test]
    fn steps_that_begin_again_in_each_epoch() {
        let mut series = Series::default();
        for epoch in 0..3 {
            (0..4).for_each(|i| series.push(Some(f64::from(i) * 5.0), Some(f64::from(epoch)), 1.0));
        }
        let log = Log::arrange("loss".into(), series, vec![], None);
        assert_eq!(log.summary(), "read 12 losses (column \"loss\"), steps 0 to 55, every 5 steps");
        assert!(log.notes[0].starts_with("2 times the steps begin again"));
    }

    #[test]
    fn hostile_steps() {
        let log = log(&[(0.0, 1.0), (-3.0, 9.0), (8e15, 0.5), (1e300, 9.0)]);
        assert_eq!(log.losses, [1.0, 0.5]);
        assert!(log.evenly(3).is_err());
        assert!(log.training_steps() > 8e15 as u64);
        let rare = self::log(&[(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (8e15, 1.0)]);
        assert!(rare.evenly(u64::MAX).is_err());
    }

    #[test]
    fn negative_steps_alone() {
        let log = log(&[(-2.0, 1.0), (-1.0, 0.5)]);
        assert_eq!(log.evenly(9).unwrap(), [1.0, 0.5]);
    }

    #[test]
    fn uneven_rows_are_put_on_a_grid() {
        let log =
            log(&[(0.0, 4.0), (1.0, 2.0), (9.0, 1.5), (16.0, 1.0), (21.0, 0.5), (25.0, 0.25)]);
        assert_eq!(
            log.summary(),
            "read 6 losses (column \"loss\"), steps 0 to 25, about every 5 steps"
        );
        assert_eq!(log.evenly(9).unwrap(), [3.0, 1.5, 1.5, 1.0, 0.5, 0.25]);
    }
}
