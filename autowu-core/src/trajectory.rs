//! The loss history of a climb in bounded memory.

use crate::real::Real;
use heapless::Vec;

/// The losses since the climb began, in order: exact up to `N` of them, then means of ever longer
/// blocks.
///
/// When the memory is full, neighbours are merged and from then on each entry is the mean of
/// `resolution` losses (a power of two), so that `N/2` to `N` entries cover the whole history
/// evenly. Means, unlike every n-th loss, do not alias with a periodic loss. A loss that is not
/// finite keeps its place and is left out of the mean; a block with no finite loss is NaN. The
/// losses after the last whole block wait and are not seen by a test yet.
#[derive(Clone, Debug)]
pub struct Trajectory<T, const N: usize> {
    pub(crate) blocks: Vec<T, N>,
    /// Losses per block.
    pub(crate) resolution: u64,
    /// The block on its way: mean of its finite losses, number of them, number of losses.
    pub(crate) mean: T,
    pub(crate) finite: u64,
    pub(crate) waiting: u64,
}

/// NaN stands for "no finite loss here", so it equals itself: a history is equal to its copy.
impl<T: Real, const N: usize> PartialEq for Trajectory<T, N> {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&T, &T)| a == b || a.is_nan() && b.is_nan();
        self.blocks.len() == other.blocks.len()
            && self.blocks.iter().zip(&other.blocks).all(same)
            && same((&self.mean, &other.mean))
            && (self.resolution, self.finite, self.waiting)
                == (other.resolution, other.finite, other.waiting)
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
        Trajectory { blocks: Vec::new(), resolution: 1, mean: T::nan(), finite: 0, waiting: 0 }
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
        self.waiting += 1;
        if self.waiting < self.resolution {
            return;
        }
        if self.blocks.is_full() {
            self.merge();
            // The block on its way is now half of one; with N of at least 2 there is room again.
            if self.waiting < self.resolution {
                return;
            }
        }
        let _ = self.blocks.push(self.mean);
        (self.mean, self.finite, self.waiting) = (T::nan(), 0, 0);
    }

    /// Merges neighbours and doubles the resolution.
    fn merge(&mut self) {
        let pairs = self.blocks.len() / 2;
        for i in 0..pairs {
            let (a, b) = (self.blocks[2 * i], self.blocks[2 * i + 1]);
            self.blocks[i] = match (a.is_finite(), b.is_finite()) {
                (true, true) => a * T::of(0.5) + b * T::of(0.5),
                (true, false) => a,
                _ => b,
            };
        }
        if self.blocks.len() % 2 == 1 {
            // An odd capacity leaves one block over: it joins the one on its way.
            let left = self.blocks[2 * pairs];
            if left.is_finite() {
                self.mean = if self.finite == 0 {
                    left
                } else {
                    left * T::of(0.5) + self.mean * T::of(0.5)
                };
                self.finite = self.finite.saturating_add(self.resolution);
            }
            self.waiting = self.waiting.saturating_add(self.resolution);
        }
        self.blocks.truncate(pairs);
        self.resolution = self.resolution.saturating_mul(2);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Number of losses that one entry stands for.
    pub fn resolution(&self) -> u64 {
        self.resolution
    }

    /// Number of losses that were appended.
    pub fn losses(&self) -> u64 {
        (self.blocks.len() as u64).saturating_mul(self.resolution).saturating_add(self.waiting)
    }

    /// The entries: losses, or means of `resolution` losses; NaN where none was finite.
    pub fn values(&self) -> &[T] {
        &self.blocks
    }

    /// `x` of the `i`-th entry: its place among the `n` losses of the whole entries, divided by
    /// `n`. For the i-th of n single losses i/n, for a block the middle of its losses.
    pub fn x(&self, i: usize) -> T {
        let per = T::of_u64(self.resolution);
        let middle = (per - T::one()) / (per + per);
        (T::of_u64(i as u64) + middle) / T::of_u64(self.blocks.len() as u64)
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
            // The mean of a ramp over a block is its middle.
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
                    "{i}, block {k}: {value}"
                );
            }
            let seen = t.len() as f64 * per;
            assert!(
                t.waiting == 0 || (t.mean - (seen + f64::from(i)) / 2.0).abs() < 1e-9,
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
