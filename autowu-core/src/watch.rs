//! The decay under watch: has the loss given back what it had gained?

use crate::config::Config;
use crate::real::Real;
use crate::report::Report;
use crate::trajectory::Trajectory;

/// Fewest losses whose mean is believed.
const FEWEST: u64 = 10;

/// Parts of the warmup that a mean is taken over, unless noise asks for longer ones.
const PARTS: u64 = 32;

/// How probable it may be that a decay which has lost nothing is stopped.
const FALSE_ALARM: f64 = 0.01;

/// Times that a run goes back in its decay. What is still lost then is not lost to the learning
/// rate.
const RESCUES: u32 = 3;

/// What the loss was at first and at best, in means over `span` losses, and the mean on its way.
///
/// A mean that is above the middle between the two has lost more than half of the descent: to a
/// learning rate that was too high for long, and not high enough to be seen at once. The middle
/// does not depend on unit and zero of the loss.
///
/// Noise must not be taken for a loss of the descent, so that the span is long enough for the
/// distance to the middle to stand out of the noise of the means; where it never does, nothing is
/// watched.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(deny_unknown_fields, bound(serialize = "T: Real", deserialize = "T: Real"))
)]
pub(crate) struct Watch<T> {
    /// Standard deviation of one loss, by the last test that was sure of a descent; infinite
    /// before.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub noise: T,
    /// Losses that a mean is taken over; 0: nothing is watched.
    pub span: u64,
    /// The mean of the run's first losses; infinite before they are known.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub first: T,
    /// The lowest mean of the warmup; infinite likewise.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub lowest: T,
    /// The mean of `count` losses of the decay.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    pub mean: T,
    pub count: u64,
    /// Times that the decay went back.
    pub rescues: u32,
}

impl<T: Real> Watch<T> {
    pub fn new() -> Self {
        let unknown = T::infinity();
        Watch {
            noise: unknown,
            span: 0,
            first: unknown,
            lowest: unknown,
            mean: T::zero(),
            count: 0,
            rescues: 0,
        }
    }

    /// A test was made: if it is sure of a descent, its noise is that of the losses, of which each
    /// sample stands for `resolution`.
    pub fn see(&mut self, report: &Report<T>, resolution: u64, config: &Config) {
        if report.fell(config) {
            self.noise = report.scale * (report.hyper.noise * T::of_u64(resolution)).sqrt();
        }
    }

    /// A climb is over: what its losses were at first and at best, in means as short as their noise
    /// allows. What it cannot tell, the climbs before it may have.
    pub fn learn<const N: usize>(&mut self, climb: &Trajectory<T, N>, config: &Config) {
        let before = *self;
        let shortest = (config.warmup_steps() / PARTS).max(FEWEST).max(before.span);
        let mut entries =
            usize::try_from(shortest.div_ceil(climb.resolution())).unwrap_or(usize::MAX);
        while entries <= climb.len() / 2 {
            let Some((first, lowest)) = ends(climb.values(), entries) else { break };
            self.span = climb.resolution().saturating_mul(entries as u64);
            self.first = if before.first.is_finite() { before.first } else { first };
            self.lowest = before.lowest.min(lowest);
            if self.stands_out(config) {
                return;
            }
            entries *= 2;
        }
        if before.span > 0 {
            *self = before;
        }
        self.span = before.span;
    }

    /// Whether the middle between first and lowest is far enough from both to be told from noise:
    /// with the error `e` of a mean, `first − (lowest + 2e) ≥ 2 √(3 ln(m/2α)) e`.
    ///
    /// A mean of the decay, the first and the lowest have errors of their own, so that a mean which
    /// is as low as the lowest differs from the middle by the half of their distance and an
    /// error of `√(1 + 2/4) e`. Each of the decay's `m` means is above the middle
    /// with a probability of at most `α/m`, by the bound `½ exp(−z²/2)` of the normal tail. `2e` is
    /// what the lowest of many means may lie too low.
    fn stands_out(&self, config: &Config) -> bool {
        let means =
            (config.total_steps.saturating_sub(config.warmup_steps()) / self.span.max(1)).max(1);
        let clearance =
            T::of(2.0) * T::of(3.0 * libm::log(means as f64 / (2.0 * FALSE_ALARM))).sqrt();
        let error = self.noise / T::of_u64(self.span).sqrt();
        self.first > self.lowest && self.first - self.lowest >= (clearance + T::of(2.0)) * error
    }

    /// Losses until the next mean is complete; `None` where nothing is watched.
    pub fn ahead(&self) -> Option<u64> {
        (self.span > 0).then(|| self.span.saturating_sub(self.count).max(1))
    }

    /// Takes a finite loss of the decay.
    pub fn push(&mut self, loss: T) {
        self.count += 1;
        let count = T::of_u64(self.count);
        self.mean = self.mean + (loss / count - self.mean / count); // apart, so that no difference overflows
    }

    /// With `span` losses: whether more than half of the descent is lost. The next mean begins.
    pub fn has_lost(&mut self) -> bool {
        if self.span == 0 || self.count < self.span {
            return false;
        }
        let half = T::of(0.5);
        let lost = self.mean > self.first * half + self.lowest * half;
        self.restart();
        lost
    }

    pub fn may_rescue(&self) -> bool {
        self.rescues < RESCUES
    }

    /// The weights are put back: losses that were measured before say nothing of what follows.
    pub fn rescued(&mut self) {
        self.rescues += 1;
        self.restart();
    }

    /// Nothing is watched any more.
    pub fn end(&mut self) {
        self.span = 0;
        self.restart();
    }

    fn restart(&mut self) {
        (self.mean, self.count) = (T::zero(), 0);
    }

    /// Whether a run can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self) -> bool {
        let known = self.first.is_finite() && self.lowest.is_finite();
        let unknown = self.first == T::infinity() && self.lowest == T::infinity();
        let watched = self.span == 0 || known && self.first > self.lowest;
        let mean = self.mean.is_finite()
            && (self.count < self.span || self.count == 0 && self.mean == T::zero());
        (known || unknown) && watched && mean && self.noise >= T::zero() && self.rescues <= RESCUES
    }
}

/// The first and the lowest of the means over `entries` neighbours, in steps of half as many;
/// `None` without a finite one.
fn ends<T: Real>(values: &[T], entries: usize) -> Option<(T, T)> {
    let mean = |window: &[T]| {
        let finite = || window.iter().copied().filter(|y| y.is_finite());
        let count = T::of_u64(finite().count() as u64);
        finite().fold(T::zero(), |sum, y| sum + y / count)
    };
    let windows = values.windows(entries.max(1)).step_by((entries / 2).max(1));
    let mut means =
        windows.filter(|w| w.iter().any(|y| y.is_finite())).map(mean).filter(|m| m.is_finite());
    let first = means.next()?;
    Some((first, means.fold(first, |lowest, mean| lowest.min(mean))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AutoWu, Event, Reason};
    use std::vec::Vec;

    /// A run of 400 steps whose loss falls to 1, has its minimum at a learning rate of 1e-2, and in
    /// the decay is `decay(step, lr)`.
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
    #[cfg_attr(miri, ignore = "takes hours there")]
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
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn without_a_copy_it_says_so_once_and_goes_on() {
        let config = Config::new(400).without_restore();
        let (lrs, events) = run(config, |_, _| 5.0);
        assert!(matches!(lost(&events)[..], [Event::Diverged { .. }]), "{events:?}");
        assert_eq!(lrs, run(Config { rescue: None, ..config }, |_, _| 5.0).0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn a_number_that_is_none_goes_back_too() {
        let mut first = true;
        let (lrs, events) = run(Config::new(400), |step, _| {
            if step == 250 && core::mem::take(&mut first) { f64::NAN } else { 1.0 }
        });
        assert!(
            matches!(
                events.last(),
                Some(Event::Restore { step: 251, reason: Reason::NonFinite, .. })
            ),
            "{events:?}"
        );
        assert!(lrs[251] < 0.34 * lrs[250]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn what_stays_ruined_is_said_and_the_learning_rate_stays_positive() {
        let restored = |e: &&Event<f64>| matches!(e, Event::Restore { .. });
        for (config, times) in [
            (Config::new(400), 3),
            (Config::new(400).without_restore(), 0),
            (Config { floor_lr: 1e-5, ..Config::new(400) }, 3),
        ] {
            let (lrs, events) = run(config, |_, _| 5.0);
            let said = lost(&events);
            assert_eq!(said.iter().filter(restored).count(), times, "{events:?}");
            assert!(
                said.len() == times + 1 && matches!(said.last(), Some(Event::Diverged { .. })),
                "{events:?}"
            );
            for (step, lr) in lrs.into_iter().enumerate() {
                assert!(
                    lr >= config.floor_lr && (lr > 0.0 || step == 399),
                    "step {step}: {lr}; {events:?}"
                );
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn numbers_that_are_none_are_said_once_however_many() {
        let nan = |e: &&Event<f64>| {
            matches!(e, Event::Diverged { reason: Reason::NonFinite | Reason::StillNonFinite, .. })
        };
        for config in [
            Config::new(400),
            Config::new(400).without_restore(),
            Config { rescue: None, ..Config::new(400) },
        ] {
            let (_, events) =
                run(config, |step, _| if (250..300).contains(&step) { f64::NAN } else { 1.0 });
            assert_eq!(events.iter().filter(nan).count(), 1, "{events:?}");
        }
        // Back three times for the first of them, and not again for the second: both are said.
        let (_, events) = run(Config::new(400), |step, _| {
            if [250, 251, 252, 253, 300].contains(&step) { f64::NAN } else { 1.0 }
        });
        let reasons: Vec<_> = events
            .iter()
            .filter(nan)
            .map(|e| matches!(e, Event::Diverged { reason: Reason::StillNonFinite, .. }))
            .collect();
        assert_eq!(reasons, [true, false], "{events:?}");
    }

    #[test]
    fn losses_from_before_a_restore_are_not_counted_after_it() {
        let mut watch =
            Watch::<f64> { span: 4, first: 2.0, lowest: 1.0, noise: 0.0, ..Watch::new() };
        [9.0; 3].into_iter().for_each(|loss| watch.push(loss));
        watch.rescued();
        [1.0; 4].into_iter().for_each(|loss| watch.push(loss));
        assert!(!watch.has_lost());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_copy_is_free_when_it_cannot_be_asked_back() {
        let mut autowu: AutoWu = AutoWu::new(Config::new(400)).unwrap();
        let mut rescues = 0;
        while autowu.steps() < 400 {
            let decades = (autowu.lr() / 1e-2).log10();
            let decaying = autowu.phase().name() == "decay";
            let event =
                autowu.step(if decaying { 5.0 } else { 1.0 + 0.2 * decades * decades }).event;
            rescues += u32::from(decaying && matches!(event, Some(Event::Restore { .. })));
            assert!(
                !decaying || autowu.may_restore() == (rescues < 3 && autowu.steps() < 400),
                "{rescues}"
            );
        }
        assert_eq!(rescues, 3);
    }

    #[test]
    #[cfg(feature = "serde")]
    fn noise_beyond_the_range_is_a_state_like_any_other() {
        let mut climb = Trajectory::<f32, 400>::new();
        (0..400_u16).for_each(|i| climb.push(1.0 - f32::from(i) / 400.0));
        let mut watch = Watch { noise: 0.01, ..Watch::new() };
        watch.learn(&climb, &Config::new(1000));
        assert!(watch.span > 0 && watch.is_valid());
        watch.noise = f32::INFINITY; // a later test, of losses near the end of the range
        watch.learn(&climb, &Config::new(1000));
        assert!(watch.span > 0 && watch.is_valid());
    }

    /// A climb that cannot tell, because it is short or its noise is great, changes nothing of what
    /// one before it could.
    #[test]
    fn what_a_climb_cannot_tell_stays_as_it_was() {
        let falls = |losses: u16, by: f64| {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..losses).for_each(|i| climb.push(1.0 - by * f64::from(i) / f64::from(losses)));
            climb
        };
        let config = Config::new(1000);
        let mut watch = Watch { noise: 0.01, ..Watch::new() };
        watch.learn(&falls(400, 1.0), &config);
        assert!(watch.span > 0);
        for (climb, noise, tells) in [
            (falls(400, 2.0), 0.01, true),
            (falls(20, 2.0), 0.01, false),
            (falls(400, 2.0), 9.0, false),
        ] {
            let before = Watch { noise, ..watch };
            let mut after = before;
            after.learn(&climb, &config);
            assert_eq!(after != before, tells, "{after:?}");
        }
        // The first losses are those of the first climb, whichever of the climbs can tell.
        let mut watch = Watch { noise: 9.0, ..Watch::new() };
        watch.learn(&falls(400, 1.0), &config);
        let first = watch.first;
        assert!(watch.span == 0 && first.is_finite());
        watch.noise = 0.01;
        watch.learn(&falls(400, 2.0), &config);
        assert!(watch.span > 0 && watch.first == first);
    }

    /// A mean over more than half of a climb tells nothing of where it was lower.
    #[test]
    fn a_span_is_at_most_half_of_the_climb() {
        for (losses, span) in [(119, 0), (120, 60)] {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..losses).for_each(|i| climb.push(-f64::from(i)));
            let mut watch = Watch { noise: 0.0, ..Watch::new() };
            watch.learn(&climb, &Config::new(4800)); // a 32nd of whose warmup is 60 steps
            assert_eq!(watch.span, span, "{losses} losses");
        }
    }

    /// The noise is that of one loss, however many share an entry of the history.
    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_noise_is_that_of_one_loss() {
        fn noise<const N: usize>() -> (u64, f64) {
            let config = Config { fit_samples: 100, test_samples: 100, ..Config::new(2000) };
            let mut autowu = AutoWu::<f64, N>::new(config).unwrap();
            for step in 0..700_u64 {
                let decades = (autowu.lr() / 0.1).log10();
                let noise = 0.5 * (crate::sampling::mix(step) as f64 / 2_f64.powi(63) - 1.0);
                autowu.step(1.0 + 0.2 * decades * decades + noise);
            }
            (autowu.trajectory.resolution(), autowu.watch.noise)
        }
        let told = 0.5 / 3_f64.sqrt();
        for (resolution, noise) in [noise::<1024>(), noise::<350>(), noise::<100>()] {
            assert!((noise / told).ln().abs() < 0.2, "{resolution}: {noise}, which is {told}");
        }
    }

    #[test]
    fn a_mean_is_believed_when_it_is_complete() {
        let mut watch =
            Watch::<f64> { span: 4, first: 2.0, lowest: 1.0, noise: 0.0, ..Watch::new() };
        for complete in [false, false, false, true] {
            watch.push(9.0);
            assert_eq!(watch.has_lost(), complete);
        }
        (0..4).for_each(|_| watch.push(1.5));
        assert!(!watch.has_lost(), "half of the descent is kept");
    }

    #[test]
    fn first_and_lowest_are_means_of_windows_that_overlap_by_half() {
        assert_eq!(ends(&[9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0], 4), Some((2.25, 2.25)));
        assert_eq!(ends(&[3.0, 2.0, 1.0], 1), Some((3.0, 1.0)));
        let nan = f64::NAN;
        assert_eq!(ends(&[nan, nan, 4.0, nan, 2.0, 1.0], 2), Some((4.0, 1.5)));
        assert_eq!(ends(&[nan; 6], 2), None);
    }

    #[test]
    fn level_ground_is_not_watched() {
        let mut climb = Trajectory::<f64, 400>::new();
        (0..400).for_each(|_| climb.push(1.0));
        let mut watch = Watch { noise: 0.0, ..Watch::new() };
        watch.learn(&climb, &Config::new(1000));
        assert_eq!(watch.span, 0);
    }

    #[test]
    fn the_span_grows_with_the_noise_until_nothing_can_be_told() {
        let spans = [0.01, 0.3, 0.5, 3.0].map(|noise| {
            let mut climb = Trajectory::<f64, 400>::new();
            (0..400).for_each(|i| climb.push(1.0 - f64::from(i) / 400.0));
            let mut watch = Watch { noise, ..Watch::new() };
            watch.learn(&climb, &Config::new(1000));
            watch.span
        });
        assert_eq!(spans, [12, 24, 48, 0]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
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
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn the_reference_does_not_watch() {
        let (_, events) = run(Config::paper(20, 20), |_, _| 5.0);
        assert!(lost(&events).is_empty());
    }
}
