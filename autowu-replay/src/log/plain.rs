//! Losses without names: one a line, and burn's `Loss.log` with `LOSS,COUNT` a line.

use super::encoding::{decode, each_line};
use super::number::{Cell, cell, complaint, number};
use super::sink::Sink;
use std::io::BufRead;

/// The column of a list of numbers.
pub(super) const ONLY: &str = "1";
/// burn's name of its loss.
pub(super) const BURN: &str = "Loss";

/// One loss a line.
pub(super) fn read_numbers(
    input: impl BufRead,
    comma: bool,
    sink: &mut Sink<'_>,
) -> Result<String, String> {
    each_value(input, sink, |text| number(text).map_or_else(|| cell(text, comma), Cell::Number))?;
    Ok(ONLY.into())
}

/// `2.3026,64`: a loss and how many it is the mean of; `2.25,final`: of the whole epoch.
pub(super) fn read_burn(input: impl BufRead, sink: &mut Sink<'_>) -> Result<String, String> {
    each_value(input, sink, |text| match text.split_once(',') {
        None => cell(text, false),
        Some((_, "final")) => Cell::Missing,
        Some((loss, count)) if count.trim().parse::<u64>().is_ok() => cell(loss, false),
        Some(_) => Cell::Other,
    })?;
    Ok(BURN.into())
}

fn each_value(
    input: impl BufRead,
    sink: &mut Sink<'_>,
    value: impl Fn(&str) -> Cell,
) -> Result<(), String> {
    each_line(input, |at, line, ended| {
        let line = decode(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        match value(line) {
            Cell::Number(loss) => sink.row(None, None, loss),
            Cell::Missing if line.ends_with(",final") => {}
            _ if !ended && !sink.series.losses.is_empty() => {
                sink.notes.push(format!("the last line ({at}) is incomplete: it is left out"));
            }
            wrong => return Err(complaint(at, line, wrong)),
        }
        Ok(())
    })
}
