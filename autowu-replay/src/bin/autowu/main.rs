//! The command `autowu`: `autowu --help`.

mod args;
mod output;
mod replay;
mod stream;

use args::{Args, Precision};
use autowu_core::Real;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;

/// Losses kept exactly: recorded warmups are rarely longer, and memory does not matter here.
const CAPACITY: usize = 16384;

/// Bytes of stack. A state that is read passes over it with all its losses, many times in a build
/// without optimization.
const STACK: usize = 1 << 26;

fn main() -> ExitCode {
    let args = Args::read();
    let run = move || match args.precision {
        Precision::F32 => run::<f32>(&args),
        Precision::F64 => run::<f64>(&args),
    };
    let done = thread::Builder::new()
        .stack_size(STACK)
        .spawn(run)
        .map_err(|e| format!("a thread with {STACK} bytes of stack cannot be started: {e}"))
        .and_then(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run<T: Real>(args: &Args) -> Result<(), String> {
    match (args.stream, args.protocol) {
        (false, _) => replay::run::<T>(args),
        (true, 1) => stream::first::run::<T>(args),
        (true, _) => stream::second::run::<T>(args),
    }
}
