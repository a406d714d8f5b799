//! The GPU: the same batches by the kernels.

use crate::{DISTINCT, Row, median};
use autowu_core::Config;
use autowu_core::gp::Fit;
use autowu_cuda::batch::{Curve, Params};
use autowu_cuda::kernels::{Kernels, Losses, bytes};
use autowu_cuda::{BatchTest, Device, Error, Fleet, Number, Stored};
use autowu_lab::work::{FIT, LOSSES, VOTE, config, curve};
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::{CudaContext, CudaStream};
use std::sync::Arc;
use std::time::Instant;

/// One batch: whole tests with all copies, and the kernels apart.
pub fn batch<T: Number>(stream: &Arc<CudaStream>, size: usize) -> Result<Row, Error> {
    let curves: Vec<Vec<T>> = (0..size.min(DISTINCT) as u64).map(curve).collect();
    let stored: Vec<_> = (0..size).map(|i| Stored::new(&curves[i % DISTINCT], i as u64)).collect();
    let test = BatchTest::new(config(), Device::Cuda(stream.clone()))?;
    let whole = median(|| test.run(&stored).map(drop))?;

    // At most a fraction of any GPU's memory at a time.
    let part = size.min(1 << 17);
    let losses: Vec<T> = (0..part).flat_map(|i| curves[i % DISTINCT].iter().copied()).collect();
    let record =
        |i: usize| Curve { seed: i as u64, ..Curve::new((i * LOSSES) as u64, LOSSES as u32, 1) };
    let records: Vec<Curve> = (0..part).map(record).collect();
    let params = Params::of(&config().test);
    let fits = vec![Fit::<T>::default().to_array(); part];
    let kernels = Kernels::<T>::load(stream)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(kernels.time(&params, &records, Losses::Host(&losses), &fits)?);
    }
    let middle = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2] * size as f64 / part as f64
    };
    let fit = middle(times.iter().map(|t| t.fit.as_secs_f64()).collect());
    let inference = middle(times.iter().map(|t| t.vote.as_secs_f64()).collect());
    let view = middle(times.iter().map(|t| t.view.as_secs_f64()).collect());
    let share = |operations: u64, seconds: f64| {
        peak::<T>(stream.context()).map_or(String::from("peak unknown"), |peak| {
            format!("{:.0} %", 100.0 * operations as f64 * size as f64 / seconds / peak)
        })
    };
    let note = format!(
        "kernels alone {:.0} tests/s; share of the GPU's peak: fit {}, inference {}; {} bytes a \
         curve",
        size as f64 / (view + fit + inference),
        share(FIT.simple, fit),
        share(VOTE.simple, inference),
        bytes::<T>(&params, &records[..1]),
    );
    Ok(Row {
        place: "GPU".into(),
        precision: T::NAME,
        size,
        whole: Some(whole),
        fit,
        inference,
        note,
    })
}

/// Additions and multiplications a second at most: multiprocessors × lanes × 2 × clock.
fn peak<T: Number>(context: &CudaContext) -> Option<f64> {
    let ask = |attribute| context.attribute(attribute).ok().map(f64::from);
    let multiprocessors = ask(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
    let kilohertz = ask(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?;
    // CUDA C++ Programming Guide, "Arithmetic Instructions": multiply-adds per clock and
    // multiprocessor.
    let lanes = match (context.compute_capability().ok()?, size_of::<T>()) {
        ((7, _) | (8, 0), 4) => 64.0,
        (_, 4) => 128.0,
        ((7, 0 | 2) | (8, 0), _) => 32.0,
        ((9, 0) | (10, 0), _) => 64.0,
        _ => 2.0,
    };
    Some(multiprocessors * lanes * 2.0 * kilohertz * 1e3)
}

/// Seconds of one step of a fleet in which no test is due: losses and learning rates stay on the
/// GPU.
pub fn fleet_step(stream: &Arc<CudaStream>, members: usize) -> Result<f64, Error> {
    const STEPS: u32 = 200;
    let failed = |e: cudarc::driver::DriverError| Error::Driver {
        during: "the benchmark",
        code: e.0 as i32,
    };
    let mut fleet = Fleet::<f32>::new(Config::new(1 << 30), members, Device::Cuda(stream.clone()))?;
    let losses = stream.clone_htod(&vec![1.0_f32; members]).map_err(failed)?;
    fleet.observe_device(&losses.slice(..))?; // the first snapshot
    fleet.lrs_device()?;
    stream.synchronize().map_err(failed)?;
    let begun = Instant::now();
    for _ in 0..STEPS {
        fleet.lrs_device()?;
        fleet.observe_device(&losses.slice(..))?;
    }
    stream.synchronize().map_err(failed)?;
    Ok(begun.elapsed().as_secs_f64() / f64::from(STEPS))
}
