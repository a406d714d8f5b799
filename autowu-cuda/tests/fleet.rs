//! A fleet on the host decides as its members would alone.

#![allow(clippy::expect_used)] // helpers outside #[test]

use autowu_core::{AutoWu, Config, Event, ExtendError};
use autowu_cuda::{Device, Error, Fleet};

const N: usize = 7;
const STEPS: usize = 200;

/// Losses of member `i` on a made-up landscape: they fall to a learning rate of its own, then rise,
/// with noise; member 5 fails once.
fn loss(i: usize, step: usize, lr: f64) -> f64 {
    if i == 5 && step == 70 {
        return f64::NAN;
    }
    let best = -6.0 + 0.5 * i as f64;
    let noise = ((step * 7919 + i * 104_729) % 1000) as f64 / 1000.0 - 0.5;
    let fallen = 1.0 / (1.0 + step as f64 / 40.0);
    fallen + 0.05 * (lr.ln() - best).max(0.0).powi(2) + 0.02 * noise
}

fn config() -> Config {
    Config::new(STEPS as u64).with_seed(11)
}

/// Every event of every member, stepped alone.
fn alone() -> (Vec<AutoWu>, Vec<(usize, Event<f64>)>) {
    let mut members: Vec<AutoWu> = (0..N)
        .map(|i| AutoWu::new(config().with_seed(11 + i as u64)).expect("a valid configuration"))
        .collect();
    let mut events = Vec::new();
    for step in 0..STEPS {
        for (i, member) in members.iter_mut().enumerate() {
            let outcome = member.step(loss(i, step, member.lr()));
            events.extend(outcome.event.map(|e| (i, e)));
        }
    }
    (members, events)
}

/// The states, in 64 bits each.
fn digests(members: &[AutoWu]) -> Vec<u64> {
    members.iter().map(AutoWu::digest).collect()
}

fn run(fleet: &mut Fleet<f64>, steps: std::ops::Range<usize>) -> Vec<(usize, Event<f64>)> {
    let mut events = Vec::new();
    for step in steps {
        let losses: Vec<f64> =
            fleet.lrs().iter().enumerate().map(|(i, &lr)| loss(i, step, lr)).collect();
        events.extend(fleet.observe(&losses).expect("a loss for each").events);
    }
    events
}

#[test]
fn the_same_decisions_as_single_schedulers() {
    let (members, expected) = alone();
    let mut fleet = Fleet::new(config(), N, Device::Host).expect("a valid configuration");
    let events = run(&mut fleet, 0..STEPS);
    assert_eq!(events, expected);
    assert_eq!(digests(fleet.members()), digests(&members));
    let restores = events.iter().filter(|(_, e)| e.kind() == "restore").count();
    assert!(restores > N / 2, "the landscape has minima to be found: {restores}");
}

#[test]
fn losses_buffered_until_a_test_give_the_same_run() {
    // Member 5's NaN is left out: a failure that comes late is another run.
    let value = |i: usize, step: usize, lr: f64| if i == 5 { 1.0 } else { loss(i, step, lr) };
    let mut one_by_one =
        Fleet::<f64>::new(config(), N, Device::Host).expect("a valid configuration");
    let mut buffered = Fleet::<f64>::new(config(), N, Device::Host).expect("a valid configuration");
    let mut window = Vec::new();
    for step in 0..STEPS {
        let losses: Vec<f64> =
            one_by_one.lrs().iter().enumerate().map(|(i, &lr)| value(i, step, lr)).collect();
        one_by_one.observe(&losses).expect("a loss for each");
        window.extend(losses);
        let steps = window.len() / N;
        if steps >= buffered.steps_until_due() {
            buffered.observe_window(&window, steps).expect("losses for each");
            window.clear();
        }
    }
    buffered.observe_window(&window, window.len() / N).expect("losses for each");
    assert_eq!(digests(one_by_one.members()), digests(buffered.members()));
}

#[test]
fn a_saved_fleet_goes_on_bit_for_bit() {
    let (members, _) = alone();
    let mut fleet = Fleet::new(config(), N, Device::Host).expect("a valid configuration");
    run(&mut fleet, 0..101);
    let saved = serde_json::to_string(fleet.members()).expect("plain data");
    drop(fleet);
    let loaded: Vec<AutoWu> = serde_json::from_str(&saved).expect("what was saved");
    let mut fleet = Fleet::resume(loaded, Device::Host).expect("one configuration, one step");
    run(&mut fleet, 101..STEPS);
    assert_eq!(digests(fleet.members()), digests(&members));
}

/// In the warmup, in the decay and past the end: all members get more steps, or none does.
#[test]
fn an_extended_fleet_goes_on_as_its_members_would_alone() {
    for at in [40, 150, STEPS, STEPS + 9] {
        let mut alone =
            Fleet::<f64>::new(config(), N, Device::Host).expect("a valid configuration");
        run(&mut alone, 0..at);
        let mut members = alone.members().to_vec();
        let mut fleet = Fleet::resume(members.clone(), Device::Host).expect("one step");
        let (total, least) = (2 * STEPS as u64, STEPS.max(at) as u64);
        let refused = ExtendError { total_steps: least - 1, least };
        assert_eq!(fleet.extend(least - 1), Err(Error::Extend(refused)));
        assert_eq!(digests(fleet.members()), digests(&members));
        fleet.extend(total).expect("more steps");
        members.iter_mut().for_each(|member| member.extend(total).expect("more steps"));
        assert_eq!(digests(fleet.members()), digests(&members));
        // Saved and resumed, extended as it is.
        let mut fleet = Fleet::resume(fleet.members().to_vec(), Device::Host).expect("one budget");
        let mut finished = Vec::new();
        for step in at..2 * STEPS + 9 {
            let losses: Vec<f64> =
                fleet.lrs().iter().enumerate().map(|(i, &lr)| loss(i, step, lr)).collect();
            let events = fleet.observe(&losses).expect("a loss for each").events;
            let expected: Vec<_> = members
                .iter_mut()
                .zip(&losses)
                .enumerate()
                .filter_map(|(i, (member, &loss))| Some((i, member.step(loss).event?)))
                .collect();
            assert_eq!(events, expected);
            finished.extend(events.into_iter().filter(|(_, e)| e.kind() == "finished"));
        }
        assert_eq!(digests(fleet.members()), digests(&members));
        let ends: Vec<_> = finished.iter().map(|(i, e)| (*i, e.step(), e.lr())).collect();
        assert_eq!(ends, (0..N).map(|i| (i, total + 1, 0.0)).collect::<Vec<_>>());
        // A fleet has one budget.
        members[2].extend(total + 100).expect("more steps");
        let mixed = Fleet::resume(members, Device::Host);
        assert_eq!(mixed.err(), Some(Error::Members { member: 2 }));
    }
    let mut nobody = Fleet::<f32>::new(config(), 0, Device::Host).expect("a valid configuration");
    nobody.extend(1).expect("nobody has more steps");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut fleet = Fleet::new(config(), N, Device::Host).expect("a valid configuration");
            let events = run(&mut fleet, 0..STEPS);
            (events, digests(fleet.members()))
        })
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn refused_calls_change_nothing() {
    let mut fleet = Fleet::<f64>::new(config(), 3, Device::Host).expect("a valid configuration");
    let before = fleet.members().to_vec();
    assert_eq!(fleet.observe(&[1.0]).err(), Some(Error::Losses { given: 1, needed: 3 }));
    assert_eq!(
        fleet.observe_window(&[1.0; 4], 2).err(),
        Some(Error::Losses { given: 4, needed: 6 })
    );
    assert_eq!(fleet.lrs_device().err(), Some(Error::NotOnDevice));
    assert_eq!(digests(fleet.members()), digests(&before));

    let mut mixed = before.clone();
    let _ = mixed[1].step(1.0);
    assert_eq!(Fleet::resume(mixed, Device::Host).err(), Some(Error::Members { member: 1 }));
    assert!(matches!(
        Fleet::<f64>::new(Config::new(0), 3, Device::Host).err(),
        Some(Error::Config(_))
    ));
}

#[test]
fn a_fleet_of_nobody_steps() {
    let mut fleet = Fleet::<f32>::new(config(), 0, Device::Host).expect("a valid configuration");
    assert_eq!(fleet.observe(&[]).expect("no losses for nobody").events, []);
    assert!(fleet.lrs().is_empty());
}
