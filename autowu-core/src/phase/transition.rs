//! [`Transition`]: what the entrance of a phase returns.

use super::decay::DecayPhase;
use crate::event::Event;

/// What a phase makes of a loss or of a report.
#[derive(Debug)]
pub(crate) enum Transition<T> {
    /// Nothing.
    None,
    /// A test is due.
    TestDue,
    /// The phase goes on, and the trainer has something to do or to know.
    Event(Event<T>),
    /// The warmup is over.
    Decay(DecayPhase<T>, Event<T>),
}
