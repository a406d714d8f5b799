//! Any configuration, any losses: the invariants of every run.

use super::input::{Number, config};
use arbitrary::{Arbitrary, Unstructured};
use autowu_core::{AutoWu, Config, Event, PastEnd, Phase, Real, Reason};

/// What a trainer does.
#[derive(Arbitrary, Debug)]
enum Action {
    Loss(Number),
    Losses(Number, u8),
    Slope(i8, u8),
    Slice([Number; 3]),
    Skip,
}

/// A configuration and actions.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(config) = config(&mut u) else { return };
    let actions: Vec<Action> =
        std::iter::from_fn(|| u.arbitrary().ok().filter(|_| !u.is_empty())).take(40).collect();
    drive::<f64>(config, &actions);
    drive::<f32>(config, &actions);
}

fn drive<T: Real>(config: Config, actions: &[Action]) {
    let Ok(mut autowu) = AutoWu::<T, 64>::new(config) else { return };
    let mut budget = 120;
    for action in actions {
        match *action {
            Action::Loss(loss) => take(&mut autowu, &[loss.get()]),
            Action::Losses(loss, times) => {
                (0..times % 32).for_each(|_| take(&mut autowu, &[loss.get()]))
            }
            Action::Slope(by, times) => (0..times % 32)
                .for_each(|k| take(&mut autowu, &[2.0 + f64::from(by) * f64::from(k) / 256.0])),
            Action::Slice(losses) => take(&mut autowu, &losses.map(Number::get)),
            Action::Skip => autowu.skip(),
        }
        budget -= 1;
        if budget == 0 || autowu.tests() > 20 {
            break;
        }
    }
    let saved = postcard::to_stdvec(&autowu).unwrap();
    let loaded: AutoWu<T, 64> =
        postcard::from_bytes(&saved).unwrap_or_else(|e| panic!("{e}: {autowu:?}"));
    assert_eq!((&loaded, loaded.digest()), (&autowu, autowu.digest()));
}

fn take<T: Real>(autowu: &mut AutoWu<T, 64>, losses: &[f64]) {
    let config = *autowu.config();
    let (before, decaying) = (autowu.lr(), matches!(autowu.phase(), Phase::Decay { .. }));
    assert!(autowu.steps_until_due().is_none_or(|steps| steps >= 1));
    let losses: Vec<T> = losses.iter().map(|&l| T::of(l)).collect();
    let outcome =
        if let [loss] = losses[..] { autowu.step(loss) } else { autowu.step_slice(&losses) };
    let lr = outcome.lr;
    assert!(
        lr >= T::of(config.floor_lr) && lr <= T::of(config.max_lr),
        "{before} → {lr}: {outcome:?}"
    );
    let ended = config.past_end == PastEnd::Reference && autowu.steps() >= autowu.total_steps();
    // Where going back was in vain, the learning rate is what it would have been.
    let given_back =
        matches!(outcome.event, Some(Event::Diverged { reason: Reason::StillLost, .. }));
    assert!(!decaying || lr <= before || ended || given_back, "{before} → {lr} in the decay");
    assert!(
        config.response.can_restore()
            || !matches!(outcome.event, Some(Event::Snapshot { .. } | Event::Restore { .. }))
    );
    for vote in outcome.report.iter().flat_map(|r| &r.votes) {
        let (p, descent) = (vote.probability.wide(), vote.descent.wide());
        assert!((0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&descent), "{vote:?}");
    }
}
