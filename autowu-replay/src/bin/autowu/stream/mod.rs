//! The scheduler of a live trainer, at the other end of a pipe.

pub mod first;
pub mod second;
mod state;

use autowu_core::{Event, Real};
use autowu_replay::record;

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
