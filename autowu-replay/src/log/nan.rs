//! `NaN` and `Infinity` in JSON, as Python writes them, put into quotes.

use std::io::{self, Read};

/// JSON whose words are quoted where they are numbers.
pub(super) struct Quoting<R> {
    input: R,
    ready: Vec<u8>,
    taken: usize,
    /// A word or number that may go on.
    word: Vec<u8>,
    in_string: bool,
    escaped: bool,
    ended: bool,
}

impl<R: Read> Quoting<R> {
    pub(super) fn new(input: R) -> Self {
        Quoting {
            input,
            ready: Vec::new(),
            taken: 0,
            word: Vec::new(),
            in_string: false,
            escaped: false,
            ended: false,
        }
    }

    fn push(&mut self, byte: u8) {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            self.ready.push(byte);
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
            self.word.push(byte);
            if self.word.len() > 64 {
                self.ready.append(&mut self.word);
            }
        } else {
            self.end_word();
            self.in_string = byte == b'"';
            self.ready.push(byte);
        }
    }

    fn end_word(&mut self) {
        let plain = self.word.strip_prefix(b"-").unwrap_or(&self.word);
        let quote =
            [&b"nan"[..], b"inf", b"infinity"].iter().any(|n| n.eq_ignore_ascii_case(plain));
        self.ready.extend(quote.then_some(b'"'));
        self.ready.append(&mut self.word);
        self.ready.extend(quote.then_some(b'"'));
    }
}

impl<R: Read> Read for Quoting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && !self.ended {
            (self.taken, self.ready) = (0, std::mem::take(&mut self.ready));
            self.ready.clear();
            let mut chunk = [0; 8192];
            let read = self.input.read(&mut chunk)?;
            chunk[..read].iter().for_each(|&byte| self.push(byte));
            if read == 0 {
                self.end_word();
                self.ended = true;
            }
        }
        let length = buffer.len().min(self.ready.len() - self.taken);
        buffer[..length].copy_from_slice(&self.ready[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_outside_of_strings() {
        let text = r#"{"NaN \" NaN": [NaN, -Infinity, 1e5, true, null]} Infinity"#;
        let mut out = String::new();
        Quoting::new(text.as_bytes()).read_to_string(&mut out).expect("memory");
        let expected = r#"{"NaN \" NaN": ["NaN", "-Infinity", 1e5, true, null]} "Infinity""#;
        assert_eq!(out, expected);
    }
}
