//! Saved states: each rule at its limit. An accepted state is written as it was read.

use autowu_core::{AutoWu, Config};
use autowu_tests::configs::sampled;
use autowu_tests::curves::valley;
use serde_json::{Value, json};

type Scheduler = AutoWu<f64, 64>;

/// A run in its first climb after `steps` losses; from the 65th on the history has entries of two.
fn saved(steps: u64) -> Value {
    let mut autowu = Scheduler::new(sampled(Config::new(500).without_scout(), 40, 40)).unwrap();
    valley(3, steps, 0.9, 1.0, 0.05).into_iter().for_each(|loss| {
        let _ = autowu.step(loss);
    });
    serde_json::to_value(&autowu).unwrap()
}

/// A guard that has seen three of the eight losses of its second block.
fn guard() -> Value {
    json!({
        "block": 8, "first": "2.0", "copy": "1.0", "span": 16, "noise": "0.1",
        "mean": "1.1", "count": 3, "ruined": 1, "blocks": 1,
        "waiting": ["1.2", "0.0", "0.0", "0.0", "0.0", "0.0"],
        "last": "1.2", "scatter": "0.0", "pairs": 0, "high": 0, "in_vain": 0, "is_known": false,
    })
}

/// The same run after 40 losses, if its decay had begun.
fn decaying() -> Value {
    let mut state = saved(40);
    state["stage"] = json!({"Decay": {
        "peak": "0.5",
        "start": 30,
        "tests": 7,
        "has_copy": true,
        "failures": {"in_a_row": 0, "tries": 0, "reported": false},
        "guard": guard(),
        "returns": 0,
        "finished": false,
    }});
    state
}

/// The state with other values at these places, given from `at` on: accepted, or refused with this
/// message.
fn is(state: &Value, at: &str, changes: &[(&str, Value)], refused: Option<&str>) {
    let mut state = state.clone();
    for (place, value) in changes {
        let place = format!("{at}{place}");
        *state.pointer_mut(&place).unwrap_or_else(|| panic!("no {place}")) = value.clone();
    }
    match (serde_json::from_value::<Scheduler>(state.clone()), refused) {
        (Ok(loaded), None) => {
            assert_eq!(serde_json::to_value(&loaded).unwrap(), state, "{changes:?}")
        }
        (Err(e), Some(words)) => assert!(e.to_string().contains(words), "{changes:?}: {e}"),
        (Ok(_), Some(_)) => panic!("{changes:?} is accepted"),
        (Err(e), None) => panic!("{changes:?}: {e}"),
    }
}

const DECAY: &str = "/stage/Decay/";
const CLIMB: &str = "/stage/Warmup/ascent/climb/";
const LOSSES: &str = "/stage/Warmup/ascent/losses/";
const FIT: &str = "/stage/Warmup/ascent/fit/";
const DESCENT: &str = "/stage/Warmup/descent/";

#[test]
fn a_state_by_hand_is_valid() {
    is(&decaying(), "", &[], None);
}

#[test]
fn a_phase_at_its_limits() {
    let (state, decaying) = (saved(40), decaying());
    let learning_rates = [("1.0", true), ("0.25", true), ("1e-300", true)].into_iter().chain(
        ["0.0", "-0.0", "-0.5", "1.0000000000000002", "1e-320", "inf", "NaN"].map(|x| (x, false)),
    );
    for (lr, valid) in learning_rates {
        let refused = (!valid).then_some("phase");
        is(&state, CLIMB, &[("base", json!(lr))], refused);
        is(&decaying, DECAY, &[("peak", json!(lr)), ("start", json!(40))], refused);
    }
    for (rate, valid) in
        [("0.0", true), ("1e300", true), ("-5e-324", false), ("inf", false), ("NaN", false)]
    {
        is(&state, CLIMB, &[("rate", json!(rate))], (!valid).then_some("phase"));
    }
    for (start, valid) in [(0, true), (40, true), (41, false), (u64::MAX, false)] {
        let refused = (!valid).then_some("phase");
        is(&state, CLIMB, &[("start", json!(start))], refused);
        is(&decaying, DECAY, &[("start", json!(start))], refused);
    }
    for (returns, valid) in [(3, true), (4, false)] {
        is(&decaying, DECAY, &[("returns", json!(returns))], (!valid).then_some("phase"));
    }
    // A run of 500 steps can have been extended, and is told to be over past its end only.
    for (total, step, finished, valid) in [
        (499, 40, false, false),
        (500, 500, true, false),
        (500, 501, true, true),
        (500, 501, false, true),
        (600, 501, true, false),
        (600, 601, true, true),
        (u64::MAX, u64::MAX, true, false),
        (u64::MAX, u64::MAX, false, true),
    ] {
        let refused = (!valid).then_some("phase");
        let at = [("/total", json!(total)), ("/step", json!(step))];
        is(
            &decaying,
            "",
            &[&at[..], &[("/stage/Decay/finished", json!(finished))]].concat(),
            refused,
        );
        if !finished {
            is(&state, "", &at, refused);
        }
    }
}

#[test]
fn a_history_at_its_limits() {
    // 65 losses: 32 entries of two, and a pending one.
    let state = saved(65);
    let losses = &state["stage"]["Warmup"]["ascent"]["losses"];
    assert_eq!(
        [&losses["resolution"], &losses["finite"], &losses["pending"]],
        [&json!(2), &json!(1), &json!(1)]
    );
    let history = |step: u64, changes: &[(&str, Value)], valid: bool| {
        let mut state = state.clone();
        state["step"] = json!(step);
        is(&state, LOSSES, changes, (!valid).then_some("history"));
    };
    for (resolution, step, valid) in [
        (0, 65, false),
        (2, 65, true),
        (2, 66, true),
        (2, 64, false),
        (3, 99, false),
        (4, 128, false),
        (4, 129, true),
    ] {
        history(step, &[("resolution", json!(resolution))], valid);
    }
    for (mean, finite, pending, valid) in [
        ("1.0", 1, 1, true),
        ("NaN", 0, 1, true),
        ("NaN", 0, 0, true),
        ("1.0", 1, 0, false),
        ("1.0", 2, 1, false),
        ("1.0", 0, 1, false),
        ("NaN", 1, 1, false),
        ("inf", 0, 1, false),
        ("inf", 1, 1, false),
        ("1.0", 1, 2, false),
        ("1.0", 2, 2, false),
    ] {
        let changes =
            [("mean", json!(mean)), ("finite", json!(finite)), ("pending", json!(pending))];
        history(65, &changes, valid);
    }
    for (loss, valid) in [("NaN", true), ("-1e300", true), ("inf", false), ("-inf", false)] {
        history(65, &[("entries/3", json!(loss))], valid);
    }
}

#[test]
fn a_fit_at_its_limits() {
    let state = saved(65);
    let (finite, none) = (["0.0", "-1.5", "1e300"], ["NaN", "inf", "-inf"]);
    let places = ["raw/0", "raw/1", "first/2", "second/0", "second/2", "powers/1"];
    for place in places {
        let range = match place.split('/').next() {
            Some("second") => 0.0..=f64::MAX,
            Some("powers") => 0.0..=1.0,
            _ => f64::MIN..=f64::MAX,
        };
        for number in finite.into_iter().chain(none).chain(["1.0", "1.0000000000000002", "-5e-324"])
        {
            let valid = range.contains(&number.parse::<f64>().unwrap());
            is(&state, FIT, &[(place, json!(number))], (!valid).then_some("fit"));
        }
    }
}

#[test]
fn a_descent_at_its_limits() {
    let state = saved(40);
    let descent = |ends: Value, valid: bool| {
        is(&state, DESCENT, &[("ends", ends)], (!valid).then_some("guard"));
    };
    descent(Value::Null, true);
    for (first, lowest, span, valid) in [
        ("2.0", "1.0", 4, true),
        ("1.0", "2.0", 4, true),
        ("2.0", "1.0", 0, false),
        ("inf", "inf", 4, false),
        ("2.0", "inf", 4, false),
        ("-inf", "-inf", 4, false),
        ("NaN", "1.0", 4, false),
        ("2.0", "NaN", 4, false),
    ] {
        descent(json!({"first": first, "lowest": lowest, "span": span}), valid);
    }
    for (noise, valid) in [("0.0", true), ("inf", false), ("-5e-324", false), ("NaN", false)] {
        is(&state, DESCENT, &[("noise", json!(noise))], (!valid).then_some("guard"));
    }
}

#[test]
fn a_guard_at_its_limits() {
    let state = decaying();
    for (place, value, valid) in [
        ("block", json!(0), false),
        ("block", json!(3), false),
        ("block", json!(4), true),
        ("block", json!(1_u64 << 58), false),
        ("span", json!(0), false),
        ("span", json!(1), true),
        ("count", json!(8), false),
        ("count", json!(7), true),
        ("ruined", json!(4), false),
        ("ruined", json!(3), true),
        ("first", json!("inf"), false),
        ("copy", json!("-1e300"), true),
        ("copy", json!("NaN"), false),
        ("mean", json!("inf"), false),
        ("last", json!("NaN"), false),
        ("noise", json!("0.0"), true),
        ("noise", json!("-5e-324"), false),
        ("noise", json!("inf"), false),
        ("scatter", json!("-5e-324"), false),
        ("waiting/5", json!("NaN"), false),
        ("in_vain", json!(3), true),
        ("is_known", json!(true), true),
    ] {
        let place = format!("guard/{place}");
        is(&state, DECAY, &[(&place, value)], (!valid).then_some("guard"));
    }
    is(&state, DECAY, &[("guard", Value::Null)], None);
}

/// Every counter and flag comes back as it was written.
#[test]
fn counters_are_kept() {
    let (warmup, decay) = (saved(65), decaying());
    for (state, at) in [(&warmup, "/stage/Warmup/"), (&decay, DECAY)] {
        is(state, "", &[("/skipped", json!(9))], None);
        let counters = [("tests", json!(77)), ("failures/in_a_row", json!(3))];
        is(state, at, &counters, None);
        for flag in [true, false] {
            is(state, at, &[("has_copy", json!(flag)), ("failures/reported", json!(flag))], None);
        }
    }
    is(&warmup, "/stage/Warmup/", &[("ascent/positives", json!(2))], None);
}

/// A state of version 1 is refused for its version, whatever else it contains.
#[test]
fn a_state_of_version_1_is_refused() {
    let text = include_str!("version_1.json");
    let refusal = serde_json::from_str::<Scheduler>(text).unwrap_err().to_string();
    assert!(refusal.contains("format version 1, this library reads version 4"), "{refusal}");
    // The binary format has no message for a refusal, but distinguishes it from missing or
    // malformed bytes.
    let bytes = include_bytes!("version_1.bin");
    let refusal = postcard::from_bytes::<Scheduler>(bytes).unwrap_err();
    assert_eq!(refusal, postcard::Error::SerdeDeCustom);
}

/// Reals are written as text, and read as numbers too.
#[test]
fn a_number_is_as_good_as_its_text() {
    let state = saved(40);
    for (number, text) in
        [(json!(1), "1.0"), (json!(0.25), "0.25"), (json!(-3), "-3.0"), (json!(1e300), "1e300")]
    {
        let with = |value: Value| {
            let mut state = state.clone();
            state["stage"]["Warmup"]["ascent"]["losses"]["entries"][3] = value;
            serde_json::to_value(serde_json::from_value::<Scheduler>(state).unwrap()).unwrap()
        };
        assert_eq!(with(number), with(json!(text)));
        let written = &with(json!(text))["stage"]["Warmup"]["ascent"]["losses"]["entries"][3];
        assert_eq!(written, text);
    }
    for other in [json!(true), json!("1,5")] {
        is(&state, LOSSES, &[("entries/3", other)], Some("a number, or its decimal text"));
    }
}
