//! What AutoWU costs: a step, a test, the test's parts, long histories; in `f64` and `f32`, on one
//! thread.
//!
//! `cargo bench -p autowu-core --bench cost` for everything, `cargo bench -p autowu-core --bench
//! cost -- whole` for one.
#![allow(missing_docs, clippy::expect_used)]

mod curve;
mod inputs;

use autowu_core::gp::{Factor, Fit, Posterior, Spectrum};
use autowu_core::{AutoWu, Real};
use curve::{climbed, config};
use divan::{Bencher, black_box};
use inputs::{fitted, samples};

fn main() {
    divan::main();
}

/// `step` between tests, in the middle of a climb of ten million steps.
#[divan::bench(types = [f64, f32], sample_size = 1000)]
fn step_between_tests<T: Real>(bencher: Bencher) {
    let mut autowu = inputs::between_tests::<T>();
    let loss = T::of(1.5);
    bencher.bench_local(move || {
        let outcome = autowu.step(black_box(loss));
        assert!(outcome.report.is_none());
        outcome.lr
    });
}

/// One whole test of the default: fit on 100 losses, five votes on 500 each, 500 locations.
#[divan::bench(types = [f64, f32])]
fn whole_test<T: Real>(bencher: Bencher) {
    let autowu: AutoWu<T> = climbed(1000, config(1000));
    bencher.bench(|| black_box(&autowu).test());
}

/// Of these the part without the fit: five times the sums of 500 samples, the posterior, and eq.
/// (4) at 500 locations.
#[divan::bench(types = [f64, f32])]
fn five_inferences<T: Real>(bencher: Bencher) {
    let (samples, hyper, length_scale) = (samples::<T>(500), fitted::<T>(), T::of(0.2));
    bencher.bench(|| {
        core::array::from_fn::<_, 5, _>(|_| {
            let factor = Factor::of(black_box(&samples).iter().copied(), length_scale);
            Posterior::condition(&factor, &hyper).past_minimum()
        })
    });
}

/// The whole test as the history grows beyond what is kept exactly.
#[divan::bench(types = [f64, f32], args = [1_000, 10_000, 100_000, 1_000_000, 10_000_000])]
fn whole_test_after<T: Real>(bencher: Bencher, losses: u64) {
    let autowu: AutoWu<T> = climbed(losses, config(losses));
    bencher.bench(|| black_box(&autowu).test());
}

#[divan::bench(types = [f64, f32], args = [100, 500])]
fn part_1_factor<T: Real>(bencher: Bencher, n: u64) {
    let (samples, length_scale) = (samples::<T>(n), T::of(0.2));
    bencher.bench(|| Factor::of(black_box(&samples).iter().copied(), length_scale));
}

#[divan::bench(types = [f64, f32])]
fn part_2_spectrum<T: Real>(bencher: Bencher) {
    let factor = Factor::of(samples::<T>(100), T::of(0.2));
    bencher.bench(|| Spectrum::of(black_box(&factor)));
}

#[divan::bench(types = [f64, f32])]
fn part_3_fit<T: Real>(bencher: Bencher) {
    let spectrum = Spectrum::of(&Factor::of(samples::<T>(100), T::of(0.2)));
    bencher.bench(|| Fit::default().run(black_box(&spectrum), T::zero()));
}

#[divan::bench(types = [f64, f32])]
fn part_4_condition<T: Real>(bencher: Bencher) {
    let (factor, hyper) = (Factor::of(samples::<T>(500), T::of(0.2)), fitted::<T>());
    bencher.bench(|| Posterior::condition(black_box(&factor), &hyper));
}

#[divan::bench(types = [f64, f32])]
fn part_5_past_minimum<T: Real>(bencher: Bencher) {
    let factor = Factor::of(samples::<T>(500), T::of(0.2));
    let posterior = Posterior::condition(&factor, &fitted::<T>());
    bencher.bench(|| black_box(&posterior).past_minimum());
}
