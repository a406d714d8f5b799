//! The scheduler of a live trainer, at the other end of a pipe.

pub mod first;
pub mod second;
mod state;

use autowu_core::{AutoWu, Event, Outcome, Real};
use autowu_replay::record;

/// Whether it has been said that the losses look smoothed.
#[derive(Default)]
struct Smoothed(bool);

impl Smoothed {
    /// Says it once, when a test was made.
    fn tell<T: Real, const N: usize>(&mut self, autowu: &AutoWu<T, N>, outcome: &Outcome<T>) {
        if !self.0 && outcome.report.is_some() && autowu.looks_smoothed() {
            self.0 = true;
            eprintln!("autowu: step {}: {}", autowu.steps(), record::SMOOTHED);
        }
    }
}

/// What standard error says of an event that people want to know.
fn tell<T: Real>(event: &Event<T>) {
    match event {
        Event::Snapshot { .. } => {}
        Event::Finished { step, lr } => {
            eprintln!("autowu: step {step}: the budget is used; LR stays at {lr}");
        }
        event => match record::reason(event) {
            Some(reason) => eprintln!(
                "autowu: step {}: {}: {}; LR {}",
                event.step(),
                event.kind(),
                reason.sentence(),
                event.lr()
            ),
            // No update, because the loss is not a finite number.
            None => eprintln!("autowu: step {}: {}; LR {}", event.step(), event.kind(), event.lr()),
        },
    }
}
