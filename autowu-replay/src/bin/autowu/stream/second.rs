//! Protocol 2: each line gets one line. `docs/stream.md` has its grammar.

use super::{Smoothed, state, tell};
use crate::CAPACITY;
use crate::args::{Args, budget, config};
use crate::output::Output;
use autowu_core::{AutoWu, Event, Real};
use autowu_replay::log;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// Bytes of a line, at most: a path may be long.
const LINE: u64 = 1 << 16;

/// Answers each line of standard input until its end, or until nobody reads on.
pub fn run<T: Real>(args: &Args) -> Result<(), String> {
    let mut autowu = match &args.resume {
        Some(path) => state::load::<T>(args, path)?,
        None => {
            let config = config(args, budget(args, None)?, 1)?;
            AutoWu::new(config).map_err(|e| e.to_string())?
        }
    };
    let mut out = Output::default();
    out.say(&format!("autowu 2 step {}", autowu.steps()))?;
    let mut goes_on = out.say(&autowu.lr().to_string())?;
    let mut input = io::stdin().lock();
    let (mut at, mut smoothed) = (0_u64, Smoothed::default());
    while goes_on && let Some(line) = next_line(&mut input)? {
        at += 1;
        let answer = line.and_then(|line| answer(&mut autowu, &mut smoothed, line.trim()));
        goes_on = out.say(&answer.unwrap_or_else(|why| format!("error line {at}: {why}")))?;
    }
    args.save.as_deref().map_or(Ok(()), |path| state::save(&autowu, path))
}

/// What a line does. An error changes nothing.
fn answer<T: Real>(
    autowu: &mut AutoWu<T, CAPACITY>,
    smoothed: &mut Smoothed,
    line: &str,
) -> Result<String, String> {
    if let Some(loss) = log::number(line) {
        let outcome = autowu.step(T::of(loss));
        smoothed.tell(autowu, &outcome);
        return Ok(match outcome.event {
            Some(event) => {
                tell(&event);
                let also = match event {
                    Event::Restore { .. } | Event::Skip { .. } => "",
                    event if event.skips_update() => " skip",
                    _ => "",
                };
                format!("{} {}{also}", outcome.lr, event.kind())
            }
            None => outcome.lr.to_string(),
        });
    }
    let (command, operand) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match (command, operand.trim_start()) {
        ("", _) => Err("it is empty: send a loss or a command".into()),
        ("skip", "") => {
            autowu.skip();
            Ok(autowu.lr().to_string())
        }
        ("digest", "") => Ok(format!("digest {:016x}", autowu.digest())),
        ("save", "") => Err("save needs a path: save PATH".into()),
        ("save", path) => {
            state::save(autowu, Path::new(path))?;
            Ok(format!("saved {path}"))
        }
        ("extend", steps) => {
            let steps = steps.parse().map_err(|_| {
                format!("extend needs the steps of the whole run, not {}: extend N", quoted(steps))
            })?;
            autowu.extend(steps).map_err(|e| e.to_string())?;
            Ok(autowu.lr().to_string())
        }
        _ => Err(format!(
            "{} is not a loss (a number, nan, inf or -inf) and not a command (skip, digest, save \
             PATH, extend N)",
            quoted(line)
        )),
    }
}

/// The next line without its end; an error, if it is too long.
fn next_line(input: &mut impl BufRead) -> Result<Option<Result<String, String>>, String> {
    let failed = |e: io::Error| format!("standard input: {e}");
    let mut line = Vec::new();
    if input.take(LINE).read_until(b'\n', &mut line).map_err(failed)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == LINE && line.last() != Some(&b'\n') {
        input.skip_until(b'\n').map_err(failed)?;
        return Ok(Some(Err(format!("it is longer than {LINE} bytes"))));
    }
    Ok(Some(Ok(String::from_utf8_lossy(&line).into_owned())))
}

/// Text for a message, cut where it does not fit on a line.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{:?}{more}", short)
}
