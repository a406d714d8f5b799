//! The two precisions, as the kernels know them.

use autowu_core::Real;
use cudarc::driver::{DeviceRepr, ValidAsZeroBits};

/// `f32` or `f64`: a number of core that the kernels exist for. Sealed, as [`Real`] is.
pub trait Number: Real + DeviceRepr + ValidAsZeroBits {
    /// The end of the kernels' names: `f32` or `f64`.
    const NAME: &'static str;
    /// Warps per block: as many as fit 48 KiB of shared memory, which every GPU has. Not covered by
    /// semver.
    #[doc(hidden)]
    const WARPS: u32;
    /// Bytes of shared memory that one warp needs: `sizeof(Scratch<T>)` in factor.cuh. Not covered
    /// by semver.
    #[doc(hidden)]
    const SCRATCH_BYTES: u32;
}

/// `triangle`, `pivot` and `tile` of factor.cuh, for numbers of `number` bytes.
const fn scratch_bytes(number: u32) -> u32 {
    let stride = 32 + 16 / number;
    (32 * stride + 2 * 32 + 32 * 33) * number
}

impl Number for f32 {
    const NAME: &'static str = "f32";
    const WARPS: u32 = 4;
    const SCRATCH_BYTES: u32 = scratch_bytes(4);
}

impl Number for f64 {
    const NAME: &'static str = "f64";
    const WARPS: u32 = 2;
    const SCRATCH_BYTES: u32 = scratch_bytes(8);
}
