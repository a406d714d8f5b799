//! The first minutes on a GPU: everything of autowu-cuda that only a device can show, in one
//! program that needs an NVIDIA driver and nothing else. `tests/gpu/build` makes the bundle,
//! `docs/gpu.md` says what came out.
//!
//! Every part runs in a process of its own, because a kernel that fails takes its context with it.
//!
//! - `plan`: which parts there are. `part`: a process with a time limit. `report`: what is written.
//! - The parts: `device`, `laws`, `fleets`, `batches`, `memory`, `contexts`; `short` and `planted`
//!   under compute-sanitizer; the examples `bench`, `fleet` and `detector_batch` of autowu-cuda,
//!   which lie beside the program, and `same`, which compares what they wrote.
//! - What they share: `check` (a row of a part's table), `gpu` (the kernels as an engine of the
//!   laws), `landscape` (losses that answer to the learning rate).

mod batches;
mod check;
mod contexts;
mod device;
mod fleets;
mod gpu;
mod landscape;
mod laws;
mod memory;
mod part;
mod plan;
mod planted;
mod report;
mod same;
mod short;

use clap::Parser;
use part::Ended;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs everything of autowu-cuda that needs a GPU, and writes one report.
///
/// Each part is a process of its own with a time limit; a part that fails does not stop the others.
/// The exit status is 0 if no part failed, 1 if one did, 2 if there is no GPU to run on.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    autowu-gpu                           everything, ten minutes at most; gpu-report/report.md\n  \
    autowu-gpu --part laws --part bench  parts whose names begin so\n  \
    autowu-gpu --list                    the parts, and the seconds that each may take")]
struct Args {
    /// Folder for report.md and what the parts wrote.
    #[arg(long, default_value = "gpu-report")]
    out: PathBuf,
    /// All parts together take at most this long; what has not begun by then is not run.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only the parts whose names begin so; may be given again.
    #[arg(long)]
    part: Vec<String>,
    /// List the parts.
    #[arg(long)]
    list: bool,
    /// The Python to look for GPyTorch in.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Runs one part in this process.
    #[arg(long, hide = true, num_args = 1..)]
    inside: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.inside.is_empty() {
        return inside(&args.inside);
    }
    run(&args).unwrap_or_else(|e| {
        eprintln!("error: {e}");
        ExitCode::FAILURE
    })
}

/// One part; its standard output is its place in the report.
fn inside(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let passed = match words[..] {
        ["device"] => device::run(),
        ["laws f64"] => laws::run::<f64>(),
        ["laws f32"] => laws::run::<f32>(),
        ["fleets"] => fleets::run(),
        ["batches"] => batches::run(),
        ["memory"] => memory::run(),
        ["contexts"] => contexts::run(),
        ["short"] => short::run(),
        ["planted", fault] => planted::run(fault),
        ["found", sanitizer, tool, fault] => planted::found(sanitizer, tool, fault),
        ["same", share, host, gpu] => same::run(share, host, gpu),
        _ => {
            eprintln!("error: there is no part {words:?}: see --list");
            false
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(args: &Args) -> Result<ExitCode, String> {
    let mut parts = plan::parts(&args.out, &args.python)?;
    if !args.part.is_empty() {
        parts.retain(|part| args.part.iter().any(|prefix| part.name.starts_with(prefix.as_str())));
    }
    if args.list || parts.is_empty() {
        for part in &parts {
            println!("{:<12} {:>4} s  {}", part.name, part.limit.as_secs(), part.what);
        }
        return if parts.is_empty() { Err("no such part: see --list".into()) } else { ok(0) };
    }
    let kept = args.out.join("parts");
    std::fs::create_dir_all(&kept).map_err(|e| format!("{}: {e}", kept.display()))?;
    let found = autowu_cuda::probe();
    println!("{found}");
    let end = Instant::now() + Duration::from_secs_f64(args.minutes.clamp(0.1, 1e6) * 60.0);
    let mut results = Vec::new();
    for part in &parts {
        let result = if found.is_ready() {
            println!("{}: {} …", part.name, part.what);
            part.run(&kept, end)
        } else {
            part.not_run(format!("needs an NVIDIA driver and a GPU: {found}"))
        };
        println!("{}: {}, {:.1} s", part.name, result.ended, result.seconds);
        results.push(result);
        // After every part, so that a report is there if the machine goes away.
        report::write(&args.out.join("report.md"), &found.to_string(), &results)?;
    }
    println!("wrote {}", args.out.join("report.md").display());
    if !found.is_ready() {
        return ok(2);
    }
    ok(u8::from(results.iter().any(|r| matches!(r.ended, Ended::Failed(_)))))
}

fn ok(code: u8) -> Result<ExitCode, String> {
    Ok(ExitCode::from(code))
}
