//! Standard output, until its reader has seen enough (`| head`).

use std::io::{self, ErrorKind, Write};

/// Standard output, line by line.
pub struct Output {
    is_open: bool,
}

impl Default for Output {
    fn default() -> Self {
        Output { is_open: true }
    }
}

impl Output {
    /// Writes a line, at once. Whether somebody reads on.
    pub fn say(&mut self, line: &str) -> Result<bool, String> {
        if self.is_open {
            let mut out = io::stdout().lock();
            self.is_open = match writeln!(out, "{line}").and_then(|()| out.flush()) {
                Err(e) if e.kind() == ErrorKind::BrokenPipe => false,
                written => written.map(|()| true).map_err(|e| format!("standard output: {e}"))?,
            };
        }
        Ok(self.is_open)
    }
}
