//! The compared rules: the presets, and the default with one change.

use autowu_core::{Config, Curve, Interval, Patience, Response, TestRules};

/// A configuration with a name.
pub struct Rule {
    /// Its name in the table and on the command line.
    pub name: &'static str,
    /// The configuration for steps per epoch and epochs.
    pub config: fn(u64, u64) -> Config,
}

const fn rule(name: &'static str, config: fn(u64, u64) -> Config) -> Rule {
    Rule { name, config }
}

/// All, in the order of the table.
pub const RULES: &[Rule] = &[
    rule("default", climbing),
    rule("paper", Config::paper),
    rule("noise as fitted", |s, e| tested(s, e, |test| test.noise_groups = 0)),
    rule("noise groups 8", |s, e| tested(s, e, |test| test.noise_groups = 8)),
    rule("no descent", |s, e| answered(s, e, |response| response.descent = None)),
    rule("descent 0.99", |s, e| answered(s, e, |response| response.descent = Some(0.99))),
    rule("descent 0.9999", |s, e| answered(s, e, |response| response.descent = Some(0.9999))),
    rule("descent 0.999999", |s, e| answered(s, e, |response| response.descent = Some(0.999999))),
    rule("no clip", |s, e| tested(s, e, |test| test.clip = false)),
    rule("patience 1.1", |s, e| paced(s, e, |_, patience| *patience = Patience::Growth(1.1))),
    rule("patience 1.5", |s, e| paced(s, e, |_, patience| *patience = Patience::Growth(1.5))),
    rule("min samples 10", |s, e| tested(s, e, |test| test.min_samples = 10)),
    rule("interval 1.05", |s, e| paced(s, e, |interval, _| *interval = Interval::Growth(1.05))),
    rule("fit on 500", |s, e| tested(s, e, |test| test.fit_samples = 500)),
];

/// The default's tests on one climb of five decades, as wide as the curves are made for.
fn climbing(steps_per_epoch: u64, epochs: u64) -> Config {
    Config::epochs(steps_per_epoch, epochs).without_scout()
}

/// The same with a change of its tests.
fn tested(steps_per_epoch: u64, epochs: u64, change: impl Fn(&mut TestRules)) -> Config {
    let mut config = climbing(steps_per_epoch, epochs);
    change(&mut config.test);
    config
}

/// The same with a change of what follows from a test.
fn answered(steps_per_epoch: u64, epochs: u64, change: impl Fn(&mut Response)) -> Config {
    let mut config = climbing(steps_per_epoch, epochs);
    change(&mut config.response);
    config
}

/// The same with a change of the grid of its tests.
fn paced(
    steps_per_epoch: u64,
    epochs: u64,
    change: impl Fn(&mut Interval, &mut Patience),
) -> Config {
    let mut config = climbing(steps_per_epoch, epochs);
    if let Curve::Exponential { interval, patience } = &mut config.ramp.curve {
        change(interval, patience);
    }
    config
}
