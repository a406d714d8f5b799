//! The decay under watch: has the loss given back what it had gained?

use crate::config::Config;
use crate::real::Real;
use crate::trajectory::Trajectory;

/// Fewest losses whose mean is believed.
const FEWEST: u64 = 10;

/// Parts of the warmup that a mean is taken over.
const PARTS: u64 = 32;

/// What the loss was at first and at best, in means over [`span`] losses, and the mean on its way.
///
/// A loss that is back above the middle between the two has lost more than half of its descent: a learning rate that was too high for
/// long, and not high enough to be seen at once. The middle does not depend on unit and zero of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct Watch<T> {
    /// The mean of the run's first losses; infinite before they are known.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub first: T,
    /// The lowest mean of the warmup; infinite likewise.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub lowest: T,
    /// Whether a test was sure that the loss had fallen; without it nothing is watched.
    pub fell: bool,
    /// The mean of `count` losses of the decay.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub mean: T,
    pub count: u64,
}

impl<T: Real> Default for Watch<T> {
    fn default() -> Self {
        Watch { first: T::infinity(), lowest: T::infinity(), fell: false, mean: T::zero(), count: 0 }
    }
}

/// Losses that one mean is taken over.
pub(crate) fn span(config: &Config) -> u64 {
    (config.warmup_steps() / PARTS).max(FEWEST)
}

impl<T: Real> Watch<T> {
    /// A climb is over: what its losses were at first and at best.
    pub fn learn<const N: usize>(&mut self, climb: &Trajectory<T, N>, config: &Config) {
        let entries = (span(config).div_ceil(climb.resolution()) as usize).max(1);
        for block in climb.values().chunks_exact(entries) {
            let finite = || block.iter().copied().filter(|y| y.is_finite());
            let count = T::of_u64(finite().count() as u64);
            let mean = finite().fold(T::zero(), |sum, y| sum + y / count);
            if mean.is_finite() && count > T::zero() {
                self.first = if self.first.is_infinite() { mean } else { self.first };
                self.lowest = self.lowest.min(mean);
            }
        }
    }

    /// Takes a finite loss of the decay.
    pub fn push(&mut self, loss: T) {
        self.count += 1;
        let count = T::of_u64(self.count);
        self.mean = self.mean + (loss / count - self.mean / count); // apart, so that no difference overflows
    }

    /// With `span` losses: whether more than half of the descent is lost. The next mean begins.
    pub fn has_lost(&mut self, span: u64) -> bool {
        if self.count < span {
            return false;
        }
        let half = T::of(0.5);
        let lost =
            self.first > self.lowest && self.first.is_finite() && self.mean > self.first * half + self.lowest * half;
        (self.mean, self.count) = (T::zero(), 0);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AutoWu, Event, Reason};
    use std::vec::Vec;

    /// A run of 400 steps whose loss falls to 1, has its minimum at a learning rate of 1e-2, and in the decay is `decay(step, lr)`.
    fn run(config: Config, mut decay: impl FnMut(u64, f64) -> f64) -> (Vec<f64>, Vec<Event<f64>>) {
        let mut autowu: AutoWu = AutoWu::new(config).unwrap();
        let (mut lrs, mut events) = (Vec::new(), Vec::new());
        for step in 0..config.total_steps {
            let lr = autowu.lr();
            let decades = (lr / 1e-2).log10();
            let noise = 0.01 * ((step * 7919 % 101) as f64 / 50.0 - 1.0);
            let decaying = autowu.phase().name() == "decay";
            let loss = if decaying { decay(step, lr) } else { 1.0 + 0.2 * decades * decades };
            lrs.push(lr);
            events.extend(autowu.step(loss + noise).event.filter(|e| e.kind() != "snapshot"));
        }
        (lrs, events)
    }

    fn lost(events: &[Event<f64>]) -> Vec<Event<f64>> {
        let of_the_watch = |e: &&Event<f64>| matches!(e, Event::Restore { reason, .. } | Event::Diverged { reason, .. } if *reason == Reason::DescentLost);
        events.iter().filter(of_the_watch).copied().collect()
    }

    #[test]
    fn a_decay_that_loses_its_descent_goes_back_and_on_at_a_third() {
        // Too high a learning rate ruins the loss slowly.
        let mut harm = 0.0;
        let (lrs, events) = run(Config::new(400), |_, lr| {
            harm = if lr > 5e-3 { harm + 0.1 } else { 0.0 };
            1.0 + harm
        });
        let Some(&Event::Restore { step, from, to, .. }) = lost(&events).first() else {
            panic!("nothing was said: {events:?}");
        };
        assert!((to - from / 3.0).abs() < 0.01 * to, "{from} → {to}");
        assert_eq!(lrs[step as usize], to);
        assert!(lrs.windows(2).skip(step as usize).all(|w| w[1] <= w[0]));
    }

    #[test]
    fn without_a_copy_it_says_so_once_and_goes_on() {
        let config = Config::new(400).without_restore();
        let (lrs, events) = run(config, |_, _| 5.0);
        assert!(matches!(lost(&events)[..], [Event::Diverged { .. }]), "{events:?}");
        assert_eq!(lrs, run(Config { rescue: None, ..config }, |_, _| 5.0).0);
    }

    #[test]
    fn a_number_that_is_none_goes_back_too() {
        let mut first = true;
        let (lrs, events) =
            run(Config::new(400), |step, _| if step == 250 && core::mem::take(&mut first) { f64::NAN } else { 1.0 });
        assert!(
            matches!(events.last(), Some(Event::Restore { step: 251, reason: Reason::NonFinite, .. })),
            "{events:?}"
        );
        assert!(lrs[251] < 0.34 * lrs[250]);
    }

    #[test]
    fn what_stays_ruined_is_said_and_the_learning_rate_stays_positive() {
        for config in
            [Config::new(400), Config::new(400).without_restore(), Config { floor_lr: 1e-5, ..Config::new(400) }]
        {
            let (lrs, events) = run(config, |_, _| 5.0);
            assert!(!lost(&events).is_empty());
            for (step, lr) in lrs.into_iter().enumerate() {
                assert!(lr >= config.floor_lr && (lr > 0.0 || step == 399), "step {step}: {lr}; {events:?}");
            }
        }
    }

    #[test]
    fn no_alarm_while_the_loss_keeps_half_of_its_descent() {
        for end in [0.5, 1.0, 1.5] {
            assert!(lost(&run(Config::new(400), |_, _| end).1).is_empty(), "{end}");
        }
        // Nor where a test has never been sure of a descent: noise on flat ground.
        let mut autowu: AutoWu = AutoWu::new(Config::new(400)).unwrap();
        for step in 0..400_u64 {
            let outcome = autowu.step((step * 7919 % 101) as f64);
            assert!(!matches!(outcome.event, Some(e) if !lost(&[e]).is_empty()), "step {step}");
        }
    }

    #[test]
    fn the_reference_does_not_watch() {
        let (_, events) = run(Config::paper(20, 20), |_, _| 5.0);
        assert!(lost(&events).is_empty());
    }
}
