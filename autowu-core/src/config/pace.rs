//! What a configuration's growth means in steps and tests.

use super::{Config, Curve, Interval, Patience, Scout};

/// The share of the warmup that a scout can have.
const MOST_OF_THE_WARMUP: f64 = 0.6;

impl Config {
    /// `ln(η_max/η_min)/W`, on a linear climb `(η_max − η_min)/W`: growth per step of the first
    /// climb.
    pub(crate) fn first_rate(&self) -> f64 {
        let steps = self.warmup_steps() as f64;
        match self.ramp.curve {
            Curve::Exponential { .. } => {
                let growth = match self.scout() {
                    Some(scout) => scout.growth,
                    None => self.max_lr / self.min_lr,
                };
                libm::log(growth) / steps
            }
            Curve::Linear { .. } => (self.max_lr - self.min_lr) / steps,
        }
    }

    /// The scout of this run, if it has one.
    pub(crate) fn scout(&self) -> Option<&Scout> {
        let is_exponential = matches!(self.ramp.curve, Curve::Exponential { .. });
        self.ramp.scout.as_ref().filter(|_| is_exponential && self.response.can_restore())
    }

    /// `ln(η_max/η_min)` over the steps of the scout: its growth per step.
    pub(crate) fn scout_rate(&self, scout: &Scout) -> f64 {
        let steps = (scout.fraction * self.total_steps as f64).max(scout.min_steps as f64);
        let most = MOST_OF_THE_WARMUP * self.warmup_steps() as f64;
        libm::log(self.max_lr / self.min_lr) / steps.min(most).max(1.0)
    }

    /// Steps from one test of the scout to the next.
    pub(crate) fn scout_interval(&self, scout: &Scout) -> u64 {
        match self.ramp.curve {
            Curve::Exponential { interval: Interval::Growth(growth), .. } => {
                libm::round(libm::log(growth) / self.scout_rate(scout)).max(1.0) as u64
            }
            _ => self.test_interval(),
        }
    }

    /// Steps from one test to the next, at least 1: those in which the first climb's learning rate
    /// grows as [`Interval`] asks, rounded.
    pub fn test_interval(&self) -> u64 {
        match self.ramp.curve {
            Curve::Exponential { interval: Interval::Growth(growth), .. } => {
                libm::round(libm::log(growth) / self.first_rate()).max(1.0) as u64
            }
            Curve::Exponential { interval: Interval::Steps(steps), .. } => steps.max(1),
            Curve::Linear { interval, .. } => interval.max(1),
        }
    }

    /// Positive tests in a row that end a climb.
    pub fn patience(&self) -> u32 {
        match self.ramp.curve {
            Curve::Exponential { patience: Patience::Growth(growth), .. } => {
                let per_test = self.first_rate() * self.test_interval() as f64;
                (1.0 + libm::round(libm::log(growth) / per_test)).max(2.0) as u32
            }
            Curve::Exponential { patience: Patience::Tests(tests), .. } => tests,
            Curve::Linear { patience, .. } => patience,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Ramp;

    fn config(steps: u64, interval: Interval, patience: Patience) -> Config {
        Config::new(steps).without_scout().with_ramp(Ramp::default().tested(interval, patience))
    }

    fn paces() -> impl Iterator<Item = (f64, f64, Config)> {
        let growths = [1.0001, 1.01, 1.1, 1.3, 2.0, 10.0];
        [1, 7, 100, 1000, 50_000].into_iter().flat_map(move |steps| {
            growths.into_iter().flat_map(move |test| {
                growths.into_iter().map(move |lasting| {
                    let (interval, patience) = (Interval::Growth(test), Patience::Growth(lasting));
                    (test, lasting, config(steps, interval, patience))
                })
            })
        })
    }

    /// From one test to the next the learning rate grows as asked, to half a step; and the tests of
    /// a detection span what was asked, to half a test, but are never fewer than two.
    #[test]
    fn tests_follow_the_growth_of_the_learning_rate() {
        for (test, lasting, config) in paces() {
            let (rate, every) = (config.first_rate(), config.test_interval());
            let tests = config.patience();
            let off = (every as f64 * rate - test.ln()).abs() / rate;
            let shortest = every == 1 && test.ln() < rate;
            assert!(off <= 0.5 + 1e-9 || shortest, "every {every}: {off} steps off, {config:?}");
            let each = every as f64 * rate;
            let off = (f64::from(tests - 1) * each - lasting.ln()).abs() / each;
            let fewest = tests == 2 && lasting.ln() < each;
            assert!(off <= 0.5 + 1e-9 || fewest, "{tests}: {off} tests off, {config:?}");
        }
        let told = config(1000, Interval::Steps(17), Patience::Tests(5));
        assert_eq!((told.test_interval(), told.patience()), (17, 5));
        let curve = Curve::Linear { interval: 17, patience: 5 };
        let linear = Config::new(1000).without_scout().with_ramp(Ramp { curve, ..Ramp::default() });
        assert_eq!((linear.test_interval(), linear.patience()), (17, 5));
    }
}
