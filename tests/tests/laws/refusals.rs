//! Refusals: each rule at its limit, in a message that names the value, the limit and, if there is
//! one, the default.

use autowu_core::{
    AutoWu, Config, Curve, Decay, Interval, Patience, Ramp, Recovery, Response, TestRules,
};
use autowu_tests::configs::sampled;

/// Where a fraction lies.
const FRACTION: &str = "lie in (0, 1]";
const PROBABILITY: &str = "lie in (0.5, 1)";
const GROWTH: &str = "be finite and above 1";
const POSITIVE: &str = "be a finite number above 0";
const AT_LEAST_ONE: &str = "be at least 1";

fn base() -> Config {
    sampled(Config::new(1000).without_scout(), 60, 60)
}

fn ramp(change: impl FnOnce(&mut Ramp)) -> Config {
    let mut config = base();
    change(&mut config.ramp);
    config
}

fn test(change: impl FnOnce(&mut TestRules)) -> Config {
    let mut config = base();
    change(&mut config.test);
    config
}

fn response(change: impl FnOnce(&mut Response)) -> Config {
    let mut config = base();
    change(&mut config.response);
    config
}

fn paced(interval: Interval, patience: Patience) -> Config {
    base().with_ramp(Ramp::default().tested(interval, patience))
}

fn linear(interval: u64, patience: u32) -> Config {
    ramp(|r| r.curve = Curve::Linear { interval, patience })
}

fn recovering(slowdown: f64, rescue: f64) -> Config {
    let recovery = Recovery::Restore { slowdown: Some(slowdown), rescue: Some(rescue) };
    response(|r| r.recovery = recovery)
}

type Field = (fn(f64) -> Config, &'static str);

/// Changes, what their messages say, and the nearest that is accepted.
#[test]
fn each_rule_at_its_limit() {
    let (above, below) = (f64::next_up, f64::next_down);
    let fractions: [Field; 4] = [
        (|x| ramp(|r| r.fraction = x), "ramp.fraction"),
        (|fraction| base().with_decay(Decay::ConstantCosine { fraction }), "the decay's fraction"),
        (|fraction| base().with_decay(Decay::ConstantSqrt { fraction }), "the decay's fraction"),
        (|x| test(|t| t.subset_fraction = x), "subset_fraction"),
    ];
    for (of, field) in fractions {
        for x in [0.0, -0.5, above(1.0), f64::NAN] {
            out_of_range(of(x), field, x, FRACTION);
        }
        [1e-9, 0.5, 1.0].iter().for_each(|&x| accepted(of(x)));
    }
    let probabilities: [Field; 2] = [
        (|x| response(|r| r.confidence = x), "confidence"),
        (|x| response(|r| r.descent = Some(x)), "descent"),
    ];
    for (of, field) in probabilities {
        for x in [0.5, 0.1, 1.0, 2.0, f64::NAN] {
            out_of_range(of(x), field, x, PROBABILITY);
        }
        [above(0.5), below(1.0)].iter().for_each(|&x| accepted(of(x)));
    }
    let growths: [Field; 3] = [
        (|x| paced(Interval::Growth(x), Patience::Growth(1.25)), "the interval's growth"),
        (|x| paced(Interval::Growth(1.1), Patience::Growth(x)), "the patience's growth"),
        (|x| recovering(3.0, x), "rescue"),
    ];
    for (of, field) in growths {
        for x in [1.0, 0.5, f64::INFINITY, f64::NAN] {
            out_of_range(of(x), field, x, GROWTH);
        }
        [above(1.0), 1e9].iter().for_each(|&x| accepted(of(x)));
    }
    for slowdown in [below(1.0), f64::INFINITY, f64::NAN] {
        out_of_range(recovering(slowdown, 3.0), "slowdown", slowdown, AT_LEAST_ONE);
    }
    accepted(recovering(1.0, 3.0));
    accepted(base().without_restore());
}

#[test]
fn learning_rates_at_their_limits() {
    for min_lr in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        out_of_range(base().with_lr_range(min_lr, 1.0), "min_lr", min_lr, POSITIVE);
    }
    for max_lr in [1e-5, 1e-6, f64::INFINITY, f64::NAN] {
        let limits = "be finite and above min_lr = 0.00001";
        out_of_range(base().with_lr_range(1e-5, max_lr), "max_lr", max_lr, limits);
    }
    for floor_lr in [1e-5_f64.next_up(), -1e-9, f64::NAN] {
        let limits = "lie in [0, min_lr = 0.00001]";
        out_of_range(base().with_floor_lr(floor_lr), "floor_lr", floor_lr, limits);
    }
    [0.0, 1e-5].iter().for_each(|&floor_lr| accepted(base().with_floor_lr(floor_lr)));
}

#[test]
fn tests_at_their_limits() {
    let length_scale = |x| test(|t| t.length_scale = x);
    for x in [0.0, -0.2, f64::INFINITY, f64::NAN] {
        out_of_range(length_scale(x), "length_scale", x, POSITIVE);
    }
    for x in [0.16, 1e-300] {
        refused(length_scale(x), &format!("length_scale is {x}: its kernel would be off by "));
    }
    [0.17, 100.0].iter().for_each(|&x| accepted(length_scale(x)));
    out_of_range(Config::new(0).without_scout(), "total_steps", 0.0, AT_LEAST_ONE);
    out_of_range(test(|t| t.fit_samples = 0), "fit_samples", 0.0, AT_LEAST_ONE);
    out_of_range(test(|t| t.test_samples = 0), "test_samples", 0.0, AT_LEAST_ONE);
    out_of_range(test(|t| t.min_samples = 0), "min_samples", 0.0, AT_LEAST_ONE);
    accepted(test(|t| (t.fit_samples, t.test_samples, t.min_samples) = (1, 1, 1)));
    for votes in [0, 10] {
        out_of_range(test(|t| t.votes = votes), "votes", votes.into(), "lie in 1..=9");
    }
    [1, 9].iter().for_each(|&votes| accepted(test(|t| t.votes = votes)));
    for groups in [1, 3, 33] {
        let config = test(|t| t.noise_groups = groups);
        out_of_range(config, "noise_groups", groups.into(), "be 0 or lie in 4..=32");
    }
    [0, 4, 32].iter().for_each(|&groups| accepted(test(|t| t.noise_groups = groups)));
    for config in [paced(Interval::Steps(0), Patience::Growth(1.25)), linear(0, 3)] {
        out_of_range(config, "the interval", 0.0, AT_LEAST_ONE);
    }
    for config in [paced(Interval::Growth(1.1), Patience::Tests(0)), linear(5, 0)] {
        out_of_range(config, "the patience", 0.0, AT_LEAST_ONE);
    }
    accepted(linear(5, 3));
    accepted(linear(1, 1));
}

/// A history that is too short, and learning rates that are not normal in this precision or too far
/// apart.
#[test]
fn what_a_type_cannot_hold() {
    for config in
        [test(|t| t.fit_samples = 65), test(|t| t.test_samples = 65), test(|t| t.min_samples = 65)]
    {
        let message = AutoWu::<f64, 64>::new(config).unwrap_err().to_string();
        assert!(message.contains("holds 64") && message.contains("asks for 65"), "{message}");
    }
    accepted(test(|t| (t.fit_samples, t.test_samples, t.min_samples) = (64, 64, 64)));
    for (min_lr, max_lr) in [(1e-40, 1.0), (1e-5, 1e39), (1e-20, 1e19)] {
        let config = base().with_lr_range(min_lr, max_lr);
        accepted(config);
        assert!(AutoWu::<f32, 64>::new(config).unwrap_err().to_string().contains("their ratio"));
    }
    assert!(AutoWu::<f64, 64>::new(base().with_lr_range(1e-200, 1e200)).is_err());
    let one = test(|t| (t.fit_samples, t.test_samples, t.min_samples) = (1, 1, 1));
    let message = AutoWu::<f64, 1>::new(one).unwrap_err().to_string();
    assert!(message.contains("holds 1 "), "merging needs two");
    assert!(AutoWu::<f64, 2>::new(one).is_ok());
}

/// The message names the value and the limit, and says what would work.
fn out_of_range(config: Config, field: &str, value: f64, limits: &str) {
    let remedy = refused(config, &format!("{field} is {value}: it must {limits}; "));
    assert!(!remedy.is_empty(), "{field} is {value}: no remedy");
}

/// What the message says after these words.
fn refused(config: Config, words: &str) -> String {
    let error = AutoWu::<f64, 64>::new(config).map(|_| ()).expect_err(words);
    let message = error.to_string();
    let rest = message.strip_prefix(words).unwrap_or_else(|| panic!("{message}: {words}"));
    if let Some((_, default)) = rest.split_once("the default is ") {
        let default = default.split(',').next().unwrap_or(default);
        assert!(
            format!("{:?}", Config::new(1000).without_scout()).contains(default),
            "{message}: not the default"
        );
    }
    rest.to_owned()
}

fn accepted(config: Config) {
    if let Err(e) = AutoWu::<f64, 64>::new(config) {
        panic!("{e}");
    }
}
