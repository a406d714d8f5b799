//! The loss history of a climb in bounded memory.

use crate::digest::digest_fields;
use crate::real::Real;
use heapless::Vec;

/// The losses since the climb began, in order: up to `N` exactly, then as means of ever more
/// neighbours.
///
/// When the memory is full, neighbouring entries are merged, and from then on each entry is the
/// mean of `resolution` losses (a power of two), so that `N/2` to `N` entries cover the whole
/// history evenly. Unlike every n-th loss, means do not alias with a periodic loss. A non-finite
/// loss keeps its place but does not enter the mean; an entry without a finite loss is NaN. The
/// losses after the last whole entry are pending: a test does not see them yet.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub struct Trajectory<T, const N: usize> {
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::list"))]
    entries: Vec<T, N>,
    /// Losses per entry.
    resolution: u64,
    /// The pending entry: mean of its finite losses, number of them, number of losses.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    mean: T,
    finite: u64,
    pending: u64,
}

digest_fields!(Trajectory<T, const N> { entries, resolution, mean, finite, pending });

/// NaN means "no finite loss here", so it equals itself: a history equals its copy.
impl<T: Real, const N: usize> PartialEq for Trajectory<T, N> {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&T, &T)| a == b || a.is_nan() && b.is_nan();
        self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(same)
            && same((&self.mean, &other.mean))
            && (self.resolution, self.finite, self.pending)
                == (other.resolution, other.finite, other.pending)
    }
}

impl<T: Real, const N: usize> Default for Trajectory<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real, const N: usize> Trajectory<T, N> {
    /// No losses.
    pub fn new() -> Self {
        Trajectory { entries: Vec::new(), resolution: 1, mean: T::nan(), finite: 0, pending: 0 }
    }

    /// Appends one loss.
    pub fn push(&mut self, loss: T) {
        if loss.is_finite() {
            self.finite += 1;
            // The first finite loss is taken as it is, so that a resolution of 1 is exact.
            self.mean = if self.finite == 1 {
                loss
            } else {
                let weight = T::of_u64(self.finite).recip();
                self.mean * (T::one() - weight) + loss * weight
            };
        }
        self.pending += 1;
        if self.pending < self.resolution {
            return;
        }
        if self.entries.is_full() {
            self.merge();
            // The pending entry is now half an entry; with N of at least 2 there is room again.
            if self.pending < self.resolution {
                return;
            }
        }
        let _ = self.entries.push(self.mean);
        (self.mean, self.finite, self.pending) = (T::nan(), 0, 0);
    }

    /// Merges neighbours and doubles the resolution.
    fn merge(&mut self) {
        let pairs = self.entries.len() / 2;
        for i in 0..pairs {
            let (a, b) = (self.entries[2 * i], self.entries[2 * i + 1]);
            self.entries[i] = match (a.is_finite(), b.is_finite()) {
                (true, true) => a * T::of(0.5) + b * T::of(0.5),
                (true, false) => a,
                _ => b,
            };
        }
        if self.entries.len() % 2 == 1 {
            // An odd capacity leaves one entry over: it joins the pending one.
            let left = self.entries[2 * pairs];
            if left.is_finite() {
                self.mean = if self.finite == 0 {
                    left
                } else {
                    left * T::of(0.5) + self.mean * T::of(0.5)
                };
                self.finite = self.finite.saturating_add(self.resolution);
            }
            self.pending = self.pending.saturating_add(self.resolution);
        }
        self.entries.truncate(pairs);
        self.resolution = self.resolution.saturating_mul(2);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Losses per entry.
    pub fn resolution(&self) -> u64 {
        self.resolution
    }

    /// Losses appended so far.
    pub fn losses(&self) -> u64 {
        (self.entries.len() as u64).saturating_mul(self.resolution).saturating_add(self.pending)
    }

    /// The entries: losses, or means of `resolution` losses; NaN where none was finite.
    pub fn values(&self) -> &[T] {
        &self.entries
    }

    /// `x` of the `i`-th entry: its place among the `n` losses of the whole entries, divided by
    /// `n`. For the i-th of n single losses i/n, for a mean the middle of its losses.
    pub fn x(&self, i: usize) -> T {
        let per = T::of_u64(self.resolution);
        let middle = (per - T::one()) / (per + per);
        (T::of_u64(i as u64) + middle) / T::of_u64(self.entries.len() as u64)
    }
}

#[cfg(feature = "serde")]
impl<T: Real, const N: usize> Trajectory<T, N> {
    /// Whether a run can have reached this state.
    pub(crate) fn is_valid(&self) -> bool {
        self.resolution.is_power_of_two()
            && self.finite <= self.pending
            && self.pending < self.resolution
            && (self.finite > 0) == self.mean.is_finite()
            && !self.mean.is_infinite()
            && !self.entries.iter().any(|x| x.is_infinite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_until_full_then_an_even_coverage() {
        let mut t = Trajectory::<f64, 8>::new();
        assert!(t.is_empty());
        for i in 0..8 {
            t.push(f64::from(i));
            assert!(!t.is_empty());
        }
        assert_eq!(t.values(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(t.x(2), 0.25);
        for i in 8..1000 {
            t.push(f64::from(i));
            assert_eq!(t.losses(), i as u64 + 1);
        }
        assert_eq!(t.resolution(), 128);
        assert_eq!(t.len(), 7);
        for i in 0..t.len() {
            // The mean of a ramp over an entry is its middle.
            assert!((t.values()[i] - (128.0 * i as f64 + 63.5)).abs() < 1e-9);
            assert!((t.x(i) * 7.0 * 128.0 - t.values()[i]).abs() < 1e-9);
        }
    }

    #[test]
    fn a_periodic_loss_leaves_no_trace_in_the_means() {
        for period in [2, 4, 8, 16] {
            let mut t = Trajectory::<f64, 16>::new();
            for i in 0..4096 {
                t.push(if i % period == 0 { 1.0 } else { 0.0 });
            }
            assert!(
                t.values().iter().all(|&v| (v - 1.0 / period as f64).abs() < 1e-12),
                "{period}"
            );
        }
    }

    #[test]
    fn losses_that_are_not_finite_keep_their_place() {
        let mut t = Trajectory::<f64, 4>::new();
        for y in [f64::NAN, 1.0, f64::INFINITY, f64::NEG_INFINITY, 5.0, f64::NAN] {
            t.push(y);
        }
        assert_eq!(t.resolution(), 2);
        assert_eq!(t.values()[0], 1.0);
        assert!(t.values()[1].is_nan());
        assert_eq!(t.values()[2], 5.0);
    }

    #[test]
    fn a_history_equals_its_copy() {
        let mut t = Trajectory::<f64, 4>::new();
        for loss in [f64::NAN, 1.0, 2.0] {
            let before = t.clone();
            assert_eq!(t, before);
            t.push(loss);
            assert_eq!(t, t.clone());
            assert_ne!(t, before);
        }
        let of = |losses: [f64; 3]| {
            let mut t = Trajectory::<f64, 4>::new();
            losses.into_iter().for_each(|y| t.push(y));
            t
        };
        assert_eq!(t, of([f64::NAN, 1.0, 2.0]));
        for other in [[0.5, 1.0, 2.0], [f64::NAN, 1.5, 2.0], [f64::NAN, f64::NAN, 2.0]] {
            assert_ne!(t, of(other));
        }
    }

    #[test]
    fn odd_capacities_cover_evenly_too() {
        let mut t = Trajectory::<f64, 5>::new();
        for i in 0..333 {
            t.push(f64::from(i));
            assert_eq!(t.losses(), i as u64 + 1);
            let per = t.resolution() as f64;
            for (k, &value) in t.values().iter().enumerate() {
                assert!(
                    (value - (per * k as f64 + (per - 1.0) / 2.0)).abs() < 1e-9,
                    "{i}, entry {k}: {value}"
                );
            }
            let seen = t.len() as f64 * per;
            assert!(
                t.pending == 0 || (t.mean - (seen + f64::from(i)) / 2.0).abs() < 1e-9,
                "{i}: {}",
                t.mean
            );
        }
    }

    #[test]
    fn merging_leaves_out_what_is_not_finite() {
        let of = |losses: &[f64]| {
            let mut t = Trajectory::<f64, 3>::new();
            losses.iter().for_each(|&y| t.push(y));
            (t.values().to_vec(), t.mean, t.finite)
        };
        let nan = f64::NAN;
        // Full with three; the fourth merges the first two, and the third joins it.
        assert_eq!(of(&[1.0, nan, 3.0, 5.0]).0, [1.0, 4.0]);
        assert_eq!(of(&[nan, 1.0, 3.0, nan]).0, [1.0, 3.0]);
        assert_eq!(of(&[1.0, 3.0, nan, 5.0]).0, [2.0, 5.0]);
        let (values, ..) = of(&[1.0, 3.0, nan, nan]);
        assert!(values[0] == 2.0 && values[1].is_nan());
    }
}
