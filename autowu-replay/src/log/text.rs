//! Lines that people print: `loss: 2.3`, `loss=2.3`, `'loss': 2.3`, `loss 2.3`, `lm loss: 1.9E+00`.
//!
//! A pair is a name of one or a few words, perhaps `:` or `=`, and a number. Other punctuation ends
//! a name; what comes between is skipped.

use super::choice;
use super::encoding::{decode, each_line};
use super::number::{Cell, cell, complaint, count};
use super::sink::Sink;
use std::io::BufRead;

/// Reads a text into the sink; the name of its losses.
pub(super) fn read(input: impl BufRead, sink: &mut Sink<'_>) -> Result<String, String> {
    // Whether the losses before were followed by more on their lines.
    let mut goes_on = false;
    let mut name = String::new();
    each_line(input, |at, line, ended| {
        let line = decode(line);
        let mut of_validation = false;
        let mut pairs = Pairs { line: &line, at: 0, dropped: false };
        while let Some(pair) = pairs.next() {
            of_validation |= pairs.dropped;
            if of_validation && choice::is_loss(pair.key) && !choice::is_of_validation(pair.key) {
                name.clear();
                name.extend(["validation ", pair.key]);
            } else {
                name.clear();
                name.push_str(pair.key);
            }
            // `validation loss at iteration 1000 | lm loss value: 7.5`, `Test epoch: 3, loss 2.1`
            of_validation |= pair.key.contains(' ') && announces_validation(pair.key);
            if !sink.wants(&name) {
                continue;
            }
            let is_place = sink.is_place(&name);
            let value = match cell(pair.number, false) {
                Cell::Number(value) => value,
                _ if is_place && count(pair.number).is_some() => {
                    count(pair.number).unwrap_or_default()
                }
                _ if is_place => continue,
                wrong => return Err(complaint(at, pair.number, wrong)),
            };
            if !ended && goes_on && pairs.rest().is_empty() && !is_place {
                sink.notes.push(format!("the last line ({at}) is incomplete: it is left out"));
                sink.forget_row();
                return Ok(());
            }
            goes_on |= !is_place && !pairs.rest().is_empty();
            sink.value(&name, value);
        }
        sink.end_row();
        Ok(())
    })?;
    sink.chosen()
}

/// Whether a line has a name and its number.
pub(super) fn has_pair(line: &str) -> bool {
    Pairs { line, at: 0, dropped: false }.next().is_some()
}

fn announces_validation(key: &str) -> bool {
    let last = key.rsplit(' ').next().unwrap_or(key);
    choice::place(last).is_some() && choice::is_of_validation(key)
}

/// A name and its number.
struct Pair<'a> {
    key: &'a str,
    number: &'a str,
}

/// The pairs of a line.
struct Pairs<'a> {
    line: &'a str,
    at: usize,
    /// Words of validation that belonged to no number: `Test set: Average loss: 0.1`.
    dropped: bool,
}

/// Words of a name, at most.
const WORDS: usize = 4;

impl<'a> Pairs<'a> {
    fn rest(&self) -> &'a str {
        self.line[self.at..].trim_end()
    }

    fn next(&mut self) -> Option<Pair<'a>> {
        let bytes = self.line.as_bytes();
        // Starts of the name's words, and its end.
        let mut starts = [0; WORDS];
        let (mut words, mut end, mut assigned) = (0, 0, false);
        while let Some(&byte) = bytes.get(self.at) {
            let here = self.at;
            let key = || (words > 0).then(|| &self.line[starts[0]..end]);
            if let Some(length) = number_length(&bytes[here..]) {
                self.at += length;
                let number = &self.line[here..self.at];
                let found = key().map(|key| Pair { key, number });
                // A unit is no name: `9ms`.
                while bytes.get(self.at).is_some_and(|&b| is_word(b)) {
                    self.at += 1;
                }
                if found.is_some() {
                    return found;
                }
                continue;
            }
            match byte {
                _ if is_word(byte) => {
                    let length = word_length(&bytes[here..]);
                    let word = &self.line[here..here + length];
                    self.at += length;
                    if let Some(key) = key()
                        && let Some(number) = named_number(word, here, self.line)
                    {
                        return Some(Pair { key, number });
                    }
                    // `loss: tensor(2.3)`
                    if assigned && word == "tensor" && bytes.get(self.at) == Some(&b'(') {
                        self.at += 1;
                        continue;
                    }
                    if assigned || matches!(word, "INFO" | "DEBUG" | "WARNING" | "ERROR") {
                        self.drop(key());
                        (words, assigned) = (0, false);
                    }
                    if words == WORDS {
                        starts.copy_within(1.., 0);
                        words -= 1;
                    }
                    starts[words] = here;
                    (words, end) = (words + 1, here + length);
                }
                b' ' | b'\t' | b'\'' | b'"' => self.at += 1,
                b':' | b'=' if words > 0 => {
                    assigned = true;
                    self.at += 1;
                }
                b'-' | b'+' if words > 0 && named(&bytes[here + 1..]) => self.at += 1,
                // Colours of a terminal.
                0x1b => {
                    let escape = bytes[here..].iter().position(u8::is_ascii_alphabetic);
                    self.at = escape.map_or(bytes.len(), |length| here + length + 1);
                }
                _ => {
                    self.drop(key());
                    (words, assigned) = (0, false);
                    self.at += 1;
                }
            }
        }
        None
    }

    fn drop(&mut self, key: Option<&str>) {
        self.dropped |= key.is_some_and(choice::is_of_validation);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// `train/loss`, `train-loss`, `top.5`: punctuation between letters belongs to the word.
fn word_length(bytes: &[u8]) -> usize {
    let mut length = 1;
    while let Some(&byte) = bytes.get(length) {
        let joins = matches!(byte, b'/' | b'-' | b'.' | b'@')
            && bytes.get(length + 1).is_some_and(|&b| b.is_ascii_alphabetic());
        if !is_word(byte) && !joins {
            break;
        }
        length += 1;
    }
    length
}

fn named(bytes: &[u8]) -> bool {
    let starts = |name: &[u8]| bytes.len() >= 3 && bytes[..3].eq_ignore_ascii_case(name);
    starts(b"nan") || starts(b"inf")
}

/// `nan`, `inf` as the value of a name; with the sign before it.
fn named_number<'a>(word: &str, at: usize, line: &'a str) -> Option<&'a str> {
    let is_named = ["nan", "inf", "infinity"].iter().any(|n| n.eq_ignore_ascii_case(word));
    let sign = usize::from(at > 0 && matches!(line.as_bytes()[at - 1], b'-' | b'+'));
    is_named.then(|| &line[at - sign..at + word.len()])
}

/// Length of a number in digits, with its sign; commas of thousands and a decimal comma too.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let whole = digits(at);
    if whole == 0 && !(bytes.get(at) == Some(&b'.') && digits(at + 1) > 0) {
        // The sign of `-nan` or `-inf` is read with the word.
        return None;
    }
    at += whole;
    while bytes.get(at) == Some(&b',') && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    if bytes.get(at) == Some(&b'.') {
        at += 1 + digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
        let exponent = digits((at + 1 + sign).min(bytes.len()));
        at += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str) -> Vec<(&str, &str)> {
        let mut pairs = Pairs { line, at: 0, dropped: false };
        std::iter::from_fn(|| pairs.next()).map(|p| (p.key, p.number)).collect()
    }

    #[test]
    fn pairs_of_lines() {
        for (line, expected) in [
            ("iter 0: loss 4.26, time 9ms", vec![("iter", "0"), ("loss", "4.26"), ("time", "9")]),
            ("{'loss': 2.3, 'lr': 5e-05}", vec![("loss", "2.3"), ("lr", "5e-05")]),
            ("{'loss': '2.3'}", vec![("loss", "2.3")]),
            ("loss=-1.5e-3|x", vec![("loss", "-1.5e-3")]),
            ("s:20 trl:5.12 lr:0.001", vec![("s", "20"), ("trl", "5.12"), ("lr", "0.001")]),
            (
                " iteration 10/ 500 | lm loss: 1.04E+01 | loss scale: 65536.0 |",
                vec![("iteration", "10"), ("lm loss", "1.04E+01"), ("loss scale", "65536.0")],
            ),
            (
                "2024-01-01 12:00:00,123 - INFO - step 10 - loss: nan",
                vec![("step", "10"), ("loss", "nan")],
            ),
            ("loss: -inf", vec![("loss", "-inf")]),
            ("loss=1,965.7", vec![("loss", "1,965.7")]),
            ("loss: tensor(2.5, device='cuda:0')", vec![("loss", "2.5"), ("cuda", "0")]),
            ("\u{1b}[32mloss\u{1b}[0m: 2.5", vec![("loss", "2.5")]),
            ("[train] step=3", vec![("step", "3")]),
            ("INFO:root:loss 2.5", vec![("loss", "2.5")]),
            ("100%|###| 9/9 [00:01<00:00]", vec![]),
            ("loss 11.0 (+nanz)| norm 1.5", vec![("loss", "11.0"), ("norm", "1.5")]),
            ("verl\u{fc}st: 2.5", vec![("verl\u{fc}st", "2.5")]),
        ] {
            assert_eq!(pairs(line), expected, "{line}");
        }
    }

    fn losses(text: &str) -> (String, Vec<f64>) {
        let mut sink = Sink::new(None);
        let name = read(text.as_bytes(), &mut sink).expect("it reads");
        (name, sink.series.losses)
    }

    #[test]
    fn validation_does_not_count() {
        let (name, read) = losses(
            "Train Epoch: 1 [0/60]\tLoss: 2.3\nTest set: Average loss: 0.9\n\
             validation at step 4 | loss: 8.0\nval loss 3\nTrain Epoch: 1 [6/60]\tLoss: 2.2\n",
        );
        assert_eq!((name.as_str(), read), ("Loss", vec![2.3, 2.2]));
    }

    #[test]
    fn a_cut_line_is_left_out() {
        let text = "step 1 loss 2.35 lr 1\nstep 2 loss 2.25 lr 1\nstep 3 loss 2.1";
        assert_eq!(losses(text).1, [2.35, 2.25]);
        assert_eq!(losses("loss 2.35\nloss 2.25").1, [2.35, 2.25]);
    }
}
