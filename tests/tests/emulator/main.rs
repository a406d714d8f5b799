//! The CUDA kernels on the CPU, thread by thread, against core.
//!
//! Shared memory starts as NaN, and threads run in three orders: a missing barrier shows as a
//! difference between them.
#![allow(unsafe_code)]

#[cfg(emulator)]
mod effort;
#[cfg(emulator)]
mod ffi;
#[cfg(emulator)]
mod laws;

#[cfg(not(emulator))]
#[test]
fn skipped() {
    println!(
        "SKIPPED: the kernels were not compiled for the CPU, because there is no C++ compiler for \
         tests/build.rs"
    );
}
