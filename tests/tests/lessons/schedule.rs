//! Curves: their ends, their joints, and what comes after.

use crate::{Scheduler, config, run, sweep};
use autowu_core::{Baseline, Config, Decay, PastEnd, Ramp};
use autowu_tests::configs::sampled;

const ALL: [Decay; 4] = [
    Decay::Cosine,
    Decay::Linear,
    Decay::ConstantCosine { fraction: 0.3 },
    Decay::ConstantSqrt { fraction: 0.3 },
];

/// tracel-ai/burn#5128: the step after the end of the cosine was back at the largest learning rate.
#[test]
fn nothing_restarts_after_the_end() {
    for decay in ALL {
        let mut autowu = Scheduler::new(config(200).with_decay(decay).with_floor_lr(1e-6)).unwrap();
        for step in 0..200 {
            let _ = autowu.step(sweep(step, autowu.lr()));
        }
        for step in 200..700 {
            assert_eq!(autowu.lr(), 1e-6, "{decay:?}, step {step}");
            let _ = autowu.step(sweep(step, autowu.lr()));
        }
        assert_eq!(autowu.lr_ahead(u64::MAX), 1e-6);
    }
}

/// pytorch/pytorch#17913, #78003: a cosine computed from the learning rate before it divides by
/// zero where that is 0, and is stuck there once it has been 0. A learning rate here is a function
/// of the step.
#[test]
fn a_learning_rate_does_not_come_from_the_one_before() {
    for decay in ALL {
        let lr = |step| decay.at(step, 20, 100, 1.0_f64, 0.0);
        let forwards: Vec<f64> = (20..300).map(lr).collect();
        let mut backwards: Vec<f64> = (20..300).rev().map(lr).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
        assert!(forwards.iter().all(|lr| lr.is_finite()));
        assert!(
            lr(98) > 0.0 && lr(99) == 0.0 && lr(50) > 0.0,
            "{decay:?}: 0 at the end is no trap"
        );
    }
    // The same run, asked for far steps in between.
    let mut asked = Scheduler::new(config(200)).unwrap();
    let lrs = (0..200).map(|step| {
        let _ = (asked.lr_ahead(500), asked.lr_ahead(0));
        asked.step(sweep(step, asked.lr())).lr
    });
    assert!(lrs.eq(run(config(200), sweep).iter().map(|o| o.lr)));
}

/// pytorch/pytorch#185872: a joint at step 0 started with the learning rate of the phase that was
/// to be left out.
#[test]
fn a_joint_at_step_0_leaves_its_first_part_out() {
    let baseline = |warmup_steps| Baseline {
        peak: 1.0,
        warmup_steps,
        total_steps: 100,
        decay: Decay::Cosine,
        floor: 0.0,
    };
    assert_eq!(baseline(0).lr(0), Decay::Cosine.at(0, 0, 100, 1.0, 0.0));
    assert_eq!(baseline(1).lr(0), 1.0);
    assert_eq!(baseline(1).lr(1), Decay::Cosine.at(1, 1, 100, 1.0, 0.0));
    // A final decay over all steps, and a warmup of a single step.
    for joint_at_0 in [
        config(100).with_decay(Decay::ConstantCosine { fraction: 1.0 }),
        config(100).with_ramp(Ramp { fraction: 1e-9, min_steps: 0, ..Ramp::default() }),
    ] {
        let outcomes = run(joint_at_0, sweep);
        assert!(matches!(crate::decay(&outcomes), Some((1, peak)) if peak == 1e-5));
        assert!(outcomes.windows(2).all(|w| w[1].lr <= w[0].lr));
        assert_eq!(outcomes[99].lr, 0.0);
    }
}

/// pytorch/pytorch#91765: the last step of the budget had the learning rate of the last but two.
#[test]
fn the_last_step_has_the_smallest_learning_rate() {
    for (name, config) in
        [("default", config(200)), ("paper", sampled(Config::paper(20, 10), 100, 200))]
    {
        let mut autowu = Scheduler::new(config).unwrap();
        let mut used = Vec::new();
        for step in 0..200 {
            used.push(autowu.lr());
            let _ = autowu.step(sweep(step, autowu.lr()));
        }
        assert_eq!(used[199], 0.0, "{name}");
        assert!(used[198] > 0.0 && used[197] > used[198], "{name}");
        // What the reference does after the end, which no step of the budget uses.
        let after = if config.past_end == PastEnd::Reference { used[198] } else { 0.0 };
        assert_eq!(autowu.lr(), after, "{name}");
    }
}
