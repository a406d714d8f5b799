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
        Interval::Growth(growth) => {
            libm::round(libm::log(growth) / first_rate(config)).max(1.0) as u64
        }
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

/// The learning rate after `step` steps of the run: `min(base · exp(rate · k), max_lr)`, `k` steps
/// into the climb.
pub(crate) fn climb_lr<T: Real>(config: &Config, climb: &Climb<T>, step: u64) -> T {
    let grown = climb.rate * T::of_u64(step.saturating_sub(climb.start));
    let lr = match config.warmup {
        Warmup::Exponential => climb.base * grown.exp_(),
        Warmup::Linear => climb.base + grown,
    };
    lr.min(T::of(config.max_lr))
}

/// The step with which the warmup is over: its share of the budget is used, or this climb has
/// reached `max_lr`. By halving, so that no step has to look at its learning rate.
pub(crate) fn warmup_end<T: Real>(config: &Config, climb: &Climb<T>) -> u64 {
    let reaches =
        |step| climb.rate > T::zero() && climb_lr(config, climb, step) >= T::of(config.max_lr);
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
        for (base, rate) in [
            (1e-5, first),
            (1e-3, first / 3.0),
            (1e-2, 2.0 * first),
            (0.5, first),
            (0.1, 0.0),
            (1.0, 0.0),
            (1.0, first),
        ] {
            for start in [0, 1, used / 2, used - 2, used - 1] {
                let climb = Climb { base, rate, start, number: 1 };
                let slow = (start + 1..used)
                    .find(|&step| rate > 0.0 && climb_lr(&config, &climb, step) >= config.max_lr);
                assert_eq!(warmup_end(&config, &climb), slow.unwrap_or(used), "{climb:?}");
            }
        }
    }

    fn paces() -> impl Iterator<Item = Config> {
        let growths = [1.0001, 1.01, 1.1, 1.3, 2.0, 10.0];
        [1, 7, 100, 1000, 50_000].into_iter().flat_map(move |steps| {
            growths.into_iter().flat_map(move |test| {
                growths.into_iter().map(move |lasting| Config {
                    interval: Interval::Growth(test),
                    patience: Patience::Growth(lasting),
                    ..Config::new(steps)
                })
            })
        })
    }

    /// From one test to the next the learning rate grows as asked, to half a step; and the tests of
    /// a detection span what was asked, to half a test, but are never fewer than two.
    #[test]
    fn tests_follow_the_growth_of_the_learning_rate() {
        for config in paces() {
            let (Interval::Growth(test), Patience::Growth(lasting)) =
                (config.interval, config.patience)
            else {
                unreachable!("paces are growths")
            };
            let (rate, every, tests) =
                (first_rate(&config), test_interval(&config), patience(&config));
            let off = (every as f64 * rate - test.ln()).abs() / rate;
            assert!(
                off <= 0.5 + 1e-9 || every == 1 && test.ln() < rate,
                "every {every}: {off} steps off, {config:?}"
            );
            let each = every as f64 * rate;
            let off = (f64::from(tests - 1) * each - lasting.ln()).abs() / each;
            assert!(
                off <= 0.5 + 1e-9 || tests == 2 && lasting.ln() < each,
                "{tests}: {off} tests off, {config:?}"
            );
        }
        let told = Config {
            interval: Interval::Steps(17),
            patience: Patience::Tests(5),
            ..Config::new(1000)
        };
        assert_eq!((test_interval(&told), patience(&told)), (17, 5));
    }

    /// The first climb takes the whole warmup from the smallest learning rate to the largest, along
    /// either curve.
    #[test]
    fn the_first_climb_goes_all_the_way() {
        for config in [
            Config::new(700),
            Config { warmup: Warmup::Linear, min_lr: 0.1, max_lr: 0.7, ..Config::paper(10, 50) },
        ] {
            let climb =
                Climb { base: config.min_lr, rate: first_rate(&config), start: 0, number: 0 };
            let end = config.warmup_steps();
            assert_eq!(climb_lr(&config, &climb, 0), config.min_lr);
            assert!((climb_lr(&config, &climb, end) / config.max_lr - 1.0).abs() < 1e-13);
            let halfway = config.warmup.at(0.5, config.min_lr, config.max_lr);
            assert!(
                (climb_lr(&config, &climb, end / 2) / halfway - 1.0).abs() < 1e-13,
                "{}",
                end / 2
            );
        }
    }
}
