//! Other schedulers' bugs, one test each, with the thread where their users reported it.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed expectation ends the test

mod losses;
mod resume;
mod schedule;
mod stepping;

use autowu_core::{AutoWu, Config, Event, Outcome};
use autowu_tests::configs::sampled;
use autowu_tests::curves::{bowl, noise};

/// A history small enough to fill, tested as a whole.
pub type Scheduler = AutoWu<f64, 256>;

/// The default, with tests that fit the small history.
pub fn config(steps: u64) -> Config {
    sampled(Config::new(steps).without_scout(), 60, 200)
}

/// The learning rate of [`sweep`]'s minimum.
pub const BEST: f64 = 1e-2;

/// The loss of a sweep: falls until the learning rate is [`BEST`] and rises from there on, under
/// noise.
pub fn sweep(step: u64, lr: f64) -> f64 {
    bowl(lr, BEST) + 0.02 * noise(1, step)
}

/// Feeds a run with `loss(step, lr)`; one outcome per step.
pub fn run(config: Config, mut loss: impl FnMut(u64, f64) -> f64) -> Vec<Outcome<f64>> {
    let mut autowu = Scheduler::new(config).unwrap();
    (0..config.total_steps).map(|step| autowu.step(loss(step, autowu.lr()))).collect()
}

/// Step and peak of the decay.
pub fn decay(outcomes: &[Outcome<f64>]) -> Option<(u64, f64)> {
    outcomes.iter().find_map(|o| match o.event {
        Some(Event::Decay { step, peak, .. }) => Some((step, peak)),
        _ => None,
    })
}

#[test]
fn the_sweep_is_found() {
    let (_, peak) = decay(&run(config(400), sweep)).unwrap();
    assert!((BEST / 2.0..=BEST * 2.0).contains(&peak), "{peak}");
}
