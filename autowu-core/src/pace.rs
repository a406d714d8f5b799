//! The pace of a run: what a configuration's growth means in steps and tests.

use crate::config::{Config, Interval, Patience};
use crate::phase::Climb;
use crate::real::Real;
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

/// The learning rate after `step` steps of the run: `min(base · exp(rate · k), max_lr)`, `k` steps into the climb.
pub(crate) fn climb_lr<T: Real>(config: &Config, climb: &Climb<T>, step: u64) -> T {
    let grown = climb.rate * T::of_u64(step.saturating_sub(climb.start));
    let lr = match config.warmup {
        Warmup::Exponential => climb.base * grown.exp_(),
        Warmup::Linear => climb.base + grown,
    };
    lr.min(T::of(config.max_lr))
}

/// The step with which the warmup is over: its share of the budget is used, or this climb has reached `max_lr`. By halving,
/// so that no step has to look at its learning rate.
pub(crate) fn warmup_end<T: Real>(config: &Config, climb: &Climb<T>) -> u64 {
    let reaches = |step| climb.rate > T::zero() && climb_lr(config, climb, step) >= T::of(config.max_lr);
    let (mut below, mut end) = (climb.start, config.warmup_steps());
    while end > below.saturating_add(1) && reaches(end) {
        // `below` does not reach it, `end` does.
        let middle = below + (end - below) / 2;
        if reaches(middle) { end = middle } else { below = middle }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warmup_ends_with_the_first_step_at_the_ceiling() {
        let config = Config { warmup_fraction: 0.5, ..Config::new(2000) };
        let (first, used) = (first_rate(&config), config.warmup_steps());
        for (base, rate) in
            [(1e-5, first), (1e-3, first / 3.0), (1e-2, 2.0 * first), (0.5, first), (0.1, 0.0), (1.0, first)]
        {
            for start in [0, 1, used / 2, used - 2, used - 1] {
                let climb = Climb { base, rate, start, number: 1 };
                let slow =
                    (start + 1..used).find(|&step| rate > 0.0 && climb_lr(&config, &climb, step) >= config.max_lr);
                assert_eq!(warmup_end(&config, &climb), slow.unwrap_or(used), "{climb:?}");
            }
        }
    }
}
