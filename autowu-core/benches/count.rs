//! Machine instructions of a step, a test and its parts, by valgrind's callgrind: unlike times they
//! repeat.
//!
//! `cargo bench -p autowu-core --bench count`, with valgrind installed (`apt install valgrind`).
//! Each case runs in a process of its own, once with few repetitions and once with more: the
//! difference is free of start and set-up.
#![allow(missing_docs, clippy::expect_used, clippy::panic)]

mod curve;
mod inputs;

use autowu_core::gp::{Factor, Fit, Posterior, Spectrum};
use autowu_core::{AutoWu, Real};
use curve::{climbed, config};
use inputs::{fitted, samples};
use std::hint::black_box;
use std::process::Command;

const FEW: u64 = 1;
const MORE: u64 = 9;

/// A case, the times that it is repeated within one repetition, and what it does.
type Case = (&'static str, u64, fn(u64));

fn cases<T: Real>() -> [Case; 8] {
    [
        ("step between tests", 1000, |times| {
            let mut autowu = inputs::between_tests::<T>();
            for _ in 0..times {
                black_box(autowu.step(black_box(T::of(1.5))).lr);
            }
        }),
        ("whole test", 1, |times| {
            let autowu: AutoWu<T> = climbed(1000, config(1000));
            repeat(times, || black_box(&autowu).test());
        }),
        ("whole test after 10^6 losses", 1, |times| {
            let autowu: AutoWu<T> = climbed(1_000_000, config(1_000_000));
            repeat(times, || black_box(&autowu).test());
        }),
        ("sums of 500 samples", 1, |times| {
            let samples = samples::<T>(500);
            repeat(times, || Factor::of(black_box(&samples).iter().copied(), T::of(0.2)));
        }),
        ("spectrum", 1, |times| {
            let factor = Factor::of(samples::<T>(100), T::of(0.2));
            repeat(times, || Spectrum::of(black_box(&factor)));
        }),
        ("fit", 1, |times| {
            let spectrum = Spectrum::of(&Factor::of(samples::<T>(100), T::of(0.2)));
            repeat(times, || Fit::default().run(black_box(&spectrum), T::zero()));
        }),
        ("posterior", 1, |times| {
            let (factor, hyper) = (Factor::of(samples::<T>(500), T::of(0.2)), fitted::<T>());
            repeat(times, || Posterior::condition(black_box(&factor), &hyper));
        }),
        ("500 locations", 1, |times| {
            let posterior =
                Posterior::condition(&Factor::of(samples::<T>(500), T::of(0.2)), &fitted::<T>());
            repeat(times, || black_box(&posterior).past_minimum());
        }),
    ]
}

fn repeat<R>(times: u64, case: impl Fn() -> R) {
    for _ in 0..times {
        black_box(case());
    }
}

/// Instructions of this program when it runs one case `times` times.
fn instructions(precision: &str, case: usize, times: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("the path of this program"))
        .args([precision, &case.to_string(), &times.to_string()])
        .output()
        .expect("valgrind, which must be installed (`apt install valgrind`)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, count)| count.trim());
    count
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no count from valgrind:\n{text}"))
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let [precision, case, times] = &arguments[..] {
        let cases = if precision == "f32" { cases::<f32>() } else { cases::<f64>() };
        let (case, times): (usize, u64) =
            (case.parse().expect("a case"), times.parse().expect("a number"));
        return cases[case].2(times);
    }
    println!("| instructions | f64 | f32 |\n|---|---|---|");
    for (i, (name, inner, _)) in cases::<f64>().iter().enumerate() {
        let each = |precision| {
            let [few, more] = [FEW, MORE].map(|times| instructions(precision, i, times * inner));
            more.saturating_sub(few) / ((MORE - FEW) * inner)
        };
        println!("| {name} | {} | {} |", each("f64"), each("f32"));
    }
}
