//! Every law of the emulator, on the GPU.

use crate::check::Checks;
use crate::gpu::{Gpu, stream};
use autowu_tests::kernels::all;
use autowu_tests::kernels::near::Precision;

/// The laws in one precision.
pub fn run<T: Precision>() -> bool {
    let mut checks = Checks::new();
    match stream().and_then(|stream| Gpu::<T>::on(&stream)) {
        Ok(gpu) => {
            for (name, law) in all::<T, Gpu<T>>() {
                checks.check(name, || law(&gpu).map(|worst| worst.to_string()));
            }
        }
        Err(e) => checks.check("loading", || Err(e)),
    }
    checks.passed()
}
