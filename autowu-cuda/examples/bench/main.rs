//! Tests of curves per second: the host on all cores, a GPU if there is one, and GPyTorch if Python
//! has it.
//!
//! ```text
//! cargo run --release -p autowu-cuda --example bench
//! ```

mod gpu;
mod host;

use autowu_cuda::{Device, Error, Number, probe};
use autowu_lab::work::{FIT, VOTE};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Distinct curves; larger batches repeat them.
const DISTINCT: usize = 1000;

/// Measures whole tests, fit and inference against the batch size, and prints a table in Markdown.
///
/// A batch is the default's test of curves of 200 losses: a fit on 100, five votes on 160, 500
/// locations. "Whole" is what `BatchTest::run` takes, copies included. When one batch takes longer
/// than --seconds, larger ones are left out.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    bench                                  everything that is there\n  \
    bench --most 1000 --seconds 1          a first look\n  \
    bench --python venv/bin/python         where torch and gpytorch are installed\n  \
    bench --csv bench.csv                  and the table as CSV")]
struct Args {
    /// Largest batch.
    #[arg(long, default_value_t = 1_000_000)]
    most: usize,
    /// A batch that takes longer than this is the last of its kind.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The Python to look for GPyTorch in.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The table as CSV, in seconds a batch.
    #[arg(long)]
    csv: Option<PathBuf>,
}

/// Seconds for one batch.
pub struct Row {
    place: String,
    precision: &'static str,
    size: usize,
    whole: Option<f64>,
    fit: f64,
    inference: f64,
    note: String,
}

impl Row {
    fn csv(&self) -> String {
        let Row { place, precision, size, whole, fit, inference, note } = self;
        let whole = whole.unwrap_or(fit + inference);
        format!("\"{place}\",{precision},{size},{whole:e},{fit:e},{inference:e},\"{note}\"\n")
    }

    fn markdown(&self) -> String {
        let each = |seconds: f64| format!("{:.3}", 1e6 * seconds / self.size as f64);
        let whole = self.whole.unwrap_or(self.fit + self.inference);
        format!(
            "| {} | {} | {} | {:.0} | {} | {} | {} |",
            self.place,
            self.precision,
            self.size,
            self.size as f64 / whole,
            each(self.fit),
            each(self.inference),
            self.note
        )
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// The rows so far: printed, and written as CSV if asked for.
struct Table<'a> {
    csv: Option<&'a Path>,
    lines: String,
}

impl Table<'_> {
    fn add(&mut self, row: &Row) -> Result<(), String> {
        println!("{}", row.markdown());
        self.lines += &row.csv();
        let Some(path) = self.csv else { return Ok(()) };
        std::fs::write(path, &self.lines).map_err(|e| format!("{}: {e}", path.display()))
    }
}

fn run(args: &Args) -> Result<(), String> {
    let lines = "where,precision,batch,whole,fit,inference,note\n".into();
    let mut table = Table { csv: args.csv.as_deref(), lines };
    println!("GPU: {}\n", probe());
    println!(
        "| where | precision | batch | tests a second | fit, µs a curve | inference, µs a curve | |"
    );
    println!("|---|---|---|---|---|---|---|");
    let gpu = match Device::best() {
        Device::Cuda(stream) => Some(stream),
        _ => None,
    };
    if let Some(stream) = &gpu {
        sweep(args, &mut table, |size| gpu::batch::<f32>(stream, size))?;
        sweep(args, &mut table, |size| gpu::batch::<f64>(stream, size))?;
    }
    sweep(args, &mut table, host::batch::<f32>)?;
    sweep(args, &mut table, host::batch::<f64>)?;
    gpytorch(args, &mut table, gpu.is_some())?;
    println!(
        "\nOperations of the kernels, a curve (additions and multiplications; divisions, roots, \
         exponentials):"
    );
    println!("fit {} + {}, inference {} + {}", FIT.simple, FIT.special, VOTE.simple, VOTE.special);
    println!("\nOne step of a fleet of 10 000 in which no test is due:");
    println!("host: {:.1} µs", 1e6 * host::fleet_step(10_000).map_err(|e| e.to_string())?);
    if let Some(stream) = &gpu {
        println!(
            "GPU: {:.1} µs",
            1e6 * gpu::fleet_step(stream, 10_000).map_err(|e| e.to_string())?
        );
    }
    Ok(())
}

/// Batches of 1, 10, … until one takes too long.
fn sweep(
    args: &Args,
    table: &mut Table<'_>,
    batch: impl Fn(usize) -> Result<Row, Error>,
) -> Result<(), String> {
    let sizes = std::iter::successors(Some(1_usize), |size| size.checked_mul(10))
        .take_while(|&size| size <= args.most);
    for size in sizes {
        let row = batch(size).map_err(|e| format!("a batch of {size}: {e}"))?;
        table.add(&row)?;
        if row.whole.unwrap_or(0.0) > args.seconds {
            break;
        }
    }
    Ok(())
}

/// The rows of gpytorch_batch.py, or why it has none.
fn gpytorch(args: &Args, table: &mut Table<'_>, on_gpu: bool) -> Result<(), String> {
    let script = include_str!("gpytorch_batch.py");
    let sizes = ["1", "10", "100", "1000", "10000"];
    let sizes = if on_gpu { &sizes[..] } else { &sizes[..3] };
    let output = Command::new(&args.python).args(["-c", script]).args(sizes).output();
    let lines = match &output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(output) => {
            let message = String::from_utf8_lossy(&output.stderr);
            println!(
                "\nGPyTorch: not measured: {}",
                message.lines().last().unwrap_or("no message")
            );
            return Ok(());
        }
        Err(e) => {
            println!("\nGPyTorch: not measured: {}: {e}", args.python.display());
            return Ok(());
        }
    };
    for line in lines.lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let number = |key: &str| value[key].as_f64().unwrap_or(f64::NAN);
        table.add(&Row {
            place: format!("GPyTorch, {}", value["device"].as_str().unwrap_or("?")),
            precision: f32::NAME,
            size: number("batch") as usize,
            whole: None,
            fit: number("fit"),
            inference: number("inference"),
            note: String::new(),
        })?;
    }
    Ok(())
}

/// Median seconds of at least three runs, and of as many as half a second holds; one run where it
/// takes longer than that.
pub fn median(mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut seconds = Vec::new();
    let begun = Instant::now();
    while seconds.len() < 3 || begun.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        work()?;
        seconds.push(start.elapsed().as_secs_f64());
        if begun.elapsed() > Duration::from_secs(2) {
            break;
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
