//! The digest: equal where states are equal, different where they differ.

use autowu_core::{AutoWu, Config};
use autowu_tests::configs::sampled;
use autowu_tests::curves::{bowl, curve, valley};
use serde_json::{Value, json};
use std::collections::HashMap;

type Scheduler = AutoWu<f64, 256>;

fn config(steps: u64) -> Config {
    sampled(Config::new(steps).without_scout(), 100, 100)
}

/// After 40 steps of 90: in a decay that nothing guards.
fn midway() -> Scheduler {
    let mut autowu = Scheduler::new(config(90).without_rescue()).unwrap();
    for &loss in &valley(3, 40, 0.35, 1.0, 0.05) {
        let _ = autowu.step(loss);
    }
    autowu
}

/// A run of 200 steps after `steps` of them; its loss has a minimum, and no noise.
fn found(steps: u64) -> Scheduler {
    let mut autowu = Scheduler::new(config(200)).unwrap();
    for _ in 0..steps {
        let _ = autowu.step(bowl(autowu.lr(), 1e-3));
    }
    autowu
}

/// Every number, flag and choice of a saved state, as the path to it.
fn leaves(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, &format!("{path}/{k}"), out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{path}/{i}"), out))
        }
        _ => out.push(path.to_owned()),
    }
}

/// Other values for a leaf.
fn changes(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(b) => vec![Value::Bool(!b)],
        Value::Number(n) => {
            let n = n.as_u64().unwrap();
            vec![(n + 1).into(), n.saturating_sub(1).into(), Value::Null]
        }
        Value::String(text) => match text.parse::<f64>() {
            Ok(x) => vec![
                (x * 1.0001).to_string().into(),
                (x * 0.9999).to_string().into(),
                "0.25".into(),
                Value::Null,
            ],
            Err(_) => [
                "Linear",
                "Reached",
                "Argmin",
                "Floor",
                "Reference",
                "MeanRate",
                "RateAtMean",
                "Ignore",
            ]
            .map(Value::from)
            .to_vec(),
        },
        Value::Null => vec![
            "0.25".into(),
            3.into(),
            json!({"first": "2.0", "lowest": "1.0", "span": 4}),
            json!({
                "block": 8, "first": "2.0", "copy": "1.0", "span": 16, "noise": "0.1",
                "mean": "1.1", "count": 3, "ruined": 1, "blocks": 1,
                "waiting": ["1.2", "0.0", "0.0", "0.0", "0.0", "0.0"],
                "last": "1.2", "scatter": "0.0", "pairs": 0, "high": 0, "in_vain": 0,
                "is_known": false,
            }),
        ],
        _ => vec![],
    }
}

/// Changes each part of a saved state in turn: if the result is a valid state, its digest differs.
#[test]
fn every_part_of_the_state_counts() {
    // In the first climb, in one that knows of its descent, in a decay with and without a guard.
    let states = [found(20), found(70), found(149), midway()];
    let has = |autowu: &Scheduler, part: &str| {
        serde_json::to_value(autowu).unwrap().pointer(part).is_some_and(|value| !value.is_null())
    };
    assert!(has(&states[0], "/stage/Warmup/ascent/losses/entries/10"));
    assert!(has(&states[1], "/stage/Warmup/descent/noise"));
    assert!(has(&states[2], "/stage/Decay/guard"));
    assert!(has(&states[3], "/stage/Decay") && !has(&states[3], "/stage/Decay/guard"));
    for autowu in states {
        let state = serde_json::to_value(&autowu).unwrap();
        let digest = autowu.digest();
        assert_eq!(serde_json::from_value::<Scheduler>(state.clone()).unwrap(), autowu);
        let mut paths = Vec::new();
        leaves(&state, "", &mut paths);
        let mut changed = 0;
        for path in &paths {
            let old = state.pointer(path).unwrap().clone();
            for new in changes(&old) {
                let mut other = state.clone();
                *other.pointer_mut(path).unwrap() = new.clone();
                let Ok(loaded) = serde_json::from_value::<Scheduler>(other) else { continue };
                if loaded != autowu {
                    assert_ne!(loaded.digest(), digest, "{path}: {old} → {new}");
                    changed += 1;
                }
            }
        }
        assert!(changed > 40, "only {changed} changes gave a valid state");
    }
}

#[test]
fn no_two_states_of_a_run_share_a_digest() {
    let mut seen = HashMap::new();
    for seed in 0..4 {
        let mut autowu = Scheduler::new(config(300).with_seed(seed)).unwrap();
        for &loss in &curve(seed, 320) {
            let _ = autowu.step(loss);
            assert_eq!(seen.insert(autowu.digest(), autowu.steps()), None);
        }
    }
}

/// Ranks that feed the same all-reduced loss agree, whatever the order of the reduction.
#[test]
fn ranks_agree() {
    let mut ranks = [(); 4].map(|()| Scheduler::new(config(120)).unwrap());
    for (i, loss) in curve(7, 120).into_iter().enumerate() {
        ranks.rotate_left(i % 4);
        ranks.iter_mut().for_each(|rank| {
            let _ = rank.step(loss);
        });
        let digests = ranks.each_ref().map(Scheduler::digest);
        assert_eq!(digests, [digests[0]; 4]);
    }
}

/// Any bit of any loss that differs on one rank shows at that step, for as long as the loss is
/// remembered.
#[test]
fn a_rank_that_disagrees_shows() {
    for at in 0..30 {
        let [mut a, mut b] = [(); 2].map(|()| Scheduler::new(config(120)).unwrap());
        for (i, loss) in curve(7, 30).into_iter().enumerate() {
            let _ = a.step(loss);
            let _ =
                b.step(if i == at { f64::from_bits(loss.to_bits() ^ 1 << (i % 8)) } else { loss });
            assert_eq!(a.digest() == b.digest(), a == b, "step {i}");
            assert!(i != at || a.digest() != b.digest());
        }
    }
}
