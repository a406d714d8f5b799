//! A microcontroller's `main`: no std, no alloc, its own panic handler, all memory static. Runs a
//! whole schedule in f32.
//!
//! Exit status: 0 if it found the learning rate of the lowest loss, else the number of the failed
//! expectation.
#![no_std]
#![no_main]

use autowu_core::sampling::mix;
use autowu_core::{AutoWu, Config, Decay, Event, Phase, TestRules};

type Scheduler = AutoWu<f32, 128>;

/// The learning rate of the lowest loss.
const BEST: f32 = 1e-2;
const STEPS: u64 = 400;

static mut SCHEDULER: Option<Scheduler> = None;

// A program's start under an operating system, memcpy and memset; a microcontroller has its own.
#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// Falls until [`BEST`] and rises from there on, under noise.
fn loss(step: u64, lr: f32) -> f32 {
    let decades = log10(lr / BEST);
    let noise = (mix(step) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
    1.0 + 0.2 * decades * decades + 0.02 * noise
}

fn log10(x: f32) -> f32 {
    use autowu_core::Real;
    x.ln_() / core::f32::consts::LN_10
}

fn run(slot: &mut Option<Scheduler>) -> u8 {
    let test = TestRules { fit_samples: 60, test_samples: 120, ..TestRules::default() };
    let config = Config::new(STEPS).with_test(test).with_decay(Decay::Cosine);
    let Ok(scheduler) = Scheduler::new(config) else { return 1 };
    let scheduler = slot.insert(scheduler);
    let mut peak = 0.0;
    for step in 0..STEPS {
        let told = scheduler.step(loss(step, scheduler.lr()));
        if let Some(Event::Decay { peak: found, .. }) = told.event {
            peak = found;
        }
    }
    if !(BEST / 3.0..=BEST * 3.0).contains(&peak) {
        return 2;
    }
    if !matches!(scheduler.phase(), Phase::Decay { .. }) || scheduler.tests() == 0 {
        return 3;
    }
    u8::from(scheduler.lr() != 0.0) * 4
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let slot = &raw mut SCHEDULER;
    // SAFETY: the only thread of the program takes the only reference, once.
    run(unsafe { &mut *slot }).into()
}
