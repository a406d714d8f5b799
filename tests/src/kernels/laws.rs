//! What must hold for every batch.
#![allow(missing_docs)] // a law's name says it

pub use super::exact::{a_fit_is_that_of_256_bits, a_vote_is_that_of_256_bits};

use super::batch::{Batch, Case};
use super::near::{Bounds, Precision, Worst, near_core};
use super::{Engine, Outcome};
use autowu_core::{Config, TestRules, Verdict};
use autowu_cuda::Number;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use std::cell::Cell;

/// Near core, on the engine's own conditions.
fn holds<T: Precision>(
    engine: &impl Engine<T>,
    config: &Config,
    cases: &[Case<T>],
    bounds: &Bounds,
) -> Outcome {
    let batch = Batch::of(config, cases);
    near_core(config, &batch, bounds, &engine.run(&batch)?)
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

/// Cases with the seeds 0, 1, ….
pub fn batch<T: Number>(curves: &[Vec<f64>]) -> Vec<Case<T>> {
    curves.iter().zip(0..).map(|(losses, seed)| Case::new(losses.iter().copied(), seed)).collect()
}

/// The same curves every time; PROPTEST_RNG_SEED or PROPTEST_CASES look further.
fn random_curves(most: usize, law: impl Fn(Vec<Vec<f64>>) -> Outcome) -> Outcome {
    let fixed =
        ProptestConfig { cases: 12, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    let given = std::env::var_os("PROPTEST_RNG_SEED").is_some()
        || std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig {
        failure_persistence: None,
        ..if given { ProptestConfig::default() } else { fixed }
    };
    let worst = Cell::new(Worst::default());
    TestRunner::new(config)
        .run(&prop::collection::vec(curve(), 1..most), |curves| {
            let found = law(curves).map_err(TestCaseError::fail)?;
            worst.set(worst.get().and(found));
            Ok(())
        })
        .map_err(|e| e.to_string())?;
    Ok(worst.get())
}

pub fn curves_agree_with_core<T: Precision, E: Engine<T>>(engine: &E) -> Outcome {
    random_curves(8, |curves| {
        holds(engine, &Config::new(1000).without_scout(), &batch(&curves), &T::NEAR)
    })
}

pub fn curves_agree_with_core_by_the_papers_rule<T: Precision, E: Engine<T>>(
    engine: &E,
) -> Outcome {
    random_curves(4, |curves| {
        // The fixed noise floor cannot fit raw losses of every size, but it fits those near 1.
        let near_one = |c: Vec<f64>| {
            let finite = c.iter().filter(|y| y.is_finite());
            let top = finite.fold(1e-300, |top: f64, y| top.max(y.abs()));
            c.into_iter().map(|y| y / top).collect()
        };
        let curves: Vec<Vec<f64>> = curves.into_iter().map(near_one).collect();
        holds(engine, &Config::paper(50, 20), &batch(&curves), &T::NEAR_BY_PAPER)
    })
}

pub fn two_hundred_curves_in_one_batch<T: Precision, E: Engine<T>>(engine: &E) -> Outcome {
    let curves: Vec<Vec<f64>> = (0..200)
        .map(|c| {
            let n = 1 + 7 * c % 90;
            (0..n).map(|i| (f64::from(i) / f64::from(n) - 0.004 * f64::from(c)).powi(2)).collect()
        })
        .collect();
    holds(engine, &Config::new(1000).without_scout(), &batch(&curves), &T::NEAR)
}

pub fn a_second_test_goes_on_from_the_fit_of_the_first<T: Precision, E: Engine<T>>(
    engine: &E,
) -> Outcome {
    let config = Config::new(1000).without_scout();
    let losses = |n: u32| {
        (0..n).map(|i| (f64::from(i) / 60.0 - 0.5).powi(2) + 0.01 * f64::from(i * 37 % 11))
    };
    let first = Case::<T>::new(losses(60), 3);
    let fit = first.measure(&config).fit;
    let second = Case { fit, test: 1, ..Case::new(losses(70), 3) };
    holds(engine, &config, &[second], &T::NEAR)
}

pub fn averaged_histories_keep_their_places<T: Precision, E: Engine<T>>(engine: &E) -> Outcome {
    let losses =
        (0..5000).map(|i| (f64::from(i) / 5000.0 - 0.4).powi(2) + 0.02 * f64::from(i * 37 % 11));
    let case = Case::<T>::new(losses, 9);
    if case.history.resolution() < 2 {
        return Err("5,000 losses are not averaged: the law tests nothing".into());
    }
    holds(engine, &Config::new(100_000).without_scout(), &[case], &T::NEAR)
}

pub fn the_ends_of_the_range_never_give_a_wrong_vote<T: Precision, E: Engine<T>>(
    engine: &E,
) -> Outcome {
    let largest = T::max_value().to_f64().unwrap_or(f64::MAX);
    let (tiny, huge) = if largest < 1e300 { (1e-37, 1e37) } else { (1e-300, 1e300) };
    [tiny, huge, largest / 2.0].iter().try_fold(Worst::default(), |worst, scale| {
        let losses =
            |n: i32| (0..n).map(move |i| scale * (f64::from(i) / f64::from(n) - 0.5).powi(2));
        let cases = [Case::new(losses(50), 1), Case::new(losses(3), 2)];
        Ok(worst.and(holds(engine, &Config::new(1000).without_scout(), &cases, &T::NEAR)?))
    })
}

/// With growing raw losses, their squares overflow in one place after the other. The kernels then
/// agree with core, or return no number, and core has to measure.
pub fn raw_losses_of_any_size_never_give_a_wrong_verdict<T: Precision, E: Engine<T>>(
    engine: &E,
) -> Outcome {
    let single = size_of::<T>() == 4;
    let exponents = (0..if single { 38 } else { 160 }).step_by(if single { 4 } else { 8 });
    let mut worst = Worst::default();
    for (exponent, noise_groups) in exponents.flat_map(|e| [(e, 4), (e, 16)]) {
        let scale = 10_f64.powi(exponent);
        let block = |i: u32| if (i / 256).is_multiple_of(2) { scale } else { -scale };
        let square = |i: u32| scale * (f64::from(i) / 50.0 - 0.5).powi(2);
        let cases = [Case::<T>::new((0..1024).map(block), 1), Case::new((0..50).map(square), 2)];
        let config = Config::new(1000).without_scout().with_test(TestRules {
            standardise: false,
            clip: false,
            noise_groups,
            ..TestRules::default()
        });
        let batch = Batch::of(&config, &cases);
        for (case, kernel) in cases.iter().zip(batch.measured(&engine.run(&batch)?)) {
            worst.curves += 1;
            let core = case.measure(&config);
            if let Some(kernel) = kernel
                && Verdict::of(&kernel, &config.response) != Verdict::of(&core, &config.response)
            {
                return Err(format!("1e{exponent}: {kernel:?}, core {core:?}"));
            }
        }
    }
    Ok(worst)
}
