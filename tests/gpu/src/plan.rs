//! Which parts there are, and what each runs.

use crate::part::{Part, Work};
use crate::planted;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The tools of compute-sanitizer.
const SANITIZERS: [&str; 4] = ["memcheck", "racecheck", "synccheck", "initcheck"];

/// Every part, in the order of its worth.
pub fn parts(out: &Path, python: &str) -> Result<Vec<Part>, String> {
    let own = std::env::current_exe().map_err(|e| format!("the program's own path: {e}"))?;
    let beside = own.parent().unwrap_or(Path::new(".")).to_path_buf();
    let inside = |name: &str| {
        let mut command = Command::new(&own);
        command.args(["--inside", name]);
        command
    };
    let example = |name: &str, args: &[&str]| {
        let mut command = Command::new(beside.join(name));
        command.args(args);
        command
    };
    let mut parts = Vec::new();
    let mut add = |name: &str, seconds: u64, what, command| {
        let limit = Duration::from_secs(seconds);
        parts.push(Part { name: name.into(), what, limit, command });
    };
    let lone = |command| Work::Commands(vec![command]);
    add("device", 60, "driver, GPU, loading of the kernels", lone(inside("device")));
    for name in ["laws f64", "laws f32"] {
        let mut command = inside(name);
        // Five times the emulator's curves, and always the same.
        command.envs([("PROPTEST_CASES", "60"), ("PROPTEST_RNG_SEED", "1")]);
        add(name, 90, "every law of the emulator, against core on the host", lone(command));
    }
    add(
        "fleets",
        90,
        "fleets by host and device slices against host fleets",
        lone(inside("fleets")),
    );
    add(
        "batches",
        60,
        "stored curves from host and device against the host",
        lone(inside("batches")),
    );
    add(
        "memory",
        60,
        "batches when memory is short, and when there is none",
        lone(inside("memory")),
    );
    add("contexts", 60, "other contexts, streams and threads", lone(inside("contexts")));
    for tool in SANITIZERS {
        let command = match sanitizer() {
            Some(path) => {
                let under = |name| {
                    let mut command = Command::new(&path);
                    command.args(["--tool", tool, "--error-exitcode", planted::FOUND]);
                    command.arg(&own).args(["--inside", name]);
                    command
                };
                let control = |fault| {
                    let mut command = inside("found");
                    command.arg(&path).args([tool, fault]);
                    command
                };
                let control = planted::by(tool).map(control);
                Work::Commands(control.into_iter().chain([under("short")]).collect())
            }
            None => Work::NotThere("compute-sanitizer is not installed".into()),
        };
        add(tool, 60, "a short part under compute-sanitizer", command);
    }
    let path = |name: &str| out.join(name).to_string_lossy().into_owned();
    let csv = path("bench.csv");
    let bench = example("bench", &["--seconds", "1.5", "--python", python, "--csv", &csv]);
    add("bench", 240, "curve-tests a second, a fleet's step, GPyTorch", lone(bench));
    let fleet = |device| example("fleet", &["--device", device, "--out", &path(device)]);
    let (cuda, host) = (path("cuda/fleet.csv"), path("host/fleet.csv"));
    let networks = vec![fleet("cuda"), fleet("host"), same(&own, "0.01", &host, &cuda)];
    add(
        "networks",
        120,
        "ten thousand networks, tests on the GPU and on the host",
        Work::Commands(networks),
    );
    let detector = |device| {
        let out = path(&format!("detector-{device}"));
        example("detector_batch", &["--device", device, "--budgets", "10x20", "--out", &out])
    };
    let (cuda, host) = (path("detector-cuda/detector.csv"), path("detector-host/detector.csv"));
    let detector = vec![detector("cuda"), detector("host"), same(&own, "0.2", &host, &cuda)];
    add(
        "detector",
        120,
        "the detector's table, tests on the GPU and on the host",
        Work::Commands(detector),
    );
    Ok(parts)
}

/// Compares two tables, of whose rows a share may differ.
fn same(own: &Path, share: &str, host: &str, gpu: &str) -> Command {
    let mut command = Command::new(own);
    command.args(["--inside", "same", share, host, gpu]);
    command
}

/// compute-sanitizer, where it is installed.
fn sanitizer() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/cuda/bin".into(), "/usr/local/cuda/compute-sanitizer".into()])
        .map(|folder| folder.join("compute-sanitizer"))
        .find(|path| path.is_file())
}
