//! What is refused: each rule at its limit, in a message that names the value and, where there is
//! one, the default.

use autowu_core::{AutoWu, Config, Decay, Detection, Interval, Patience, Warmup};

fn base() -> Config {
    Config { fit_samples: 60, test_samples: 60, ..Config::new(1000) }
}

/// Changes, what their messages begin with, and the nearest that is accepted.
#[test]
fn each_rule_at_its_limit() {
    let linear = Config {
        warmup: Warmup::Linear,
        interval: Interval::Steps(5),
        patience: Patience::Tests(3),
        ..base()
    };
    let (above, below) = (f64::next_up, f64::next_down);
    type Fraction = fn(f64) -> Config;
    let fractions: [(Fraction, &str); 4] = [
        (|x| Config { warmup_fraction: x, ..base() }, "warmup_fraction is"),
        (
            |x| Config { decay: Decay::ConstantCosine { fraction: x }, ..base() },
            "the decay's fraction is",
        ),
        (
            |x| Config { decay: Decay::ConstantSqrt { fraction: x }, ..base() },
            "the decay's fraction is",
        ),
        (|x| Config { subset_fraction: x, ..base() }, "subset_fraction is"),
    ];
    for (of, words) in fractions {
        [0.0, -0.5, above(1.0), f64::NAN].iter().for_each(|&x| refused(of(x), words));
        [1e-9, 0.5, 1.0].iter().for_each(|&x| accepted(of(x)));
    }
    let probabilities: [(Fraction, &str); 2] = [
        (|x| Config { confidence: x, ..base() }, "confidence is"),
        (|x| Config { descent: Some(x), ..base() }, "descent is"),
    ];
    for (of, words) in probabilities {
        [0.5, 0.1, 1.0, 2.0, f64::NAN].iter().for_each(|&x| refused(of(x), words));
        [above(0.5), below(1.0)].iter().for_each(|&x| accepted(of(x)));
    }
    let growths: [(Fraction, &str); 2] = [
        (|x| Config { interval: Interval::Growth(x), ..base() }, "the interval is a growth by"),
        (|x| Config { patience: Patience::Growth(x), ..base() }, "the patience is a growth by"),
    ];
    for (of, words) in growths {
        [1.0, 0.5, f64::INFINITY, f64::NAN].iter().for_each(|&x| refused(of(x), words));
        [above(1.0), 1e9].iter().for_each(|&x| accepted(of(x)));
    }
    for min_lr in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        refused(Config { min_lr, ..base() }, "min_lr is");
    }
    for max_lr in [1e-5, 1e-6, f64::INFINITY, f64::NAN] {
        refused(Config { max_lr, ..base() }, "max_lr is");
    }
    for floor_lr in [above(1e-5), -1e-9, f64::NAN] {
        refused(Config { floor_lr, ..base() }, "floor_lr is");
    }
    [0.0, 1e-5].iter().for_each(|&floor_lr| accepted(Config { floor_lr, ..base() }));
    for length_scale in [0.0, -0.2, f64::INFINITY, f64::NAN] {
        refused(
            Config { length_scale, ..base() },
            &format!("length_scale is {length_scale}: it must"),
        );
    }
    for length_scale in [0.16, 1e-300] {
        refused(
            Config { length_scale, ..base() },
            &format!("length_scale is {length_scale}: 32 features"),
        );
    }
    [0.17, 100.0].iter().for_each(|&length_scale| accepted(Config { length_scale, ..base() }));
    for slowdown in [below(1.0), f64::INFINITY, f64::NAN] {
        refused(Config { detection: Detection::ClimbOn { slowdown }, ..base() }, "slowdown is");
    }
    accepted(Config { detection: Detection::ClimbOn { slowdown: 1.0 }, ..base() });
    refused(Config { restore: false, ..base() }, "climbing on needs");
    accepted(base().without_restore());
    refused(Config::new(0), "total_steps is 0");
    refused(Config { fit_samples: 0, ..base() }, "fit_samples is 0");
    refused(Config { test_samples: 0, ..base() }, "test_samples is 0");
    refused(Config { min_samples: 0, ..base() }, "min_samples is 0");
    accepted(Config { fit_samples: 1, test_samples: 1, min_samples: 1, ..base() });
    refused(Config { votes: 0, ..base() }, "votes is 0");
    refused(Config { votes: 10, ..base() }, "votes is 10");
    [1, 9].iter().for_each(|&votes| accepted(Config { votes, ..base() }));
    [1, 3, 33]
        .iter()
        .for_each(|&noise_blocks| refused(Config { noise_blocks, ..base() }, "noise_blocks is"));
    [0, 4, 32].iter().for_each(|&noise_blocks| accepted(Config { noise_blocks, ..base() }));
    refused(Config { interval: Interval::Steps(0), ..base() }, "the interval is 0");
    refused(Config { patience: Patience::Tests(0), ..base() }, "the patience is 0");
    accepted(linear);
    refused(Config { interval: Interval::Growth(1.1), ..linear }, "a linear warmup");
    refused(Config { patience: Patience::Growth(1.1), ..linear }, "a linear warmup");
}

/// A history that is too short, and learning rates that are none in this precision or too far
/// apart.
#[test]
fn what_a_type_cannot_hold() {
    for field in [
        Config { fit_samples: 65, ..base() },
        Config { test_samples: 65, ..base() },
        Config { min_samples: 65, ..base() },
    ] {
        let message = AutoWu::<f64, 64>::new(field).unwrap_err().to_string();
        assert!(message.contains("holds 64") && message.contains("asks for 65"), "{message}");
    }
    accepted(Config { fit_samples: 64, test_samples: 64, min_samples: 64, ..base() });
    for (min_lr, max_lr) in [(1e-40, 1.0), (1e-5, 1e39), (1e-20, 1e19)] {
        let config = Config { min_lr, max_lr, ..base() };
        accepted(config);
        assert!(AutoWu::<f32, 64>::new(config).unwrap_err().to_string().contains("their ratio"));
    }
    assert!(AutoWu::<f64, 64>::new(Config { min_lr: 1e-200, max_lr: 1e200, ..base() }).is_err());
    let (one, small) =
        (Config { fit_samples: 1, test_samples: 1, min_samples: 1, ..base() }, "holds 1 ");
    assert!(
        AutoWu::<f64, 1>::new(one).unwrap_err().to_string().contains(small),
        "merging needs two"
    );
    assert!(AutoWu::<f64, 2>::new(one).is_ok());
}

fn refused(config: Config, words: &str) {
    let error = AutoWu::<f64, 64>::new(config).map(|_| ()).expect_err(words);
    let message = error.to_string();
    assert!(message.starts_with(words), "{message}: {words}");
    if let Some((_, default)) = message.split_once("the default is ") {
        assert!(format!("{:?}", Config::new(1000)).contains(default), "{message}: not the default");
    }
}

fn accepted(config: Config) {
    if let Err(e) = AutoWu::<f64, 64>::new(config) {
        panic!("{e}");
    }
}
