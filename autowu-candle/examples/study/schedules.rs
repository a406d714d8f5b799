//! The compared schedules.

use crate::cells::Cell;
use autowu_core::{
    Config, Decay, Fallback, Interval, NonFinite, Patience, PeakRule, Recovery, Response, TestRules,
};

/// How the learning rate is found.
#[derive(Clone, Copy)]
pub enum Schedule {
    /// AutoWU: its name and its configuration.
    Auto(&'static str, Make),
    /// Linear warmup over 5 % of the steps to this peak, then a cosine to 0.
    Peak(f64),
}

impl Schedule {
    /// Its name in the table of runs.
    pub fn name(&self) -> String {
        match self {
            Schedule::Auto(name, _) => (*name).into(),
            Schedule::Peak(peak) => format!("peak {peak}"),
        }
    }
}

/// The names of the whole grid of peaks, and of the one in it that people use without tuning.
pub const PEAKS: &str = "peaks";
pub const UNTUNED: &str = "untuned";

/// A configuration for (steps per epoch, steps of the run).
pub type Make = fn(u64, u64) -> Config;

/// The presets, then the default with each of its mechanisms left out in turn.
pub const AUTO: &[(&str, Make)] = &[
    ("default", |_, total| Config::new(total)),
    ("no restore", |_, total| Config::new(total).without_restore()),
    ("paper", |epoch, total| {
        let mut config = Config::paper(epoch, total.div_ceil(epoch));
        config.total_steps = total;
        config
    }),
    ("one climb", |_, total| {
        // The peak is eq. (5)'s, as in the paper.
        let recovery = Recovery::Restore { slowdown: None, rescue: Some(3.0) };
        respond(total, Response { peak: PeakRule::MeanRate, recovery, ..Response::default() })
    }),
    ("noise as fitted", |_, total| {
        test(total, TestRules { noise_groups: 0, ..TestRules::default() })
    }),
    ("no descent", |_, total| respond(total, Response { descent: None, ..Response::default() })),
    ("no clip", |_, total| test(total, TestRules { clip: false, ..TestRules::default() })),
    ("raw losses", |_, total| {
        test(total, TestRules { standardise: false, ..TestRules::default() })
    }),
    ("NaN ignored", |_, total| {
        respond(total, Response { non_finite: NonFinite::Ignore, ..Response::default() })
    }),
    ("cosine", |_, total| Config::new(total).with_decay(Decay::Cosine)),
    ("decay unwatched", |_, total| {
        let recovery = Recovery::Restore { slowdown: Some(3.0), rescue: None };
        respond(total, Response { recovery, ..Response::default() })
    }),
    ("no fallback", |_, total| {
        respond(total, Response { fallback: Fallback::Reached, ..Response::default() })
    }),
    ("tests by epoch", |epoch, total| {
        let config = Config::new(total);
        config.with_ramp(config.ramp.tested(Interval::Steps(epoch), Patience::Tests(3)))
    }),
    ("overshoot unwatched", |_, total| {
        let config = Config::new(total).without_restore();
        config.with_response(Response { overshoot: None, ..config.response })
    }),
    ("no scout", |_, total| Config::new(total).without_scout()),
    ("factor 1", |_, total| Config::new(total).with_peak_factor(1.0)),
    ("one subset", |_, total| {
        test(total, TestRules { subset_fraction: 1.0, votes: 1, ..TestRules::default() })
    }),
];

/// The default with tests made in another way.
fn test(total: u64, rules: TestRules) -> Config {
    Config::new(total).with_test(rules)
}

/// The default with another response to the tests.
fn respond(total: u64, response: Response) -> Config {
    Config::new(total).with_response(response)
}

/// The schedules of these names, for any cell.
pub struct Choice {
    auto: Vec<Schedule>,
    peaks: bool,
    untuned: bool,
    /// Peaks by their number.
    given: Vec<f64>,
}

impl Choice {
    /// # Errors
    /// An unknown name.
    pub fn new(names: &[String]) -> Result<Self, String> {
        let known = || AUTO.iter().map(|(name, _)| *name).chain([PEAKS, UNTUNED]);
        let given = |name: &String| name.strip_prefix("peak ")?.parse().ok();
        let is_known = |n: &String| known().any(|k| k == n) || given(n).is_some();
        if let Some(stray) = names.iter().find(|n| !is_known(n)) {
            let all: Vec<&str> = known().collect();
            return Err(format!(
                "--schedules {stray}: there is none of this name; there are: {}, and `peak` with \
                 any number",
                all.join(", ")
            ));
        }
        let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let auto = AUTO
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|&(name, config)| Schedule::Auto(name, config));
        Ok(Choice {
            auto: auto.collect(),
            peaks: wanted(PEAKS),
            untuned: wanted(UNTUNED),
            given: names.iter().filter_map(given).collect(),
        })
    }

    /// Each once.
    pub fn of(&self, cell: &Cell) -> Vec<Schedule> {
        let mut peaks = self.given.clone();
        peaks.extend(self.untuned.then(|| cell.optimizer.untuned()));
        peaks.extend(cell.peaks().into_iter().filter(|_| self.peaks));
        let mut all = self.auto.clone();
        for (i, &peak) in peaks.iter().enumerate() {
            if !peaks[..i].contains(&peak) {
                all.push(Schedule::Peak(peak));
            }
        }
        all
    }
}
