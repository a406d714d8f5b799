//! A program without std, alloc and Rust's runtime: it builds, runs a whole schedule, and contains
//! nothing superfluous.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used)] // a failed expectation ends the test

use std::path::Path;
use std::process::Command;

/// The panics of core that the optimiser leaves: indices of loops and subsets that it cannot bound,
/// and a division by the test interval, which is at least 1 by construction. No loss and no
/// configuration reaches them: the fuzz targets try.
const PANICS: [&str; 4] =
    ["panic_bounds_check", "slice_index_fail", "panic_const_div_by_zero", "panic_fmt"];

/// Imports: the start of a process and moving memory. No `malloc`.
const IMPORTS: [&str; 7] =
    ["__libc_start_main", "memcpy", "memset", "memmove", "memcmp", "bcmp", "__cxa_finalize"];

#[test]
fn core_alone_runs_a_whole_schedule() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("bare_metal");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare_metal");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(program.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("RUSTFLAGS")
        .status()
        .unwrap();
    assert!(built.success(), "it does not build");
    let binary = target.join("release/autowu-bare-metal");
    assert_eq!(
        Command::new(&binary).status().unwrap().code(),
        Some(0),
        "which expectation of src/main.rs failed"
    );

    let listed = Command::new("nm").args(["--demangle", "--format=posix"]).arg(&binary).output();
    let listed = listed
        .map_err(|e| format!("nm, of the binutils that a C compiler comes with: {e}"))
        .unwrap();
    let symbols = String::from_utf8(listed.stdout).unwrap();
    assert!(symbols.contains("autowu_core"), "nm lists nothing: {symbols}");
    let mut panics = 0;
    for line in symbols.lines() {
        assert!(
            !["std::", "alloc::", "__rust_alloc", "rust_eh_personality"]
                .iter()
                .any(|s| line.contains(s)),
            "{line}"
        );
        if line.contains("panic") || line.contains("_fail") {
            assert!(PANICS.iter().any(|known| line.contains(known)), "another panic: {line}");
            panics += 1;
        }
        if line.contains(" U") {
            assert!(IMPORTS.iter().any(|known| line.starts_with(known)), "another import: {line}");
        }
    }
    println!(
        "{panics} of core's panics are left in {} bytes",
        std::fs::metadata(&binary).unwrap().len()
    );
}
