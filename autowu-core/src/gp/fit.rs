//! The hyper-parameters: Adam on the evidence.

use super::hyper::Hyper;
use super::spectrum::Spectrum;
use crate::digest::{Digest, Digestible};
use crate::real::{Real, softplus, softplus_inverse};

/// Smallest noise variance that the fit can reach (the reference's constraint).
pub const NOISE_FLOOR: f64 = 1e-4;

/// Noise variance at the start (the reference's value).
const NOISE_START: f64 = 1e-3;

// Adam's constants in the reference.
const STEPS: usize = 100;
const RATE: f64 = 0.01;
const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// The optimiser of the hyper-parameters: raw `a`, `b` with `s² = softplus(a)`, `σ² = 1e-4 +
/// softplus(b)`, and Adam's state, all of which carry over from test to test (as in the reference).
/// The mean starts anew each time; its moments do not.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fit<T> {
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde_real::array",
            bound(serialize = "T: Real", deserialize = "T: Real")
        )
    )]
    raw: [T; 2],
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde_real::array",
            bound(serialize = "T: Real", deserialize = "T: Real")
        )
    )]
    first: [T; 3],
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde_real::array",
            bound(serialize = "T: Real", deserialize = "T: Real")
        )
    )]
    second: [T; 3],
    /// `β₁ᵗ`, `β₂ᵗ` after `t` steps: Adam's bias correction.
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde_real::array",
            bound(serialize = "T: Real", deserialize = "T: Real")
        )
    )]
    powers: [T; 2],
}

impl<T: Real> Digestible for Fit<T> {
    fn digest(&self, digest: &mut Digest) {
        self.to_array().digest(digest);
    }
}

impl<T: Real> Default for Fit<T> {
    fn default() -> Self {
        Fit {
            raw: [T::zero(), softplus_inverse(T::of(NOISE_START - NOISE_FLOOR))],
            first: [T::zero(); 3],
            second: [T::zero(); 3],
            powers: [T::one(); 2],
        }
    }
}

impl<T: Real> Fit<T> {
    /// 100 steps of Adam (rate 0.01, β = 0.9, 0.999, ε = 1e-8) on the negative log evidence per
    /// sample, from `mean`. Each step costs one [`Spectrum::gradient`], two exponentials and
    /// two logarithms.
    ///
    /// A fit that overflows (on losses whose squares are near the end of `T`'s range) changes
    /// nothing.
    pub fn run(&mut self, spectrum: &Spectrum<T>, mean: T) -> Hyper<T> {
        let (before, start) = (*self, mean);
        let mut mean = mean;
        for _ in 0..STEPS {
            let ((output_scale, scale_slope), (noise, noise_slope)) =
                (softplus(self.raw[0]), softplus(self.raw[1]));
            let slope =
                spectrum.gradient(&Hyper { mean, output_scale, noise: T::of(NOISE_FLOOR) + noise });
            let slope = [slope[0], slope[1] * scale_slope, slope[2] * noise_slope];
            for (power, beta) in self.powers.iter_mut().zip(BETA) {
                *power = *power * T::of(beta);
            }
            let mut step = [T::zero(); 3];
            for i in 0..3 {
                self.first[i] = T::of(BETA[0]) * self.first[i] + T::of(1.0 - BETA[0]) * slope[i];
                self.second[i] =
                    T::of(BETA[1]) * self.second[i] + T::of(1.0 - BETA[1]) * slope[i] * slope[i];
                let first = self.first[i] / (T::one() - self.powers[0]);
                let second = self.second[i] / (T::one() - self.powers[1]);
                step[i] = T::of(RATE) * first / (second.sqrt() + T::of(EPSILON));
            }
            mean = mean - step[0];
            self.raw[0] = self.raw[0] - step[1];
            self.raw[1] = self.raw[1] - step[2];
        }
        if !(self.is_valid() && mean.is_finite()) {
            *self = before;
            return self.hyper(start);
        }
        self.hyper(mean)
    }

    /// The hyper-parameters of the present raw values.
    pub fn hyper(&self, mean: T) -> Hyper<T> {
        Hyper {
            mean,
            output_scale: softplus(self.raw[0]).0,
            noise: T::of(NOISE_FLOOR) + softplus(self.raw[1]).0,
        }
    }

    /// All ten numbers: raw s² and σ², Adam's first moments, its second moments, its two powers of
    /// β.
    pub fn to_array(&self) -> [T; 10] {
        let Fit { raw: [a, b], first: [f, g, h], second: [s, t, u], powers: [p, q] } = *self;
        [a, b, f, g, h, s, t, u, p, q]
    }

    /// The fit with these numbers; `None` if no run can have them.
    pub fn from_array(numbers: [T; 10]) -> Option<Self> {
        let [a, b, f, g, h, s, t, u, p, q] = numbers;
        let fit = Fit { raw: [a, b], first: [f, g, h], second: [s, t, u], powers: [p, q] };
        fit.is_valid().then_some(fit)
    }

    /// Whether every number is finite and in its range: the check of a fit that was read from
    /// outside.
    pub(crate) fn is_valid(&self) -> bool {
        self.raw.iter().chain(&self.first).all(|x| x.is_finite())
            && self.second.iter().all(|&x| x.is_finite() && x >= T::zero())
            && self.powers.iter().all(|&x| (T::zero()..=T::one()).contains(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::super::factor::Factor;
    use super::*;

    fn spectrum(n: usize) -> Spectrum<f64> {
        Spectrum::of(&Factor::of(
            (0..n).map(|i| (i as f64 / n as f64, (0.3 * i as f64).sin())),
            0.2,
        ))
    }

    #[test]
    fn the_gradient_is_that_of_the_evidence() {
        for n in [1, 2, 20, 32, 33, 200] {
            let s = spectrum(n);
            let at = Hyper { mean: 0.1, output_scale: 0.8, noise: 0.02 };
            let g = s.gradient(&at);
            let h = 1e-6;
            let along = |d: [f64; 3], sign: f64| {
                s.negative_log_evidence(&Hyper {
                    mean: at.mean + sign * h * d[0],
                    output_scale: at.output_scale + sign * h * d[1],
                    noise: at.noise + sign * h * d[2],
                })
            };
            for (i, d) in
                [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_iter().enumerate()
            {
                let slope = (along(d, 1.0) - along(d, -1.0)) / (2.0 * h);
                assert!(
                    (slope - g[i]).abs() < 1e-6 * (1.0 + g[i].abs()),
                    "n {n}, {i}: {slope} {}",
                    g[i]
                );
            }
        }
    }

    #[test]
    fn a_fit_that_overflows_is_not_taken() {
        for size in [1e18_f32, 1e25, 3e38] {
            let huge = (0..40).map(|i| (i as f32 / 40.0, if i % 2 == 0 { size } else { -size }));
            let mut fit = Fit::default();
            let hyper = fit.run(&Spectrum::of(&Factor::of(huge, 0.2)), 0.5);
            assert!(
                fit.is_valid() && hyper.noise.is_finite() && hyper.mean.is_finite(),
                "{size}: {fit:?}"
            );
        }
    }

    #[test]
    fn the_fit_descends() {
        let s = spectrum(100);
        let mut fit = Fit::default();
        let before = s.negative_log_evidence(&fit.hyper(0.0));
        let hyper = fit.run(&s, 0.0);
        assert!(s.negative_log_evidence(&hyper) < before);
        assert!(fit.is_valid());
    }

    /// Algorithm 1 of Kingma and Ba (2015), written independently, over two fits in a row; the
    /// smaller losses have gradients of the size of `ε`.
    #[test]
    fn a_fit_is_adam() {
        for size in [1.0, 1e-3, 1e-10] {
            let spectrum = |k: f64| {
                Spectrum::of(&Factor::of(
                    (0..50).map(|i| (f64::from(i) / 50.0, size * (k * f64::from(i)).sin())),
                    0.2,
                ))
            };
            let mut fit = Fit::<f64>::default();
            let mut raw = [0.0, (f64::exp(1e-3 - 1e-4) - 1.0).ln()];
            let (mut m, mut v, mut t) = ([0.0; 3], [0.0; 3], 0);
            for spectrum in [spectrum(0.3), spectrum(0.7)] {
                let mut mean = 0.0;
                for _ in 0..100 {
                    t += 1;
                    let softplus = raw.map(|x: f64| x.exp().ln_1p());
                    let at = Hyper { mean, output_scale: softplus[0], noise: 1e-4 + softplus[1] };
                    let g = spectrum.gradient(&at);
                    let sigmoid = raw.map(|x: f64| 1.0 / (1.0 + (-x).exp()));
                    let g = [g[0], g[1] * sigmoid[0], g[2] * sigmoid[1]];
                    let step: [f64; 3] = core::array::from_fn(|i| {
                        m[i] = 0.9 * m[i] + (1.0 - 0.9) * g[i];
                        v[i] = 0.999 * v[i] + (1.0 - 0.999) * g[i] * g[i];
                        let (m, v) =
                            (m[i] / (1.0 - 0.9_f64.powi(t)), v[i] / (1.0 - 0.999_f64.powi(t)));
                        0.01 * m / (v.sqrt() + 1e-8)
                    });
                    (mean, raw) = (mean - step[0], [raw[0] - step[1], raw[1] - step[2]]);
                }
                let hyper = fit.run(&spectrum, 0.0);
                for (ours, theirs) in
                    [(hyper.mean, mean), (fit.raw[0], raw[0]), (fit.raw[1], raw[1])]
                {
                    assert!((ours - theirs).abs() < 1e-6, "size {size}: {ours} {theirs}");
                }
            }
        }
    }

    #[test]
    fn ten_numbers_are_the_fit() {
        let mut fit = Fit::default();
        fit.run(&spectrum(50), 0.0);
        assert_eq!(Fit::from_array(fit.to_array()), Some(fit));
        for place in 0..10 {
            let mut numbers = fit.to_array();
            numbers[place] = f64::NAN;
            assert_eq!(Fit::from_array(numbers), None, "{place}");
        }
    }
}
