//! The probability that the loss has passed its minimum.

use super::basis::{Basis, DEGREE as D, RANK as R, basis_functions, gaussian_weight, twice_t2};
use super::factor::Factor;
use super::hyper::Hyper;
use super::inference::{Inference, LOCATIONS, location};
use super::posterior::{Posterior, dot_from};
use crate::real::{Real, normal_cdf};

/// Added to the variance of a difference in eq. (4) (the reference's constant).
const VARIANCE_FLOOR: f64 = 1e-4;

/// Pairs of locations `±t` that are evaluated together.
const LANES: usize = 8;

const PAIRS: usize = LOCATIONS / 2;
const LAST: usize = LOCATIONS - 1;

/// Units of rounding, relative to the sizes of the sums, that bound the error of an estimated
/// variance.
const ROUNDING: f64 = 32.0;

/// Bytes of the means at all locations, and of the two series of their variances.
pub(super) const fn scratch<T>() -> usize {
    size_of::<[T; LOCATIONS]>() + size_of::<[T; 2 * D - 1]>() + size_of::<[T; D]>()
}

impl<T: Real> Posterior<T> {
    /// [`past_minimum`](Self::past_minimum) of the posterior that [`condition`](Self::condition)
    /// gives. It stays in one place on the stack, and out of line, so that it is not there
    /// during the rest of a test.
    #[inline(never)]
    pub(crate) fn infer(basis: &Basis, factor: &Factor<T>, hyper: &Hyper<T>) -> Inference<T> {
        let mut posterior = Self::unsolved(factor, hyper);
        posterior.solve(basis, factor, hyper);
        posterior.past_minimum()
    }

    /// Eq. (4), the argmin of eq. (5), and the certainty of a descent before it.
    ///
    /// Φ is monotone: the largest z first, Φ once. A polynomial estimates the variance of eq. (4)
    /// at every location, to a known error; the exact sum of squares is computed only where the
    /// largest z can be.
    pub fn past_minimum(&self) -> Inference<T> {
        let mut means = [T::zero(); LOCATIONS];
        let weights = grid_weights(self.length_scale);
        for first in (0..PAIRS).step_by(LANES) {
            let t = pairs(first);
            let weight = weights(&t);
            let (even, odd) = even_odd(&self.weights, &t);
            update(&mut means, first, |lane, sign, _| {
                self.mean + weight[lane] * (even[lane] + sign * odd[lane])
            });
        }
        let mut argmin = 0;
        for (i, &m) in means.iter().enumerate() {
            if m < means[argmin] {
                argmin = i;
            }
        }
        let mut highest = 0;
        for (i, &m) in means[..argmin].iter().enumerate() {
            if m > means[highest] {
                highest = i;
            }
        }
        let descent = if argmin == 0 { T::zero() } else { normal_cdf(self.z(argmin, highest)) };
        let probability = normal_cdf(self.largest_z(&mut means, argmin.min(LAST - 1)));
        Inference { probability, argmin: argmin as u32, descent }
    }

    /// `(mean_j − mean_i)/√(Var[f_i − f_j] + 1e-4)`
    fn z(&self, i: usize, j: usize) -> T {
        let (x_i, x_j) = (location(i), location(j));
        (self.mean_at(x_j) - self.mean_at(x_i))
            / (self.variance_of_difference(x_i, x_j) + T::of(VARIANCE_FLOOR)).sqrt()
    }

    /// The largest z of eq. (4). `guess` is a location where it may be; `means` is overwritten.
    fn largest_z(&self, means: &mut [T; LOCATIONS], guess: usize) -> T {
        let mut best = self.z(guess, LAST);
        // Neither the smallest nor the largest possible variance gives a z above `best`: the search
        // is over.
        let floor = T::of(VARIANCE_FLOOR);
        let (narrow, wide) = (floor.sqrt(), (self.widest + floor).sqrt());
        let now = means[LAST];
        let bound = |m: &T| (now - *m) / if *m < now { narrow } else { wide };
        if !means[..LAST].iter().any(|m| bound(m) > best) {
            return best;
        }
        self.bound_z(means);
        let top = (0..LAST).fold(0, |top, i| if means[i] > means[top] { i } else { top });
        best = best.max(self.z(top, LAST));
        for i in (0..LAST).filter(|&i| i != top) {
            if means[i] > best {
                best = best.max(self.z(i, LAST));
            }
        }
        best
    }

    /// Replaces each posterior mean by an upper bound of z.
    ///
    /// `Var[f(x) − f(z)] = g² Σ_m κ_m T_m(t) − 2g Σ_k ζ_k T_k(t) + Var[f(z)]` with `ζ = Mᵀ M ψ(z)`
    /// and 47 coefficients `κ`, because a product of two `T` is a sum of two.
    fn bound_z(&self, means: &mut [T; LOCATIONS]) {
        let (kappa, zeta, variance) =
            (self.variance_series(), self.covariances(T::one()), self.variance_at(T::one()));
        let size = |series: &[T]| series.iter().fold(T::zero(), |sum, x| sum + x.abs());
        let (kappa_size, zeta_size) = (size(&kappa), size(&zeta));
        let weights = grid_weights(self.length_scale);
        let tolerance = T::of(ROUNDING) * T::epsilon();
        let (now, floor) = (means[LAST], T::of(VARIANCE_FLOOR));
        for first in (0..PAIRS).step_by(LANES) {
            let t = pairs(first);
            let weight = weights(&t);
            let (kappa_even, kappa_odd) = even_odd(&kappa, &t);
            let (zeta_even, zeta_odd) = even_odd(&zeta, &t);
            update(means, first, |lane, sign, mean| {
                let g = weight[lane];
                let twice = g + g;
                let estimate = g * g * (kappa_even[lane] + sign * kappa_odd[lane])
                    - twice * (zeta_even[lane] + sign * zeta_odd[lane])
                    + variance;
                let error = tolerance * (g * g * kappa_size + twice * zeta_size + variance);
                let difference = now - mean;
                let nearest =
                    if difference > T::zero() { estimate - error } else { estimate + error };
                difference / (nearest.max(T::zero()) + floor).sqrt()
            });
        }
    }
}

/// The posterior's second moments as series of Chebyshev polynomials.
impl<T: Real> Posterior<T> {
    /// `κ`, with `ψ(x)ᵀ MᵀM ψ(x) = g² Σ_m κ_m T_m(t)`. `R D²/2` multiply-adds.
    fn variance_series(&self) -> [T; 2 * D - 1] {
        let mut kappa = [T::zero(); 2 * D - 1];
        for j in 0..D {
            // Row j of MᵀM, from its diagonal on.
            let mut row = [T::zero(); D];
            for m in &self.root[..=j.min(R - 1)] {
                let factor = m[j];
                for (c, &x) in row[j..].iter_mut().zip(&m[j..]) {
                    *c = *c + factor * x;
                }
            }
            let half = row[j] * T::of(0.5);
            kappa[2 * j] = kappa[2 * j] + half;
            kappa[0] = kappa[0] + half;
            for k in j + 1..D {
                kappa[j + k] = kappa[j + k] + row[k];
                kappa[k - j] = kappa[k - j] + row[k];
            }
        }
        kappa
    }

    /// `ζ`, with `Cov[f(x), f(z)] = g Σ_k ζ_k T_k(t)`.
    fn covariances(&self, z: T) -> [T; D] {
        let psi = basis_functions(z, self.length_scale);
        let mut zeta = [T::zero(); D];
        for (i, m) in self.root.iter().enumerate() {
            let along = dot_from(i, m, &psi);
            for (c, &x) in zeta[i..].iter_mut().zip(&m[i..]) {
                *c = *c + along * x;
            }
        }
        zeta
    }
}

/// `t = 2x − 1 > 0` of the locations `PAIRS + first + lane`; those at `−t` are `PAIRS − 1 − first −
/// lane`.
#[inline]
fn pairs<T: Real>(first: usize) -> [T; LANES] {
    core::array::from_fn(|lane| T::of_u64((2 * (first + lane) + 1) as u64) / T::of_u64(LAST as u64))
}

/// The Gaussian weights of such a group: with `t = t_0 + d`, `exp(−zt²/2) = exp(−zt_0²/2) exp(−zt_0
/// d) exp(−zd²/2)`, where the last is the same for every group: two exponentials a group instead of
/// [`LANES`].
#[inline]
fn grid_weights<T: Real>(length_scale: T) -> impl Fn(&[T; LANES]) -> [T; LANES] {
    let step = T::of(2.0) / T::of_u64(LAST as u64);
    let inner: [T; LANES] =
        core::array::from_fn(|lane| gaussian_weight(T::of_u64(lane as u64) * step, length_scale));
    let z = T::of(0.25) / (length_scale * length_scale);
    move |t| {
        let (outer, ratio) = (gaussian_weight(t[0], length_scale), (-z * t[0] * step).exp_());
        let square = ratio * ratio;
        let low = [T::one(), ratio, square, square * ratio];
        core::array::from_fn(|lane| {
            let power = if lane < 4 { low[lane] } else { low[lane - 4] * (square * square) };
            outer * power * inner[lane]
        })
    }
}

/// `new(lane, sign, old)` at the locations of both signs.
#[inline]
fn update<T: Real>(values: &mut [T; LOCATIONS], first: usize, new: impl Fn(usize, T, T) -> T) {
    for lane in 0..LANES.min(PAIRS - first) {
        let (plus, minus) = (PAIRS + first + lane, PAIRS - 1 - first - lane);
        values[plus] = new(lane, T::one(), values[plus]);
        values[minus] = new(lane, -T::one(), values[minus]);
    }
}

/// `Σ c_{2k} T_{2k}(t)` and `Σ c_{2k+1} T_{2k+1}(t)`, by Clenshaw's recurrence with the step `2
/// T_2(t)`: 3 operations a coefficient.
#[inline]
fn even_odd<T: Real>(series: &[T], t: &[T; LANES]) -> ([T; LANES], [T; LANES]) {
    let step = t.map(twice_t2);
    let clenshaw = |parity: usize| {
        let (mut one, mut two) = ([T::zero(); LANES], [T::zero(); LANES]);
        for k in (0..(series.len() + 1 - parity) / 2).rev() {
            let c = series[2 * k + parity];
            for lane in 0..LANES {
                (one[lane], two[lane]) = (c + step[lane] * one[lane] - two[lane], one[lane]);
            }
        }
        (one, two)
    };
    let ((even, even_next), (odd, odd_next)) = (clenshaw(0), clenshaw(1));
    let half = T::of(0.5);
    (
        // b_0 − T_2 b_1, and t (b_0 − b_1) because T_{−1} = T_1.
        core::array::from_fn(|l| even[l] - step[l] * half * even_next[l]),
        core::array::from_fn(|l| t[l] * (odd[l] - odd_next[l])),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Factor, Hyper};
    use super::*;

    /// Posteriors of curves that fall, rise, turn, or are noise, from few samples and many, at
    /// noise levels from the floor up, under priors that are narrower than the noise and wider
    /// than the curve.
    fn posteriors<T: Real>() -> impl Iterator<Item = Posterior<T>> {
        let curves: [fn(f64) -> f64; 5] = [
            |x| -x,
            |x| x - 0.9,
            |x| 4.0 * (x - 0.6) * (x - 0.6),
            |x| (1000.0 * (x + 0.1) * (x + 0.1)).sin(),
            |_| 0.0,
        ];
        let samples = [(5, 1e-4), (30, 1e-4), (30, 0.1), (500, 1e-4), (500, 0.01), (500, 1.0)];
        curves.into_iter().flat_map(move |curve| {
            samples.into_iter().flat_map(move |(n, noise)| {
                [1e-5, 0.1, 0.7, 30.0].into_iter().map(move |output_scale| {
                    let sample = |i: u32| {
                        let x = f64::from(i) / f64::from(n);
                        let jitter = f64::from(i.wrapping_mul(0x9e37_79b9) >> 16) / 65536.0 - 0.5;
                        (T::of(x), T::of(curve(x) + 0.5 * jitter))
                    };
                    let hyper = Hyper {
                        mean: T::zero(),
                        output_scale: T::of(output_scale),
                        noise: T::of(noise),
                    };
                    Posterior::condition(&Factor::of((0..n).map(sample), T::of(0.2)), &hyper)
                })
            })
        })
    }

    /// Units of rounding by which a mean on the grid may differ from `mean_at`.
    fn means_agree<T: Real>(allowed: f64) {
        for posterior in posteriors::<T>() {
            let size = posterior.weights.iter().fold(T::one(), |sum, w| sum + w.abs());
            let inference = posterior.past_minimum();
            let lowest = (0..LOCATIONS).fold(0, |low, i| {
                if posterior.mean_at(location(i)) < posterior.mean_at(location(low)) {
                    i
                } else {
                    low
                }
            });
            let found = posterior.mean_at(location(inference.argmin as usize));
            let off = (found - posterior.mean_at(location(lowest))) / (size * T::epsilon());
            assert!(off.wide() < allowed, "{} for {lowest}: {off} units", inference.argmin);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_argmin_is_the_lowest_of_all_locations() {
        means_agree::<f64>(16.0);
        means_agree::<f32>(16.0);
    }

    /// Every location's z is below its bound and, but for `loose` units of rounding, close to it.
    /// So the search never skips the largest, wherever it begins, and visits few.
    fn bounds_hold<T: Real>(loose: f64) {
        for posterior in posteriors::<T>() {
            let means = core::array::from_fn(|i| posterior.mean_at(location(i)));
            let mut bounds = means;
            posterior.bound_z(&mut bounds);
            let exact: [T; LAST] = core::array::from_fn(|i| posterior.z(i, LAST));
            for (i, (bound, z)) in bounds.iter().zip(&exact).enumerate() {
                let unit = (z.abs() + T::of(1e-3)) * T::epsilon();
                let above = ((*bound - *z) / unit).wide();
                assert!(
                    (-4.0..loose).contains(&above),
                    "{i}: bound {bound} of {z}: {above:e} units"
                );
            }
            let largest = exact.into_iter().fold(T::neg_infinity(), T::max);
            for guess in [0, LAST / 2, LAST - 1] {
                let found = posterior.largest_z(&mut means.clone(), guess);
                assert!(
                    (found - largest).abs() <= largest.abs() * T::epsilon() * T::of(4.0),
                    "{found} for {largest}"
                );
            }
            assert!(
                (posterior.past_minimum().probability - normal_cdf(largest)).abs()
                    <= T::epsilon() * T::of(4.0)
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn no_location_is_passed_over() {
        bounds_hold::<f64>(1e8);
        bounds_hold::<f32>(1e8);
    }

    /// The certainty of a descent is that of the highest location before the lowest.
    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_descent_begins_where_the_loss_was_highest() {
        let mut inside = 0;
        for posterior in posteriors::<f64>() {
            let Inference { argmin, descent, .. } = posterior.past_minimum();
            let mean = |i: usize| posterior.mean_at(location(i));
            let argmin = argmin as usize;
            let highest =
                (0..argmin).fold(0, |high, i| if mean(i) > mean(high) { i } else { high });
            let expected = if argmin == 0 { 0.0 } else { normal_cdf(posterior.z(argmin, highest)) };
            assert!((descent - expected).abs() < 1e-9, "{descent} for {expected}");
            inside += usize::from(highest > 0);
        }
        assert!(inside > 10, "{inside} posteriors rise before they fall");
    }

    /// No losses: the prior, in which no location is lower than another and there is no descent.
    #[test]
    fn nothing_is_known_of_no_losses() {
        let factor = Factor::of(core::iter::empty(), 0.2);
        assert!(factor.is_empty());
        assert_eq!(factor.len(), 0);
        assert!(!Factor::of([(0.5, 1.0); 17], 0.2).is_empty());
        let prior =
            Posterior::condition(&factor, &Hyper { mean: 3.0, output_scale: 0.7, noise: 0.1 });
        for i in 0..=20 {
            let x = f64::from(i) / 20.0;
            assert!(prior.mean_at(x) == 3.0 && (prior.variance_at(x) - 0.7).abs() < 1e-12, "{x}");
        }
        assert_eq!(prior.past_minimum(), Inference { probability: 0.5, argmin: 0, descent: 0.0 });
    }
}
