//! The checks of a part: one row of a table each.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Characters of a row's last column at most.
const LONGEST: usize = 700;

/// Prints a row for every check, at once, so that a part that is stopped shows what it did.
pub struct Checks {
    failed: bool,
}

impl Checks {
    /// Begins the table.
    pub fn new() -> Self {
        println!("| check | | s | what came out |\n|---|---|---|---|");
        Checks { failed: false }
    }

    /// One check: `Ok` says what came out, `Err` what is wrong. A panic is wrong too, and does not
    /// stop the others.
    pub fn check(&mut self, name: &str, work: impl FnOnce() -> Result<String, String>) {
        let begun = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        });
        let (word, text) = match &found {
            Ok(text) => ("passed", text),
            Err(text) => ("**FAILED**", text),
        };
        self.failed |= found.is_err();
        let seconds = begun.elapsed().as_secs_f64();
        println!("| {} | {word} | {seconds:.2} | {} |", name.replace('_', " "), one_line(text));
        let _ = std::io::stdout().flush();
    }

    /// Whether all passed.
    pub fn passed(&self) -> bool {
        !self.failed
    }
}

/// Fits a cell of a table.
fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// `Err` with a sentence unless it holds.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// An error as text.
pub fn text(e: impl ToString) -> String {
    e.to_string()
}
