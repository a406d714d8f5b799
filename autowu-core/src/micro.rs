//! The preset for microcontrollers.

use crate::config::{Config, TestRules};
use crate::scheduler::AutoWu;

/// Losses that [`MicroWu`] holds exactly.
pub const MICRO_CAPACITY: usize = 256;

/// A scheduler that fits a microcontroller: single precision and a short history.
///
/// ```
/// use autowu_core::{Config, MicroWu};
/// let mut autowu = MicroWu::new(Config::micro(2000))?;
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
/// State, scratch and stack of a run take less than 16 KiB together: 1.5 KiB the state, the rest
/// while a test lasts, of which [`Measurement::SCRATCH`](crate::Measurement::SCRATCH) are arrays.
/// The sums of a test, and what is solved with them, are in double precision: on a chip without it
/// that is done in software, which costs time but no memory.
pub type MicroWu = AutoWu<f32, MICRO_CAPACITY>;

impl Config {
    /// The [default preset](Self::new) with votes of at most [`MICRO_CAPACITY`] losses.
    pub fn micro(total_steps: u64) -> Self {
        let test_samples = MICRO_CAPACITY as u32;
        Self::new(total_steps).with_test(TestRules { test_samples, ..TestRules::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Measurement};

    /// What the frames of the calls add was measured to be 3 to 5 KiB (`benches/README.md`), of 16.
    #[test]
    fn state_and_scratch_leave_room_for_the_frames() {
        let [state, scratch] = [size_of::<MicroWu>(), Measurement::<f32>::SCRATCH];
        assert!(state + scratch <= 11 << 10, "{state} + {scratch}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn a_run_longer_than_the_history_finds_its_peak() {
        let mut autowu = MicroWu::new(Config::micro(4000).without_scout()).unwrap();
        let (mut w, mut kept, mut restored) = (3.0_f32, 3.0, 0);
        for i in 0..4000_u32 {
            // Gradient descent on w²/2 diverges above a learning rate of 2.
            let noise = (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 24) as f32 - 0.5;
            let loss = 0.5 * w * w + 0.02 * noise;
            let lr = 10.0 * autowu.lr();
            match autowu.step(loss).event {
                Some(Event::Snapshot { .. }) => kept = w,
                Some(Event::Restore { .. }) => (w, restored) = (kept, restored + 1),
                _ => w -= lr * (w + noise),
            }
        }
        assert!(restored > 0);
        assert!(w.abs() < 0.05, "{w}");
    }
}
