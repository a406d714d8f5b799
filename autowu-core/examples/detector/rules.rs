//! The rules that are compared: the presets, and the default with one thing changed.

use autowu_core::{Config, Interval, Patience};

/// A name and what it makes of a budget of steps per epoch × epochs.
pub struct Rule {
    pub name: &'static str,
    pub config: fn(u64, u64) -> Config,
}

const fn rule(name: &'static str, config: fn(u64, u64) -> Config) -> Rule {
    Rule { name, config }
}

pub const RULES: &[Rule] = &[
    rule("default", Config::epochs),
    rule("paper", Config::paper),
    rule("noise as fitted", |s, e| Config { noise_blocks: 0, ..Config::epochs(s, e) }),
    rule("noise blocks 8", |s, e| Config { noise_blocks: 8, ..Config::epochs(s, e) }),
    rule("no descent", |s, e| Config { descent: None, ..Config::epochs(s, e) }),
    rule("descent 0.99", |s, e| Config { descent: Some(0.99), ..Config::epochs(s, e) }),
    rule("descent 0.9999", |s, e| Config { descent: Some(0.9999), ..Config::epochs(s, e) }),
    rule("descent 0.999999", |s, e| Config { descent: Some(0.999999), ..Config::epochs(s, e) }),
    rule("no clip", |s, e| Config { clip: false, ..Config::epochs(s, e) }),
    rule("patience 1.1", |s, e| Config { patience: Patience::Growth(1.1), ..Config::epochs(s, e) }),
    rule("patience 1.5", |s, e| Config { patience: Patience::Growth(1.5), ..Config::epochs(s, e) }),
    rule("min samples 10", |s, e| Config { min_samples: 10, ..Config::epochs(s, e) }),
    rule("interval 1.05", |s, e| Config {
        interval: Interval::Growth(1.05),
        ..Config::epochs(s, e)
    }),
    rule("fit on 500", |s, e| Config { fit_samples: 500, ..Config::epochs(s, e) }),
];
