//! What a replay did: for the terminal, the JSON and the plot.

use autowu_core::{AutoWu, Event, Real, Reason, Report};
use serde::Serialize;
use std::path::Path;

/// A whole replay, in double precision.
#[derive(Serialize)]
pub struct Record {
    /// Of step 0, 1, …
    pub lrs: Vec<f64>,
    pub tests: Vec<Test>,
    pub events: Vec<Happening>,
    /// Where the decay begins.
    pub switch: Option<Switch>,
    #[serde(skip)]
    pub band: Option<Band>,
}

#[derive(Serialize)]
pub struct Test {
    pub step: u64,
    pub probabilities: Vec<f64>,
    pub argmin_lr: f64,
    pub vote: bool,
    pub micros: f64,
    pub verdict: String,
}

#[derive(Serialize)]
pub struct Happening {
    pub step: u64,
    pub kind: &'static str,
    pub lr: f64,
    pub reason: Option<String>,
}

#[derive(Serialize)]
pub struct Switch {
    pub step: u64,
    pub lr: f64,
    pub reason: String,
}

/// The GP's posterior over the losses at the decisive test: (step, mean, deviation), in units of the loss.
pub struct Band {
    pub points: Vec<(f64, f64, f64)>,
    /// Step of the smallest mean.
    pub argmin: f64,
    decisive: bool,
}

impl Record {
    pub fn new<T: Real>(lr: T) -> Self {
        Record { lrs: vec![double(lr)], tests: Vec::new(), events: Vec::new(), switch: None, band: None }
    }

    /// Whether a later test's band should still replace the one kept.
    pub fn band_is_open(&self) -> bool {
        self.band.as_ref().is_none_or(|b| !b.decisive)
    }

    /// Keeps the posterior at this test. To be called between `test` and `resolve`.
    pub fn keep_band<T: Real, const N: usize>(&mut self, autowu: &AutoWu<T, N>, report: &Report<T>) {
        if !self.band_is_open() {
            return;
        }
        let Some(posterior) = autowu.posterior(report, 0) else { return };
        let (center, scale) = (double(report.center), double(report.scale));
        let (length, last) = (report.losses as f64, report.step as f64);
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

    pub fn push<T: Real>(&mut self, lr: T, event: Option<Event<T>>, report: Option<Report<T>>, micros: f64) {
        self.lrs.push(double(lr));
        if let Some(report) = report {
            let test = Test {
                step: report.step,
                probabilities: report.votes.iter().map(|v| double(v.probability)).collect(),
                argmin_lr: double(report.argmin_lr),
                vote: report.is_positive(),
                micros,
                verdict: report.verdict.sentence().to_string(),
            };
            print_test(&test, double(report.lr), report.positives, report.patience);
            self.tests.push(test);
        }
        let Some(event) = event else { return };
        let reason = reason(&event);
        let (step, lr, kind) = (event.step(), double(event.lr()), event.kind());
        if !matches!(event, Event::Snapshot { .. }) {
            println!("{step:>9}  {kind} at LR {lr:.3e}: {}", reason.map_or("", Reason::sentence));
        }
        if let Event::Decay { reason, .. } = event {
            self.switch = Some(Switch { step, lr, reason: reason.sentence().to_string() });
        }
        self.events.push(Happening { step, kind, lr, reason: reason.map(|r| r.sentence().to_string()) });
    }

    pub fn write_json(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// Why, where an event has a reason.
pub fn reason<T>(event: &Event<T>) -> Option<Reason> {
    match event {
        Event::Restore { reason, .. } | Event::Decay { reason, .. } | Event::Diverged { reason, .. } => Some(*reason),
        _ => None,
    }
}

pub fn print_header() {
    println!("     step         LR  P(past the minimum)  LR of minimum  verdict");
}

fn print_test(test: &Test, lr: f64, positives: u32, patience: u32) {
    let low = test.probabilities.iter().copied().fold(f64::INFINITY, f64::min);
    let high = test.probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if test.probabilities.is_empty() { "-".to_string() } else { format!("{low:.3} … {high:.3}") };
    let count = if positives > 0 { format!(" ({positives} of {patience})") } else { String::new() };
    println!("{:>9}  {lr:>9.3e}  {range:>19}  {:>13.3e}  {}{count}", test.step, test.argmin_lr, test.verdict);
}

pub fn print_end(record: &Record, decays: bool) {
    let steps = record.lrs.len() - 1;
    match &record.switch {
        Some(s) => println!("The decay begins after step {} from LR {:.3e}: {}.", s.step, s.lr, s.reason),
        None if decays => println!("The decay has begun."),
        None => println!("Still in the warmup after {steps} losses, at LR {:.3e}.", record.lrs[steps]),
    }
    if !record.tests.is_empty() {
        let mut micros: Vec<f64> = record.tests.iter().map(|t| t.micros).collect();
        micros.sort_by(f64::total_cmp);
        println!("{} tests, {:.0} µs each (median).", micros.len(), micros[micros.len() / 2]);
    }
}

fn double<T: Real>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}
