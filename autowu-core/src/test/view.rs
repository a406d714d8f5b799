//! The losses as the GP sees them: clipped, standardised, and how much they scatter.

use crate::config::{MAX_NOISE_GROUPS, TestRules};
use crate::real::Real;
use crate::sampling::Permutation;
use crate::trajectory::Trajectory;
use heapless::Vec;

/// Losses at the start whose mean is the height that a descent is measured from.
const HEAD: usize = 10;

/// The 80th percentile of |z| for a standard normal z.
const P80_OF_NORMAL: f64 = 1.281_551_565_544_600_4;

/// The losses as the GP sees them: `y = (min(loss, ceiling) − center)/scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View<T> {
    ceiling: T,
    pub center: T,
    pub scale: T,
    /// Finite entries.
    pub samples: u32,
}

impl<T: Real> View<T> {
    pub fn of<const N: usize>(trajectory: &Trajectory<T, N>, rules: &TestRules) -> Self {
        let finite = || trajectory.values().iter().copied().filter(|y| y.is_finite());
        let samples = finite().count() as u32;
        let (head, _) = moments(finite().take(HEAD));
        let lowest = finite().fold(head, |low, y| low.min(y));
        let ceiling = head + (head - lowest);
        let ceiling = if rules.clip && lowest < head && ceiling.is_finite() {
            ceiling
        } else {
            T::max_value()
        };
        let (center, scale) = if rules.standardise {
            let (center, deviation) = moments(finite().map(|y| y.min(ceiling)));
            (center, if deviation > T::zero() { deviation } else { T::one() })
        } else {
            (T::zero(), T::one())
        };
        View { ceiling, center, scale, samples }
    }

    #[inline]
    fn y(&self, loss: T) -> T {
        // Halves, so that the difference of two huge losses does not overflow.
        let half = T::of(0.5);
        ((loss.min(self.ceiling) * half - self.center * half) / self.scale) * T::of(2.0)
    }

    /// The first `size` finite losses of the trajectory in the order of `permutation`, as `(x, y −
    /// shift)`.
    pub fn subset<'a, const N: usize>(
        &'a self,
        trajectory: &'a Trajectory<T, N>,
        permutation: Permutation,
        size: u32,
        shift: T,
    ) -> impl Iterator<Item = (T, T)> + 'a {
        (0..trajectory.len() as u32)
            .map(move |i| permutation.index(i) as usize)
            .filter_map(move |i| {
                trajectory.values().get(i).filter(|y| y.is_finite()).map(|&y| (i, y))
            })
            .take(size as usize)
            .map(move |(i, y)| (trajectory.x(i), self.y(y) - shift))
    }

    /// The mean of the finite losses, as `y`.
    pub fn y_mean<const N: usize>(&self, trajectory: &Trajectory<T, N>) -> T {
        moments(trajectory.values().iter().copied().filter(|y| y.is_finite()).map(|y| self.y(y))).0
    }

    /// `b · (q |m_{k−1} − 2 m_k + m_{k+1}|/1.2816)²/6`, `q` the 80th percentile, over the means
    /// `m_k` of groups of `b = ⌊n/groups⌋` finite losses: the variance of white noise, and, for
    /// noise that is correlated over less than a group, the variance that its mean over many losses
    /// shows. Second differences see no slope, a percentile sees no cliff. 0 where there are too
    /// few losses.
    pub fn scatter<const N: usize>(&self, trajectory: &Trajectory<T, N>, groups: u32) -> T {
        let Some(size) = self.samples.checked_div(groups).map(|size| size.max(1)) else {
            return T::zero(); // 0 groups: the noise is as fitted
        };
        let mut differences = Vec::<T, { 2 * MAX_NOISE_GROUPS }>::new();
        let (mut sum, mut count, mut last) = (T::zero(), 0, [T::nan(); 2]);
        for y in trajectory.values().iter().filter(|y| y.is_finite()).map(|&y| self.y(y)) {
            (sum, count) = (sum + y, count + 1);
            if count == size {
                let mean = sum / T::of_u64(u64::from(size));
                let difference = (last[0] - last[1] - last[1] + mean).abs();
                if difference.is_finite() {
                    let _ = differences.push(difference);
                }
                (sum, count, last) = (T::zero(), 0, [last[1], mean]);
            }
        }
        if differences.len() < 2 {
            return T::zero();
        }
        differences.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(core::cmp::Ordering::Equal));
        let deviation = differences[differences.len() * 4 / 5] / T::of(P80_OF_NORMAL);
        (deviation * deviation * T::of_u64(u64::from(size)) / T::of(6.0)).min(T::max_value())
    }
}

/// Mean and deviation `√(Σ(y − mean)²/n)`, two passes, without overflow.
fn moments<T: Real>(values: impl Iterator<Item = T> + Clone) -> (T, T) {
    let half = T::of(0.5);
    let n = T::of_u64(values.clone().count().max(1) as u64);
    let rough = values.clone().fold(T::zero(), |sum, y| sum + y / n);
    let mean = rough
        + values.clone().fold(T::zero(), |sum, y| sum + (y * half - rough * half) / n) * T::of(2.0);
    let far = |y: T| y * half - mean * half;
    let widest = values.clone().fold(T::zero(), |top, y| top.max(far(y).abs()));
    if !(widest > T::zero()) {
        return (mean, T::zero());
    }
    let square = values.fold(T::zero(), |sum, y| {
        let d = far(y) / widest;
        sum + d * d / n
    });
    (mean, square.sqrt() * widest * T::of(2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_hold_at_the_ends_of_the_range() {
        for scale in [1e-300, 1e-3, 1.0, 1e300, f64::MAX] {
            let (mean, deviation) = moments([scale, -scale].into_iter());
            assert_eq!(mean, 0.0);
            assert!((deviation / scale - 1.0).abs() < 1e-15, "{scale}");
        }
        assert_eq!(moments(core::iter::empty::<f64>()), (0.0, 0.0));
    }

    #[test]
    fn one_explosion_does_not_hide_the_curve() {
        let mut t = Trajectory::<f64, 64>::new();
        for i in 0..63 {
            t.push(2.0 - f64::from(i) / 63.0);
        }
        t.push(1e30);
        let view = View::of(&t, &TestRules::default());
        assert!(view.scale < 1.0, "{view:?}");
    }

    fn scatter(losses: impl Iterator<Item = f64>) -> f64 {
        let mut t = Trajectory::<f64, 1024>::new();
        losses.for_each(|y| t.push(y));
        View::of(&t, &TestRules::paper()).scatter(&t, 16)
    }

    /// Sums of twelve uniform numbers: mean 0, variance 1.
    fn white(n: u64) -> impl Iterator<Item = f64> {
        let uniform = |i: u64| (crate::sampling::mix(i) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        (0..n).map(move |i| (12 * i..12 * i + 12).map(uniform).sum())
    }

    #[test]
    fn the_scatter_of_white_noise_is_its_variance() {
        // A percentile of 14 to 29 differences: within a factor of 3.
        for n in [20, 100, 500, 1000] {
            let variance = scatter(white(n));
            assert!((1.0 / 3.0..3.0).contains(&variance), "{n}: {variance}");
        }
    }

    #[test]
    fn two_differences_are_the_fewest_that_scatter() {
        assert_eq!(scatter([0.0, 1.0, 0.0].into_iter()), 0.0);
        let variance = (2.0 / P80_OF_NORMAL).powi(2) / 6.0;
        assert!((scatter([0.0, 1.0, 0.0, 1.0].into_iter()) / variance - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_scatter_of_correlated_noise_is_more_than_its_variance() {
        let mut last = 0.0;
        let variance = scatter(white(1000).map(|z| {
            last = 0.9 * last + 0.19_f64.sqrt() * z;
            last
        }));
        assert!(variance > 4.0, "{variance}");
    }

    #[test]
    fn slopes_and_cliffs_are_no_scatter() {
        assert!(scatter((0..500).map(f64::from)) < 1e-20);
        assert_eq!(scatter((0..500).map(|i| if i < 470 { 0.0 } else { 1e6 })), 0.0);
        assert_eq!(scatter((0..3).map(f64::from)), 0.0);
    }

    /// A sum of a thousand terms is off by many units in its last place; the mean and deviation of
    /// equal numbers are not.
    #[test]
    fn equal_losses_are_their_mean() {
        for loss in [0.1, -0.3, 1e10 / 3.0] {
            let (mean, deviation) = moments(core::iter::repeat_n(loss, 1000));
            assert!((mean / loss - 1.0_f64).abs() <= f64::EPSILON, "{loss}: {mean}");
            assert!(deviation <= f64::EPSILON * loss.abs(), "{loss}: {deviation}");
        }
        let mut t = Trajectory::<f64, 64>::new();
        (0..32).for_each(|_| t.push(0.5));
        let view = View::of(&t, &TestRules::default());
        assert_eq!((view.center, view.scale, view.y(0.5)), (0.5, 1.0, 0.0));
    }

    /// A loss counts for no more than twice the descent; where there was none, or nobody asked, it
    /// counts for what it is.
    #[test]
    fn only_what_fell_is_clipped() {
        let y_of_last = |losses: [f64; 12], clip| {
            let mut t = Trajectory::<f64, 64>::new();
            losses.into_iter().for_each(|y| t.push(y));
            let view =
                View::of(&t, &TestRules { clip, standardise: false, ..TestRules::default() });
            let last =
                view.subset(&t, Permutation::new(12, 0, 0, 0), 12, 0.0).find(|&(x, _)| x > 0.9);
            last.map(|(_, y)| y)
        };
        let mut fell = [3.0; 12];
        (fell[10], fell[11]) = (1.0, 100.0);
        assert_eq!((y_of_last(fell, true), y_of_last(fell, false)), (Some(5.0), Some(100.0)));
        let mut rose = [3.0; 12];
        (rose[10], rose[11]) = (4.0, 100.0);
        assert_eq!((y_of_last(rose, true), y_of_last(rose, false)), (Some(100.0), Some(100.0)));
    }

    /// What is taken out of the losses before a fit is their mean, in whatever unit.
    #[test]
    fn a_subset_is_centred_on_the_mean() {
        let mut t = Trajectory::<f64, 64>::new();
        (0..50).for_each(|i| t.push(7.0 + f64::from(i % 5)));
        for standardise in [true, false] {
            let view =
                View::of(&t, &TestRules { standardise, clip: false, ..TestRules::default() });
            let mean = view.y_mean(&t);
            assert!((view.center + view.scale * mean - 9.0).abs() < 1e-12);
            let sum: f64 =
                view.subset(&t, Permutation::new(50, 0, 0, 0), 50, mean).map(|(_, y)| y).sum();
            assert!(sum.abs() < 1e-11, "{sum}");
        }
    }
}
