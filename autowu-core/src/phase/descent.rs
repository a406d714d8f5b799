//! [`Descent`]: how far the loss fell in the warmup.

use crate::config::Config;
use crate::digest::digest_fields;
use crate::real::Real;
use crate::test::Report;
use crate::trajectory::Trajectory;

/// Fewest losses whose mean is believed.
const FEWEST: u64 = 5;

/// The share of the descent that is not worth going back for.
pub(super) const SHARE: f64 = 0.15;

/// Parts of the warmup that a mean is taken over.
const PARTS: u64 = 32;

/// How far the loss fell, and how noisy it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct Descent<T> {
    /// Standard deviation of one loss, by the last test that was certain of a descent.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::option"))]
    noise: Option<T>,
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::serde_real::option::required"))]
    ends: Option<Ends<T>>,
}

digest_fields!(Descent<T> { noise, ends });

/// Where the loss came from, and how low it got.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
struct Ends<T> {
    /// The mean of the run's first losses.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    first: T,
    /// The lowest mean of the warmup.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    lowest: T,
    /// Losses that it is the mean of.
    span: u64,
}

digest_fields!(Ends<T> { first, lowest, span });

impl<T: Real> Descent<T> {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Descent { noise: None, ends: None }
    }

    /// Takes the noise of one loss from a test that is certain of a descent; each entry of its
    /// history stands for `resolution` losses.
    pub fn see(&mut self, report: &Report<T>, resolution: u64, config: &Config) {
        if report.fell(&config.response) {
            let noise = report.hyper.noise * T::of_u64(resolution);
            self.noise = Some(report.scale * noise.sqrt()).filter(|noise| noise.is_finite());
        }
    }

    /// Takes the first and the lowest mean of a climb that is over; nothing from one too short for
    /// two means.
    pub fn learn<const N: usize>(&mut self, climb: &Trajectory<T, N>, config: &Config) {
        let span = (config.warmup_steps() / PARTS).max(FEWEST);
        let entries = usize::try_from(span.div_ceil(climb.resolution())).unwrap_or(usize::MAX);
        if entries > climb.len() / 2 {
            return;
        }
        let Some((first, lowest)) = ends(climb.values(), entries) else { return };
        let span = climb.resolution().saturating_mul(entries as u64);
        self.ends = Some(match self.ends {
            Some(known) if known.lowest <= lowest => known,
            Some(known) => Ends { first: known.first, lowest, span },
            None => Ends { first, lowest, span },
        });
    }

    /// Whether the last losses of a climb are as low as those of the climbs before it, but for
    /// noise and a small share of the descent: only then do its weights replace the copy.
    pub fn is_kept<const N: usize>(&self, climb: &Trajectory<T, N>) -> bool {
        let Some((noise, first, lowest, _)) = self.known() else { return true };
        let entries = usize::try_from(FEWEST.div_ceil(climb.resolution())).unwrap_or(usize::MAX);
        let values = climb.values();
        let last = &values[values.len().saturating_sub(entries)..];
        let Some((mean, _)) = ends(last, last.len()) else { return true };
        let error = noise / T::of_u64(FEWEST).sqrt();
        let share = first * T::of(SHARE) - lowest * T::of(SHARE);
        mean <= lowest + share + T::of(4.0) * error
    }

    /// The noise of one loss; the first and the lowest mean, and the losses of the latter. `None`
    /// where no test was certain of a descent.
    pub fn known(&self) -> Option<(T, T, T, u64)> {
        let Ends { first, lowest, span } = self.ends?;
        self.noise.filter(|_| first > lowest).map(|noise| (noise, first, lowest, span))
    }

    #[cfg(test)]
    pub fn noise(&self) -> Option<T> {
        self.noise
    }

    /// Whether a run can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self) -> bool {
        let ends =
            self.ends.is_none_or(|e| e.first.is_finite() && e.lowest.is_finite() && e.span > 0);
        ends && self.noise.is_none_or(|noise| noise >= T::zero() && noise.is_finite())
    }
}

/// The losses before the end of the lowest mean of a climb; `None` without one.
pub(super) fn lowest_at<T: Real, const N: usize>(climb: &Trajectory<T, N>) -> Option<u64> {
    let entries = usize::try_from(FEWEST.div_ceil(climb.resolution())).unwrap_or(usize::MAX);
    let entries = entries.max(1);
    let windows = climb.values().windows(entries);
    let means = windows.enumerate().filter_map(|(at, w)| Some((at, ends(w, entries)?.0)));
    let lowest = means.reduce(|low, mean| if mean.1 < low.1 { mean } else { low })?;
    let last = (lowest.0 + entries - 1) as u64;
    Some(last.saturating_mul(climb.resolution()))
}

/// The first and the lowest of the means over `entries` neighbours, in steps of half as many;
/// `None` without a finite one.
fn ends<T: Real>(values: &[T], entries: usize) -> Option<(T, T)> {
    let mean = |window: &[T]| {
        let finite = || window.iter().copied().filter(|y| y.is_finite());
        let count = T::of_u64(finite().count() as u64);
        finite().fold(T::zero(), |sum, y| sum + y / count)
    };
    let windows = values.windows(entries.max(1)).step_by((entries / 2).max(1));
    let mut means =
        windows.filter(|w| w.iter().any(|y| y.is_finite())).map(mean).filter(|m| m.is_finite());
    let first = means.next()?;
    Some((first, means.fold(first, |lowest, mean| lowest.min(mean))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falls(losses: u16, by: f64) -> Trajectory<f64, 400> {
        let mut climb = Trajectory::new();
        (0..losses).for_each(|i| climb.push(1.0 - by * f64::from(i) / f64::from(losses)));
        climb
    }

    /// The first losses are those of the first climb, the lowest of any; one that is too short for
    /// two means changes nothing.
    #[test]
    fn a_climb_tells_its_ends() {
        let config = Config::new(1000).without_scout();
        let mut descent = Descent { noise: Some(0.01), ..Descent::unknown() };
        assert_eq!(descent.known(), None);
        descent.learn(&falls(400, 1.0), &config);
        let (_, first, lowest, span) = descent.known().unwrap();
        assert!(0.98 < first && first < 1.0 && 0.0 < lowest && lowest < 0.03, "{first}, {lowest}");
        for (losses, by, tells) in
            [(400, 2.0, true), (400, 0.5, false), (2 * span as u16 - 1, 3.0, false)]
        {
            let mut after = descent;
            after.learn(&falls(losses, by), &config);
            assert_eq!(after != descent, tells, "{losses} losses fall by {by}");
            assert_eq!(after.known().unwrap().1, first);
        }
    }

    #[test]
    fn the_lowest_mean_has_its_place() {
        let mut climb = Trajectory::<f64, 400>::new();
        assert_eq!(lowest_at(&climb), None);
        (0..40).for_each(|i| climb.push(f64::from(i32::abs(i - 20))));
        climb.push(f64::NAN);
        assert_eq!(lowest_at(&climb), Some(22));
    }

    #[test]
    fn level_ground_and_rising_losses_are_no_descent() {
        for by in [0.0, -1.0] {
            let mut descent = Descent { noise: Some(0.0), ..Descent::unknown() };
            descent.learn(&falls(400, by), &Config::new(1000).without_scout());
            assert_eq!(descent.known(), None);
        }
    }

    #[test]
    fn first_and_lowest_are_means_of_windows_that_overlap_by_half() {
        assert_eq!(ends(&[9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0], 4), Some((2.25, 2.25)));
        assert_eq!(ends(&[3.0, 2.0, 1.0], 1), Some((3.0, 1.0)));
        let nan = f64::NAN;
        assert_eq!(ends(&[nan, nan, 4.0, nan, 2.0, 1.0], 2), Some((4.0, 1.5)));
        assert_eq!(ends(&[nan; 6], 2), None);
    }
}
