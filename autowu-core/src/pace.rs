//! The pace of a run: what a configuration's growth means in steps and tests.

use crate::config::{Config, Interval, Patience};
use crate::schedule::Warmup;

/// Growth per step of the first climb.
pub(crate) fn first_rate(config: &Config) -> f64 {
    let steps = config.warmup_steps() as f64;
    match config.warmup {
        Warmup::Exponential => libm::log(config.max_lr / config.min_lr) / steps,
        Warmup::Linear => (config.max_lr - config.min_lr) / steps,
    }
}

/// Steps from one test to the next.
pub(crate) fn test_interval(config: &Config) -> u64 {
    match config.interval {
        Interval::Steps(steps) => steps.max(1),
        Interval::Growth(growth) => libm::round(libm::log(growth) / first_rate(config)).max(1.0) as u64,
    }
}

/// Positive tests in a row that end a climb.
pub(crate) fn patience(config: &Config) -> u32 {
    match config.patience {
        Patience::Tests(tests) => tests,
        Patience::Growth(growth) => {
            let per_test = first_rate(config) * test_interval(config) as f64;
            (1.0 + libm::round(libm::log(growth) / per_test)).max(2.0) as u32
        }
    }
}
