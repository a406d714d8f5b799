//! Configurations that many tests use.

use autowu_core::{Config, PeakRule, Recovery, Response, TestRules};

/// The same with tests on fewer losses, for a short history.
#[must_use]
pub fn sampled(config: Config, fit_samples: u32, test_samples: u32) -> Config {
    config.with_test(TestRules { fit_samples, test_samples, ..config.test })
}

/// The same with `votes` votes a test.
#[must_use]
pub fn voted(config: Config, votes: u32) -> Config {
    config.with_test(TestRules { votes, ..config.test })
}

/// The same where a detection is followed by a climb that is `slowdown` times slower, or by none:
/// then the peak is eq. (5)'s.
#[must_use]
pub fn climbing_on(config: Config, slowdown: Option<f64>) -> Config {
    let recovery = Recovery::Restore { slowdown, rescue: Some(3.0) };
    let peak = match slowdown {
        Some(_) => PeakRule::RateAtMean,
        None => PeakRule::MeanRate,
    };
    config.with_response(Response { recovery, peak, ..config.response })
}
