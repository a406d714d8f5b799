//! Memory: the size of a scheduler, the arrays of a test, and the stack that its calls take.
//!
//! `cargo bench -p autowu-core --bench memory`. The stack is measured from outside: a thread of
//! known stack size descends through many small frames and then makes the call. The call takes the
//! size of a frame, times the number of frames by which its deepest survivor falls short of an
//! empty call's. A thread that overflows ends its process, so each try is a process.
//!
//! Fails if the preset for microcontrollers takes more than 16 KiB.
#![allow(missing_docs, clippy::expect_used)]

mod curve;

use autowu_core::{AutoWu, CAPACITY, Config, MICRO_CAPACITY, Measurement, MicroWu, Real};
use curve::{climbed, config};
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};

/// Bytes of the thread's stack: several times what any call takes.
const THREAD: usize = 256 << 10;
const LIMIT: usize = 16 << 10;

type Call = Box<dyn FnOnce() + Send>;

/// A call of a scheduler that has a test to make with its next loss.
fn call(preset: &str, name: &str) -> Call {
    match preset {
        "f64" => of::<f64, CAPACITY>(name, config(1000)),
        "f32" => of::<f32, CAPACITY>(name, config(1000)),
        _ => of::<f32, MICRO_CAPACITY>(name, Config::micro(config(1000).total_steps)),
    }
}

fn of<T: Real, const N: usize>(name: &str, config: Config) -> Call {
    let mut autowu = Box::new(climbed::<T, N>(999, config));
    match name {
        "step with a test" => Box::new(move || {
            let outcome = autowu.step(T::one());
            assert!(outcome.report.is_some());
            black_box(&outcome);
        }),
        "lr" => Box::new(move || {
            black_box(autowu.lr());
        }),
        _ => Box::new(|| ()),
    }
}

/// Goes down `frames` frames, then makes the call. Returns the address of the lowest frame.
#[inline(never)]
fn descend(frames: usize, call: Call) -> usize {
    let here = [0_u8; 16];
    let lowest = if frames == 0 {
        call();
        None
    } else {
        Some(descend(frames - 1, call))
    };
    // Used after the call, so that the frame stays.
    lowest.unwrap_or(black_box(&here).as_ptr().addr())
}

fn in_thread(frames: usize, call: Call) -> usize {
    let thread = std::thread::Builder::new().stack_size(THREAD);
    thread
        .spawn(move || descend(frames, call))
        .expect("a thread")
        .join()
        .expect("a call that returns")
}

/// Bytes of one frame of [`descend`].
fn frame() -> usize {
    let thread = std::thread::Builder::new().stack_size(THREAD);
    let both = || [0, 100].map(|frames| descend(frames, Box::new(|| ())));
    let [top, bottom] = thread.spawn(both).expect("a thread").join().expect("a call that returns");
    (top - bottom) / 100
}

/// The most frames with which the call survives.
fn most(preset: &str, name: &str) -> usize {
    let survives = |frames: usize| {
        let program = std::env::current_exe().expect("the path of this program");
        let status = Command::new(program)
            .args([preset, name, &frames.to_string()])
            .stderr(Stdio::null())
            .status();
        status.expect("a process").success()
    };
    let (mut below, mut above) = (0, THREAD / 16);
    while above - below > 1 {
        let middle = (below + above) / 2;
        if survives(middle) { below = middle } else { above = middle }
    }
    below
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let [preset, name, frames] = &arguments[..] {
        in_thread(frames.parse().expect("a number"), call(preset, name));
        return ExitCode::SUCCESS;
    }
    let frame = frame();
    let stack = |preset, name| (most(preset, "nothing") - most(preset, name)) * frame;
    let presets = [
        ("f64", "`AutoWu<f64>`", size_of::<AutoWu<f64>>(), Measurement::<f64>::SCRATCH),
        ("f32", "`AutoWu<f32>`", size_of::<AutoWu<f32>>(), Measurement::<f32>::SCRATCH),
        ("micro", "`MicroWu`", size_of::<MicroWu>(), Measurement::<f32>::SCRATCH),
    ];
    println!(
        "| bytes | state | arrays of a test | stack: `lr` | `step` with a test | state and \
         stack |\n|---|---|---|---|---|---|"
    );
    let mut small = true;
    for (preset, name, state, scratch) in presets {
        let (lr, step) = (stack(preset, "lr"), stack(preset, "step with a test"));
        println!("| {name} | {state} | {scratch} | {lr} | {step} | {} |", state + step);
        small &= preset != "micro" || state + step <= LIMIT;
    }
    if small { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
