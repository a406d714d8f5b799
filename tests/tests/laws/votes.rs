//! A vote can be inspected: its posterior is the one that it was counted from.

use crate::configs::{configs, losses};
use autowu_core::{AutoWu, Config, NonFinite, Observation, Phase, Response};
use autowu_tests::configs::sampled;
use autowu_tests::curves::valley;
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

type Scheduler = AutoWu<f64, 256>;

proptest! {
    #![proptest_config(random_cases(12))]

    #[test]
    fn a_vote_is_that_of_its_posterior(config in configs(), seed in any::<u64>()) {
        // A NaN then takes a place in the history, and changes nothing else.
        let non_finite = NonFinite::Ignore;
        let config = config.with_response(Response { non_finite, ..config.response });
        let mut autowu = Scheduler::new(config).unwrap();
        let mut stale = None;
        for loss in losses(seed, 0, config.total_steps) {
            if autowu.observe(loss) != Observation::TestDue {
                continue;
            }
            let report = autowu.test().unwrap();
            for (i, vote) in report.votes.iter().enumerate() {
                let posterior = autowu.posterior(&report, i as u32);
                prop_assert!(posterior.is_some(), "the posterior of vote {i}");
                let again = posterior.unwrap().past_minimum();
                prop_assert!(
                    (again.probability - vote.probability).abs() < 1e-6,
                    "{again:?} for {vote:?}"
                );
                prop_assert!((again.descent - vote.descent).abs() < 1e-6, "{again:?} for {vote:?}");
            }
            prop_assert!(
                autowu.posterior(&report, report.votes.len() as u32).is_none(),
                "no such vote"
            );
            if let Some(stale) = &stale {
                prop_assert!(autowu.posterior(stale, 0).is_none(), "losses came since");
            }
            let mut later = autowu.clone();
            let _ = later.observe(f64::NAN);
            let still = matches!(later.phase(), Phase::Warmup(_));
            prop_assert!(
                !still || later.posterior(&report, 0).is_none(),
                "a loss came since, if only NaN"
            );
            let _ = autowu.resolve(&report);
            stale = Some(report);
        }
    }
}

/// A report of an earlier climb is about other losses, even if both climbs have as many.
#[test]
fn a_posterior_is_of_the_present_losses() {
    let mut autowu = Scheduler::new(sampled(Config::new(400).without_scout(), 100, 200)).unwrap();
    let told = |autowu: &mut Scheduler, seed| {
        for loss in valley(seed, 40, 0.9, 1.0, 0.1) {
            let _ = autowu.observe(loss);
        }
        autowu.test().unwrap()
    };
    let early = told(&mut autowu, 1);
    assert!(autowu.posterior(&early, 0).is_some());
    for _ in 0..3 {
        let _ = autowu.observe(f64::NAN); // the third in a row ends the climb
    }
    let late = told(&mut autowu, 2);
    assert_eq!((early.losses, early.samples), (late.losses, late.samples));
    assert!(autowu.posterior(&late, 0).is_some() && autowu.posterior(&early, 0).is_none());
}

/// `center + scale · mean_at(x)` is the loss at the part `x` of the climb, at the learning rate
/// `lr_on_climb(x)`, in either unit.
#[test]
fn a_posterior_is_in_the_units_of_the_losses() {
    let losses = valley(1, 120, 0.7, 50.0, 0.01);
    for config in [Config::new(400).without_scout().without_restore(), Config::paper(10, 40)] {
        let config = sampled(config, 100, 200);
        let mut autowu = Scheduler::new(config).unwrap();
        let (mut seen, mut reported) = (0, 0);
        for (i, &loss) in losses.iter().enumerate() {
            if autowu.observe(loss) == Observation::TestDue {
                let report = autowu.test().unwrap();
                let (center, scale) = (report.center, report.scale);
                let posterior = autowu.posterior(&report, 0).filter(|_| i > 60);
                for (k, loss) in losses[..=i].iter().enumerate().filter(|_| posterior.is_some()) {
                    let x = k as f64 / (i + 1) as f64;
                    let told =
                        posterior.as_ref().map_or(f64::NAN, |p| center + scale * p.mean_at(x));
                    assert!((told - loss).abs() < 2.0, "{told} for {loss} at {x}, {report:?}");
                    let lr = autowu.lr_on_climb(x);
                    assert!((config.min_lr..=autowu.lr()).contains(&lr), "{lr} at {x}");
                    seen += 1;
                }
                reported += 1;
                let _ = autowu.resolve(&report);
            }
        }
        assert!(seen > 100 && reported > 5, "{seen} {reported}");
    }
}
