//! Losses of another context, which are refused; kernels in another context, on other streams and
//! called from other threads, which work.
#![allow(unsafe_code)]

use crate::check::{Checks, ensure, text};
use crate::gpu::{Gpu, stream};
use crate::landscape::{Differ, N, STEPS, by_device, by_host, differ};
use autowu_core::Config;
use autowu_cuda::batch::{Curve, Params};
use autowu_cuda::kernels::Losses;
use autowu_cuda::{BatchTest, Device, Error, Fleet};
use autowu_lab::work;
use cudarc::driver::{CudaContext, CudaStream, sys};
use std::ffi::c_uint;
use std::sync::Arc;

/// All checks.
pub fn run() -> bool {
    let mut checks = Checks::new();
    checks.check("losses of another context are refused", refused);
    checks.check("kernels in another context", || {
        let own = other()?;
        same_run(&own, &own)
    });
    checks.check("losses made on another stream", || {
        let fleet = stream()?;
        let losses = fleet.context().new_stream().map_err(failed)?;
        same_run(&fleet, &losses)
    });
    checks.check("a fleet on another stream than the default", || {
        let losses = stream()?;
        let fleet = losses.context().new_stream().map_err(failed)?;
        same_run(&fleet, &losses)
    });
    checks.check("a fleet called from other threads", || {
        let stream = stream()?;
        let mut fleet =
            Fleet::<f64>::new(config(), N, Device::Cuda(stream.clone())).map_err(text)?;
        let mut expected = Fleet::<f64>::new(config(), N, Device::Host).map_err(text)?;
        let expected = by_host(&mut expected, 0..STEPS, false).map_err(text)?;
        let mut events = Vec::new();
        for start in (0..STEPS).step_by(50) {
            let stream = stream.clone();
            let thread = std::thread::spawn(move || {
                let steps = start..start + 50;
                by_device(&mut fleet, steps, false, &stream).map(|events| (fleet, events))
            });
            let (back, more) = thread.join().map_err(|_| "a thread panicked")??;
            fleet = back;
            events.extend(more);
        }
        events.extend(fleet.flush().map_err(text)?.events);
        let found = differ(&expected, &events);
        ensure(found == Differ::default(), || format!("not the host's events: {found:?}"))?;
        Ok("four threads, the host's events".into())
    });
    checks.passed()
}

fn config() -> Config {
    Config::new(STEPS as u64).with_seed(11)
}

fn failed(e: cudarc::driver::DriverError) -> String {
    format!("{e:?}")
}

/// The default stream of a second context on the first GPU.
fn other() -> Result<Arc<CudaStream>, String> {
    type Create = unsafe extern "C" fn(*mut sys::CUcontext, c_uint, sys::CUdevice) -> sys::CUresult;
    let primary = stream()?;
    let device = primary.context().cu_device();
    // SAFETY: cudarc has loaded this library already.
    let driver = unsafe { libloading::Library::new("libcuda.so.1") }.map_err(text)?;
    let mut context = std::ptr::null_mut();
    // SAFETY: the function's type is that of cuda.h since CUDA 3.2; `context` lives through the
    // call, and `device` is a device of this driver.
    let made = unsafe {
        let create = driver.get::<Create>(b"cuCtxCreate_v2").map_err(text)?;
        create(&mut context, 0, device)
    };
    made.result().map_err(failed)?;
    // SAFETY: the context was made above on this device, and nobody else has it.
    let context = unsafe { CudaContext::from_raw_context(0, device, context) }.map_err(failed)?;
    Ok(context.default_stream())
}

fn refused() -> Result<String, String> {
    let (own, other) = (stream()?, other()?);
    ensure(own.context() != other.context(), || "there is only one context".into())?;
    let losses: Vec<f32> = work::curve(0);
    let there = other.clone_htod(&losses).map_err(failed)?;
    other.synchronize().map_err(failed)?;
    let gpu = Gpu::<f32>::on(&own)?;
    let curves = [Curve::new(0, work::LOSSES as u32, 1)];
    let params = Params::of(&work::config().test);
    let fits = [autowu_core::gp::Fit::default().to_array()];
    let by_kernels = gpu.kernels().run(&params, &curves, Losses::Device(&there.slice(..)), &fits);
    let timed = gpu.kernels().time(&params, &curves, Losses::Device(&there.slice(..)), &fits);
    let test = BatchTest::<f32>::new(work::config(), Device::Cuda(own.clone())).map_err(text)?;
    let by_test = test.run_device(&there.slice(..), &[work::LOSSES]);
    let members = work::LOSSES;
    let mut fleet =
        Fleet::<f32>::new(config(), members, Device::Cuda(own.clone())).map_err(text)?;
    let by_fleet = fleet.observe_device(&there.slice(..));
    let refusals = [
        ("Kernels::run", by_kernels.err()),
        ("Kernels::time", timed.err()),
        ("BatchTest::run_device", by_test.err()),
        ("Fleet::observe_device", by_fleet.err()),
    ];
    for (call, refusal) in &refusals {
        ensure(matches!(refusal, Some(Error::OtherDevice { .. })), || {
            format!("{call}: {}", refusal.as_ref().map_or("not refused".into(), text))
        })?;
    }
    // Nothing is broken.
    let here = own.clone_htod(&losses).map_err(failed)?;
    test.run_device(&here.slice(..), &[work::LOSSES]).map_err(text)?;
    fleet.observe_device(&here.slice(..)).map_err(text)?;
    let [(_, said), ..] = refusals;
    Ok(format!("four calls: \"{}\"", said.as_ref().map_or(String::new(), text)))
}

/// A fleet on one stream with losses made on another decides as one on the host.
fn same_run(fleet: &Arc<CudaStream>, losses: &Arc<CudaStream>) -> Result<String, String> {
    let mut host = Fleet::<f64>::new(config(), N, Device::Host).map_err(text)?;
    let expected = by_host(&mut host, 0..STEPS, false).map_err(text)?;
    let mut gpu = Fleet::<f64>::new(config(), N, Device::Cuda(fleet.clone())).map_err(text)?;
    let mut events = by_device(&mut gpu, 0..STEPS, false, losses)?;
    events.extend(gpu.flush().map_err(text)?.events);
    let found = differ(&expected, &events);
    ensure(found == Differ::default(), || format!("not the host's events: {found:?}"))?;
    Ok(format!("{N} members, {STEPS} steps, the host's events"))
}
