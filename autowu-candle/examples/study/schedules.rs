//! The schedules that are compared.

use crate::optim::Kind;
use autowu_core::{Config, Decay, Detection, Fallback, Interval, NonFinite, Patience};

/// How the learning rate is found.
#[derive(Clone, Copy)]
pub enum Schedule {
    /// AutoWU: its name and its configuration.
    Auto(&'static str, Make),
    /// Linear warmup over 5 % of the steps to this peak, then a cosine to 0.
    Peak(f64),
}

impl Schedule {
    /// As it stands in the table of runs.
    pub fn name(&self) -> String {
        match self {
            Schedule::Auto(name, _) => (*name).into(),
            Schedule::Peak(peak) => format!("peak {peak}"),
        }
    }
}

/// The name of the whole grid of peaks.
pub const PEAKS: &str = "peaks";

/// A configuration for (steps per epoch, steps of the run).
pub type Make = fn(u64, u64) -> Config;

/// The presets, then the default with each of its mechanisms left out in turn.
pub const AUTO: &[(&str, Make)] = &[
    ("default", |_, total| Config::new(total)),
    ("no restore", |_, total| Config::new(total).without_restore()),
    ("paper", |epoch, total| Config {
        total_steps: total,
        ..Config::paper(epoch, total.div_ceil(epoch))
    }),
    ("one climb", |_, total| Config { detection: Detection::EndWarmup, ..Config::new(total) }),
    ("noise as fitted", |_, total| Config { noise_blocks: 0, ..Config::new(total) }),
    ("no descent", |_, total| Config { descent: None, ..Config::new(total) }),
    ("no clip", |_, total| Config { clip: false, ..Config::new(total) }),
    ("raw losses", |_, total| Config { standardise: false, ..Config::new(total) }),
    ("NaN ignored", |_, total| Config { non_finite: NonFinite::Ignore, ..Config::new(total) }),
    ("cosine", |_, total| Config { decay: Decay::Cosine, ..Config::new(total) }),
    ("decay unwatched", |_, total| Config { rescue: None, ..Config::new(total) }),
    ("no fallback", |_, total| Config { fallback: Fallback::Reached, ..Config::new(total) }),
    ("tests by epoch", |epoch, total| Config {
        interval: Interval::Steps(epoch),
        patience: Patience::Tests(3),
        ..Config::new(total)
    }),
    ("one subset", |_, total| Config { subset_fraction: 1.0, votes: 1, ..Config::new(total) }),
];

/// The schedules of these names, for any optimizer.
pub struct Choice {
    auto: Vec<Schedule>,
    peaks: bool,
}

impl Choice {
    /// # Errors
    /// A name that there is not.
    pub fn new(names: &[String]) -> Result<Self, String> {
        let known = || AUTO.iter().map(|(name, _)| *name).chain([PEAKS]);
        if let Some(stray) = names.iter().find(|n| !known().any(|k| k == *n)) {
            let all: Vec<&str> = known().collect();
            return Err(format!(
                "--schedules {stray}: there is none of this name; there are: {}",
                all.join(", ")
            ));
        }
        let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let auto = AUTO
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|&(name, config)| Schedule::Auto(name, config));
        Ok(Choice { auto: auto.collect(), peaks: wanted(PEAKS) })
    }

    pub fn of(&self, optimizer: Kind) -> Vec<Schedule> {
        let peaks = optimizer.peaks().map(Schedule::Peak).into_iter().filter(|_| self.peaks);
        self.auto.iter().copied().chain(peaks).collect()
    }
}
