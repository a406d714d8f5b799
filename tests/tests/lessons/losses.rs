//! What a scheduler reads into its losses.

use crate::{BEST, Scheduler, config, decay, run, sweep};
use autowu_core::gp::{Factor, Hyper, Posterior};
use autowu_core::{Config, Event, Real, Reason, Response};
use autowu_lab::tolerance::VARIANCE;
use autowu_tests::configs::sampled;
use autowu_tests::curves::noise;

/// fastai/fastai#3476: losses that turn into NaN late in a sweep gave an absurd learning rate.
#[test]
fn nan_in_a_sweep_gives_a_sane_learning_rate() {
    let burst = 30.0 * BEST;
    for (name, config) in [("with copies", config(400)), ("without", config(400).without_restore())]
    {
        let exploding = |step, lr| if lr > burst { f64::NAN } else { sweep(step, lr) };
        let outcomes = run(config, exploding);
        let (_, peak) = decay(&outcomes).unwrap();
        assert!((BEST / 3.0..=burst).contains(&peak), "{name}: {peak}");
        assert!(outcomes.iter().all(|o| o.lr.is_finite()));
    }
    // From the first step on: nothing to learn from, and it says so.
    let outcomes = run(config(400), |_, _| f64::NAN);
    assert!(outcomes[..2].iter().all(|o| matches!(o.event, Some(Event::Skip { .. }))));
    assert!(matches!(outcomes[2].event, Some(Event::Diverged { .. })));
    assert!(outcomes.iter().all(|o| o.lr <= 1.3e-5));
}

/// google-deepmind/optax#1767: a threshold relative to the best value never acts on negative
/// losses.
#[test]
fn the_sign_of_the_loss_is_nothing() {
    let outcomes = run(config(400), sweep);
    assert!(
        outcomes.iter().any(|o| matches!(o.event, Some(Event::Restore { .. }))),
        "there is something to compare"
    );
    for offset in [-1.0, -1.1, -8.0, 8.0] {
        for (a, b) in outcomes.iter().zip(run(config(400), |step, lr| sweep(step, lr) + offset)) {
            assert_eq!(a.event.map(|e| e.kind()), b.event.map(|e| e.kind()), "{offset}");
            assert!((a.lr - b.lr).abs() <= 1e-9 * a.lr, "{offset}: {} {}", a.lr, b.lr);
        }
    }
}

/// pytorch/pytorch#30873: a spike in a falling loss, and what falls after it, was read as a
/// plateau.
///
/// Under ordinary noise a single step changes nothing, however high. Several steps, or one step of
/// a loss without noise, look like divergence while they last: the run restores and climbs again,
/// and the warmup does not end early.
#[test]
fn a_spike_that_heals_is_no_minimum() {
    let falling = |step: u64, level: f64| 3.0 - step as f64 / 100.0 + level * noise(2, step);
    let end = config(400).warmup_steps();
    for (at, width, height) in [
        (60, 1, 1.0),
        (60, 1, 1e6),
        (120, 1, 10.0),
        (150, 1, 100.0),
        (60, 3, 2.0),
        (120, 8, 10.0),
        (150, 12, 100.0),
    ] {
        for level in [0.02, 0.3] {
            let spike = |step: u64| if (at..at + width).contains(&step) { height } else { 0.0 };
            let outcomes = run(config(400), |step, _| falling(step, level) + spike(step));
            let restored = outcomes
                .iter()
                .find_map(|o| o.event.filter(|e| matches!(e, Event::Restore { .. })));
            let place =
                format!("spike of {width} steps by {height} at {at}, noise {level}: {restored:?}");
            assert!(
                width > 1 || level < 0.1 || restored.is_none_or(|e| e.step() >= end),
                "{place}"
            );
            assert!(decay(&outcomes).unwrap().0 >= end, "{place}");
        }
    }
}

/// Lightning-AI/pytorch-lightning#1767: spikes in the first steps decided on the learning rate.
#[test]
fn early_spikes_do_not_decide() {
    let spiked =
        |step: u64, lr| sweep(step, lr) + if [2, 3, 5].contains(&step) { 5.0 } else { 0.0 };
    let (_, peak) = decay(&run(config(400), spiked)).unwrap();
    assert!((BEST / 2.0..=BEST * 2.0).contains(&peak), "{peak}");
}

/// The same where the spikes pass for a minimum: a wave in the first steps puts the climb back to
/// where the network hardly learns. It goes on three times more slowly, sees that the loss still
/// falls, and catches up.
#[test]
fn an_early_false_alarm_is_made_good() {
    let wave =
        |step: u64, lr| sweep(step, lr) + if step < 30 { (step as f64 / 5.0).cos() } else { 0.0 };
    let outcomes = run(config(400), wave);
    let first = outcomes.iter().filter_map(|o| o.event).find(|e| e.kind() == "restore").unwrap();
    assert!(first.step() < 40 && first.lr() < BEST / 30.0, "no false alarm: {first:?}");
    let (_, peak) = decay(&outcomes).unwrap();
    assert!((BEST / 3.0..=BEST * 3.0).contains(&peak), "{peak}");
}

/// cornellius-gp/gpytorch#620, meta-pytorch/botorch#926: a covariance matrix that rounding left not
/// positive definite ended the program.
///
/// Here the factored matrix is I + (s²/σ²) ΦᵀΦ with Φ of 20 columns: whatever the data, no
/// eigenvalue is below 1, no pivot is taken for less, and a variance is a sum of squares.
#[test]
fn no_data_are_singular() {
    fn holds<T: Real>(name: &str, place: impl Fn(u64) -> f64, ratio: f64) {
        let samples = (0..500).map(|i| (T::of(place(i)), T::of(noise(3, i))));
        let (length_scale, output_scale) = (T::of(0.2), T::of(ratio.sqrt()));
        let hyper = Hyper { mean: T::of(0.1), output_scale, noise: T::of(1.0 / ratio.sqrt()) };
        let posterior = Posterior::condition(&Factor::of(samples, length_scale), &hyper);
        for i in 0..=50 {
            let x = T::of(f64::from(i) / 50.0);
            let (mean, variance) = (posterior.mean_at(x), posterior.variance_at(x));
            assert!(mean.is_finite(), "{name}, s²/σ² {ratio:e}: mean {mean}");
            let kappa = 1.0 + 500.0 * ratio;
            let prior = output_scale.wide()
                * (1.0 + 2.0 * VARIANCE.bound(T::epsilon().wide() / 2.0, kappa));
            let in_range = variance >= T::zero() && variance.wide() <= prior;
            assert!(in_range, "{name}, s²/σ² {ratio:e}: variance {variance}");
        }
        let told = posterior.past_minimum();
        assert!((0.0..=1.0).contains(&told.probability.wide()), "{name}: {told:?}");
    }
    // The fit of a run does not get beyond 1e7; from 1e13 on doubles have no digit of a posterior
    // of 500 losses.
    for ratio in [1.0, 1e4, 1e8, 1e12] {
        type Place = fn(u64) -> f64;
        let places: [(&str, Place); 4] = [
            ("one place", |_| 0.5),
            ("pairs of neighbours", |i| (i / 2) as f64 / 250.0 + (i % 2) as f64 * 1e-16),
            ("one end", |i| 1e-12 * i as f64),
            ("everywhere", |i| i as f64 / 500.0),
        ];
        for (name, place) in places {
            holds::<f64>(name, place, ratio);
            holds::<f32>(name, place, ratio);
        }
    }
    let mut constant = Scheduler::new(config(400)).unwrap();
    assert!((0..500).all(|_| constant.step(1.0).lr.is_finite()), "a constant loss");
}

/// keras-team/keras#3425: the learning rate was too high for a few steps, and the network did not
/// come back.
///
/// The losses of a perceptron on MNIST, AdamP, batches of 16, on a climb that grows by half per
/// step: at 0.025 they jump. The test waits for certainty, so the climb went on to 0.63 and a loss
/// of 257, and the decay did not make that good.
#[test]
fn a_steep_climb_without_a_way_back_ends_with_the_first_jump() {
    let losses = [
        2.5104, 2.9561, 2.3923, 2.5656, 2.7379, 2.1907, 1.7043, 1.8922, 1.3479, 0.7928, 1.5903,
        1.6319, 6.5886, 3.1384, 13.1857, 5.9661, 14.6746, 29.608, 30.302, 256.84,
    ];
    let end = |overshoot| {
        let config = sampled(Config::new(60).without_restore(), 60, 200);
        let config = config.with_response(Response { overshoot, ..config.response });
        let told = |step, _| losses.get(step as usize).copied().unwrap_or(500.0);
        run(config, told).into_iter().find_map(|o| o.event).unwrap()
    };
    let Event::Decay { step: 13, reason: Reason::Overshot, from, peak, .. } =
        end(Response::default().overshoot)
    else {
        panic!("{:?}", end(Response::default().overshoot));
    };
    assert!(from > 0.025 && peak <= from / 4.0, "{from} → {peak}");
    assert!(end(None).step() > 17, "{:?}", end(None));
}
