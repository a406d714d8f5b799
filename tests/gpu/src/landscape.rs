//! Losses that answer to the learning rate, and fleets that train on them.

use autowu_core::Event;
use autowu_cuda::{Error, Fleet, Number};
use cudarc::driver::{CudaStream, DriverError};
use std::ops::Range;
use std::sync::Arc;

/// Members of a fleet.
pub const N: usize = 1000;
/// Steps of its budget.
pub const STEPS: usize = 200;

/// Events, each with its member.
pub type Events<T> = Vec<(usize, Event<T>)>;

/// Loss of member `i`: it falls to a learning rate of its own, then rises, with noise. `fails`:
/// every seventh member has no loss once.
pub fn loss<T: Number>(i: usize, step: usize, lr: T, fails: bool) -> T {
    if fails && i % 7 == 5 && step == 70 + i % 50 {
        return T::nan();
    }
    let best = -6.0 + 0.5 * (i % 9) as f64;
    let noise = ((step * 7919 + i * 104_729) % 1000) as f64 / 1000.0 - 0.5;
    let fallen = 1.0 / (1.0 + step as f64 / 40.0);
    let lr = lr.to_f64().unwrap_or(f64::NAN);
    T::of(fallen + 0.05 * (lr.ln() - best).max(0.0).powi(2) + 0.02 * noise)
}

fn losses<T: Number>(lrs: &[T], step: usize, fails: bool) -> Vec<T> {
    lrs.iter().enumerate().map(|(i, &lr)| loss(i, step, lr, fails)).collect()
}

/// Losses from the host, step by step.
pub fn by_host<T: Number>(
    fleet: &mut Fleet<T>,
    steps: Range<usize>,
    fails: bool,
) -> Result<Events<T>, Error> {
    let mut events = Vec::new();
    for step in steps {
        events.extend(fleet.observe(&losses(&fleet.lrs(), step, fails))?.events);
    }
    Ok(events)
}

/// Losses from the host, as many steps at once as no test is due in: what a GPU's buffer does.
pub fn by_windows<T: Number>(
    fleet: &mut Fleet<T>,
    steps: Range<usize>,
    fails: bool,
) -> Result<Events<T>, Error> {
    let (mut events, mut waiting, mut count) = (Vec::new(), Vec::new(), 0);
    for step in steps {
        let lrs: Vec<T> = fleet.members().iter().map(|m| m.lr_ahead(count as u64)).collect();
        waiting.extend(losses(&lrs, step, fails));
        count += 1;
        if count >= fleet.steps_until_due() {
            events.extend(fleet.observe_window(&waiting, count)?.events);
            waiting.clear();
            count = 0;
        }
    }
    events.extend(fleet.observe_window(&waiting, count)?.events);
    Ok(events)
}

/// Losses and learning rates on the GPU: made on `stream`, which need not be the fleet's.
pub fn by_device<T: Number>(
    fleet: &mut Fleet<T>,
    steps: Range<usize>,
    fails: bool,
    stream: &Arc<CudaStream>,
) -> Result<Events<T>, String> {
    let failed = |e: DriverError| format!("{e:?}");
    let mut events = Vec::new();
    for step in steps {
        let ahead = fleet.lrs();
        let view = fleet.lrs_device().map_err(|e| e.to_string())?;
        let lrs = stream.clone_dtoh(&view).map_err(failed)?;
        stream.synchronize().map_err(failed)?;
        if let Some(i) = (0..lrs.len()).find(|&i| lrs[i].to_f64() != ahead[i].to_f64()) {
            return Err(format!(
                "step {step}, member {i}: the learning rate is {} on the GPU and {} on the host",
                lrs[i], ahead[i]
            ));
        }
        let losses = losses(&lrs, step, fails);
        let there = stream.clone_htod(&losses).map_err(failed)?;
        events.extend(fleet.observe_device(&there.slice(..)).map_err(|e| e.to_string())?.events);
        // Only now: the fleet has to wait for another stream by itself.
        stream.synchronize().map_err(failed)?;
    }
    Ok(events)
}

/// How two runs of a fleet differ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differ {
    /// Members whose events are of another kind or at another step.
    pub course: usize,
    /// Members that differ in a learning rate only.
    pub rate: usize,
    /// The largest difference of two learning rates, as a part of one.
    pub most: f64,
    /// The first that differs.
    pub first: Option<usize>,
}

/// Compares the events of each member.
pub fn differ<T: Number>(a: &Events<T>, b: &Events<T>) -> Differ {
    let members = a.iter().chain(b).map(|(i, _)| i + 1).max().unwrap_or(0);
    let by_member = |events: &Events<T>| {
        let mut each = vec![Vec::new(); members];
        events.iter().for_each(|(i, event)| each[*i].push(*event));
        each
    };
    let mut found = Differ::default();
    for (i, (a, b)) in by_member(a).iter().zip(by_member(b)).enumerate() {
        if *a == b {
            continue;
        }
        found.first = found.first.or(Some(i));
        let course = |events: &[Event<T>]| -> Vec<_> {
            events.iter().map(|e| (e.kind(), e.step())).collect()
        };
        if course(a) != course(&b) {
            found.course += 1;
            continue;
        }
        found.rate += 1;
        for (a, b) in a.iter().zip(&b) {
            let [a, b] = [a.lr(), b.lr()].map(|lr| lr.to_f64().unwrap_or(f64::NAN));
            found.most = found.most.max((a / b - 1.0).abs());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use autowu_core::Config;
    use autowu_cuda::Device;

    /// What the checks on a GPU rely on.
    #[test]
    fn windows_give_the_events_of_single_steps_and_a_difference_is_seen() {
        let fleet = |seed| {
            let config = Config::new(STEPS as u64).with_seed(seed);
            Fleet::<f64>::new(config, 12, Device::Host).unwrap()
        };
        let expected = by_host(&mut fleet(1), 0..STEPS, false).unwrap();
        let windows = by_windows(&mut fleet(1), 0..STEPS, false).unwrap();
        assert!(expected.iter().any(|(_, event)| event.kind() == "restore"));
        assert_eq!(differ(&expected, &windows), Differ::default());
        let failing = by_host(&mut fleet(1), 0..STEPS, true).unwrap();
        assert_eq!(differ(&expected, &failing).first, Some(5));
        assert!(differ(&expected, &by_host(&mut fleet(2), 0..STEPS, false).unwrap()).course > 0);
    }
}
