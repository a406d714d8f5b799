//! What a replay did: for the terminal, the JSON and the plot.

use autowu_core::{AutoWu, Config, ConfigError, Event, Observation, Phase, Real, Reason, Report};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// What to say of losses that look smoothed.
pub const SMOOTHED: &str = "the losses look smoothed, or told several times, which makes early \
false ends: tell the raw loss of each update (a full batch without noise looks the same and needs \
nothing)";

/// A whole replay, in double precision.
#[derive(Serialize)]
pub struct Record {
    /// Of step 0, 1, …
    pub lrs: Vec<f64>,
    /// Every test of the run.
    pub tests: Vec<Test>,
    /// Every event, [`Snapshot`](Event::Snapshot) too.
    pub events: Vec<Happening>,
    /// Where the decay begins.
    pub switch: Option<Switch>,
    /// Steps that a loss stands for.
    #[serde(skip)]
    every: u64,
    /// Whether the losses looked smoothed in some test.
    #[serde(skip)]
    pub smoothed: bool,
    /// For the plot.
    #[serde(skip)]
    pub band: Option<Band>,
}

/// A test, as in the JSON.
#[derive(Serialize)]
pub struct Test {
    /// Losses seen.
    pub step: u64,
    /// Of each vote: that the loss is past its minimum.
    pub probabilities: Vec<f64>,
    /// Learning rate of the smallest posterior mean.
    pub argmin_lr: f64,
    /// Whether the test was positive.
    pub vote: bool,
    /// What the test took, in microseconds.
    pub micros: f64,
    /// In words.
    pub verdict: String,
}

/// An event, as in the JSON.
#[derive(Serialize)]
pub struct Happening {
    /// Losses seen.
    pub step: u64,
    /// [`Event::kind`]
    pub kind: &'static str,
    /// Learning rate after it.
    pub lr: f64,
    /// In words, where it has one.
    pub reason: Option<String>,
}

/// Where the decay begins.
#[derive(Serialize)]
pub struct Switch {
    /// Losses seen.
    pub step: u64,
    /// Learning rate that the decay starts from.
    pub lr: f64,
    /// In words.
    pub reason: String,
}

/// The GP's posterior over the losses at the decisive test: (step, mean, deviation), in units of
/// the loss.
pub struct Band {
    /// Evenly spaced, over the losses of the test.
    pub points: Vec<(f64, f64, f64)>,
    /// Step of the smallest mean.
    pub argmin: f64,
    decisive: bool,
}

impl Record {
    /// The learning rates of a schedule without tests.
    pub fn untested(lrs: Vec<f64>) -> Self {
        Record {
            lrs,
            tests: Vec::new(),
            events: Vec::new(),
            switch: None,
            every: 1,
            smoothed: false,
            band: None,
        }
    }

    /// Replays a run's losses, at most as many as its budget, and tells `say` one line for each
    /// test and event.
    pub fn replay<T: Real, const N: usize>(
        config: Config,
        losses: &[f64],
        say: impl FnMut(String),
    ) -> Result<Self, ConfigError> {
        Self::replay_thinned::<T, N>(config, losses, 1, say)
    }

    /// [`replay`](Self::replay) of losses that stand for `every` steps each: `config` counts
    /// losses, the record counts steps.
    pub fn replay_thinned<T: Real, const N: usize>(
        config: Config,
        losses: &[f64],
        every: u64,
        mut say: impl FnMut(String),
    ) -> Result<Self, ConfigError> {
        let mut autowu = AutoWu::<T, N>::new(config)?;
        let mut record = Record { every, ..Self::untested(vec![double(autowu.lr())]) };
        say("     step         LR  P(past the minimum)  LR of minimum  verdict".into());
        for &loss in losses.iter().take(usize::try_from(config.total_steps).unwrap_or(usize::MAX)) {
            match autowu.observe(T::of(loss)) {
                Observation::Nothing => {}
                Observation::Event(event) => record.push_event(&event, &mut say),
                Observation::TestDue => {
                    let begun = Instant::now();
                    let Some(report) = autowu.test() else { continue };
                    let micros = begun.elapsed().as_secs_f64() * 1e6;
                    record.smoothed |= autowu.looks_smoothed();
                    record.keep_band(&autowu, &report);
                    record.push_test(&report, micros, &mut say);
                    if let Some(event) = autowu.resolve(&report) {
                        record.push_event(&event, &mut say);
                    }
                }
            }
            record.lrs.push(double(autowu.lr()));
        }
        let last = record.lrs.pop();
        record.lrs = record.lrs.iter().flat_map(|&lr| (0..every).map(move |_| lr)).collect();
        record.lrs.extend(last);
        record.say_end(matches!(autowu.phase(), Phase::Decay { .. }), &mut say);
        Ok(record)
    }

    /// Stores the posterior at this test, until it has a decisive one. Call between `test` and
    /// `resolve`.
    fn keep_band<T: Real, const N: usize>(&mut self, autowu: &AutoWu<T, N>, report: &Report<T>) {
        if self.band.as_ref().is_some_and(|b| b.decisive) {
            return;
        }
        let Some(posterior) = autowu.posterior(report, 0) else { return };
        let (center, scale) = (double(report.center), double(report.scale));
        let every = self.every as f64;
        let (length, last) = (every * report.losses as f64, every * report.step as f64);
        let points = (0..=100)
            .map(|i| {
                let x = f64::from(i) / 100.0;
                let mean = double(posterior.mean_at(T::of(x)));
                let deviation = double(posterior.variance_at(T::of(x)).sqrt());
                (last - length * (1.0 - x), center + scale * mean, scale * deviation)
            })
            .collect();
        let argmin = last - length * (1.0 - double(report.argmin_x));
        self.band = Some(Band { points, argmin, decisive: report.detects() });
    }

    fn push_test<T: Real>(
        &mut self,
        report: &Report<T>,
        micros: f64,
        say: &mut impl FnMut(String),
    ) {
        let probabilities: Vec<f64> = report.votes.iter().map(|v| double(v.probability)).collect();
        let low = probabilities.iter().copied().fold(f64::INFINITY, f64::min);
        let high = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = if probabilities.is_empty() {
            "-".to_string()
        } else {
            format!("{low:.3} … {high:.3}")
        };
        let count = match report.positives {
            0 => String::new(),
            positives => format!(" ({positives} of {})", report.patience),
        };
        let verdict = report.verdict.sentence();
        let (lr, argmin_lr) = (double(report.lr), double(report.argmin_lr));
        let step = report.step * self.every;
        say(format!("{step:>9}  {lr:>9.3e}  {range:>19}  {argmin_lr:>13.3e}  {verdict}{count}"));
        self.tests.push(Test {
            step,
            probabilities,
            argmin_lr,
            vote: report.is_positive(),
            micros,
            verdict: verdict.to_string(),
        });
    }

    fn push_event<T: Real>(&mut self, event: &Event<T>, say: &mut impl FnMut(String)) {
        let reason = reason(event);
        let (step, lr, kind) = (event.step() * self.every, double(event.lr()), event.kind());
        if !matches!(event, Event::Snapshot { .. }) {
            let why = reason.map_or("the loss is not a finite number", Reason::sentence);
            let why = if kind == "finished" { "the budget is used" } else { why };
            say(format!("{step:>9}  {kind} at LR {lr:.3e}: {why}"));
        }
        if let Event::Decay { reason, .. } = event {
            self.switch = Some(Switch { step, lr, reason: reason.sentence().to_string() });
        }
        self.events.push(Happening {
            step,
            kind,
            lr,
            reason: reason.map(|r| r.sentence().to_string()),
        });
    }

    fn say_end(&self, decays: bool, say: &mut impl FnMut(String)) {
        let steps = self.lrs.len() - 1;
        say(match &self.switch {
            Some(s) => format!(
                "The decay begins after step {} from LR {:.3e}: {}.",
                s.step, s.lr, s.reason
            ),
            None if decays => "The decay has begun.".to_string(),
            None => {
                format!("Still in the warmup after {steps} steps, at LR {:.3e}.", self.lrs[steps])
            }
        });
        let mut micros: Vec<f64> = self.tests.iter().map(|t| t.micros).collect();
        micros.sort_by(f64::total_cmp);
        if let Some(median) = micros.get(micros.len() / 2) {
            say(format!("{} tests, {median:.0} µs each (median).", micros.len()));
        }
    }

    /// Writes the record, but not its band.
    ///
    /// # Errors
    /// A path that cannot be written to.
    pub fn write_json(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// Why, where an event has a reason.
pub fn reason<T>(event: &Event<T>) -> Option<Reason> {
    match event {
        Event::Restore { reason, .. }
        | Event::Decay { reason, .. }
        | Event::Diverged { reason, .. } => Some(*reason),
        _ => None,
    }
}

fn double<T: Real>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}
