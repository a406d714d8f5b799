//! [`Descent`]: how far the loss fell in the warmup, and how well that stands out of the noise.

use crate::config::Config;
use crate::digest::digest_fields;
use crate::real::Real;
use crate::test::Report;
use crate::trajectory::Trajectory;

/// Fewest losses whose mean is believed.
const FEWEST: u64 = 10;

/// Parts of the warmup that a mean is taken over, unless noise asks for longer ones.
const PARTS: u64 = 32;

/// How probable it may be that a decay which has lost nothing is stopped.
const FALSE_ALARM: f64 = 0.01;

/// How far the loss fell, in means of losses that are long enough for half of the descent to stand
/// out of their noise.
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
    /// Losses that a mean is taken over; `None` where noise hides the descent.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::serde_real::option::required"))]
    span: Option<u64>,
}

digest_fields!(Descent<T> { noise, ends, span });

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
}

digest_fields!(Ends<T> { first, lowest });

impl<T: Real> Descent<T> {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Descent { noise: None, ends: None, span: None }
    }

    /// Takes the noise of one loss from a test that is certain of a descent; each entry of its
    /// history stands for `resolution` losses.
    pub fn see(&mut self, report: &Report<T>, resolution: u64, config: &Config) {
        if report.fell(&config.response) {
            let noise = report.hyper.noise * T::of_u64(resolution);
            self.noise = Some(report.scale * noise.sqrt());
        }
    }

    /// A climb is over: the ends of its descent, in means as short as their noise allows. What it
    /// cannot tell, the climbs before it may have.
    pub fn learn<const N: usize>(&mut self, climb: &Trajectory<T, N>, config: &Config) {
        let before = *self;
        let shortest = (config.warmup_steps() / PARTS).max(FEWEST).max(before.span.unwrap_or(0));
        let entries = shortest.div_ceil(climb.resolution());
        let mut entries = usize::try_from(entries).unwrap_or(usize::MAX);
        while entries <= climb.len() / 2 {
            let Some(Ends { first, lowest }) = ends(climb.values(), entries) else { break };
            let ends = match before.ends {
                Some(known) => Ends { first: known.first, lowest: known.lowest.min(lowest) },
                None => Ends { first, lowest },
            };
            self.ends = Some(ends);
            let span = climb.resolution().saturating_mul(entries as u64);
            if self.stands_out(ends, span, config) {
                self.span = Some(span);
                return;
            }
            entries *= 2;
        }
        if before.span.is_some() {
            *self = before;
        }
    }

    /// Whether the middle between first and lowest is far enough from both to be told from noise:
    /// with the error `e` of a mean, `first − (lowest + 2e) ≥ 2 √(3 ln(m/2α)) e`.
    ///
    /// A mean of the decay, the first and the lowest have errors of their own, so that a mean as
    /// low as the lowest differs from the middle by half of their distance and an error of
    /// `√(1 + 2/4) e`. Each of the decay's `m` means is above the middle with a probability of at
    /// most `α/m`, by the bound `½ exp(−z²/2)` of the normal tail. `2e` is what the lowest of many
    /// means may lie too low.
    fn stands_out(&self, ends: Ends<T>, span: u64, config: &Config) -> bool {
        let Some(noise) = self.noise else { return false };
        let decay = config.total_steps.saturating_sub(config.warmup_steps());
        let means = (decay / span.max(1)).max(1);
        let bound = 3.0 * libm::log(means as f64 / (2.0 * FALSE_ALARM));
        let clearance = T::of(2.0) * T::of(bound).sqrt();
        let error = noise / T::of_u64(span).sqrt();
        let Ends { first, lowest } = ends;
        first > lowest && first - lowest >= (clearance + T::of(2.0)) * error
    }

    /// `(first + lowest)/2`, and the losses that a mean must be taken over to be compared with it;
    /// `None` where noise hides the descent. The middle does not depend on unit and zero of the
    /// loss.
    pub fn middle(&self) -> Option<(T, u64)> {
        let (Ends { first, lowest }, half) = (self.ends?, T::of(0.5));
        Some((first * half + lowest * half, self.span?))
    }

    #[cfg(test)]
    pub fn noise(&self) -> Option<T> {
        self.noise
    }

    /// Whether a run can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self) -> bool {
        let ends = self.ends.is_none_or(|e| e.first.is_finite() && e.lowest.is_finite());
        let span = self.span.is_none_or(|span| {
            span > 0 && self.ends.is_some_and(|Ends { first, lowest }| first > lowest)
        });
        ends && span && self.noise.is_none_or(|noise| noise >= T::zero())
    }
}

/// The first and the lowest of the means over `entries` neighbours, in steps of half as many;
/// `None` without a finite one.
fn ends<T: Real>(values: &[T], entries: usize) -> Option<Ends<T>> {
    let mean = |window: &[T]| {
        let finite = || window.iter().copied().filter(|y| y.is_finite());
        let count = T::of_u64(finite().count() as u64);
        finite().fold(T::zero(), |sum, y| sum + y / count)
    };
    let windows = values.windows(entries.max(1)).step_by((entries / 2).max(1));
    let mut means =
        windows.filter(|w| w.iter().any(|y| y.is_finite())).map(mean).filter(|m| m.is_finite());
    let first = means.next()?;
    Some(Ends { first, lowest: means.fold(first, |lowest, mean| lowest.min(mean)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "serde")]
    fn noise_beyond_the_range_is_a_state_like_any_other() {
        let mut climb = Trajectory::<f32, 400>::new();
        (0..400_u16).for_each(|i| climb.push(1.0 - f32::from(i) / 400.0));
        let mut descent = Descent { noise: Some(0.01), ..Descent::unknown() };
        descent.learn(&climb, &Config::new(1000));
        assert!(descent.span.is_some() && descent.is_valid());
        descent.noise = Some(f32::INFINITY); // a later test, of losses near the end of the range
        descent.learn(&climb, &Config::new(1000));
        assert!(descent.span.is_some() && descent.is_valid());
    }

    /// A climb that cannot tell, because it is short or its noise is great, changes nothing of what
    /// one before it could.
    #[test]
    fn what_a_climb_cannot_tell_stays_as_it_was() {
        let falls = |losses: u16, by: f64| {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..losses).for_each(|i| climb.push(1.0 - by * f64::from(i) / f64::from(losses)));
            climb
        };
        let config = Config::new(1000);
        let mut descent = Descent { noise: Some(0.01), ..Descent::unknown() };
        descent.learn(&falls(400, 1.0), &config);
        assert!(descent.span.is_some());
        for (climb, noise, tells) in [
            (falls(400, 2.0), 0.01, true),
            (falls(20, 2.0), 0.01, false),
            (falls(400, 2.0), 9.0, false),
        ] {
            let before = Descent { noise: Some(noise), ..descent };
            let mut after = before;
            after.learn(&climb, &config);
            assert_eq!(after != before, tells, "{after:?}");
        }
        // The first losses are those of the first climb, whichever of the climbs can tell.
        let mut descent = Descent { noise: Some(9.0), ..Descent::unknown() };
        descent.learn(&falls(400, 1.0), &config);
        let first = descent.ends.map(|ends| ends.first);
        assert!(descent.span.is_none() && first.is_some());
        descent.noise = Some(0.01);
        descent.learn(&falls(400, 2.0), &config);
        assert!(descent.span.is_some() && descent.ends.map(|ends| ends.first) == first);
    }

    /// A mean over more than half of a climb tells nothing of where it was lower.
    #[test]
    fn a_span_is_at_most_half_of_the_climb() {
        for (losses, span) in [(119, None), (120, Some(60))] {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..losses).for_each(|i| climb.push(-f64::from(i)));
            let mut descent = Descent { noise: Some(0.0), ..Descent::unknown() };
            descent.learn(&climb, &Config::new(4800)); // a 32nd of whose warmup is 60 steps
            assert_eq!(descent.span, span, "{losses} losses");
        }
    }

    #[test]
    fn first_and_lowest_are_means_of_windows_that_overlap_by_half() {
        let both = |values: &[f64], entries| ends(values, entries).map(|e| (e.first, e.lowest));
        assert_eq!(both(&[9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0], 4), Some((2.25, 2.25)));
        assert_eq!(both(&[3.0, 2.0, 1.0], 1), Some((3.0, 1.0)));
        let nan = f64::NAN;
        assert_eq!(both(&[nan, nan, 4.0, nan, 2.0, 1.0], 2), Some((4.0, 1.5)));
        assert_eq!(both(&[nan; 6], 2), None);
    }

    #[test]
    fn level_ground_is_not_watched() {
        let mut climb = Trajectory::<f64, 400>::new();
        (0..400).for_each(|_| climb.push(1.0));
        let mut descent = Descent { noise: Some(0.0), ..Descent::unknown() };
        descent.learn(&climb, &Config::new(1000));
        assert_eq!(descent.span, None);
    }

    #[test]
    fn the_span_grows_with_the_noise_until_nothing_can_be_told() {
        let spans = [0.01, 0.3, 0.5, 3.0].map(|noise| {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..400).for_each(|i| climb.push(1.0 - f64::from(i) / 400.0));
            let mut descent = Descent { noise: Some(noise), ..Descent::unknown() };
            descent.learn(&climb, &Config::new(1000));
            descent.span
        });
        assert_eq!(spans, [Some(12), Some(24), Some(48), None]);
    }
}
