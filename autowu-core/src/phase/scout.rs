//! What the scout has seen.

use crate::real::Real;
use crate::trajectory::Trajectory;

/// A loss leaves its level where it is this many deviations above.
const DEVIATIONS: f64 = 4.0;

/// The last place, in losses, before the loss of a scout rises above its level: the mean of its
/// first half, whose learning rates are too small to matter, and four of their standard deviations.
/// The last of all if it never does. A loss that is not finite is above.
pub(super) fn last_calm<T: Real, const N: usize>(losses: &Trajectory<T, N>) -> u64 {
    let values = losses.values();
    let half = values.len() / 2;
    let count = T::of_u64(half.max(1) as u64);
    let mean =
        |of: &dyn Fn(T) -> T| values[..half].iter().fold(T::zero(), |s, &y| s + of(y) / count);
    let level = mean(&|y| y);
    let scatter = mean(&|y| (y - level).abs());
    // The deviation of a normal number is √(π/2) times its mean distance, which cannot overflow.
    let limit = level + T::of(DEVIATIONS * libm::sqrt(core::f64::consts::FRAC_PI_2)) * scatter;
    let is_above = |y: &T| !(*y <= limit);
    let calm = values.iter().skip(half).position(is_above).map_or(values.len(), |at| half + at);
    (calm.max(1) as u64 - 1).saturating_mul(losses.resolution())
}
