//! [`overshoots`]: a steep climb has gone too far.

use crate::real::Real;
use crate::trajectory::Trajectory;
use core::f64::consts::PI;

/// The losses that are judged: those over which the learning rate grew by this factor.
const GROWTH: f64 = 1.5;

/// A climb that takes more losses for such a growth is left to its tests.
const MOST: f64 = 4.0;

/// Losses that the judged ones are compared with, at least.
const BEFORE: usize = 5;

/// Losses of a climb that can have gone too far, at least.
pub(super) const FEWEST: u64 = BEFORE as u64 + 1;

/// Losses of the lowest mean.
const WINDOW: usize = 3;

/// Whether a climb with this growth of the logarithm per step is steep.
pub(super) fn is_steep(rate: f64) -> bool {
    rate > 0.0 && entries(rate) <= MOST
}

fn entries(rate: f64) -> f64 {
    libm::ceil(libm::log(GROWTH) / rate)
}

/// Whether the loss of a steep climb has jumped: of the last losses, over which the learning rate
/// grew by half, most are above
///
/// `lowest + deviations · σ`, `σ = ½√π · mean |yᵢ₊₁ − yᵢ|`,
///
/// where `lowest` is the lowest mean of three neighbours before them, and the `yᵢ` are the losses
/// before them. No jump without a descent: `lowest` has to be more than `½ · deviations · σ` below
/// the mean of the climb's first five losses.
///
/// Where the learning rate grows by a tenth per step and more, a test with its ten losses and its
/// patience comes when the weights are beyond help.
pub(super) fn overshoots<T: Real, const N: usize>(
    losses: &Trajectory<T, N>,
    rate: f64,
    deviations: f64,
) -> bool {
    let rate = rate * losses.resolution() as f64;
    if !is_steep(rate) {
        return false;
    }
    let (values, judged) = (losses.values(), entries(rate) as usize);
    let Some(before) = values.len().checked_sub(judged).filter(|&n| n >= BEFORE) else {
        return false;
    };
    let (before, last) = values.split_at(before);
    let mean = |w: &[T]| w.iter().fold(T::zero(), |sum, &y| sum + y / T::of_u64(w.len() as u64));
    // A mean with a loss that is not finite is none.
    let means = before.windows(WINDOW).map(mean).filter(|mean| mean.is_finite());
    let Some(lowest) = means.reduce(T::min) else { return false };
    let steps = || before.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|step| !step.is_nan());
    let pairs = T::of_u64(steps().count() as u64);
    let scatter = steps().fold(T::zero(), |sum, step| sum + step / pairs);
    let far = T::of(deviations * 0.5 * libm::sqrt(PI)) * scatter;
    let fell = mean(&before[..BEFORE]) - lowest > far * T::of(0.5);
    fell && 2 * last.iter().filter(|&&y| y > lowest + far).count() > judged
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: [f64; 8] = [3.0, 3.1, 2.9, 3.0, 2.5, 2.4, 2.2, 2.1];

    fn climb(last: &[f64]) -> Trajectory<f64, 64> {
        let mut losses = Trajectory::new();
        LEVEL.iter().chain(last).for_each(|&loss| losses.push(loss));
        losses
    }

    #[test]
    fn a_climb_is_steep_if_four_losses_make_a_growth_by_half() {
        assert!([9.0, 0.5, 0.4, 0.2, 0.102].map(is_steep).into_iter().all(|is| is));
        assert!(![0.1, 1e-9, 0.0, -1.0, f64::NAN].map(is_steep).into_iter().any(|is| is));
    }

    #[test]
    fn most_of_them_have_to_be_far_above_the_lowest() {
        // The lowest mean of three is 2.233, the deviation of one loss 0.165.
        for (rate, last, is_over) in [
            (0.5, &[2.8][..], false),
            (0.5, &[2.95], true),
            (0.4, &[2.1, 9.0], false),
            (0.4, &[9.0, 9.0], true),
            (0.2, &[9.0, 9.0, 2.1], true),
            (0.2, &[9.0, 2.1, 2.1], false),
            (0.1, &[9.0; 9], false),
        ] {
            assert_eq!(overshoots(&climb(last), rate, 4.0), is_over, "{rate}: {last:?}");
        }
        assert!(!overshoots(&climb(&[2.95]), 0.5, 6.0));
    }

    #[test]
    fn the_first_losses_are_not_judged_and_level_ground_is_no_descent() {
        for level in [1.0, 0.1] {
            let mut losses = Trajectory::<f64, 64>::new();
            for (i, loss) in [1.0, 1.1, 0.9, 1.0, level, level, level, 99.0].into_iter().enumerate()
            {
                losses.push(loss);
                let fell = level < 1.0 && i == 7;
                assert_eq!(overshoots(&losses, 0.5, 4.0), fell, "loss {i}: {loss}");
            }
        }
    }

    #[test]
    fn a_constant_loss_has_no_jump() {
        let mut losses = Trajectory::<f64, 64>::new();
        for loss in [[1.0; 9], [1.1; 9]].concat() {
            losses.push(loss);
            assert!(!overshoots(&losses, 0.5, 4.0));
        }
    }

    #[test]
    fn losses_that_are_not_finite_or_huge_are_no_overshoot_by_themselves() {
        assert!(!overshoots(&climb(&[f64::NAN]), 0.5, 4.0));
        let mut losses = Trajectory::<f32, 64>::new();
        (0..9).for_each(|i| losses.push(if i % 2 == 0 { f32::MAX } else { f32::MIN }));
        assert!(!overshoots(&losses, 0.5, 4.0));
        let mut losses = Trajectory::<f32, 64>::new();
        let falls = |i| f32::MAX / if i < 5 { 4.0 } else { 40.0 };
        (0..9).for_each(|i| losses.push(if i < 8 { falls(i) } else { f32::MAX }));
        assert!(overshoots(&losses, 0.5, 4.0));
    }
}
