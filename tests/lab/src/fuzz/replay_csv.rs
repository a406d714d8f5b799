//! Any bytes as a log of losses, in any format: an error message that fits on a screen, or losses
//! that survive being written and read again.

use autowu_replay::log::{self, Log, Options};

/// A file.
pub fn run(data: &[u8]) {
    for column in [None, Some("loss"), Some("1")] {
        let options = Options { column, steps_per_epoch: Some(7) };
        match log::read(data, &options) {
            Ok(log) => {
                check(&log);
                if column.is_none() {
                    survives(&log.losses);
                }
            }
            Err(message) => {
                assert!(!message.is_empty() && message.chars().count() < 2000, "{message}");
            }
        }
    }
}

/// What every log that is read keeps to.
fn check(log: &Log) {
    assert!(!log.losses.is_empty(), "a log without losses is an error");
    assert!(log.summary().starts_with("read "));
    assert!(log.every() > 0 && log.training_steps() >= 1);
    if let Ok(losses) = log.evenly(1000) {
        assert!(!losses.is_empty() && losses.len() <= 1000);
    }
}

/// One loss a line, or a table, gives the same losses.
fn survives(losses: &[f64]) {
    let bits = |losses: &[f64]| {
        losses.iter().map(|l| if l.is_nan() { u64::MAX } else { l.to_bits() }).collect::<Vec<_>>()
    };
    let lines: Vec<String> = losses.iter().map(f64::to_string).collect();
    let rows: String = losses.iter().enumerate().map(|(i, l)| format!("{i},{l}\n")).collect();
    assert_eq!(log::parse(&lines.join("\n")).map(|l| bits(&l)), Ok(bits(losses)));
    assert_eq!(log::parse(&format!("step,loss\n{rows}")).map(|l| bits(&l)), Ok(bits(losses)));
}
