//! Reads a log of losses in whatever format people have.
//!
//! | module | content |
//! |---|---|
//! | `encoding` | bytes to text: gzip, UTF-16, Latin-1 |
//! | `sniff` | which format it is |
//! | `plain`, `table`, `text`, `json`, `burn` | the formats |
//! | `number` | numbers as logs print them; `nan`: in JSON |
//! | `choice` | which column is the loss |
//! | `sink`, `series` | gather rows, of one column |
//! | `steps` | rows to steps of the training |
//!
//! A log is read once, from its start to its end, and only the losses of one column and their steps
//! stay in memory.

mod burn;
mod choice;
mod encoding;
mod json;
mod nan;
mod number;
mod plain;
mod series;
mod sink;
mod sniff;
mod steps;
mod table;
mod text;

pub use number::number;
pub use steps::Log;

use encoding::{Text, quoted};
use sink::Sink;
use sniff::Format;
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

/// How to read a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The column, key or tag with the losses; without, the training loss is looked for.
    pub column: Option<&'a str>,
    /// Makes steps of epochs.
    pub steps_per_epoch: Option<u64>,
}

/// Reads a file through `watch` (a progress bar), or a folder of burn's.
///
/// # Errors
/// What is wrong, where, and what to do.
pub fn open<R: Read>(
    path: &Path,
    options: &Options<'_>,
    watch: impl FnOnce(File) -> R,
) -> Result<Log, String> {
    if !path.is_dir() {
        let log = read(watch(File::open(path).map_err(|e| e.to_string())?), options)?;
        return if options.column.is_none() && log.column.eq_ignore_ascii_case("value") {
            named_by_file(path, log)
        } else {
            Ok(log)
        };
    }
    let mut sink = Sink::new(options.column);
    let column = burn::read(path, options.column, &mut sink)?;
    finish(column, sink, options)
}

/// TensorBoard puts the tag into the file's name: `run-1-tag-accuracy.csv`.
fn named_by_file(path: &Path, log: Log) -> Result<Log, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    match stem.rsplit_once("tag-") {
        Some((_, tag)) if !choice::is_loss(tag) => Err(format!(
            "by the file's name, this is the chart of {}, not of a loss; --column {} reads it all \
             the same",
            quoted(tag),
            log.column
        )),
        _ => Ok(log),
    }
}

/// Reads a log.
///
/// # Errors
/// What is wrong, in which line, and what to do.
pub fn read(input: impl Read, options: &Options<'_>) -> Result<Log, String> {
    let text = Text::open(input).map_err(|e| e.to_string())?;
    let (format, end) = (sniff::sniff(&text.head, text.whole), text.end.clone());
    let is_nameless = matches!(format, Format::Numbers(_) | Format::Burn);
    let mut sink = Sink::new(options.column);
    let mut input = text.into_read();
    let column = match format {
        Format::Empty => return Err("the log is empty".into()),
        Format::Numbers(comma) => plain::read_numbers(input, comma, &mut sink),
        Format::Burn => plain::read_burn(input, &mut sink),
        Format::Table { shape, skip } => {
            for _ in 0..skip {
                input.read_until(b'\n', &mut Vec::new()).map_err(|e| e.to_string())?;
            }
            table::read(input, &end, &shape, options.column, &mut sink)
        }
        Format::JsonLines => json::read_lines(input, &mut sink),
        Format::Json => json::read(input, &mut sink),
        Format::Text => text::read(input, &mut sink),
    }?;
    if let Some(name) = options.column
        && is_nameless
        && !name.eq_ignore_ascii_case(&column)
    {
        return Err(format!("the log has no names, so no column {}", quoted(name)));
    }
    if end.is_cut() {
        sink.notes.push("the gzip file is incomplete: what could be unpacked is read".into());
    }
    finish(column, sink, options)
}

fn finish(column: String, mut sink: Sink<'_>, options: &Options<'_>) -> Result<Log, String> {
    if sink.series.losses.is_empty() {
        return Err(format!("the column {} has no loss", quoted(&column)));
    }
    if let (rows @ 1.., line) = sink.empty {
        let at = if line > 0 { format!(" (the first: line {line})") } else { String::new() };
        sink.notes.push(format!(
            "{} {} between two losses{at}: either something else was logged there, or a loss was \
             NaN and left out",
            steps::grouped(rows),
            if rows == 1 { "row has no loss" } else { "rows have no loss" },
        ));
    }
    Ok(Log::arrange(column, sink.series, sink.notes, options.steps_per_epoch))
}

/// The losses of a log in a string, row by row.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Vec<f64>, String> {
    read(text.as_bytes(), &Options::default()).map(|log| log.losses)
}

#[cfg(test)]
mod tests;
