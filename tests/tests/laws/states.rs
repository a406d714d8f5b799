//! Saved states: each rule at its limit. What is accepted is written again as it was read.

use autowu_core::{AutoWu, Config};
use autowu_tests::curves::valley;
use serde_json::{Value, json};

type Scheduler = AutoWu<f64, 64>;

/// A run in its first climb after `steps` losses; from the 65th on the history has blocks of two.
fn saved(steps: u64) -> Value {
    let mut autowu =
        Scheduler::new(Config { fit_samples: 40, test_samples: 40, ..Config::new(500) }).unwrap();
    valley(3, steps, 0.9, 1.0, 0.05).into_iter().for_each(|loss| {
        autowu.step(loss);
    });
    serde_json::to_value(&autowu).unwrap()
}

/// The state with other values at these places: accepted, or refused in these words.
fn is(state: &Value, changes: &[(&str, Value)], refused: Option<&str>) {
    let mut state = state.clone();
    for (place, value) in changes {
        *state.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value.clone();
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

#[test]
fn a_phase_at_its_limits() {
    let state = saved(40);
    let learning_rates = [("1.0", true), ("0.25", true), ("1e-300", true)].into_iter().chain(
        ["0.0", "-0.0", "-0.5", "1.0000000000000002", "1e-320", "inf", "NaN"].map(|x| (x, false)),
    );
    for (lr, valid) in learning_rates {
        let refused = (!valid).then_some("phase");
        is(&state, &[("/phase/Warmup/base", json!(lr))], refused);
        is(&state, &[("/phase", json!({"Decay": {"peak": lr, "start": 40}}))], refused);
    }
    for (rate, valid) in
        [("0.0", true), ("1e300", true), ("-5e-324", false), ("inf", false), ("NaN", false)]
    {
        is(&state, &[("/phase/Warmup/rate", json!(rate))], (!valid).then_some("phase"));
    }
    for (start, valid) in [(0, true), (40, true), (41, false), (u64::MAX, false)] {
        let refused = (!valid).then_some("phase");
        is(&state, &[("/phase/Warmup/start", json!(start))], refused);
        is(&state, &[("/phase", json!({"Decay": {"peak": "0.5", "start": start}}))], refused);
    }
}

#[test]
fn a_history_at_its_limits() {
    // 65 losses: 32 blocks of two, and one on its way.
    let state = saved(65);
    assert_eq!(
        [&state["resolution"], &state["finite"], &state["waiting"]],
        [&json!(2), &json!(1), &json!(1)]
    );
    let history =
        |changes: &[(&str, Value)], valid: bool| is(&state, changes, (!valid).then_some("history"));
    for (resolution, step, valid) in [
        (0, 65, false),
        (2, 65, true),
        (2, 66, true),
        (2, 64, false),
        (3, 99, false),
        (4, 128, false),
        (4, 129, true),
    ] {
        history(&[("/resolution", json!(resolution)), ("/step", json!(step))], valid);
    }
    for (mean, finite, waiting, valid) in [
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
        history(
            &[("/mean", json!(mean)), ("/finite", json!(finite)), ("/waiting", json!(waiting))],
            valid,
        );
    }
    for (loss, valid) in [("NaN", true), ("-1e300", true), ("inf", false), ("-inf", false)] {
        history(&[("/losses/3", json!(loss))], valid);
    }
}

#[test]
fn a_fit_at_its_limits() {
    let state = saved(65);
    let (finite, none) = (["0.0", "-1.5", "1e300"], ["NaN", "inf", "-inf"]);
    let places = [
        "/fit/raw/0",
        "/fit/raw/1",
        "/fit/first/2",
        "/fit/second/0",
        "/fit/second/2",
        "/fit/powers/1",
    ];
    for place in places {
        let range = match place.split('/').nth(2) {
            Some("second") => 0.0..=f64::MAX,
            Some("powers") => 0.0..=1.0,
            _ => f64::MIN..=f64::MAX,
        };
        for number in finite.into_iter().chain(none).chain(["1.0", "1.0000000000000002", "-5e-324"])
        {
            let valid = range.contains(&number.parse::<f64>().unwrap());
            is(&state, &[(place, json!(number))], (!valid).then_some("fit"));
        }
    }
}

#[test]
fn a_watch_at_its_limits() {
    let state = saved(40);
    let watch = |first: &str, lowest: &str, span: u64, mean: &str, count: u64, valid: bool| {
        let changes = [
            ("/watch/first", json!(first)),
            ("/watch/lowest", json!(lowest)),
            ("/watch/span", json!(span)),
            ("/watch/mean", json!(mean)),
            ("/watch/count", json!(count)),
        ];
        is(&state, &changes, (!valid).then_some("watch"));
    };
    for (first, lowest, known, falls) in [
        ("2.0", "1.0", true, true),
        ("1.0", "1.0", true, false),
        ("1.0", "2.0", true, false),
        ("inf", "inf", true, false),
        ("2.0", "inf", false, false),
        ("inf", "1.0", false, false),
        ("-inf", "-inf", false, false),
        ("NaN", "1.0", false, false),
        ("2.0", "NaN", false, false),
    ] {
        watch(first, lowest, 0, "0.0", 0, known);
        watch(first, lowest, 4, "0.0", 0, falls);
    }
    for (span, mean, count, valid) in [
        (4, "1.5", 0, true),
        (4, "1.5", 3, true),
        (4, "1.5", 4, false),
        (4, "inf", 3, false),
        (4, "NaN", 3, false),
        (0, "1.5", 0, false),
        (0, "0.0", 1, false),
    ] {
        watch("2.0", "1.0", span, mean, count, valid);
    }
    for (noise, valid) in [("0.0", true), ("inf", true), ("-5e-324", false), ("NaN", false)] {
        is(&state, &[("/watch/noise", json!(noise))], (!valid).then_some("watch"));
    }
    for (rescues, valid) in [(3, true), (4, false)] {
        is(&state, &[("/watch/rescues", json!(rescues))], (!valid).then_some("watch"));
    }
}

/// Every counter and flag comes back as it was written.
#[test]
fn counters_are_kept() {
    let state = saved(65);
    let counters = [
        ("/tests", json!(77)),
        ("/positives", json!(2)),
        ("/failures", json!(3)),
        ("/skipped", json!(9)),
    ];
    is(&state, &counters, None);
    for kept in [true, false] {
        is(&state, &[("/kept", json!(kept))], None);
    }
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
            state["losses"][3] = value;
            serde_json::to_value(serde_json::from_value::<Scheduler>(state).unwrap()).unwrap()
        };
        assert_eq!(with(number), with(json!(text)));
        assert_eq!(with(json!(text))["losses"][3], text);
    }
    is(&state, &[("/losses/3", json!(true))], Some("a number, or its decimal text"));
    is(&state, &[("/losses/3", json!("1,5"))], Some("a number, or its decimal text"));
}
