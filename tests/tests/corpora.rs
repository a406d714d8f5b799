//! What the fuzzers found worth keeping, replayed without a fuzzer, and hostile numbers in every
//! place of a saved state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // a failed expectation ends the test

use autowu_core::{AutoWu, Config, NonFinite};
use autowu_tests::curves::curve;
use autowu_tests::{dense, tolerance};
use serde_json::Value;
use std::path::Path;

#[path = "../../fuzz/src/differential.rs"]
mod differential;
#[path = "../../fuzz/src/factor.rs"]
mod factor;
#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../autowu-core/examples/replay/log.rs"]
mod log;
#[path = "../../fuzz/src/replay_csv.rs"]
mod replay_csv;
#[path = "../../fuzz/src/resume.rs"]
mod resume;
#[path = "../../fuzz/src/step.rs"]
mod step;

/// Every file of a target's corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "{} has {} files", folder.display(), files.len());
    for file in &files {
        let run = || run(&std::fs::read(file).unwrap());
        assert!(std::panic::catch_unwind(run).is_ok(), "{} fails", file.display());
    }
    println!("{target}: {} inputs", files.len());
}

#[test]
fn the_corpus_of_step() {
    replay("step", step::run);
}

#[test]
fn the_corpus_of_resume() {
    replay("resume", resume::run);
}

#[test]
fn the_corpus_of_factor() {
    replay("factor", factor::run);
}

#[test]
fn the_corpus_of_replay_csv() {
    replay("replay_csv", replay_csv::run);
}

#[test]
fn the_corpus_of_differential() {
    replay("differential", differential::run);
}

fn leaves(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, &format!("{path}/{k}"), out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{path}/{i}"), out))
        }
        _ => out.push(path.to_owned()),
    }
}

/// One number of a saved state at a time is set to what breaks programs. The result is refused, or
/// a run that goes on.
#[test]
fn hostile_numbers_in_saved_states() {
    let reals = [
        "NaN",
        "inf",
        "-inf",
        "0.0",
        "-1.0",
        "1e300",
        "-1e300",
        "1.7976931348623157e308",
        "5e-324",
        "1e-310",
        "3e38",
        "1e-45",
    ];
    let counts = [0, 1, 2, 63, u64::from(u32::MAX), 1 << 62, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let configs = [
        Config { fit_samples: 12, test_samples: 20, votes: 2, ..Config::new(60) },
        Config {
            fit_samples: 12,
            test_samples: 20,
            votes: 2,
            non_finite: NonFinite::Ignore,
            ..Config::paper(5, 12)
        },
    ];
    let mut tried = 0;
    for (config, steps) in configs.into_iter().flat_map(|c| [(c, 0), (c, 25), (c, 50)]) {
        let mut autowu = AutoWu::<f64, 64>::new(config).unwrap();
        for loss in curve(5, steps) {
            autowu.step(loss);
        }
        let state = serde_json::to_value(&autowu).unwrap();
        let mut paths = Vec::new();
        leaves(&state, "", &mut paths);
        for path in paths {
            let others: Vec<Value> = match state.pointer(&path).unwrap() {
                Value::Number(_) => counts.map(Value::from).to_vec(),
                Value::String(_) => reals.map(Value::from).to_vec(),
                _ => continue,
            };
            for other in others {
                let mut hostile = state.clone();
                *hostile.pointer_mut(&path).unwrap() = other.clone();
                let text = hostile.to_string();
                let run = || resume::run(text.as_bytes());
                assert!(std::panic::catch_unwind(run).is_ok(), "{path} = {other}");
                tried += 1;
            }
        }
    }
    println!("{tried} states");
}
