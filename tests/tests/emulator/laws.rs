//! The laws of the kernels (`autowu_tests::kernels`), by the emulator.

use crate::ffi::{Emulated, Order, emulate};
use autowu_cuda::batch::Results;
use autowu_tests::kernels::Engine;
use autowu_tests::kernels::batch::Batch;

/// Runs a batch in three orders of threads.
struct Emulator;

impl<T: Emulated> Engine<T> for Emulator {
    fn run(&self, batch: &Batch<'_, T>) -> Result<Results<T>, String> {
        let results = emulate(batch, Order::Forward);
        for order in [Order::Reverse, Order::Random] {
            // Compared as text, so that NaN equals itself.
            if format!("{results:?}") != format!("{:?}", emulate(batch, order)) {
                return Err(format!("{order:?} threads give other numbers than forward: a race"));
            }
        }
        Ok(results)
    }
}

macro_rules! tests {
    ($($law:ident),* $(,)?) => {
        mod doubles {
            $(#[test]
            fn $law() {
                println!("{}", super::law(autowu_tests::kernels::laws::$law::<f64, _>));
            })*
        }
        mod singles {
            $(#[test]
            fn $law() {
                println!("{}", super::law(autowu_tests::kernels::laws::$law::<f32, _>));
            })*
        }
    };
}
autowu_tests::every_law!(tests);

/// What the law found.
#[allow(clippy::panic)] // a helper of tests
fn law(law: fn(&Emulator) -> autowu_tests::kernels::Outcome) -> String {
    law(&Emulator).unwrap_or_else(|e| panic!("{e}")).to_string()
}

#[test]
fn shared_memory_is_as_large_as_the_launch_says() {
    assert_eq!(
        <f32 as Emulated>::scratch_bytes(),
        <f32 as autowu_cuda::Number>::SCRATCH_BYTES as usize
    );
    assert_eq!(
        <f64 as Emulated>::scratch_bytes(),
        <f64 as autowu_cuda::Number>::SCRATCH_BYTES as usize
    );
}
