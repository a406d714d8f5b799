//! Which format a log has, by its first lines.

use super::choice;
use super::encoding::decode;
use super::number::{Cell, cell, number};
use super::table::Shape;
use super::text::has_pair;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    Empty,
    /// One loss a line; whether with a decimal comma.
    Numbers(bool),
    /// `LOSS,COUNT` a line.
    Burn,
    Table {
        shape: Shape,
        /// Lines before it.
        skip: u64,
    },
    /// One JSON document a line.
    JsonLines,
    Json,
    Text,
}

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b' '];
/// Lines that are looked at.
const LINES: usize = 24;

/// `whole`: the head is all of the log.
pub(super) fn sniff(head: &[u8], whole: bool) -> Format {
    let head = decode(head);
    let all: Vec<&str> = head.split(['\n', '\r']).collect();
    // The last line may be cut.
    let sure = if whole || all.len() < 2 { all.len() } else { all.len() - 1 };
    let lines: Vec<(usize, &str)> =
        head.lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty()).collect();
    let comment = lines.iter().take_while(|(_, l)| l.starts_with('#')).last();
    let sample: Vec<&str> = all[..sure]
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(LINES)
        .collect();
    let Some((&first, rest)) = sample.split_first() else { return Format::Empty };
    if let Some(format) = json(first, rest) {
        return format;
    }
    if let Some(sep) = separator(first) {
        let skip = lines.iter().find(|(_, l)| separator(l).is_some()).map_or(1, |(i, _)| i + 1);
        let comma = decimal_comma(rest, sep);
        return Format::Table {
            shape: Shape { delimiter: sep, comma, names: None },
            skip: skip as u64,
        };
    }
    if number(first).is_some() {
        return Format::Numbers(false);
    }
    let commented = comment.map(|(_, l)| l.trim_start_matches('#').trim());
    if let Some(format) = headerless(&sample, commented) {
        return format;
    }
    table(first, rest).unwrap_or(Format::Text)
}

fn json(first: &str, rest: &[&str]) -> Option<Format> {
    let inner = first.get(1..).unwrap_or_default().trim_start();
    let is_json = match first.as_bytes().first()? {
        b'{' => inner.is_empty() || inner.starts_with(['"', '}']),
        // `[2024-01-01 12:00] loss 2.3` and `[5/9] loss 2.3` are texts.
        b'[' => {
            let word = inner.split([',', ']', ' ']).next().unwrap_or_default();
            inner.is_empty()
                || inner.starts_with(['{', '[', '"'])
                || (matches!(cell(word, false), Cell::Number(_)) || word == "null")
                    && !inner.split_once(']').is_some_and(|(_, after)| has_pair(after))
        }
        _ => false,
    };
    let by_line =
        first.ends_with(['}', ']']) && rest.first().is_some_and(|l| l.starts_with(['{', '[']));
    is_json.then_some(if by_line { Format::JsonLines } else { Format::Json })
}

/// Excel's `sep=;`.
fn separator(line: &str) -> Option<u8> {
    let sep = line.strip_prefix("sep=").or_else(|| line.strip_prefix("\"sep="))?;
    match sep.trim_end_matches('"').as_bytes() {
        [sep] if sep.is_ascii_punctuation() => Some(*sep),
        [] => Some(b'\t'),
        _ => None,
    }
}

/// The cells of a line.
fn cells(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(line.as_bytes());
    let row = reader.records().next().and_then(Result::ok).unwrap_or_default();
    row.iter().map(|c| c.trim().to_string()).collect()
}

fn is_number(text: &str) -> bool {
    matches!(cell(text, false), Cell::Number(_) | Cell::Ambiguous)
}

fn is_count(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether numbers have commas and none has a point.
fn decimal_comma(lines: &[&str], delimiter: u8) -> bool {
    let cells: Vec<String> = lines.iter().flat_map(|line| cells(line, delimiter)).collect();
    let numbers = || cells.iter().filter(|c| is_number(c));
    delimiter != b','
        && numbers().any(|c| c.contains(','))
        && !numbers().any(|c| c.contains('.') && !c.contains(','))
}

/// Numbers from the first line on.
fn headerless(sample: &[&str], commented: Option<&str>) -> Option<Format> {
    let all = |delimiter: u8| {
        let n = cells(sample[0], delimiter).len();
        let numbers = |line: &&str| {
            let cells = cells(line, delimiter);
            let last = cells.last().is_some_and(|c| c == "final");
            cells[..cells.len() - usize::from(last)].iter().all(|c| is_number(c))
        };
        (n > 1 && sample.iter().take(3).all(numbers)).then_some(n)
    };
    if DELIMITERS[1..].iter().all(|&d| all(d).is_none()) && all(b',').is_some() {
        match pairs_with_commas(sample) {
            Some(Pairs::Burn) => return Some(Format::Burn),
            Some(Pairs::Numbers) => return Some(Format::Numbers(false)),
            Some(Pairs::Commas) => return Some(Format::Numbers(true)),
            None => {}
        }
    }
    let (delimiter, n) = [b';', b'\t', b',', b' '].iter().find_map(|&d| all(d).map(|n| (d, n)))?;
    let numbered = || (1..=n).map(|i| i.to_string());
    let given = commented.map(|line| cells(line, delimiter)).filter(|names| names.len() == n);
    let column = |i: usize| sample.iter().map(move |line| cells(line, delimiter).swap_remove(i));
    let names: Vec<String> = match n {
        _ if given.is_some() => given.unwrap_or_default(),
        // MLflow's files: milliseconds, value, step.
        3 if column(0).all(|ms| is_count(&ms) && ms.len() == 13) => {
            ["time", "value", "step"].map(String::from).to_vec()
        }
        2 if column(0).all(|step| is_count(&step)) => vec!["step".into(), "value".into()],
        _ => numbered().collect(),
    };
    let shape = Shape { delimiter, comma: decimal_comma(sample, delimiter), names: Some(names) };
    Some(Format::Table { shape, skip: 0 })
}

enum Pairs {
    Burn,
    /// Some with commas of thousands.
    Numbers,
    /// Each with a decimal comma.
    Commas,
}

/// `2.3026,64` or `1,965.7` or `2,3026`; none of these: two columns.
fn pairs_with_commas(sample: &[&str]) -> Option<Pairs> {
    if sample.iter().any(|line| number(line).is_some()) {
        let burns = sample.iter().all(|l| !l.contains(',') || l.ends_with(",final"));
        return Some(if burns { Pairs::Burn } else { Pairs::Numbers });
    }
    let split: Vec<(&str, &str)> = sample.iter().filter_map(|l| l.split_once(',')).collect();
    let counted = split.iter().all(|(_, b)| is_count(b) || *b == "final");
    let pointed = split.iter().any(|(a, _)| !is_count(a.trim_start_matches('-')));
    let same = split.windows(2).all(|w| w[0].1 == w[1].1 || w[1].1 == "final");
    if counted && (pointed || (same && split.len() > 1)) {
        return Some(Pairs::Burn);
    }
    let grows = split.windows(2).all(|w| {
        let step = |text: &str| text.parse::<u64>().unwrap_or(0);
        step(w[0].0) < step(w[1].0)
    });
    if split.len() > 1 && grows || split.len() < sample.len() {
        return None;
    }
    if counted {
        return Some(Pairs::Commas);
    }
    sample.iter().all(|l| matches!(cell(l, false), Cell::Number(_))).then_some(Pairs::Numbers)
}

/// A header and rows under it.
fn table(first: &str, rest: &[&str]) -> Option<Format> {
    let fits = |delimiter: u8| {
        let header = cells(first, delimiter);
        let n = header.len();
        let row = |line: &&str| {
            let cells = cells(line, delimiter);
            cells.len() == n && cells.iter().any(|c| is_number(c))
        };
        let alone = rest.is_empty()
            && (n > 1 || header.first().is_some_and(|h| choice::is_loss(h)))
            && !has_pair(first);
        let good = !header.is_empty() && !header.iter().any(|c| is_number(c));
        (good && (alone || rest.iter().any(row))).then_some(n)
    };
    // A blank in a name makes no table: the other delimiters go first.
    let found = |delimiters: &[u8]| {
        delimiters.iter().filter_map(|&d| Some((fits(d)?, d))).rev().max_by_key(|(n, _)| *n)
    };
    let (n, delimiter) = found(&DELIMITERS[..3])?;
    let spaced = found(&DELIMITERS[3..]).filter(|(spaced, _)| n == 1 && *spaced > 1);
    let delimiter = spaced.map_or(delimiter, |(_, d)| d);
    // `loss 2.3` is a text of one line after the other.
    if has_pair(first) && rest.iter().all(|line| has_pair(line)) {
        return None;
    }
    let shape = Shape { delimiter, comma: decimal_comma(rest, delimiter), names: None };
    Some(Format::Table { shape, skip: 0 })
}
