//! Protocol 1: a loss in, a learning rate and perhaps a word out. What is no loss ends the run.

use super::{Smoothed, tell};
use crate::CAPACITY;
use crate::args::{Args, budget, config};
use crate::output::Output;
use autowu_core::{AutoWu, Event, Real};
use autowu_replay::log;
use std::io::{self, BufRead};

/// Answers each line of standard input until its end.
pub fn run<T: Real>(args: &Args) -> Result<(), String> {
    let config = config(args, budget(args, None)?, 1)?;
    let mut autowu = AutoWu::<T, CAPACITY>::new(config).map_err(|e| e.to_string())?;
    let (mut out, mut smoothed) = (Output::default(), Smoothed::default());
    let mut goes_on = out.say(&autowu.lr().to_string())?;
    for (i, line) in io::stdin().lock().lines().enumerate() {
        if !goes_on {
            break;
        }
        let line = line.map_err(|e| format!("standard input: {e}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let loss = log::number(&line).ok_or_else(|| {
            format!(
                "line {} of standard input: {line:?} is not a loss (a number, nan, inf or -inf)",
                i + 1
            )
        })?;
        let outcome = autowu.step(T::of(loss));
        smoothed.tell(&autowu, &outcome);
        let word = outcome.event.as_ref().map_or("", word);
        if let Some(event) = &outcome.event {
            tell(event);
        }
        let gap = if word.is_empty() { "" } else { " " };
        goes_on = out.say(&format!("{}{gap}{word}", outcome.lr))?;
    }
    Ok(())
}

/// What the trainer reads of an event. The end of the budget has no word: the trainer has nothing
/// to do, and knows its budget.
fn word<T: Real>(event: &Event<T>) -> &'static str {
    match event {
        Event::Finished { .. } => "",
        event => event.kind(),
    }
}
