//! Compiles the CUDA kernels for the CPU, for the test `emulator`. Without a C++ compiler that test
//! says so and passes.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(emulator)");
    let kernels = Path::new("../autowu-cuda/kernels");
    println!("cargo::rerun-if-changed=emulator");
    println!("cargo::rerun-if-changed={}", kernels.display());
    let mut possible = cc::Build::new();
    possible
        .cpp(true)
        .std("c++17")
        .cargo_warnings(false)
        .cargo_metadata(false)
        .file("emulator/possible.cpp");
    if let Err(e) = possible.try_compile("autowu_emulator_is_possible") {
        println!("cargo::warning=the CUDA kernels are not tested on the CPU: {e}");
        return;
    }
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        // The same sums on every CPU: no fused multiply-adds except those in the source.
        .flag_if_supported("-ffp-contract=off")
        // #pragma unroll is CUDA's.
        .flag_if_supported("-Wno-unknown-pragmas")
        // glibc's check of longjmp does not know fibres.
        .flag_if_supported("-U_FORTIFY_SOURCE")
        .include(kernels)
        .files(["emulator/emulator.cpp", "emulator/fibres.cpp"])
        // A compiler that refuses the kernels is a failure.
        .compile("autowu_emulator");
    println!("cargo::rustc-cfg=emulator");
}
