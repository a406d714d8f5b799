//! The fuzzers' corpora, replayed without a fuzzer, and hostile numbers in every place of a saved
//! state.
// A failed expectation ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use autowu_core::{AutoWu, Config, NonFinite, Response};
use autowu_lab::fuzz::{differential, factor, replay_csv, resume, step};
use autowu_tests::configs::{sampled, voted};
use autowu_tests::curves::{bowl, curve};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

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

/// States of short runs: at the first step, in the warmup and in the decay, on a made curve.
fn states() -> Vec<AutoWu<f64, 64>> {
    let few = |config| voted(sampled(config, 12, 20), 2);
    let paper = few(Config::paper(5, 12));
    let non_finite = NonFinite::Ignore;
    let paper = paper.with_response(Response { non_finite, ..paper.response });
    let mut states = Vec::new();
    for (config, steps) in [few(Config::new(60).without_scout()), paper]
        .into_iter()
        .flat_map(|c| [(c, 0), (c, 25), (c, 50)])
    {
        let mut autowu = AutoWu::new(config).unwrap();
        for loss in curve(5, steps) {
            let _ = autowu.step(loss);
        }
        states.push(autowu);
    }
    // A run that has found its minimum knows of its descent: in a later climb, and in the decay.
    let mut autowu = AutoWu::new(few(Config::new(200).without_scout())).unwrap();
    for step in 0..150 {
        if [70, 149].contains(&step) {
            states.push(autowu.clone());
        }
        let _ = autowu.step(bowl(autowu.lr(), 1e-3));
    }
    states
}

/// What either stage of a saved state has. (Its choices and flags are set elsewhere:
/// `laws/digest.rs`, `laws/states.rs`.)
const PLACES: [&str; 42] = [
    "/stage/Warmup/ascent/climb/base",
    "/stage/Warmup/ascent/climb/rate",
    "/stage/Warmup/ascent/climb/start",
    "/stage/Warmup/ascent/climb/number",
    "/stage/Warmup/ascent/losses/entries/5",
    "/stage/Warmup/ascent/losses/resolution",
    "/stage/Warmup/ascent/losses/mean",
    "/stage/Warmup/ascent/losses/finite",
    "/stage/Warmup/ascent/losses/pending",
    "/stage/Warmup/ascent/fit/raw/1",
    "/stage/Warmup/ascent/fit/first/2",
    "/stage/Warmup/ascent/fit/second/2",
    "/stage/Warmup/ascent/fit/powers/1",
    "/stage/Warmup/ascent/positives",
    "/stage/Warmup/tests",
    "/stage/Warmup/failures/in_a_row",
    "/stage/Warmup/descent/noise",
    "/stage/Warmup/descent/ends/first",
    "/stage/Warmup/descent/ends/lowest",
    "/stage/Warmup/descent/ends/span",
    "/stage/Warmup/failures/tries",
    "/stage/Warmup/highest",
    "/stage/Decay/peak",
    "/stage/Decay/start",
    "/stage/Decay/tests",
    "/stage/Decay/failures/in_a_row",
    "/stage/Decay/guard/block",
    "/stage/Decay/guard/first",
    "/stage/Decay/guard/copy",
    "/stage/Decay/guard/span",
    "/stage/Decay/guard/noise",
    "/stage/Decay/guard/mean",
    "/stage/Decay/guard/count",
    "/stage/Decay/guard/ruined",
    "/stage/Decay/guard/blocks",
    "/stage/Decay/guard/waiting/0",
    "/stage/Decay/guard/last",
    "/stage/Decay/guard/scatter",
    "/stage/Decay/guard/pairs",
    "/stage/Decay/guard/high",
    "/stage/Decay/guard/in_vain",
    "/stage/Decay/returns",
];

/// Sets one number of a saved state at a time to a hostile value. The result is refused, or a run
/// that goes on.
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
    let (mut tried, mut places) = (0, HashSet::new());
    for autowu in states() {
        let state = serde_json::to_value(&autowu).unwrap();
        let mut paths = Vec::new();
        leaves(&state, "", &mut paths);
        for path in paths {
            let others: Vec<Value> = match state.pointer(&path).unwrap() {
                Value::Number(_) => counts.map(Value::from).to_vec(),
                Value::String(_) => reals.map(Value::from).to_vec(),
                // What is not known may be a number or a count.
                Value::Null => {
                    reals.map(Value::from).into_iter().chain(counts.map(Value::from)).collect()
                }
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
            places.insert(path);
        }
    }
    for place in PLACES {
        assert!(places.contains(place), "no state has {place}");
    }
    println!("{tried} states");
}
