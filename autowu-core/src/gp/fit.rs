//! The hyper-parameters: Adam on the evidence.

use super::factor::Factor;
use super::features::FEATURES as R;
use crate::real::{Real, sigmoid, softplus, softplus_inverse};

/// Smallest noise variance that the fit can reach (the reference's constraint).
pub const NOISE_FLOOR: f64 = 1e-4;

/// Noise variance at the start (the reference's value).
const NOISE_START: f64 = 1e-3;

// Adam as the reference has it.
const STEPS: usize = 100;
const RATE: f64 = 0.01;
const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// The hyper-parameters of `y = μ + f(x) + ε`, `f ~ GP(0, s² k)`, `ε ~ N(0, σ²)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Hyper<T> {
    /// `μ`
    pub mean: T,
    /// `s²`
    pub output_scale: T,
    /// `σ²`
    pub noise: T,
}

/// What the evidence needs of a factor: `U` orthogonal with `Uᵀ C Cᵀ U = diag(λ)`, `Uᵀ z`, `Uᵀ o`, and the rests.
#[derive(Clone, Debug)]
pub struct Spectrum<T> {
    lambda: [T; R],
    z: [T; R],
    one: [T; R],
    rest: [T; 3],
    n: u32,
}

impl<T: Real> Spectrum<T> {
    /// One-sided Jacobi rotations on the rows of the triangular factor, which converge fast because it is graded.
    pub fn of(factor: &Factor<T>) -> Self {
        let mut rows = factor.rows;
        let used = (factor.n as usize).min(R);
        let negligible = T::epsilon() * T::epsilon();
        for _ in 0..16 {
            let mut rotated = false;
            for p in 0..used {
                for q in p + 1..used {
                    let (head, tail) = rows.split_at_mut(q);
                    let (a, b) = (&mut head[p], &mut tail[0]);
                    let (aa, bb, ab) = products(a, b);
                    if !(ab.abs() > T::epsilon() * (aa * bb).sqrt()) || !(aa.max(bb) > negligible) {
                        continue;
                    }
                    rotated = true;
                    let zeta = (bb - aa) / (ab + ab);
                    let t = zeta.signum() / (zeta.abs() + (T::one() + zeta * zeta).sqrt());
                    let c = (T::one() + t * t).sqrt().recip();
                    let s = c * t;
                    for (a, b) in a.iter_mut().zip(b.iter_mut()) {
                        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
                    }
                }
            }
            if !rotated {
                break;
            }
        }
        Spectrum {
            lambda: rows.map(|row| products(&row, &row).0),
            z: rows.map(|row| row[R]),
            one: rows.map(|row| row[R + 1]),
            rest: factor.rest,
            n: factor.n,
        }
    }

    /// Negative log evidence per sample, without its constant `½ ln 2π`:
    /// `(Σ_j [ln A_j + c_j²/A_j] + (n − R) ln σ² + rest/σ²)/2n` with `A_j = s² λ_j + σ²`, `c = Uᵀz − μ Uᵀo`.
    pub fn negative_log_evidence(&self, hyper: &Hyper<T>) -> T {
        let Hyper { mean, output_scale, noise } = *hyper;
        let spread = T::of_u64(u64::from(self.n)) - T::of(R as f64);
        let mut sum = spread * noise.ln_() + self.rest_at(mean) / noise;
        for j in 0..R {
            let a = output_scale * self.lambda[j] + noise;
            let c = self.z[j] - mean * self.one[j];
            sum = sum + a.ln_() + c * c / a;
        }
        sum * T::of(0.5) / self.count()
    }

    /// Gradient of [`negative_log_evidence`](Self::negative_log_evidence) with respect to (μ, s², σ²).
    pub fn gradient(&self, hyper: &Hyper<T>) -> [T; 3] {
        let Hyper { mean, output_scale, noise } = *hyper;
        let half = T::of(0.5);
        let inverse_noise = noise.recip();
        let spread = T::of_u64(u64::from(self.n)) - T::of(R as f64);
        let mut d_mean = (mean * self.rest[2] - self.rest[1]) * inverse_noise;
        let mut d_scale = T::zero();
        let mut d_noise = half * inverse_noise * (spread - self.rest_at(mean) * inverse_noise);
        for j in 0..R {
            let inverse = (output_scale * self.lambda[j] + noise).recip();
            let c = (self.z[j] - mean * self.one[j]) * inverse;
            let g = half * (inverse - c * c);
            d_mean = d_mean - self.one[j] * c;
            d_scale = d_scale + self.lambda[j] * g;
            d_noise = d_noise + g;
        }
        let n = self.count();
        [d_mean / n, d_scale / n, d_noise / n]
    }

    /// `Σ (z − μ o)²` over the rows below the leading block; never negative.
    fn rest_at(&self, mean: T) -> T {
        let [zz, zo, oo] = self.rest;
        (zz - mean * (zo + zo) + mean * mean * oo).max(T::zero())
    }

    fn count(&self) -> T {
        T::of_u64(u64::from(self.n.max(1)))
    }
}

/// `aᵀa`, `bᵀb`, `aᵀb` over the features.
#[inline]
fn products<T: Real>(a: &[T; R + 2], b: &[T; R + 2]) -> (T, T, T) {
    let mut sums = [[T::zero(); 4]; 3];
    for i in 0..R / 4 {
        for lane in 0..4 {
            let (a, b) = (a[4 * i + lane], b[4 * i + lane]);
            sums[0][lane] = sums[0][lane] + a * a;
            sums[1][lane] = sums[1][lane] + b * b;
            sums[2][lane] = sums[2][lane] + a * b;
        }
    }
    let [aa, bb, ab] = sums.map(|s| (s[0] + s[2]) + (s[1] + s[3]));
    (aa, bb, ab)
}

/// The optimiser of the hyper-parameters: raw `a`, `b` with `s² = softplus(a)`, `σ² = 1e-4 + softplus(b)`, and Adam's state,
/// all of which go on from test to test (the reference's behaviour). The mean starts anew each time; its moments do not.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fit<T> {
    #[cfg_attr(
        feature = "serde",
        serde(with = "crate::serde_real::array", bound(serialize = "T: Real", deserialize = "T: Real"))
    )]
    raw: [T; 2],
    #[cfg_attr(
        feature = "serde",
        serde(with = "crate::serde_real::array", bound(serialize = "T: Real", deserialize = "T: Real"))
    )]
    first: [T; 3],
    #[cfg_attr(
        feature = "serde",
        serde(with = "crate::serde_real::array", bound(serialize = "T: Real", deserialize = "T: Real"))
    )]
    second: [T; 3],
    /// `β₁ᵗ`, `β₂ᵗ` after `t` steps: Adam's bias correction.
    #[cfg_attr(
        feature = "serde",
        serde(with = "crate::serde_real::array", bound(serialize = "T: Real", deserialize = "T: Real"))
    )]
    powers: [T; 2],
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
    /// 100 steps of Adam (rate 0.01, β = 0.9, 0.999, ε = 1e-8) on the negative log evidence per sample, from `mean`.
    /// 100 · R · 8 multiply-adds and as many divisions by R.
    pub fn run(&mut self, spectrum: &Spectrum<T>, mean: T) -> Hyper<T> {
        let mut mean = mean;
        for _ in 0..STEPS {
            let slope = spectrum.gradient(&self.hyper(mean));
            let slope = [slope[0], slope[1] * sigmoid(self.raw[0]), slope[2] * sigmoid(self.raw[1])];
            for (power, beta) in self.powers.iter_mut().zip(BETA) {
                *power = *power * T::of(beta);
            }
            let mut step = [T::zero(); 3];
            for i in 0..3 {
                self.first[i] = T::of(BETA[0]) * self.first[i] + T::of(1.0 - BETA[0]) * slope[i];
                self.second[i] = T::of(BETA[1]) * self.second[i] + T::of(1.0 - BETA[1]) * slope[i] * slope[i];
                let first = self.first[i] / (T::one() - self.powers[0]);
                let second = self.second[i] / (T::one() - self.powers[1]);
                step[i] = T::of(RATE) * first / (second.sqrt() + T::of(EPSILON));
            }
            mean = mean - step[0];
            self.raw[0] = self.raw[0] - step[1];
            self.raw[1] = self.raw[1] - step[2];
        }
        self.hyper(mean)
    }

    /// The hyper-parameters that the present raw values stand for.
    pub fn hyper(&self, mean: T) -> Hyper<T> {
        Hyper { mean, output_scale: softplus(self.raw[0]), noise: T::of(NOISE_FLOOR) + softplus(self.raw[1]) }
    }

    /// All ten numbers: raw s² and σ², Adam's first moments, its second moments, its two powers of β.
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

    /// Whether every number is finite and every range is kept: what a fit that was read from outside must pass.
    pub(crate) fn is_valid(&self) -> bool {
        self.raw.iter().chain(&self.first).all(|x| x.is_finite())
            && self.second.iter().all(|&x| x.is_finite() && x >= T::zero())
            && self.powers.iter().all(|&x| (T::zero()..=T::one()).contains(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectrum(n: usize) -> Spectrum<f64> {
        Spectrum::of(&Factor::of((0..n).map(|i| (i as f64 / n as f64, (0.3 * i as f64).sin())), 0.2))
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
            for (i, d) in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_iter().enumerate() {
                let slope = (along(d, 1.0) - along(d, -1.0)) / (2.0 * h);
                assert!((slope - g[i]).abs() < 1e-6 * (1.0 + g[i].abs()), "n {n}, {i}: {slope} {}", g[i]);
            }
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
}
