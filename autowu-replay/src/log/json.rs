//! JSON: `trainer_state.json`, lines of objects, arrays.
//!
//! A map is a row, and a map inside of it gives `outer/inner`; a map in an array is a row of its
//! own. An array of numbers is a column, or, inside of an array, `[step, loss]` or
//! `[time, step, loss]`.

use super::encoding::{decode, each_line, quoted};
use super::nan::Quoting;
use super::number::{Cell, cell};
use super::plain::ONLY;
use super::sink::Sink;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufRead, BufReader, Read};

/// One document a line; the name of its losses.
pub(super) fn read_lines(input: impl BufRead, sink: &mut Sink<'_>) -> Result<String, String> {
    let mut walk = Walk::new(sink);
    each_line(input, |at, line, ended| {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        walk.line = at;
        let mut plain = serde_json::Deserializer::from_slice(line);
        let before = walk.sink.series.losses.len();
        let done = walk.document(&mut plain).and_then(|()| plain.end()).or_else(|e| {
            if walk.sink.series.losses.len() > before {
                return Err(e);
            }
            // Perhaps NaN, in a row that was not read.
            let mut quoting = serde_json::Deserializer::from_reader(Quoting::new(line));
            walk.document(&mut quoting).and_then(|()| quoting.end())
        });
        match done {
            Err(_) if !ended => {
                walk.sink.notes.push(format!("the last line ({at}) is incomplete: it is left out"));
                Ok(())
            }
            Err(e) => {
                let line = quoted(&decode(line));
                Err(format!("line {at}: {line} is not JSON ({}): {REMEDY}", reason(&e)))
            }
            Ok(()) => {
                walk.end();
                Ok(())
            }
        }
    })?;
    walk.name()
}

/// A document, or several one after the other; the name of its losses.
pub(super) fn read(input: impl Read, sink: &mut Sink<'_>) -> Result<String, String> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(Quoting::new(input)));
    let mut walk = Walk::new(sink);
    loop {
        match walk.document(&mut json) {
            Ok(()) => walk.end(),
            Err(e) if e.is_eof() => break,
            Err(e) => {
                let (line, column) = (e.line(), e.column());
                return Err(format!(
                    "line {line}, column {column}: this is not JSON ({}): {REMEDY}",
                    reason(&e)
                ));
            }
        }
    }
    if walk.begun {
        walk.sink.forget_row();
        walk.sink.notes.push("the JSON is incomplete: its last, broken row is left out".into());
    }
    walk.name()
}

const REMEDY: &str = "correct the line or delete it";

fn reason(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.split(" at line ").next().unwrap_or(&text).chars().take(60).collect()
}

/// Walks through a document and tells the sink what it meets.
struct Walk<'w, 's> {
    sink: &'w mut Sink<'s>,
    /// `outer/inner` of the value that comes.
    path: String,
    line: u64,
    /// In an array.
    nested: bool,
    /// Inside of a document.
    begun: bool,
    /// Numbers without a name were read.
    bare: bool,
    /// The row `[time, step, loss]`.
    tuple: Vec<f64>,
    /// A column of steps.
    steps: Vec<f64>,
}

impl<'w, 's> Walk<'w, 's> {
    fn new(sink: &'w mut Sink<'s>) -> Self {
        Walk {
            sink,
            path: String::new(),
            line: 0,
            nested: false,
            begun: false,
            bare: false,
            tuple: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn document<'de, D: Deserializer<'de>>(&mut self, json: D) -> Result<(), D::Error> {
        self.path.clear();
        self.sink.forget_row();
        (self.nested, self.begun) = (false, false);
        self.deserialize(json)
    }

    fn end(&mut self) {
        self.begun = false;
        self.sink.end_row();
        self.end_tuple(false);
    }

    fn name(self) -> Result<String, String> {
        if self.sink.series.losses.len() == self.steps.len() && self.sink.series.steps.is_empty() {
            self.sink.series.steps = self.steps;
        }
        match self.sink.chosen() {
            Err(_) if self.bare && !self.sink.series.losses.is_empty() => Ok(ONLY.into()),
            name => name,
        }
    }

    fn number(&mut self, value: f64) {
        match (self.nested, self.path.is_empty()) {
            (false, false) => self.sink.value(&self.path, value),
            (_, true) if self.tuple.len() < 4 => self.tuple.push(value),
            (_, true) => {}
            (true, false) if self.sink.is_place(&self.path) => self.steps.push(value),
            (true, false) => {
                self.sink.value(&self.path, value);
                self.sink.end_row();
            }
        }
    }

    /// Numbers without names: of a row, or each a loss.
    fn end_tuple(&mut self, is_row: bool) {
        let tuple = std::mem::take(&mut self.tuple);
        match tuple[..] {
            [.., step, loss] if is_row && tuple.len() < 4 => {
                self.sink.row(Some(step), None, loss);
            }
            [_, _, ..] if is_row => return,
            _ => tuple.iter().for_each(|&loss| self.sink.row(None, None, loss)),
        }
        self.bare |= !tuple.is_empty();
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        let is_bare = self.nested && self.path.is_empty();
        if is_bare || (self.sink.wants(&self.path) && !self.sink.is_place(&self.path)) {
            self.sink.missing(self.line);
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if (self.path.is_empty() || self.sink.wants(&self.path))
            && let Cell::Number(value) = cell(text, false)
        {
            self.number(value);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.begun = true;
        let is_row = std::mem::take(&mut self.nested);
        let (outer, length) = (self.sink.take_row(is_row), self.path.len());
        // A map in an array is called by its own keys.
        let path = if is_row { std::mem::take(&mut self.path) } else { String::new() };
        while map.next_key_seed(Key(&mut self.path))?.is_some() {
            map.next_value_seed(&mut *self)?;
            self.path.truncate(if is_row { 0 } else { length });
        }
        if is_row {
            self.sink.end_row();
            (self.path, self.nested) = (path, true);
            self.sink.put_row(outer);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.begun = true;
        let was_nested = std::mem::replace(&mut self.nested, true);
        let outer = self.sink.take_row(true);
        while seq.next_element_seed(&mut *self)?.is_some() {
            if !was_nested {
                self.end_tuple(false);
            }
        }
        self.end_tuple(was_nested);
        self.nested = was_nested;
        self.sink.put_row(outer);
        Ok(())
    }
}

/// Appends a key to a path.
struct Key<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('/');
        }
        self.0.push_str(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> (String, Vec<f64>, Vec<f64>) {
        let mut sink = Sink::new(None);
        let name = read(text.as_bytes(), &mut sink).unwrap_or_else(|e| panic!("{text}: {e}"));
        (name, sink.series.steps, sink.series.losses)
    }

    #[test]
    fn documents() {
        let two = ([0.0, 1.0].to_vec(), [2.5, 2.25].to_vec());
        for (text, name, steps) in [
            ("[2.5, 2.25]", "1", false),
            ("2.5\n2.25", "1", false),
            ("[[0, 2.5], [1, 2.25]]", "1", true),
            ("[[1.7e9, 0, 2.5], [1.7e9, 1, 2.25]]", "1", true),
            (r#"[{"step": 0, "loss": 2.5}, {"loss": 2.25, "step": 1}]"#, "loss", true),
            (r#"{"loss": [2.5, 2.25], "val_loss": [3, 2, 1]}"#, "loss", false),
            (r#"{"step": [0, 1], "loss": [2.5, 2.25]}"#, "loss", true),
            (r#"{"loss": 2.5, "step": 0} {"loss": "2.25", "step": 1}"#, "loss", true),
            (
                r#"{"step":0,"train":{"loss":2.5}} {"train":{"loss":2.25},"step":1}"#,
                "train/loss",
                true,
            ),
            (
                r#"{"epoch": 9, "global_step": 7, "log_history": [{"loss": 2.5, "step": 0},
                    {"eval_loss": 9, "step": 0}, {"loss": 2.25, "step": 1},
                    {"step": 1, "train_loss": 2.4}], "max_steps": 2}"#,
                "loss",
                true,
            ),
            (r#"[{"step": 0, "loss": 2.5}, {"loss": 2.25, "step": 1}, {"loss": 2."#, "loss", true),
        ] {
            let expected = if steps { two.0.clone() } else { vec![] };
            assert_eq!(document(text), (name.into(), expected, two.1.clone()), "{text}");
        }
    }

    #[test]
    fn words_of_python() {
        let (_, _, losses) =
            document(r#"[{"loss": NaN}, {"loss": -Infinity}, {"loss": Infinity}]"#);
        assert!(losses[0].is_nan());
        assert_eq!(losses[1..], [f64::NEG_INFINITY, f64::INFINITY]);
        let mut sink = Sink::new(None);
        let text = "{\"loss\": 2.5, \"x\": \"NaN\"}\n{\"loss\": NaN}\n{\"loss\": 2.";
        assert_eq!(read_lines(text.as_bytes(), &mut sink), Ok("loss".into()));
        assert!(sink.series.losses.len() == 2 && sink.series.losses[1].is_nan());
        assert_eq!(sink.notes, ["the last line (3) is incomplete: it is left out"]);
    }

    #[test]
    fn errors_name_the_line() {
        let text = "{\"loss\": 2.5}\n{\"loss\": }\n{\"loss\": 2.25}\n";
        let error = read_lines(text.as_bytes(), &mut Sink::new(None)).expect_err("a broken line");
        assert!(error.starts_with("line 2: \"{\\\"loss\\\": }\" is not JSON"), "{error}");
        let error = read("[1,\n2,]".as_bytes(), &mut Sink::new(None)).expect_err("a broken array");
        assert!(error.starts_with("line 2"), "{error}");
    }
}
