//! Faults on purpose: a tool of compute-sanitizer that does not find them says nothing.
#![allow(unsafe_code)]

use crate::gpu::stream;
use cudarc::driver::{LaunchConfig, PushKernelArg};
use cudarc::nvrtc::Ptx;
use std::process::Command;

/// The exit status of compute-sanitizer where it found something.
pub const FOUND: &str = "9";

/// `outside` writes behind its memory; `race` lets 64 threads write one word of shared memory;
/// `unset` reads what nobody wrote.
const PTX: &str = "
.version 8.0
.target sm_70
.address_size 64
.visible .entry outside(.param .u64 memory) {
    .reg .u64 %a;
    ld.param.u64 %a, [memory];
    cvta.to.global.u64 %a, %a;
    st.global.u32 [%a+1048576], 7;
    ret;
}
.visible .entry race(.param .u64 memory) {
    .reg .u64 %a;
    .reg .u32 %t, %s;
    .shared .align 4 .u32 word;
    mov.u32 %t, %tid.x;
    st.shared.u32 [word], %t;
    ld.shared.u32 %s, [word];
    ld.param.u64 %a, [memory];
    cvta.to.global.u64 %a, %a;
    st.global.u32 [%a], %s;
    ret;
}
.visible .entry unset(.param .u64 memory) {
    .reg .u64 %a;
    .reg .u32 %s;
    ld.param.u64 %a, [memory];
    cvta.to.global.u64 %a, %a;
    ld.global.u32 %s, [%a];
    add.u32 %s, %s, 1;
    st.global.u32 [%a+4], %s;
    ret;
}
";

/// The fault that a tool has to find.
pub fn by(tool: &str) -> Option<&'static str> {
    match tool {
        "memcheck" => Some("outside"),
        "racecheck" => Some("race"),
        "initcheck" => Some("unset"),
        _ => None,
    }
}

/// Runs a kernel with a fault; whether the driver saw it does not matter.
pub fn run(fault: &str) -> bool {
    let launched = || -> Result<(), String> {
        let failed = |e: cudarc::driver::DriverError| format!("{e:?}");
        let stream = stream()?;
        let module = stream.context().load_module(Ptx::from_src(PTX)).map_err(failed)?;
        let kernel = module.load_function(fault).map_err(failed)?;
        // SAFETY: 16 bytes that the kernels may write; `unset` reads them as they are.
        let mut memory = unsafe { stream.alloc::<u32>(4) }.map_err(failed)?;
        let mut call = stream.launch_builder(&kernel);
        call.arg(&mut memory);
        let config =
            LaunchConfig { grid_dim: (1, 1, 1), block_dim: (64, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: one pointer, as the kernels have it. The fault is what is looked for, in a
        // process that ends with it.
        unsafe { call.launch(config) }.map_err(failed)?;
        stream.synchronize().map_err(failed)
    };
    if let Err(e) = launched() {
        println!("- {e}");
    }
    true
}

/// Whether a tool finds its fault.
pub fn found(sanitizer: &str, tool: &str, fault: &str) -> bool {
    let Ok(own) = std::env::current_exe() else { return false };
    let args = ["--tool", tool, "--error-exitcode", FOUND];
    let output =
        Command::new(sanitizer).args(args).arg(own).args(["--inside", "planted", fault]).output();
    let output = match output {
        Ok(output) => output,
        Err(e) => {
            println!("- {sanitizer}: {e}");
            return false;
        }
    };
    let found = output.status.code().map(|code| code.to_string()).as_deref() == Some(FOUND);
    println!("- a planted fault (`{fault}`): {}", if found { "found" } else { "NOT FOUND" });
    if !found {
        println!("{}", String::from_utf8_lossy(&output.stdout));
    }
    found
}
