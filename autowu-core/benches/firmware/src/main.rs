//! Gradient descent on `f(w) = w²/2 + noise` with AutoWU, on a microcontroller: `cargo run
//! --release` in this folder, with qemu-system-arm.
//!
//! Everything is on the stack, and RAM ends below it: a program that needs more does not end.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;

const STEPS: u64 = 100;

#[entry]
fn main() -> ! {
    let (w, copy) = train();
    hprintln!("w = {}, copy = {}", w, copy);
    debug::exit(if w.abs() < 0.1 { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {}
}

/// A number in [−½, ½) from a linear congruence.
fn noise(state: &mut u32) -> f32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 8) as f32 / (1 << 24) as f32 - 0.5
}

#[cfg(not(feature = "constant"))]
fn train() -> (f32, f32) {
    use autowu_core::{Config, Event, MicroWu};
    let Ok(mut autowu) = MicroWu::new(Config::micro(STEPS)) else { return (f32::NAN, f32::NAN) };
    let (mut w, mut copy, mut state) = (3.0_f32, 3.0, 1);
    let (mut tests, mut longest) = (0, 0);
    let Some(mut peripherals) = cortex_m::Peripherals::take() else { return (f32::NAN, f32::NAN) };
    let clock = &mut peripherals.SYST;
    clock.set_clock_source(cortex_m::peripheral::syst::SystClkSource::Core);
    clock.set_reload(0x00ff_ffff);
    clock.clear_current();
    clock.enable_counter();
    for _ in 0..STEPS {
        let (loss, gradient) = (0.5 * w * w + 0.1 * noise(&mut state), w + noise(&mut state));
        let lr = autowu.lr();
        let before = cortex_m::peripheral::SYST::get_current();
        let outcome = autowu.step(loss);
        let ticks = before.wrapping_sub(cortex_m::peripheral::SYST::get_current()) & 0x00ff_ffff;
        if outcome.report.is_some() {
            (tests, longest) = (tests + 1, longest.max(ticks));
        }
        match outcome.event {
            Some(Event::Snapshot { .. }) => copy = w,
            Some(Event::Restore { .. }) => {
                w = copy;
                continue;
            }
            _ => {}
        }
        w -= lr * gradient;
    }
    // A tick is 40 ns; with `-icount shift=0` the emulator takes one for an instruction.
    hprintln!("{} tests, {} ns the longest", tests, longest * 40);
    (w, copy)
}

#[cfg(feature = "constant")]
fn train() -> (f32, f32) {
    let (mut w, mut state) = (3.0_f32, 1);
    for _ in 0..STEPS {
        let gradient = w + noise(&mut state);
        w -= 0.05 * gradient;
    }
    (w, w)
}
