//! A short part, for compute-sanitizer: every kernel in both precisions, and a fleet.

use crate::check::{Checks, text};
use crate::gpu::{Gpu, stream};
use crate::landscape::by_device;
use autowu_core::Config;
use autowu_cuda::batch::{Curve, Params};
use autowu_cuda::kernels::Losses;
use autowu_cuda::{Device, Fleet, Number};
use autowu_lab::work;

/// Runs it.
pub fn run() -> bool {
    let mut checks = Checks::new();
    checks.check("kernels, f32", kernels::<f32>);
    checks.check("kernels, f64", kernels::<f64>);
    checks.check("a fleet, losses on the GPU", || {
        let stream = stream()?;
        let mut fleet =
            Fleet::<f32>::new(Config::new(60), 20, Device::Cuda(stream.clone())).map_err(text)?;
        let events = by_device(&mut fleet, 0..60, true, &stream)?.len();
        fleet.flush().map_err(text)?;
        Ok(format!("{events} events"))
    });
    checks.passed()
}

/// Curves of 1 to 200 losses under the default's rules and the paper's.
fn kernels<T: Number>() -> Result<String, String> {
    let gpu = Gpu::<T>::on(&stream()?)?;
    let (mut losses, mut curves) = (Vec::new(), Vec::new());
    for i in 0..13 {
        let curve: Vec<T> = work::curve(i);
        let length = (1 + 31 * i as usize % work::LOSSES).min(work::LOSSES);
        curves.push(Curve { seed: i, ..Curve::new(losses.len() as u64, length as u32, 1) });
        losses.extend_from_slice(&curve[..length]);
    }
    let fits = vec![autowu_core::gp::Fit::default().to_array(); curves.len()];
    for config in [work::config(), Config::paper(50, 20)] {
        let params = Params::of(&config.test);
        gpu.kernels().run(&params, &curves, Losses::Host(&losses), &fits).map_err(text)?;
    }
    Ok(format!("{} curves under two sets of rules", curves.len()))
}
