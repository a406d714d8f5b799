//! The GP in its basis against the dense one, in doubles and in 256 bits.

use autowu_core::Real;
use autowu_core::gp::{Factor, Hyper, Posterior, Spectrum};
use autowu_lab::dense::Dense;
use autowu_lab::tolerance::{
    EVIDENCE, GRADIENT, MEAN, Tolerance, VARIANCE, dense_rounding, truncation,
};
use autowu_tests::effort::random_cases;
use autowu_tests::wide_gp::WideGp;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// One GP: samples and (μ, s², σ²). All numbers are representable in single precision, so both
/// precisions get the same.
#[derive(Clone, Debug)]
struct Case {
    samples: Vec<(f64, f64)>,
    hyper: [f64; 3],
    length_scale: f64,
}

impl Case {
    /// `κ`: bounds the condition number of the covariance matrix.
    fn kappa(&self) -> f64 {
        1.0 + self.samples.len() as f64 * self.hyper[1] / self.hyper[2]
    }
}

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// `10^a`, `a` uniform.
fn log_uniform(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..=high).prop_map(|a| single(10f64.powf(a)))
}

/// Where the samples lie: on a grid, anywhere, in clusters of neighbours that almost coincide, or
/// on few places many times.
fn places(sizes: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<f64>> {
    let count = |sizes: Vec<f64>, kind: u8, clusters: usize| -> Vec<f64> {
        let n = sizes.len();
        let place = |(i, u): (usize, &f64)| match kind {
            0 => i as f64 / n as f64,
            1 => *u,
            2 => ((i % clusters) as f64 / clusters as f64 + 1e-7 * u).min(1.0),
            _ => (i % clusters) as f64 / clusters as f64,
        };
        sizes.iter().enumerate().map(place).map(single).collect()
    };
    (sizes.prop_flat_map(|n| prop::collection::vec(0.0..=1.0, n)), 0..4_u8, 1..12_usize)
        .prop_map(move |(u, kind, clusters)| count(u, kind, clusters))
}

fn cases(sizes: impl Strategy<Value = usize>) -> impl Strategy<Value = Case> {
    let shape = (
        log_uniform(-6.0, 6.0),
        0.0..=1.0,
        -1.0..=1.0,
        any::<u64>(),
        prop::sample::select(vec![0.2, 0.3, 0.5, 2.0]),
    );
    (places(sizes), shape, log_uniform(-6.0, 6.0), log_uniform(-4.0, 1.0)).prop_map(
        |(x, shape, scale, noise)| {
            let (size, wildness, mean, seed, length_scale) = shape;
            let samples = x.iter().enumerate().map(|(i, &x)| {
                let random =
                    autowu_core::sampling::mix(seed ^ i as u64) as f64 / 2f64.powi(63) - 1.0;
                (x, single(size * ((7.0 * x).cos() * (1.0 - wildness) + random * wildness)))
            });
            Case {
                samples: samples.collect(),
                hyper: [single(mean * size), scale, noise],
                length_scale: single(length_scale),
            }
        },
    )
}

/// The four quantities at a few places, and their natural units.
struct Quantities {
    means: Vec<f64>,
    variances: Vec<f64>,
    evidence: f64,
    gradient: [f64; 3],
}

const PLACES: [f64; 5] = [0.0, 0.25, 0.5, 0.8125, 1.0];

/// The feature form in precision `T`.
fn features_form<T: Real>(case: &Case) -> Quantities {
    let [mean, output_scale, noise] = case.hyper.map(T::of);
    let hyper = Hyper { mean, output_scale, noise };
    let samples = || case.samples.iter().map(|&(x, y)| (T::of(x), T::of(y)));
    let length_scale = T::of(case.length_scale);
    let factor = Factor::of(samples(), length_scale);
    let spectrum = Spectrum::of(&factor);
    let posterior = Posterior::condition(&factor, &hyper);
    let double = |x: T| x.to_f64().unwrap();
    Quantities {
        means: PLACES.iter().map(|&x| double(posterior.mean_at(T::of(x)))).collect(),
        variances: PLACES
            .iter()
            .map(|&x| double(posterior.variance_of_difference(T::of(x), T::one())))
            .collect(),
        evidence: double(spectrum.negative_log_evidence(&hyper)),
        gradient: spectrum.gradient(&hyper).map(double),
    }
}

/// Bounds of the terms of mean, variance, evidence and the three components of its gradient: the
/// units of their errors.
fn units(case: &Case) -> [f64; 6] {
    let [mean, scale, noise] = case.hyper;
    let n = case.samples.len() as f64;
    // Not max |y − μ|: both are rounded before the subtraction (so a test takes the mean out of y
    // first).
    let widest = mean.abs() + case.samples.iter().map(|s| s.1.abs()).fold(1e-30, f64::max);
    let square = widest * widest;
    // tr A⁻¹K = Σ λ/(s²λ + σ²), αᵀKα = Σ λ c²/(s²λ + σ²)².
    let by_scale =
        (32.0 / scale).min(n / noise) / n + square * (0.25 / scale).min(n / noise) / noise;
    // Σ_j over 32 features and (n − 32) of the noise cancel where n is below 32.
    let features = 1.0 + 32.0 / n;
    let by_noise = features / noise + square / noise / noise;
    let logarithm = 1.0 + noise.ln().abs().max((n * scale + noise).ln().abs());
    [
        widest,
        2.0 * scale,
        0.5 * features * logarithm + 0.5 * square / noise,
        widest / noise,
        0.5 * by_scale,
        0.5 * by_noise,
    ]
}

/// The worst error so far as a part of its bound, less the truncation's and the oracle's part.
struct Worst(Tolerance, Cell<f64>);

impl Worst {
    fn see(&self, error: f64, unit: f64, kappa: f64, other: f64) -> Result<(), TestCaseError> {
        let bound = self.0.bound(unit, kappa);
        let part = (error - other).max(0.0) / bound;
        self.1.set(self.1.get().max(part));
        prop_assert!(
            part <= 1.0,
            "{}: error {error:e}, allowed {bound:e} and {other:e}: {}",
            self.0.what,
            self.0.why
        );
        Ok(())
    }
}

struct Scores([Worst; 4]);

impl Scores {
    fn new() -> Self {
        Scores([MEAN, VARIANCE, EVIDENCE, GRADIENT].map(|t| Worst(t, Cell::new(0.0))))
    }

    fn print(&self, title: &str) {
        for Worst(t, worst) in &self.0 {
            println!("{title}: {:34} worst error {:.2} of its bound", t.what, worst.get());
        }
    }
}

fn errors_against(case: &Case, form: &Quantities, oracle: &Quantities) -> [f64; 4] {
    let unit = units(case);
    let worst = |a: &[f64], b: &[f64], u: f64| {
        a.iter()
            .zip(b)
            .map(|(a, b)| if a.is_finite() { (a - b).abs() / u } else { f64::INFINITY })
            .fold(0.0, f64::max)
    };
    let gradient = (0..3)
        .map(|i| worst(&[form.gradient[i]], &[oracle.gradient[i]], unit[3 + i]))
        .fold(0.0, f64::max);
    [
        // Between close samples the posterior mean can be far larger than the samples.
        worst(
            &form.means,
            &oracle.means,
            oracle.means.iter().fold(unit[0], |top, m| top.max(m.abs())),
        ),
        worst(&form.variances, &oracle.variances, unit[1]),
        worst(&[form.evidence], &[oracle.evidence], unit[2]),
        gradient,
    ]
}

fn dense(case: &Case) -> Option<Quantities> {
    let gp = Dense::condition(&case.samples, case.hyper, case.length_scale)?;
    Some(Quantities {
        means: PLACES.map(|x| gp.mean_at(x)).to_vec(),
        variances: PLACES.map(|x| gp.variance_of_difference(x, 1.0)).to_vec(),
        evidence: gp.negative_log_evidence(),
        gradient: gp.gradient(),
    })
}

fn wide(case: &Case) -> Quantities {
    let gp = WideGp::condition(&case.samples, case.hyper, case.length_scale);
    Quantities {
        means: PLACES.map(|x| gp.mean_at(x).to_f64()).to_vec(),
        variances: PLACES.map(|x| gp.variance_of_difference(x, 1.0).to_f64()).to_vec(),
        evidence: gp.negative_log_evidence().to_f64(),
        gradient: gp.gradient().map(|g| g.to_f64()),
    }
}

/// In precision `T` the quantities hold to their tolerances plus the truncation's and the oracle's
/// part.
fn holds<T: Real>(
    case: &Case,
    oracle: &Quantities,
    other: f64,
    scores: &Scores,
) -> Result<(), TestCaseError> {
    let errors = errors_against(case, &features_form::<T>(case), oracle);
    let unit = T::epsilon().to_f64().unwrap() / 2.0;
    errors
        .into_iter()
        .zip(&scores.0)
        .try_for_each(|(error, worst)| worst.see(error, unit, case.kappa(), other))
}

#[test]
fn features_agree_with_the_dense_form() {
    let scores = Scores::new();
    let sizes = prop_oneof![4 => 1..40_usize, 2 => 40..200_usize, 1 => 200..=600_usize];
    let ran = TestRunner::new(random_cases(40)).run(&cases(sizes), |case| {
        let Some(oracle) = dense(&case) else {
            return Ok(()); // the dense form cannot, the feature form can
        };
        let other = truncation(case.kappa(), case.length_scale) + dense_rounding(case.kappa());
        holds::<f64>(&case, &oracle, other, &scores)
    });
    scores.print("f64, dense in f64");
    ran.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn features_agree_with_256_bits() {
    let scores = [Scores::new(), Scores::new()];
    let ran = TestRunner::new(random_cases(300)).run(&cases(1..48_usize), |case| {
        let oracle = wide(&case);
        let other = truncation(case.kappa(), case.length_scale);
        holds::<f64>(&case, &oracle, other, &scores[0])?;
        holds::<f32>(&case, &oracle, other, &scores[1])
    });
    scores[0].print("f64, dense in 256 bits");
    scores[1].print("f32, dense in 256 bits");
    ran.unwrap_or_else(|e| panic!("{e}"));
}
