//! How a warmup without a detection ends, and what a decay falls back to.

use autowu_core::{
    AutoWu, Config, Event, Fallback, Interval, NonFinite, Patience, Ramp, Reason, Response,
};
use autowu_tests::configs::climbing_on;
use autowu_tests::curves::{bowl, noise};

type Scheduler = AutoWu<f64, 1024>;

/// 400 steps, 160 of them warmup, and no test is ever positive.
fn blind() -> Config {
    let ramp = Ramp::default().tested(Interval::Growth(1.1), Patience::Tests(1_000_000));
    Config::new(400).without_scout().with_ramp(ramp)
}

/// The same, and without a detection the decay starts from the learning rate reached.
fn reached_by(config: Config) -> Config {
    config.with_response(Response { fallback: Fallback::Reached, ..config.response })
}

/// The events of a run except snapshots, and the last learning rate before the decay; the loss has
/// its minimum at `best`.
fn events(config: Config, best: f64) -> (Vec<Event<f64>>, f64) {
    let mut autowu = Scheduler::new(config).unwrap();
    let (mut events, mut reached) = (Vec::new(), 0.0);
    for step in 0..config.total_steps {
        let loss = if autowu.phase().name() == "warmup" {
            reached = autowu.lr();
            bowl(reached, best) + 0.01 * noise(7, step)
        } else {
            1.0
        };
        events.extend(autowu.step(loss).event.filter(|e| e.kind() != "snapshot"));
    }
    (events, reached)
}

#[test]
fn a_loss_that_falls_to_the_end_keeps_the_learning_rate_reached() {
    for config in [blind(), blind().without_restore(), reached_by(blind())] {
        let (events, reached) = events(config, 1e3);
        let [Event::Decay { step, reason: Reason::WarmupUsed, from, peak, .. }] = events[..] else {
            panic!("{events:?}");
        };
        assert_eq!((step, from, peak), (160, reached, reached));
    }
}

#[test]
fn a_minimum_that_nobody_believed_in_is_gone_back_to() {
    let near = |lr: f64| (0.02..0.2).contains(&lr);
    let (with_copy, _) = events(blind(), 0.06);
    let [
        Event::Restore { step, reason: Reason::WarmupUsedBackToMinimum, to, .. },
        Event::Decay { peak, .. },
    ] = with_copy[..]
    else {
        panic!("{with_copy:?}");
    };
    assert!(step == 160 && near(to) && peak == to, "{with_copy:?}");
    let (without, _) = events(blind().without_restore(), 0.06);
    let [Event::Decay { step: 160, reason: Reason::WarmupUsedBackToMinimum, peak, .. }] =
        without[..]
    else {
        panic!("{without:?}");
    };
    assert!(near(peak), "{without:?}");
    let (reached, last) = events(reached_by(blind()), 0.06);
    assert!(
        matches!(
            reached[..],
            [Event::Decay { step: 160, reason: Reason::WarmupUsed, peak, .. }] if peak == last
        ),
        "{reached:?}"
    );
}

/// The last test of the warmup makes do with five losses, every other asks for `min_samples`.
#[test]
fn the_last_test_makes_do_with_fewer() {
    let mut autowu = Scheduler::new(blind()).unwrap();
    for step in 0..400 {
        let last = step >= 160;
        let fewest = autowu.test_input().map(|input| input.fewest);
        assert_eq!(fewest, Some(if last { 5 } else { 10 }), "step {step}");
        // No test is resolved, so the warmup goes on.
        let _ = autowu.observe(1.0 + noise(3, step));
    }
}

/// The first loss that is not finite is divergence.
fn impatient(config: Config) -> Config {
    let non_finite = NonFinite::EndClimb { skips: 0, back_steps: 10 };
    config.with_response(Response { non_finite, ..config.response })
}

/// The last test takes five losses; with four there is none.
#[test]
fn four_losses_are_too_few_for_the_last_test() {
    for (nan_at, tested) in [(150, true), (154, true), (155, false), (158, false)] {
        let mut autowu = Scheduler::new(impatient(Config::new(400).without_scout())).unwrap();
        let falling = |step: u64| 3.0 - step as f64 / 100.0;
        let outcomes: Vec<_> = (0..161)
            .map(|step| autowu.step(if step == nan_at { f64::NAN } else { falling(step) }))
            .collect();
        assert!(matches!(outcomes[nan_at as usize].event, Some(Event::Restore { .. })));
        assert_eq!(
            outcomes[159].report.is_some(),
            tested,
            "NaN at {nan_at}: {:?}",
            outcomes[159].event
        );
        assert_eq!(autowu.phase().name(), "decay");
    }
}

/// A minimum that only the warmup's last test sees is restored, and nothing rises after it.
#[test]
fn a_minimum_at_the_last_test_is_gone_back_to() {
    let ramp = Ramp::default().tested(Interval::Steps(1000), Patience::Tests(1));
    let once = Config::new(400).without_scout().with_ramp(ramp);
    for (config, restores) in
        [(once, true), (climbing_on(once, None), true), (once.without_restore(), false)]
    {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut events = Vec::new();
        for _ in 0..161 {
            let lr = autowu.lr();
            events.extend(autowu.step(bowl(lr, 1e-2)).event.filter(|e| e.kind() != "snapshot"));
            if autowu.steps() == 160 {
                assert!(autowu.lr_ahead(100) <= autowu.lr(), "{events:?}");
            }
        }
        let to = match (&events[..], restores) {
            (
                &[
                    Event::Restore { step: 160, reason: Reason::PastMinimum, to, .. },
                    Event::Decay { step: 161, peak, .. },
                ],
                true,
            ) if to == peak => to,
            (&[Event::Decay { step: 160, reason: Reason::PastMinimum, peak, .. }], false) => peak,
            _ => panic!("{events:?}"),
        };
        assert!((5e-3..2e-2).contains(&to), "{to}");
    }
}

/// Non-finite losses to the end: three restores, each with the third in a row, then one report; when the warmup is over the decay
/// begins, and nothing is reported twice.
#[test]
fn a_warmup_of_nan_ends_and_says_why() {
    for begin in [5, 100, 158, 159] {
        let mut autowu = Scheduler::new(Config::new(400).without_scout()).unwrap();
        let mut events = Vec::new();
        for step in 0..400 {
            let loss = if step < begin { 3.0 - step as f64 / 100.0 } else { f64::NAN };
            let event = autowu.step(loss).event;
            let skips = event.is_some_and(|e| e.skips_update());
            assert!(skips || loss.is_finite() || autowu.phase().name() == "decay", "{event:?}");
            events.extend(event.filter(|e| !matches!(e.kind(), "snapshot" | "skip")));
        }
        let still =
            |e: &&Event<f64>| matches!(e, Event::Diverged { reason: Reason::StillNonFinite, .. });
        let back = events
            .iter()
            .filter(|e| matches!(e, Event::Restore { reason: Reason::NonFinite, .. }))
            .count();
        let ends: Vec<_> = events.iter().filter(|e| e.kind() == "decay").collect();
        let said = 1;
        assert!(back == 3 && events.iter().filter(still).count() == said, "{begin}: {events:?}");
        assert!(
            matches!(ends[..], [Event::Decay { reason: Reason::StillNonFinite, .. }]),
            "{begin}: {events:?}"
        );
        assert_eq!(ends[0].step(), 160.max(begin + 13), "{begin}: {events:?}");
        assert_eq!(events.last().map(Event::kind), Some("decay"), "{begin}: {events:?}");
    }
}

/// If no loss of the warmup was a number, no copy was asked for, and none is restored.
#[test]
fn a_decay_without_a_copy_does_not_go_back() {
    let mut autowu = Scheduler::new(Config::new(400).without_scout()).unwrap();
    for step in 0..400 {
        let event = autowu.step(if step < 200 || step == 300 { f64::NAN } else { 1.0 }).event;
        assert!(
            event.is_none_or(|e| e.kind() != "restore") && !autowu.may_restore(),
            "step {step}: {event:?}"
        );
        assert_eq!(
            event.is_some_and(|e| e.kind() == "diverged"),
            step == 2,
            "step {step}: {event:?}"
        );
    }
}

/// It restores if the run is not over and a third of its peak is a normal number above the floor
/// whose ratio to `max_lr` is finite.
#[test]
fn a_decay_goes_back_where_it_can() {
    for (floor_lr, max_lr, peak, nan_at, back) in [
        (0.0, 1.0, 0.75, 300, true),
        (0.25, 1.0, 0.75, 300, false),
        (0.25, 1.0, 0.76, 300, true),
        (0.0, 1.0, 7e-308, 300, true),
        (0.0, 1.0, 6e-308, 300, false),
        (0.0, 1e10, 1e-297, 300, true),
        (0.0, 1e10, 1e-298, 300, false),
        (0.0, 1.0, 0.75, 398, true),
        (0.0, 1.0, 0.75, 399, false),
    ] {
        let min_lr = if floor_lr > 0.0 { floor_lr } else { 1e-5 };
        let config =
            Config::new(400).without_scout().with_lr_range(min_lr, max_lr).with_floor_lr(floor_lr);
        let config = impatient(config);
        let mut autowu = Scheduler::new(config).unwrap();
        (0..nan_at).for_each(|step| {
            let _ = autowu.step(3.0 - step as f64 / 100.0);
        });
        let mut state = serde_json::to_value(&autowu).unwrap();
        state["stage"]["Decay"]["peak"] = peak.to_string().into();
        let mut autowu: Scheduler = serde_json::from_value(state).unwrap();
        assert_eq!(
            autowu.may_restore(),
            back || nan_at == 399,
            "peak {peak}, floor {floor_lr}, step {nan_at}"
        );
        let event = autowu.step(f64::NAN).event.unwrap();
        let place = format!("peak {peak}, floor {floor_lr}, step {nan_at}: {event:?}");
        match event {
            Event::Restore { reason: Reason::NonFinite, .. } => assert!(back, "{place}"),
            Event::Diverged { reason: Reason::NonFinite, .. } => assert!(!back, "{place}"),
            _ => panic!("{place}"),
        }
    }
}

#[test]
fn a_group_has_its_part_of_the_learning_rate() {
    let mut autowu = Scheduler::new(Config::new(400).without_scout()).unwrap();
    for step in 0..400 {
        for ratio in [0.0, 0.1, 1.0, 7.0] {
            assert_eq!(autowu.group_lr(ratio), ratio * autowu.lr());
        }
        let _ = autowu.step(1.0 + noise(5, step));
    }
}
