//! Any text as a log of losses: an error message, or losses that survive being written and read
//! again.

use crate::log;

/// A file.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let bits = |losses: &[f64]| {
        losses.iter().map(|l| if l.is_nan() { u64::MAX } else { l.to_bits() }).collect::<Vec<_>>()
    };
    match log::parse(text) {
        Ok(losses) => {
            assert!(!losses.is_empty(), "a log without losses is an error");
            let lines: Vec<String> = losses.iter().map(f64::to_string).collect();
            let column = format!(
                "step,loss\n{}",
                losses.iter().map(|l| format!("1,{l}\n")).collect::<String>()
            );
            assert_eq!(log::parse(&lines.join("\n")).map(|l| bits(&l)), Ok(bits(&losses)));
            assert_eq!(log::parse(&column).map(|l| bits(&l)), Ok(bits(&losses)));
        }
        Err(message) => assert!(!message.is_empty()),
    }
}
