//! The posterior, and the probability that the loss has passed its minimum.

use super::factor::Factor;
use super::features::{FEATURES as R, features};
use super::fit::Hyper;
use crate::config::LOCATIONS;
use crate::real::{Real, normal_cdf};

/// Added to the variance of a difference in eq. (4) (the reference's constant).
const VARIANCE_FLOOR: f64 = 1e-4;

/// What one subset says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Inference<T> {
    /// `P`: max over i of Φ((mean_m − mean_i)/√(Var[f_i − f_m] + 1e-4)), eq. (4): the probability that the loss at some
    /// location lies below the loss now.
    pub probability: T,
    /// The location in 0..[`LOCATIONS`] with the smallest posterior mean.
    pub argmin: u32,
    /// The probability that the loss at its highest location before the argmin lies above the loss at the argmin.
    pub descent: T,
}

/// The posterior of `f` given one subset: weights `w ~ N(ŵ, (PᵀP)⁻¹)`, `P` upper triangular.
///
/// `PᵀP = CᵀC/σ² + I/s²`, built as the triangular factor of the stacked rows `[C/σ; I/s]`: no matrix is squared.
#[derive(Clone, Debug)]
pub struct Posterior<T> {
    factor: Factor<T>,
    /// `1/P_jj`
    inverse: [T; R],
    weights: [T; R],
    mean: T,
    length_scale: T,
    /// `2 s²`: no difference of two values of `f` varies more.
    widest: T,
}

impl<T: Real> Posterior<T> {
    /// Conditions the GP on the factor's samples. `length_scale` must be the factor's.
    pub fn condition(mut factor: Factor<T>, hyper: &Hyper<T>, length_scale: T) -> Self {
        let Hyper { mean, output_scale, noise } = *hyper;
        let precision = noise.sqrt().recip();
        for (j, row) in factor.rows.iter_mut().enumerate() {
            row[R] = row[R] - mean * row[R + 1];
            for x in &mut row[j..=R] {
                *x = *x * precision;
            }
        }
        factor.push_scaled_identity(output_scale.sqrt().recip());
        let inverse: [T; R] = core::array::from_fn(|j| factor.rows[j][j].recip());
        let mut weights = [T::zero(); R];
        for j in (0..R).rev() {
            let row = &factor.rows[j];
            let mut sum = row[R];
            for k in j + 1..R {
                sum = sum - row[k] * weights[k];
            }
            weights[j] = sum * inverse[j];
        }
        Posterior { factor, inverse, weights, mean, length_scale, widest: output_scale + output_scale }
    }

    /// The same posterior with `shift` added to the mean.
    pub(crate) fn shifted(self, shift: T) -> Self {
        Posterior { mean: self.mean + shift, ..self }
    }

    /// `μ + φ(x)ᵀŵ`
    pub fn mean_at(&self, x: T) -> T {
        self.mean + dot(&features(x, self.length_scale), &self.weights)
    }

    /// `Var[f(x)] = ‖P⁻ᵀφ(x)‖²`
    pub fn variance_at(&self, x: T) -> T {
        let v = self.whiten(features(x, self.length_scale));
        dot(&v, &v)
    }

    /// `Var[f(x) − f(z)] = ‖P⁻ᵀ(φ(x) − φ(z))‖²`: a sum of squares, so it cannot come out negative.
    pub fn variance_of_difference(&self, x: T, z: T) -> T {
        let (mut a, b) = (features(x, self.length_scale), features(z, self.length_scale));
        for (a, b) in a.iter_mut().zip(b) {
            *a = *a - b;
        }
        let v = self.whiten(a);
        dot(&v, &v)
    }

    /// Eq. (4), the argmin of eq. (5), and the certainty of a descent before it.
    pub fn past_minimum(&self) -> Inference<T> {
        let last = LOCATIONS - 1;
        let mut means = [T::zero(); LOCATIONS];
        for (i, m) in means.iter_mut().enumerate() {
            *m = self.mean_at(location(i));
        }
        let now = means[last];
        let mut argmin = 0;
        for (i, &m) in means.iter().enumerate() {
            if m < means[argmin] {
                argmin = i;
            }
        }
        // Φ is monotone: the largest z first, Φ once. Variances only where they can still matter: a z above
        // `best` needs a difference above best·√floor, or, below zero, above best·√(2s² + floor).
        let (narrow, wide) = (T::of(VARIANCE_FLOOR).sqrt(), (self.widest + T::of(VARIANCE_FLOOR)).sqrt());
        // Where the loss is lowest is a good first guess, so that the bound prunes most of the rest.
        let guess = argmin.min(last - 1);
        let mut best = self.z(now - means[guess], guess, last);
        for (i, &m) in means[..last].iter().enumerate() {
            let difference = now - m;
            if difference / (if difference > T::zero() { narrow } else { wide }) > best {
                best = best.max(self.z(difference, i, last));
            }
        }
        let mut highest = 0;
        for (i, &m) in means[..argmin].iter().enumerate() {
            if m > means[highest] {
                highest = i;
            }
        }
        let descent =
            if argmin == 0 { T::zero() } else { normal_cdf(self.z(means[highest] - means[argmin], highest, argmin)) };
        Inference { probability: normal_cdf(best), argmin: argmin as u32, descent }
    }

    fn z(&self, difference: T, i: usize, j: usize) -> T {
        difference / (self.variance_of_difference(location(i), location(j)) + T::of(VARIANCE_FLOOR)).sqrt()
    }

    /// `P⁻ᵀ a`, by forward substitution.
    #[inline]
    fn whiten(&self, mut a: [T; R]) -> [T; R] {
        for k in 0..R {
            let v = a[k] * self.inverse[k];
            a[k] = v;
            let row = &self.factor.rows[k];
            for j in k + 1..R {
                a[j] = a[j] - row[j] * v;
            }
        }
        a
    }
}

/// The `i`-th of [`LOCATIONS`] equally spaced locations on [0, 1].
#[inline]
pub(crate) fn location<T: Real>(i: usize) -> T {
    T::of_u64(i as u64) / T::of_u64(LOCATIONS as u64 - 1)
}

#[inline]
fn dot<T: Real>(a: &[T; R], b: &[T; R]) -> T {
    let mut s = [T::zero(); 4];
    for i in 0..R / 4 {
        for (lane, s) in s.iter_mut().enumerate() {
            *s = *s + a[4 * i + lane] * b[4 * i + lane];
        }
    }
    (s[0] + s[2]) + (s[1] + s[3])
}
