//! Batches when the GPU's memory is short: they are split, and give the same bits; and when not one
//! curve fits, which is an error in words.

use crate::check::{Checks, ensure, text};
use crate::gpu::{Gpu, stream};
use autowu_core::gp::Fit;
use autowu_cuda::Error;
use autowu_cuda::batch::{Curve, Params};
use autowu_cuda::kernels::{Losses, bytes};
use autowu_lab::work;
use cudarc::driver::{CudaSlice, CudaStream};
use std::sync::Arc;

/// More than one launch takes.
const N: usize = (1 << 17) + 5000;

/// All checks.
pub fn run() -> bool {
    let mut checks = Checks::new();
    checks.check("a batch in ever less memory, the same bits", less_and_less);
    checks.check("no room for one curve", none);
    checks.passed()
}

/// Takes memory in plain allocations until no more than about `rest` bytes are left.
fn fill(stream: &Arc<CudaStream>, rest: usize) -> Result<Vec<CudaSlice<u8>>, String> {
    let mut taken = Vec::new();
    let mut size = 16 << 30;
    let smallest = if rest > 0 { 1 << 20 } else { 256 };
    while size >= smallest {
        let free = free(stream)?;
        if size + rest > free && rest > 0 {
            size /= 2;
            continue;
        }
        match stream.alloc_zeros(size) {
            Ok(slice) => taken.push(slice),
            Err(_) => size /= 2,
        }
        stream.synchronize().map_err(|e| format!("{e:?}"))?;
    }
    Ok(taken)
}

fn free(stream: &Arc<CudaStream>) -> Result<usize, String> {
    let (free, _) = stream.context().mem_get_info().map_err(|e| format!("{e:?}"))?;
    Ok(free)
}

fn less_and_less() -> Result<String, String> {
    let stream = stream()?;
    let gpu = Gpu::<f32>::on(&stream)?;
    let losses: Vec<f32> = (0..N as u64).flat_map(|i| work::curve::<f32>(i % 500)).collect();
    let record = |i: usize| Curve {
        seed: i as u64,
        ..Curve::new((i * work::LOSSES) as u64, work::LOSSES as u32, 1)
    };
    let curves: Vec<Curve> = (0..N).map(record).collect();
    let params = Params::of(&work::config().test);
    let fits = vec![Fit::<f32>::default().to_array(); N];
    let run = || gpu.kernels().run(&params, &curves, Losses::Host(&losses), &fits).map_err(text);
    let expected = run()?;
    let needed = bytes::<f32>(&params, &curves) >> 20;
    let mut said = format!("{N} curves need {needed} MiB");
    for rest in [96 << 20, 40 << 20, 8 << 20] {
        let taken = fill(&stream, rest)?;
        let left = free(&stream)? >> 20;
        let found = run().map_err(|e| format!("with {left} MiB free: {e}"))?;
        ensure(found == expected, || format!("other bits with {left} MiB free"))?;
        said += &format!(", the same bits with {left} MiB free");
        drop(taken);
        stream.synchronize().map_err(|e| format!("{e:?}"))?;
    }
    Ok(said)
}

fn none() -> Result<String, String> {
    let stream = stream()?;
    let gpu = Gpu::<f32>::on(&stream)?;
    let losses = work::curve::<f32>(0);
    let curves = [Curve::new(0, work::LOSSES as u32, 1)];
    let params = Params::of(&work::config().test);
    let fits = [Fit::<f32>::default().to_array()];
    let run = || gpu.kernels().run(&params, &curves, Losses::Host(&losses), &fits);
    let expected = run().map_err(text)?;
    let taken = fill(&stream, 0)?;
    let refused = run();
    let said = match &refused {
        Err(e @ Error::OutOfMemory { .. }) => e.to_string(),
        Err(e) => return Err(format!("with no memory left: {e}")),
        Ok(_) => return Err(format!("it fits into {} allocations' rest", taken.len())),
    };
    drop(taken);
    stream.synchronize().map_err(|e| format!("{e:?}"))?;
    let after = run().map_err(|e| format!("after memory came back: {e}"))?;
    ensure(after == expected, || "other bits after memory came back".into())?;
    Ok(format!("\"{said}\"; with memory again, the same bits"))
}
