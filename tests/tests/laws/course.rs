//! The course of a run: what it announces, what changes it, and how its climbs go on.

use autowu_core::{
    AutoWu, Climb, Config, Curve, Event, Interval, NonFinite, Observation, Phase, Reason, Response,
};
use autowu_tests::configs::climbing_on;
use autowu_tests::curves::{bowl, noise};
use proptest::prelude::*;

use crate::configs::{configs, losses};

type Scheduler = AutoWu<f64, 512>;

fn climb(autowu: &Scheduler) -> Option<Climb<f64>> {
    match autowu.phase() {
        Phase::Warmup(climb) => Some(climb),
        Phase::Decay { .. } => None,
    }
}

proptest! {
    /// Until the step that `steps_until_due` names, finite losses make nothing happen. In a warmup
    /// that step does, if there is no overshoot to look for.
    #[test]
    fn nothing_happens_before_it_is_said_to(config in configs(), seed in any::<u64>()) {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut quiet = autowu.steps_until_due();
        for loss in losses(seed, 0, config.total_steps + 5) {
            let warmup = climb(&autowu).is_some();
            let due = quiet == Some(1);
            let observation = autowu.observe(loss);
            prop_assert!(
                due || observation == Observation::Nothing,
                "{observation:?} at step {}",
                autowu.steps()
            );
            prop_assert!(
                !(due && warmup && config.response.overshoot.is_none())
                    || observation != Observation::Nothing,
                "step {}",
                autowu.steps()
            );
            if observation == Observation::TestDue {
                let report = autowu.test().unwrap();
                let _ = autowu.resolve(&report);
            }
            // What is not said yet may be said later: the end, when it is near.
            quiet = match quiet {
                Some(steps) if !due && observation == Observation::Nothing => Some(steps - 1),
                _ => autowu.steps_until_due(),
            };
            prop_assert_eq!(quiet, autowu.steps_until_due());
        }
    }

    /// In a warmup a restore can come once a copy was asked for.
    #[test]
    fn no_copy_is_asked_back_before_it_was_asked_for(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
    ) {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut asked = false;
        for loss in losses(seed, kind, config.total_steps) {
            let event = autowu.step(loss).event;
            asked |= event.is_some_and(|e| e.kind() == "snapshot");
            prop_assert!(asked || event.is_none_or(|e| e.kind() != "restore"), "{event:?}");
            if autowu.phase().name() == "warmup" {
                prop_assert_eq!(autowu.may_restore(), asked);
            }
        }
    }

    /// Losses of an abandoned course say nothing: those after the loss that changed it are counted,
    /// whatever they are.
    #[test]
    fn losses_of_a_course_that_was_left_are_counted_and_not_looked_at(
        config in configs(),
        seed in any::<u64>(),
        kind in 0..3_u8,
    ) {
        let mut autowu = Scheduler::new(config).unwrap();
        for loss in losses(seed, kind, config.total_steps + 5) {
            let before = autowu.clone();
            let event = autowu.step(loss).event;
            let told = event.is_some_and(|e| !matches!(e.kind(), "snapshot" | "skip"));
            if told || autowu.phase() != before.phase() {
                let [mut one, mut other] = [before.clone(), before];
                let _ = one.step_slice(&[loss, 0.5, 0.25, -0.5]);
                let _ = other.step_slice(&[loss, f64::NAN, 1e300, f64::INFINITY]);
                prop_assert_eq!(one.digest(), other.digest(), "{:?}", event);
                prop_assert_eq!(one.steps(), autowu.steps() + 3);
                prop_assert_eq!(one.tests(), autowu.tests());
            }
        }
    }

    /// Tests are counted, and lie on the grid of a climb or at the end of the warmup.
    #[test]
    fn tests_are_counted_and_on_the_grid(config in configs(), seed in any::<u64>()) {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut tests = 0;
        for loss in losses(seed, 0, config.total_steps) {
            let before = climb(&autowu);
            prop_assert_eq!(autowu.tests(), tests);
            if let (Some(report), Some(climb)) = (autowu.step(loss).report, before) {
                tests += 1;
                let on_grid = (report.step - climb.start).is_multiple_of(config.test_interval());
                let ended = autowu.phase().name() == "decay"
                    || self::climb(&autowu).is_some_and(|c| c.rate == 0.0);
                let scouts = config.ramp.scout.is_some() && climb.number == 0;
                prop_assert!(on_grid || ended || scouts, "{report:?}");
            }
        }
        if let Curve::Exponential { interval: Interval::Steps(steps), .. } = config.ramp.curve {
            prop_assert_eq!(autowu.config().test_interval(), steps);
        }
    }
}

/// Losses that are NaN skip their updates; the one too many puts the learning rate back by
/// `back_steps`, at most to where the climb began, or to a third where that is lower. What follows
/// rises as many times more slowly as after a minimum.
#[test]
fn losses_that_stay_nan_go_back_by_the_steps_it_was_told() {
    for (skips, back_steps, slowdown, slower) in
        [(0, 0, Some(3.0), 3.0), (1, 7, Some(5.0), 5.0), (2, 1000, None, 1.0)]
    {
        let config = climbing_on(Config::new(400).without_scout(), slowdown);
        let non_finite = NonFinite::EndClimb { skips, back_steps };
        let config = config.with_response(Response { non_finite, ..config.response });
        let mut autowu = Scheduler::new(config).unwrap();
        let mut lrs = Vec::new();
        let event = (0..60_u64).find_map(|step| {
            lrs.push(autowu.lr());
            let bad = (50 - u64::from(skips)..=50).contains(&step);
            let loss = if bad { f64::NAN } else { 3.0 - step as f64 / 100.0 };
            let event = autowu.step(loss).event;
            assert_eq!(event.is_some_and(|e| e.skips_update()), bad, "step {step}: {event:?}");
            event.filter(|e| e.kind() == "restore")
        });
        let Some(Event::Restore { step: 51, reason: Reason::NonFinite, from, to, .. }) = event
        else {
            panic!("{event:?}");
        };
        assert_eq!(
            (from, to, autowu.lr()),
            (lrs[50], lrs[50_usize.saturating_sub(back_steps as usize)].min(from / 3.0), to)
        );
        let (before, after) = ((lrs[1] / lrs[0]).ln(), (autowu.lr_ahead(1) / to).ln());
        assert!(
            (after * slower / before - 1.0).abs() < 1e-9,
            "{before} → {after}, slower by {slower}"
        );
    }
}

/// After a minimum the climb goes on from its learning rate, `slowdown` times more slowly.
#[test]
fn a_climb_goes_on_as_slowly_as_it_was_told() {
    for slowdown in [1.0, 3.0, 10.0] {
        let config = climbing_on(Config::new(400).without_scout(), Some(slowdown));
        let mut autowu = Scheduler::new(config).unwrap();
        let first = climb(&autowu).unwrap().rate;
        let event = (0..160).find_map(|_| {
            let lr = autowu.lr();
            autowu.step(bowl(lr, 1e-3)).event.filter(|e| e.kind() == "restore")
        });
        let Some(Event::Restore { step, reason: Reason::PastMinimum, to, .. }) = event else {
            panic!("{event:?}")
        };
        let now = climb(&autowu).unwrap();
        assert_eq!((now.base, now.start, now.number), (to, step, 1));
        assert!(step < 160 && (now.rate * slowdown / first - 1.0).abs() < 1e-12, "{now:?}");
    }
}

/// A warmup that ends with its first minimum holds the learning rate there.
#[test]
fn a_first_minimum_ends_the_climb() {
    for (config, restores) in [
        (climbing_on(Config::new(400).without_scout(), None), true),
        (Config::new(400).without_scout().without_restore(), false),
    ] {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut events = Vec::new();
        let mut lrs = Vec::new();
        for _ in 0..400 {
            let lr = autowu.lr();
            lrs.push(lr);
            events.extend(autowu.step(bowl(lr, 1e-3)).event.filter(|e| e.kind() != "snapshot"));
        }
        assert_eq!(
            matches!(events[0], Event::Restore { reason: Reason::PastMinimum, .. }),
            restores,
            "{events:?}"
        );
        let step = events[0].step() as usize;
        assert!(step < 160 && lrs[step] < lrs[step - 1], "{events:?}");
        assert!(lrs[step..].windows(2).all(|w| w[1] <= w[0]), "{events:?}");
    }
}

/// A later climb keeps its slow pace until its learning rate has grown fourfold; if the loss still
/// falls then, it goes on at the first pace.
#[test]
fn a_climb_that_was_put_back_too_early_goes_on_at_full_pace() {
    let wave = |step: u64| if step < 30 { (step as f64 / 5.0).cos() } else { 0.0 };
    let mut quickened = 0;
    for seed in 0..20 {
        let mut autowu = Scheduler::new(Config::new(400).without_scout().with_seed(seed)).unwrap();
        let first = climb(&autowu).unwrap().rate;
        for step in 0..160 {
            let Some(before) = climb(&autowu) else { break };
            let loss = bowl(autowu.lr(), 0.1) + wave(step) + 0.01 * noise(seed, step);
            let outcome = autowu.step(loss);
            let Some(after) = climb(&autowu) else { break };
            if !matches!(outcome.event, Some(Event::Snapshot { .. })) {
                continue;
            }
            let slow = before.number > 0 && before.rate < first;
            let grown = autowu.lr() >= 4.0 * before.base;
            if slow && grown && before.rate > 0.0 {
                quickened += 1;
                assert_eq!(
                    (after.rate, after.base, after.number),
                    (first, autowu.lr(), before.number + 1)
                );
            } else {
                assert_eq!(after, before, "seed {seed}, step {step}");
            }
        }
    }
    assert!(quickened > 10, "{quickened}");
}
