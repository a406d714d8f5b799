//! The emulator's functions.

use autowu_core::Config;
use autowu_cuda::Number;
use autowu_cuda::batch::{Curve, Params, Results, View, Vote};
use autowu_tests::kernels::batch::Batch;

/// The order in which the threads of a block run between two barriers.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Order {
    Forward = 0,
    Reverse = 1,
    Random = 2,
}

type Emulate<T> = unsafe extern "C" fn(
    *const Params,
    *const Curve,
    *const T,
    u64,
    u32,
    *mut View<T>,
    *mut u32,
    *mut [T; 10],
    *mut [T; 3],
    *mut Vote<T>,
    u32,
    u64,
) -> i32;

macro_rules! emulate {
    ($name:ident, $t:ty) => {
        fn $name(
            params: *const Params,
            curves: *const Curve,
            losses: *const $t,
            n: u64,
            warps: u32,
            views: *mut View<$t>,
            samples: *mut u32,
            fits: *mut [$t; 10],
            hypers: *mut [$t; 3],
            votes: *mut Vote<$t>,
            order: u32,
            seed: u64,
        ) -> i32;
    };
}
unsafe extern "C" {
    emulate!(emulate_f32, f32);
    emulate!(emulate_f64, f64);
    fn scratch_bytes_f32() -> usize;
    fn scratch_bytes_f64() -> usize;
    fn count_operations(
        params: *const Params,
        curve: *const Curve,
        losses: *const f32,
        four: *mut u64,
    );
}

/// Operations of the kernels `fit` and `vote` for a curve, each as additions and multiplications,
/// and all others.
pub fn operations(config: &Config, losses: &[f32], seed: u64) -> [[u64; 2]; 2] {
    let curve = Curve { seed, ..Curve::new(0, losses.len() as u32, 1) };
    let mut counted = [[0; 2]; 2];
    // SAFETY: the curve lies within `losses`, and there is room for four numbers.
    unsafe {
        count_operations(
            &Params::of(&config.test),
            &curve,
            losses.as_ptr(),
            counted.as_flattened_mut().as_mut_ptr(),
        )
    };
    counted
}

/// A number that the emulator has kernels for.
pub trait Emulated: Number {
    const EMULATE: Emulate<Self>;
    fn scratch_bytes() -> usize;
}
impl Emulated for f32 {
    const EMULATE: Emulate<f32> = emulate_f32;
    fn scratch_bytes() -> usize {
        // SAFETY: a function of nothing.
        unsafe { scratch_bytes_f32() }
    }
}
impl Emulated for f64 {
    const EMULATE: Emulate<f64> = emulate_f64;
    fn scratch_bytes() -> usize {
        // SAFETY: a function of nothing.
        unsafe { scratch_bytes_f64() }
    }
}

/// Runs the kernels for a batch, one CUDA thread after the other.
pub fn emulate<T: Emulated>(batch: &Batch<'_, T>, order: Order) -> Results<T> {
    let Batch { params, curves, losses, fits, .. } = batch;
    let mut results = Results::zeroed(fits, params.votes());
    // SAFETY: the kernels' arguments as resident.rs has them: every curve lies within `losses`, and
    // `results` has room for all.
    let status = unsafe {
        T::EMULATE(
            params,
            curves.as_ptr(),
            losses.as_ptr(),
            curves.len() as u64,
            T::WARPS,
            results.views.as_mut_ptr(),
            results.samples.as_mut_ptr(),
            results.fits.as_mut_ptr(),
            results.hypers.as_mut_ptr(),
            results.votes.as_mut_ptr(),
            order as u32,
            0x5eed,
        )
    };
    assert_eq!(status, 0, "a deadlock, or a write beyond shared memory");
    results
}
