//! A saved and loaded run goes on as if nothing had happened, from every step, in every format.

use crate::configs::{configs, losses};
use autowu_core::{AutoWu, Config, Ramp, Real, TestRules};
use autowu_tests::configs::{sampled, voted};
use autowu_tests::curves::valley;
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

const N: usize = 256;

fn through_json<T: Real>(autowu: &AutoWu<T, N>) -> AutoWu<T, N> {
    let text = serde_json::to_string(autowu).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("a saved state is refused: {e}\n{text}"))
}

fn through_bytes<T: Real>(autowu: &AutoWu<T, N>) -> AutoWu<T, N> {
    let bytes = postcard::to_stdvec(autowu).unwrap();
    postcard::from_bytes(&bytes).unwrap_or_else(|e| panic!("a saved state is refused: {e}"))
}

/// A step's numbers, bit for bit.
fn bits<T: Real>(autowu: &AutoWu<T, N>) -> (u64, u64, String) {
    (autowu.lr().to_bits_u64(), autowu.digest(), format!("{autowu:?}"))
}

fn config(steps: u64) -> Config {
    voted(sampled(Config::new(steps).without_scout(), 40, 40), 1)
}

/// Saves after every step, and runs each copy to the end.
fn every_step_to_the_end<T: Real>() {
    let losses: Vec<T> = valley(3, 90, 0.35, 1.0, 0.05).into_iter().map(T::of).collect();
    let mut whole = AutoWu::<T, N>::new(config(90)).unwrap();
    let mut copies: Vec<AutoWu<T, N>> = Vec::new();
    for &loss in &losses {
        copies.push(through_json(&whole));
        copies.push(through_bytes(&whole));
        let outcome = whole.step(loss);
        for copy in &mut copies {
            assert_eq!(copy.step(loss), outcome);
            assert_eq!(bits(copy), bits(&whole));
        }
    }
}

#[test]
fn every_step_in_double_precision() {
    every_step_to_the_end::<f64>();
}

#[test]
fn every_step_in_single_precision() {
    every_step_to_the_end::<f32>();
}

fn resumed_at_each_step<T: Real>(config: Config, losses: &[f64]) {
    let mut whole = AutoWu::<T, N>::new(config).unwrap();
    let mut resumed = whole.clone();
    for &loss in losses {
        let _ = whole.step(T::of(loss));
        let _ = resumed.step(T::of(loss));
        let (json, binary) = (through_json(&resumed), through_bytes(&resumed));
        assert_eq!(bits(&json), bits(&whole));
        assert_eq!(bits(&binary), bits(&whole));
        resumed = json;
    }
}

proptest! {
    #![proptest_config(random_cases(40))]

    /// Any configuration, any losses: whatever a run writes, it reads, and both go on alike.
    #[test]
    fn any_run(config in configs(), seed in any::<u64>(), kind in 0..3_u8) {
        let losses = losses(seed, kind, config.total_steps + 3);
        resumed_at_each_step::<f64>(config, &losses);
        resumed_at_each_step::<f32>(config, &losses);
    }
}

/// Runs of one to five steps, all mixtures of finite losses and NaN, to beyond their end.
#[test]
fn the_shortest_runs() {
    for (total, fraction) in (1..=5).flat_map(|total| [(total, 0.5), (total, 1.0)]) {
        let config = config(total).with_ramp(Ramp { fraction, ..Ramp::default() });
        let from_one = config.with_test(TestRules { min_samples: 1, ..config.test });
        for pattern in 0..128_u32 {
            let losses: Vec<f64> = (0..7)
                .map(|i| if pattern >> i & 1 == 1 { f64::NAN } else { f64::from(i) })
                .collect();
            resumed_at_each_step::<f64>(from_one, &losses);
            resumed_at_each_step::<f32>(config, &losses);
        }
    }
}

/// A state of another precision, capacity or format is refused with a message, and the scheduler
/// does not change.
#[test]
fn what_does_not_fit_is_refused() {
    let mut autowu = AutoWu::<f64, N>::new(config(90)).unwrap();
    for &loss in &valley(3, 60, 0.35, 1.0, 0.05) {
        let _ = autowu.step(loss);
    }
    let text = serde_json::to_string(&autowu).unwrap();
    let refusal =
        |text: &str| serde_json::from_str::<AutoWu<f64, N>>(text).unwrap_err().to_string();
    assert!(
        serde_json::from_str::<AutoWu<f32, N>>(&text).unwrap_err().to_string().contains("64 bits")
    );
    for other in [3, 5] {
        let other = format!("\"version\":{other}");
        let words = other.replace("\"version\":", "format version ");
        assert!(refusal(&text.replacen("\"version\":4", &other, 1)).contains(&words));
    }
    assert!(
        refusal(&text.replacen("\"total_steps\":90", "\"total_steps\":0", 1))
            .contains("total_steps is 0")
    );
    assert!(refusal(&text.replacen("\"tests\":", "\"tests_\":", 1)).contains("tests_"));
    assert!(refusal(&text[..text.len() / 2]).contains("EOF"));
}
