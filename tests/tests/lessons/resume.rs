//! Saved and loaded runs.

use crate::{BEST, Scheduler, config, run, sweep};
use autowu_core::{AutoWu, Baseline, Config, Decay, Phase};
use serde_json::Value;

/// The scheduler before each step of a run, and after the last.
fn states(config: Config) -> Vec<Scheduler> {
    let mut autowu = Scheduler::new(config).unwrap();
    let mut states = vec![autowu.clone()];
    for step in 0..config.total_steps {
        let _ = autowu.step(sweep(step, autowu.lr()));
        states.push(autowu.clone());
    }
    states
}

fn resumed(autowu: &Scheduler) -> Scheduler {
    serde_json::from_str(&serde_json::to_string(autowu).unwrap()).unwrap()
}

/// Positive tests in a row; none are counted in a decay.
fn positives(state: &Value) -> u64 {
    let warmup = &state["stage"]["Warmup"];
    if warmup.is_null() {
        return 0;
    }
    let positives = &warmup["ascent"]["positives"];
    positives.as_u64().unwrap_or_else(|| panic!("positives in {state}"))
}

/// The objects within a state, as the paths to them.
fn objects(value: &Value, path: &str, out: &mut Vec<String>) {
    if let Value::Object(map) = value {
        out.push(path.to_owned());
        map.iter().for_each(|(k, v)| objects(v, &format!("{path}/{k}"), out));
    }
}

/// huggingface/pytorch-image-models#871, #2756: the best value and the epoch were saved, the
/// counters of bad epochs were not.
#[test]
fn a_state_has_its_counters_and_is_nothing_without_them() {
    let states = states(config(300));
    let counting: Vec<usize> = (0..states.len() - 1)
        .filter(|&i| positives(&serde_json::to_value(&states[i]).unwrap()) > 0)
        .collect();
    assert!(!counting.is_empty(), "the run has tests that count");
    for i in counting {
        let mut resumed = resumed(&states[i]);
        for state in &states[i + 1..] {
            let _ = resumed.step(sweep(resumed.steps(), resumed.lr()));
            assert_eq!(&resumed, state);
        }
    }
    for i in [60, 100, 250] {
        let state = serde_json::to_value(&states[i]).unwrap();
        let mut paths = Vec::new();
        objects(&state, "", &mut paths);
        for path in paths {
            for field in state.pointer(&path).unwrap().as_object().unwrap().keys() {
                let mut part = state.clone();
                part.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(field);
                let refusal = serde_json::from_value::<Scheduler>(part).unwrap_err().to_string();
                // What is left of a choice is a name for none.
                let is_choice = field.starts_with(char::is_uppercase);
                let told = refusal.contains(field) || is_choice;
                assert!(told, "step {i}, without {path}/{field}: {refusal}");
            }
        }
    }
}

/// tracel-ai/burn#4610: the record of one type was loaded as that of another.
#[test]
fn a_state_of_another_type_is_refused() {
    let state = &states(config(300))[150];
    let (json, binary) =
        (serde_json::to_string(state).unwrap(), postcard::to_stdvec(state).unwrap());
    assert!(serde_json::from_str::<AutoWu<f32, 256>>(&json).is_err(), "another precision");
    assert!(postcard::from_bytes::<AutoWu<f32, 256>>(&binary).is_err());
    assert!(serde_json::from_str::<AutoWu<f64, 128>>(&json).is_err(), "too small a history");
    assert!(postcard::from_bytes::<AutoWu<f64, 128>>(&binary).is_err());
    let baseline = Baseline {
        peak: BEST,
        warmup_steps: 3,
        total_steps: 300,
        decay: Decay::Cosine,
        floor: 0.0,
    };
    for other in
        [serde_json::to_string(&baseline).unwrap(), serde_json::to_string(state.config()).unwrap()]
    {
        assert!(serde_json::from_str::<Scheduler>(&other).is_err(), "another thing: {other}");
    }
}

/// pytorch/pytorch#162591: a schedule of two parts, resumed in its second, had the learning rate of
/// its first.
#[test]
fn either_side_of_a_joint_resumes() {
    // A decay that goes back has other learning rates than it had ahead.
    let config = config(300).with_decay(Decay::ConstantCosine { fraction: 0.2 }).without_rescue();
    let states = states(config);
    let joint = states.iter().position(|s| matches!(s.phase(), Phase::Decay { .. })).unwrap();
    let hold = 240; // ⌈0.8 · 300⌉
    assert!(joint < hold);
    for i in [joint - 1, joint, joint + 1, hold - 1, hold, hold + 1] {
        let resumed = resumed(&states[i]);
        let ahead: Vec<f64> = (0..300 - i as u64).map(|k| resumed.lr_ahead(k)).collect();
        assert_eq!(resumed.lr(), states[i].lr());
        if i >= joint {
            assert!(
                ahead.iter().zip(&states[i..]).all(|(lr, state)| *lr == state.lr()),
                "from step {i} on"
            );
        }
    }
}

/// huggingface/transformers#34053, #23099: the first learning rates after a resumption were not
/// those of an uninterrupted run.
#[test]
fn no_step_sees_that_a_run_was_interrupted() {
    let whole = run(config(300), sweep);
    let mut autowu = Scheduler::new(config(300)).unwrap();
    for (step, outcome) in whole.iter().enumerate() {
        autowu = resumed(&autowu);
        assert_eq!(&autowu.step(sweep(step as u64, autowu.lr())), outcome);
    }
}

/// A load that is refused, at whatever byte of the file, leaves the scheduler as it was.
#[test]
fn a_refused_load_leaves_the_old_state() {
    let states = states(config(120));
    let (saved, mut running) = (&states[40], states[70].clone());
    let load = |running: &mut Scheduler, text: &str| {
        let mut reader = serde_json::Deserializer::from_str(text);
        serde::Deserialize::deserialize_in_place(&mut reader, running)
    };
    let text = serde_json::to_string(saved).unwrap();
    let mut refused = 0;
    for end in (0..text.len()).step_by(7) {
        assert!(load(&mut running, &text[..end]).is_err(), "{end} bytes of a state");
        assert_eq!(running, states[70]);
        refused += 1;
    }
    for (valid, broken) in [
        ("\"version\":4", "\"version\":9"),
        ("\"step\":40", "\"step\":3"),
        ("\"bits\":64", "\"bits\":32"),
    ] {
        let text = text.replacen(valid, broken, 1);
        assert!(load(&mut running, &text).is_err(), "{broken}");
        assert_eq!(running, states[70]);
        refused += 1;
    }
    assert!(refused > 100);
    load(&mut running, &text).unwrap();
    assert_eq!(&running, saved);
}
