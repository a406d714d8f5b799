//! What the scout has seen.

use crate::real::Real;
use crate::trajectory::Trajectory;

/// A loss leaves its level where it is this many deviations above.
const DEVIATIONS: f64 = 4.0;

/// The last place, in losses, before the loss of a scout rises above its level: the mean of its
/// first half, whose learning rates are too small to matter, and four of their standard deviations.
/// The last of all if it never does. A loss that is not finite is above. One alone is a bad batch,
/// unless it is the last.
pub(super) fn last_calm<T: Real, const N: usize>(losses: &Trajectory<T, N>) -> u64 {
    let values = losses.values();
    let half = values.len() / 2;
    let finite = || values[..half].iter().copied().filter(|y| y.is_finite());
    let count = T::of_u64(finite().count().max(1) as u64);
    let level = finite().fold(T::zero(), |sum, y| sum + y / count);
    let scatter = finite().fold(T::zero(), |sum, y| sum + (y - level).abs() / count);
    // The deviation of a normal number is √(π/2) times its mean distance, which cannot overflow.
    let limit = level + T::of(DEVIATIONS * libm::sqrt(core::f64::consts::FRAC_PI_2)) * scatter;
    let is_above = |y: &T| y.is_nan() || *y > limit;
    let rises = |at: &usize| is_above(&values[*at]) && values.get(at + 1).is_none_or(is_above);
    let calm = (half..values.len()).find(rises).unwrap_or(values.len());
    (calm.max(1) as u64 - 1).saturating_mul(losses.resolution())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm(losses: &[f64]) -> u64 {
        let mut scout = Trajectory::<f64, 64>::new();
        losses.iter().for_each(|&loss| scout.push(loss));
        last_calm(&scout)
    }

    #[test]
    fn a_loss_leaves_its_level_where_two_in_a_row_are_above() {
        let (nan, level) = (f64::NAN, [1.0, 1.1, 0.9, 1.0]);
        let with = |rest: &[f64]| calm(&[&level[..], rest].concat());
        assert_eq!(with(&[1.0, 0.5, 2.0, 9.0]), 5);
        assert_eq!(with(&[1.0, 0.5, 0.4, 9.0]), 6, "the last alone counts");
        assert_eq!(with(&[1.0, 9.0, 0.5, 0.4]), 7, "one alone does not");
        assert_eq!(with(&[1.0, nan, 0.5, nan, nan]), 6);
        assert_eq!(with(&[1.0, 0.9, 0.8, 0.7]), 7, "it never does");
        assert_eq!(with(&[nan, nan, nan, nan]), 3);
    }

    #[test]
    fn a_bad_batch_in_the_first_half_says_nothing() {
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(calm(&[bad, 1.1, 0.9, 1.0, 1.0, 0.5, 2.0, 9.0]), 5);
        }
        assert_eq!(calm(&[f64::NAN; 8]), 3);
        assert_eq!(calm(&[]), 0);
    }
}
