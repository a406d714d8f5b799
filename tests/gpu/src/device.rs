//! What is there: driver, GPU, host; and how long the kernels take to load.

use crate::check::Checks;
use crate::gpu::{Gpu, stream};
use std::process::Command;
use std::time::Instant;

/// Describes the machine and loads the kernels.
pub fn run() -> bool {
    println!("- {}", autowu_cuda::probe());
    println!("- driver {}", driver().unwrap_or_else(|| "version unknown".into()));
    println!("- host: {}\n", host());
    let mut checks = Checks::new();
    for again in ["first", "again"] {
        checks.check(&format!("kernels loaded, {again}"), || {
            let begun = Instant::now();
            let stream = stream()?;
            let opened = begun.elapsed().as_secs_f64();
            Gpu::<f32>::on(&stream)?;
            let single = begun.elapsed().as_secs_f64() - opened;
            Gpu::<f64>::on(&stream)?;
            let double = begun.elapsed().as_secs_f64() - opened - single;
            Ok(format!("context {opened:.2} s, f32 {single:.2} s, f64 {double:.2} s"))
        });
    }
    checks.passed()
}

/// The driver's version, from the tool that comes with it or from the kernel.
fn driver() -> Option<String> {
    let ask = ["--query-gpu=driver_version,name,clocks.max.sm", "--format=csv,noheader"];
    let asked = Command::new("nvidia-smi").args(ask).output().ok();
    let told = asked.filter(|asked| asked.status.success());
    let said = told.map(|asked| String::from_utf8_lossy(&asked.stdout).trim().to_string());
    said.or_else(|| {
        let text = std::fs::read_to_string("/proc/driver/nvidia/version").ok()?;
        text.lines().next().map(str::to_string)
    })
}

fn host() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{threads} threads, {}", model.map_or("unknown", |(_, name)| name))
}
