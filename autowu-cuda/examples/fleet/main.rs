//! Ten thousand small networks, each with its own AutoWU, in one program.
//!
//! ```text
//! cargo run --release -p autowu-cuda --example fleet
//! ```
//!
//! Each problem's data has its own scale, between 0.1 and 10, so no learning rate suits all. The
//! networks train on the host; the tests due in a step are one batch, on the host or on a GPU.

mod plot;
mod problems;

use autowu_core::{Config, Decay, Event, Interval, Patience, Ramp, Real, Reason};
use autowu_cuda::{Device, Fleet, probe};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use problems::Problems;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Trains many small networks side by side, each with its own learning rate, and draws when they
/// switched.
#[derive(Parser)]
#[command(after_help = "EXAMPLES:\n  \
    fleet                        10 000 networks, 400 steps each\n  \
    fleet --compare              and the same networks with one learning rate for all of them\n  \
    fleet --device cuda          the tests on a GPU\n  \
    fleet --quick                300 networks: does it run?")]
struct Args {
    /// Networks.
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    /// Updates of each.
    #[arg(long, default_value_t = 400)]
    steps: u64,
    /// Decides data, networks and which losses a vote sees.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the tests are computed.
    #[arg(long, value_enum, default_value_t = Where::Best)]
    device: Where,
    /// Train the same networks with one learning rate for all, from a grid of peaks with warmup
    /// and cosine.
    #[arg(long)]
    compare: bool,
    /// 300 networks.
    #[arg(long)]
    quick: bool,
    /// Folder for fleet.csv and fleet.svg.
    #[arg(long, default_value = "out/fleet")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Where {
    /// A GPU if there is one, else the host.
    Best,
    /// All cores.
    Host,
    /// The first GPU, or an error.
    Cuda,
}

/// The result of one member.
#[derive(Clone, Default)]
struct Member {
    scale: f64,
    /// Steps of its detections: the loss has passed its minimum, or is not finite.
    detections: Vec<u64>,
    /// Where the decay began, and from which learning rate.
    decay: Option<(u64, f64)>,
    accuracy: f64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let device = match args.device {
        Where::Best => Device::best(),
        Where::Host => Device::Host,
        Where::Cuda => Device::cuda(0).map_err(|e| e.to_string())?,
    };
    if !matches!(args.device, Where::Host) {
        println!("{}", probe());
    }
    let n = if args.quick { args.members.min(300) } else { args.members };
    let members = train(args, n, device)?;
    let accuracies: Vec<f64> = members.iter().map(|m| m.accuracy).collect();
    println!("{:<28} accuracy on points not trained on", "learning rates");
    println!("{:<28} {}", "AutoWU, each its own", summary(accuracies));
    if args.compare {
        for peak in [0.03, 0.1, 0.3, 1.0, 3.0] {
            println!(
                "{:<28} {}",
                format!("peak {peak} for all"),
                summary(train_alike(args, n, peak))
            );
        }
    }
    std::fs::create_dir_all(&args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;
    write_csv(&args.out.join("fleet.csv"), &members)?;
    plot::draw(&args.out.join("fleet.svg"), Config::new(args.steps).warmup_steps(), &members)?;
    println!("wrote fleet.csv and fleet.svg to {}", args.out.display());
    Ok(())
}

/// The whole loop: losses, `observe`, copies and restores, update.
fn train(args: &Args, n: usize, device: Device) -> Result<Vec<Member>, String> {
    let place = device.name();
    // Plain gradient descent bears more than 1 where the data is small. Tests take most of the time
    // of so small a model: at every quarter of growth, not every tenth, there are half as many.
    let ramp = Ramp::default().tested(Interval::Growth(1.25), Patience::Growth(1.25));
    let config =
        Config::new(args.steps).with_lr_range(1e-4, 10.0).with_ramp(ramp).with_seed(args.seed);
    let mut fleet = Fleet::<f32>::new(config, n, device).map_err(|e| e.to_string())?;
    let mut problems = Problems::new(n, args.seed);
    let mut members: Vec<Member> =
        problems.scales().map(|scale| Member { scale, ..Member::default() }).collect();
    let bar = ProgressBar::new(args.steps);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} step {pos}/{len}, {eta} left, {msg}")
    {
        bar.set_style(style);
    }
    let (mut tests, mut testing, begun) = (0, Duration::ZERO, Instant::now());
    for step in 0..args.steps {
        let lrs = fleet.lrs();
        let losses = problems.losses(step);
        let observed = Instant::now();
        let happened = fleet.observe(&losses).map_err(|e| e.to_string())?;
        testing += observed.elapsed();
        tests += happened.reports.len();
        for (i, event) in happened.events {
            match event {
                Event::Snapshot { .. } => problems.copy(i),
                Event::Restore { step, reason, .. } => {
                    problems.restore(i);
                    if matches!(reason, Reason::PastMinimum | Reason::NonFinite) {
                        members[i].detections.push(step);
                    }
                }
                Event::Decay { step, peak, .. } => members[i].decay = Some((step, f64::from(peak))),
                _ => {}
            }
        }
        problems.update(&lrs);
        bar.set_message(format!("{tests} tests"));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (all, testing) = (begun.elapsed().as_secs_f64(), testing.as_secs_f64());
    println!(
        "{n} networks × {} steps in {all:.1} s; {tests} tests on {place} ({} threads) took \
         {testing:.1} s of it, {:.0} a second",
        args.steps,
        rayon::current_num_threads(),
        tests as f64 / testing
    );
    for (member, accuracy) in members.iter_mut().zip(problems.accuracies()) {
        member.accuracy = accuracy;
    }
    Ok(members)
}

/// The same networks and batches, with one learning rate for all: linear warmup over a tenth of the
/// steps, cosine to 0.
fn train_alike(args: &Args, n: usize, peak: f32) -> Vec<f64> {
    let mut problems = Problems::new(n, args.seed);
    let warmup = args.steps / 10;
    for step in 0..args.steps {
        problems.losses(step);
        let lr = if step < warmup {
            peak * f32::of_u64(step + 1) / f32::of_u64(warmup)
        } else {
            Decay::Cosine.at(step, warmup, args.steps, peak, 0.0)
        };
        problems.update(&vec![lr; n]);
    }
    problems.accuracies()
}

fn summary(mut accuracies: Vec<f64>) -> String {
    accuracies.sort_by(f64::total_cmp);
    let n = accuracies.len();
    let quantile = |q: f64| {
        accuracies
            .get(((n as f64 * q) as usize).min(n.saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let mean = accuracies.iter().sum::<f64>() / n as f64;
    format!("mean {mean:.3}; worst tenth below {:.3}, median {:.3}", quantile(0.1), quantile(0.5))
}

fn write_csv(path: &Path, members: &[Member]) -> Result<(), String> {
    let mut csv = String::from("member,scale,detections,first_detection,decay,peak,accuracy\n");
    for (i, m) in members.iter().enumerate() {
        let first = m.detections.first().map_or(String::new(), u64::to_string);
        let (decay, peak) =
            m.decay.map_or(Default::default(), |(step, lr)| (step.to_string(), format!("{lr:e}")));
        let _ = writeln!(
            csv,
            "{i},{:e},{},{first},{decay},{peak},{}",
            m.scale,
            m.detections.len(),
            m.accuracy
        );
    }
    std::fs::write(path, csv).map_err(|e| format!("{}: {e}", path.display()))
}
