//! The digest: equal where states are equal, different where they differ.

use autowu_core::{AutoWu, Config};
use autowu_tests::curves::{curve, valley};
use serde_json::Value;
use std::collections::HashMap;

type Scheduler = AutoWu<f64, 256>;

fn midway() -> Scheduler {
    let config = Config { test_samples: 100, ..Config::new(90) };
    let mut autowu = Scheduler::new(config).unwrap();
    for &loss in &valley(3, 40, 0.35, 1.0, 0.05) {
        autowu.step(loss);
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
            vec![(n + 1).into(), n.saturating_sub(1).into()]
        }
        Value::String(text) => match text.parse::<f64>() {
            Ok(x) => vec![
                (x * 1.0001).to_string().into(),
                (x * 0.9999).to_string().into(),
                "0.25".into(),
            ],
            Err(_) => ["Linear", "Reached", "Argmin", "Floor", "Reference", "EndWarmup", "Ignore"]
                .map(Value::from)
                .to_vec(),
        },
        _ => vec![],
    }
}

/// Changes each part of a saved state in turn: where the result is a valid state, its digest is
/// another.
#[test]
fn every_part_of_the_state_counts() {
    let state = serde_json::to_value(midway()).unwrap();
    let digest = midway().digest();
    assert_eq!(serde_json::from_value::<Scheduler>(state.clone()).unwrap(), midway());
    let mut paths = Vec::new();
    leaves(&state, "", &mut paths);
    let mut changed = 0;
    for path in &paths {
        let old = state.pointer(path).unwrap().clone();
        for new in changes(&old) {
            let mut other = state.clone();
            *other.pointer_mut(path).unwrap() = new.clone();
            let Ok(loaded) = serde_json::from_value::<Scheduler>(other) else { continue };
            if loaded != midway() {
                assert_ne!(loaded.digest(), digest, "{path}: {old} → {new}");
                changed += 1;
            }
        }
    }
    assert!(changed > 40, "only {changed} changes gave a valid state");
}

#[test]
fn no_two_states_of_a_run_share_a_digest() {
    let mut seen = HashMap::new();
    for seed in 0..4 {
        let mut autowu =
            Scheduler::new(Config { test_samples: 100, seed, ..Config::new(300) }).unwrap();
        for &loss in &curve(seed, 320) {
            autowu.step(loss);
            assert_eq!(seen.insert(autowu.digest(), autowu.steps()), None);
        }
    }
}

/// Ranks that feed the same all-reduced loss agree, in whatever order the reduction went over them.
#[test]
fn ranks_agree() {
    let config = Config { test_samples: 100, ..Config::new(120) };
    let mut ranks = [(); 4].map(|()| Scheduler::new(config).unwrap());
    for (i, loss) in curve(7, 120).into_iter().enumerate() {
        ranks.rotate_left(i % 4);
        ranks.iter_mut().for_each(|rank| {
            rank.step(loss);
        });
        let digests = ranks.each_ref().map(Scheduler::digest);
        assert_eq!(digests, [digests[0]; 4]);
    }
}

/// One bit of a loss on one rank shows at that step, whichever bit of whichever step, for as long
/// as it is remembered.
#[test]
fn a_rank_that_disagrees_shows() {
    let config = Config { test_samples: 100, ..Config::new(120) };
    for at in 0..30 {
        let [mut a, mut b] = [(); 2].map(|()| Scheduler::new(config).unwrap());
        for (i, loss) in curve(7, 30).into_iter().enumerate() {
            a.step(loss);
            b.step(if i == at { f64::from_bits(loss.to_bits() ^ 1 << (i % 8)) } else { loss });
            assert_eq!(a.digest() == b.digest(), a == b, "step {i}");
            assert!(i != at || a.digest() != b.digest());
        }
    }
}
