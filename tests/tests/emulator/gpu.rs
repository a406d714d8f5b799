//! The same laws on a GPU: with AUTOWU_GPU_TESTS in the environment.

use crate::batch::Batch;
use autowu_cuda::batch::Results;
use autowu_cuda::kernels::{Kernels, Losses};
use autowu_cuda::{Device, Number, probe};

const ASKED: &str = "AUTOWU_GPU_TESTS";

/// The results of the first GPU; `None` unless they were asked for.
pub fn run<T: Number>(batch: &Batch<'_, T>) -> Option<Results<T>> {
    std::env::var_os(ASKED)?;
    let Device::Cuda(stream) = Device::cuda(0).expect("AUTOWU_GPU_TESTS asks for a GPU") else {
        return None;
    };
    let kernels = Kernels::load(&stream).expect("the kernels load");
    let results =
        kernels.run(&batch.params, &batch.curves, Losses::Host(&batch.losses), &batch.fits);
    Some(results.expect("the kernels run"))
}

#[test]
fn the_laws_hold_on_a_gpu_where_asked() {
    if std::env::var_os(ASKED).is_none() {
        println!(
            "SKIPPED: the kernels were tested on the CPU only; set {ASKED}=1 to run the same laws \
             on the first GPU"
        );
        return;
    }
    let found = probe();
    assert!(found.is_ready(), "{ASKED} is set, but: {found}");
    println!("the laws of this binary are tested on {found}");
}
