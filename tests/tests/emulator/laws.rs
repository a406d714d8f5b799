//! What must hold for every batch.

use crate::batch::{Batch, Case};
use crate::ffi::{Emulated, Order, emulate};
use crate::gpu;
use autowu_core::gp::{Factor, Hyper, Inference, Posterior};
use autowu_core::sampling::Permutation;
use autowu_core::{Config, Measurement, Real, TestRules, Verdict};
use autowu_cuda::Number;
use autowu_cuda::batch::Results;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// How far the kernels may be from core, which sums in another order.
struct Bounds {
    /// Relative, of the center and the scale.
    view: f64,
    /// Of the hyper-parameters: absolute of the mean (of standardised losses), relative of the
    /// others.
    hyper: f64,
    /// Absolute, of the probabilities at the kernels' own hyper-parameters.
    vote: f64,
    /// Absolute, of the probabilities of the whole test.
    test: f64,
}

// Adam divides a slope by its own size plus 1e-8, which magnifies rounding where the evidence is
// flat, and core sums normal equations, unlike the kernels' triangular factor (exact.rs). Worst of
// some 480 curves: view 9e-16, hyper 1.1e-9, test 4.5e-10, vote 4.6e-10; by the paper's rule vote
// 1.8e-9.
const F64: Bounds = Bounds { view: 1e-13, hyper: 1e-8, vote: 1e-8, test: 1e-8 };
/// The paper's rule tests from the first loss on; with two losses the mean is hardly determined.
/// Worst: hyper and test 4e-5.
const F64_PAPER: Bounds = Bounds { hyper: 1e-3, test: 1e-3, ..F64 };
/// Worst of 480 curves: view 5e-7, hyper 3.5e-4, test 3.9e-5.
const F32: Bounds = Bounds { view: 1e-5, hyper: 5e-3, vote: 2e-3, test: 2e-3 };

/// The first `size` samples `(x, y − mean)` of a subset, as the kernels' view has them.
pub fn subset<'a, T: Real>(
    case: &'a Case<T>,
    results: &Results<T>,
    i: usize,
    subset: u32,
    size: u32,
) -> impl Iterator<Item = (T, T)> + 'a {
    // The scatter is in the hyper-parameters.
    let [ceiling, center, scale, mean, _] = results.views[i];
    let half = T::of(0.5);
    let y = move |loss: T| ((loss.min(ceiling) * half - center * half) / scale) * T::of(2.0) - mean;
    let values = case.history.values();
    let order = Permutation::new(values.len() as u32, case.seed, case.test, subset);
    (0..values.len() as u32)
        .map(move |k| order.index(k) as usize)
        .filter(|&k| values[k].is_finite())
        .take(size as usize)
        .map(move |k| (case.history.x(k), y(values[k])))
}

/// Losses that one vote sees.
pub fn vote_size(config: &Config, samples: u32) -> u32 {
    let share = (config.test.subset_fraction * f64::from(samples)).ceil() as u32;
    share.max(config.test.min_samples).min(config.test.test_samples)
}

/// One vote from core's posterior, given the kernels' view and hyper-parameters.
fn vote_at<T: Real>(
    config: &Config,
    case: &Case<T>,
    results: &Results<T>,
    i: usize,
    vote: u32,
) -> Inference<T> {
    let [mean, output_scale, noise] = results.hypers[i];
    let samples = subset(case, results, i, vote + 1, vote_size(config, results.samples[i]));
    let factor = Factor::of(samples, T::of(config.test.length_scale));
    Posterior::condition(&factor, &Hyper { mean, output_scale, noise }).past_minimum()
}

/// Whether two results agree, and give the same vote unless the bound leaves it open.
fn agree<T: Real>(
    config: &Config,
    bounds: &Bounds,
    kernel: &Measurement<T>,
    core: &Measurement<T>,
) -> Result<(), String> {
    let f = |x: T| x.to_f64().unwrap_or(f64::NAN);
    let near = |name: &str, a: T, b: T, bound: f64| {
        let (a, b) = (f(a), f(b));
        let fine = a == b || (a - b).abs() <= bound;
        if fine {
            Ok(())
        } else {
            Err(format!("{name}: kernel {a:e}, core {b:e}, bound {bound:e}"))
        }
    };
    if kernel.samples != core.samples || kernel.votes.len() != core.votes.len() {
        return Err(format!(
            "samples {} {}, votes {} {}",
            kernel.samples,
            core.samples,
            kernel.votes.len(),
            core.votes.len()
        ));
    }
    let scale = f(core.scale).abs();
    let size = f(core.center).abs().max(scale);
    near("center", kernel.center, core.center, bounds.view * size)?;
    near("scale", kernel.scale, core.scale, bounds.view * size)?;
    let (a, b) = (&kernel.hyper, &core.hyper);
    near("mean", a.mean, b.mean, bounds.hyper * f(b.mean).abs().max(1.0))?;
    near("output scale", a.output_scale, b.output_scale, bounds.hyper * f(b.output_scale))?;
    near("noise", a.noise, b.noise, bounds.hyper * f(b.noise))?;
    for (i, (a, b)) in kernel.votes.iter().zip(&core.votes).enumerate() {
        near(&format!("probability of vote {i}"), a.probability, b.probability, bounds.test)?;
        // Elsewhere the means of two locations are equal to the bound, and either may be the
        // lowest.
        if a.argmin == b.argmin {
            near(&format!("descent of vote {i}"), a.descent, b.descent, bounds.test)?;
        }
        let open = (f(b.probability) - config.response.confidence).abs() <= bounds.test;
        let past = |p: T| f(p) > config.response.confidence;
        if !open && past(a.probability) != past(b.probability) {
            return Err(format!("vote {i}: kernel {:?}, core {:?}", a.probability, b.probability));
        }
    }
    Ok(())
}

/// The same bits in every order of threads, and near core; near core on a GPU too, if asked for.
fn holds<T: Emulated>(config: &Config, cases: &[Case<T>], bounds: &Bounds) -> Result<(), String> {
    let batch = Batch::of(config, cases);
    let results = emulate(&batch, Order::Forward);
    for order in [Order::Reverse, Order::Random] {
        let other = emulate(&batch, order);
        // Compared as text, so that NaN equals itself.
        if format!("{results:?}") != format!("{other:?}") {
            return Err(format!("{order:?} threads give other numbers than forward ones: a race"));
        }
    }
    near_core(config, &batch, bounds, &results)?;
    gpu::run(&batch).map_or(Ok(()), |results| {
        near_core(config, &batch, bounds, &results).map_err(|e| format!("GPU: {e}"))
    })
}

fn near_core<T: Number>(
    config: &Config,
    batch: &Batch<'_, T>,
    bounds: &Bounds,
    results: &Results<T>,
) -> Result<(), String> {
    for (i, (case, kernel)) in batch.cases.iter().zip(&batch.measured(results)).enumerate() {
        let core = case.measure(config);
        let told = |e| format!("curve {i}: {e}\n{case:?}");
        let Some(kernel) = kernel else {
            // `None` means that the kernels got a number that no run can have, and that core has to
            // measure: right only where core has none either.
            let is_number = |v: &Inference<T>| v.probability.is_finite() && v.descent.is_finite();
            if core.votes.iter().all(is_number) {
                return Err(told(format!("kernel {:?}, core {core:?}", results.hypers[i])));
            }
            continue;
        };
        agree(config, bounds, kernel, &core).map_err(told)?;
        for (vote, a) in (0..).zip(&kernel.votes) {
            let vote = if kernel.votes.iter().all(|v| v == a) { 0 } else { vote };
            let b = vote_at(config, case, results, i, vote);
            let apart = |a: T, b: T| (a - b).abs().to_f64().unwrap_or(f64::NAN);
            let mut worst = apart(a.probability, b.probability);
            if a.argmin == b.argmin {
                worst = worst.max(apart(a.descent, b.descent));
            }
            if !(worst <= bounds.vote) {
                return Err(told(format!(
                    "vote {vote} at the same hyper-parameters: kernel {a:?}, core {b:?}"
                )));
            }
        }
    }
    Ok(())
}

/// Curves like those of training, and others: a fall and a rise with noise; with losses that are
/// not finite; all equal; huge and tiny.
fn curve() -> impl Strategy<Value = Vec<f64>> {
    let length = prop_oneof![3 => 1_usize..40, 1 => 40_usize..600];
    let shape = (length, 0.05..0.95_f64, 0.0..0.3_f64, any::<u64>(), 0_u32..8, -3.0..3.0_f64);
    shape.prop_map(|(n, best, noise, seed, kind, magnitude)| {
        let scale = 10_f64.powf(magnitude);
        (0..n)
            .map(|i| {
                let x = i as f64 / n as f64;
                let random = autowu_core::sampling::mix(seed ^ i as u64);
                let uniform = random as f64 / u64::MAX as f64 - 0.5;
                match kind {
                    0 => scale,
                    1 if random.is_multiple_of(7) => f64::NAN,
                    1 if random.is_multiple_of(11) => f64::INFINITY,
                    2 => f64::NAN,
                    3 => scale * uniform,
                    _ => scale * (1.0 + 4.0 * (x - best).powi(2) + noise * uniform),
                }
            })
            .collect()
    })
}

pub fn batch<T: Emulated>(curves: &[Vec<f64>]) -> Vec<Case<T>> {
    curves.iter().zip(0..).map(|(losses, seed)| Case::new(losses.iter().copied(), seed)).collect()
}

fn config() -> ProptestConfig {
    let fixed =
        ProptestConfig { cases: 12, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    let given = std::env::var_os("PROPTEST_RNG_SEED").is_some()
        || std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        failure_persistence: None,
        ..if given { ProptestConfig::default() } else { fixed }
    }
}

proptest! {
    // The same curves every time; PROPTEST_RNG_SEED or PROPTEST_CASES look further.
    #![proptest_config(config())]

    #[test]
    fn doubles_agree_with_core(curves in prop::collection::vec(curve(), 1..8)) {
        holds::<f64>(&Config::new(1000).without_scout(), &batch(&curves), &F64).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn doubles_agree_with_core_by_the_papers_rule(curves in prop::collection::vec(curve(), 1..4)) {
        // The fixed noise floor cannot fit raw losses of every size, but it fits those near 1.
        let near_one = |c: Vec<f64>| {
            let finite = c.iter().filter(|y| y.is_finite());
            let top = finite.fold(1e-300, |top: f64, y| top.max(y.abs()));
            c.into_iter().map(|y| y / top).collect()
        };
        let curves: Vec<Vec<f64>> = curves.into_iter().map(near_one).collect();
        holds::<f64>(&Config::paper(50, 20), &batch(&curves), &F64_PAPER)
            .map_err(TestCaseError::fail)?;
    }

    #[test]
    fn singles_agree_with_core(curves in prop::collection::vec(curve(), 1..8)) {
        holds::<f32>(&Config::new(1000).without_scout(), &batch(&curves), &F32).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn two_hundred_curves_in_one_batch() {
    let curves: Vec<Vec<f64>> = (0..200)
        .map(|c| {
            let n = 1 + 7 * c % 90;
            (0..n).map(|i| (f64::from(i) / f64::from(n) - 0.004 * f64::from(c)).powi(2)).collect()
        })
        .collect();
    holds::<f64>(&Config::new(1000).without_scout(), &batch(&curves), &F64).expect("the laws");
}

#[test]
fn a_second_test_goes_on_from_the_fit_of_the_first() {
    let config = Config::new(1000).without_scout();
    let losses = |n: u32| {
        (0..n).map(|i| (f64::from(i) / 60.0 - 0.5).powi(2) + 0.01 * f64::from(i * 37 % 11))
    };
    let first = Case::<f64>::new(losses(60), 3);
    let fit = first.measure(&config).fit;
    let second = Case { fit, test: 1, ..Case::new(losses(70), 3) };
    holds(&config, &[second], &F64).expect("the laws");
}

#[test]
fn averaged_histories_keep_their_places() {
    let losses =
        (0..5000).map(|i| (f64::from(i) / 5000.0 - 0.4).powi(2) + 0.02 * f64::from(i * 37 % 11));
    let case = Case::<f64>::new(losses, 9);
    assert!(case.history.resolution() > 1);
    holds(&Config::new(100_000).without_scout(), &[case], &F64).expect("the laws");
}

#[test]
fn the_ends_of_the_range_never_give_a_wrong_vote() {
    for scale in [1e-300, 1e300, f64::MAX / 2.0] {
        let losses =
            |n: i32| (0..n).map(move |i| scale * (f64::from(i) / f64::from(n) - 0.5).powi(2));
        holds::<f64>(
            &Config::new(1000).without_scout(),
            &[Case::new(losses(50), 1), Case::new(losses(3), 2)],
            &F64,
        )
        .expect("the laws");
    }
}

/// With growing raw losses, their squares overflow in one place after the other. The kernels then
/// agree with core, or return no number, and core has to measure.
#[test]
fn raw_losses_of_any_size_never_give_a_wrong_verdict() {
    fn at<T: Emulated>(exponents: impl Iterator<Item = i32>) {
        for (exponent, noise_groups) in exponents.flat_map(|e| [(e, 4), (e, 16)]) {
            let scale = 10_f64.powi(exponent);
            let block = |i: u32| if (i / 256).is_multiple_of(2) { scale } else { -scale };
            let square = |i: u32| scale * (f64::from(i) / 50.0 - 0.5).powi(2);
            let cases =
                [Case::<T>::new((0..1024).map(block), 1), Case::new((0..50).map(square), 2)];
            let config = Config::new(1000).without_scout().with_test(TestRules {
                standardise: false,
                clip: false,
                noise_groups,
                ..TestRules::default()
            });
            let batch = Batch::of(&config, &cases);
            for (case, kernel) in cases.iter().zip(batch.measured(&emulate(&batch, Order::Forward)))
            {
                let core = case.measure(&config);
                if let Some(kernel) = kernel {
                    assert_eq!(
                        Verdict::of(&kernel, &config.response),
                        Verdict::of(&core, &config.response),
                        "1e{exponent}: {kernel:?}, core {core:?}"
                    );
                }
            }
        }
    }
    at::<f64>((0..160).step_by(8));
    at::<f32>((0..38).step_by(4));
}

#[test]
fn shared_memory_is_as_large_as_the_launch_says() {
    assert_eq!(
        <f32 as Emulated>::scratch_bytes(),
        <f32 as autowu_cuda::Number>::SCRATCH_BYTES as usize
    );
    assert_eq!(
        <f64 as Emulated>::scratch_bytes(),
        <f64 as autowu_cuda::Number>::SCRATCH_BYTES as usize
    );
}
