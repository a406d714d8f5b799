//! `Scheduled`: what a trainer gets. The losses are scripted, so that every decision is known.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use autowu_candle::{
    AdamW, AutoWu, Config, Error, Event, OptimizerState, ParamsAdamW, ParamsSgdm, Phase, Reason,
    Recovery, Scheduled, Scheduler, Sgdm,
};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;

const STEPS: u64 = 240;

/// Falls for 80 steps, rises for 60, then falls again; a ripple for noise.
fn loss(step: u64) -> f32 {
    let t = step as f32;
    let ripple = 0.02 * ((step * 7919 % 13) as f32 - 6.0);
    let shape = if step < 80 {
        3.0 - t / 40.0
    } else if step < 140 {
        1.0 + (t - 80.0) / 15.0
    } else {
        1.0 - t / 500.0
    };
    shape + ripple
}

/// A loss of the scripted value whose gradient with respect to `w` is 1 everywhere.
fn scripted(w: &Var, step: u64) -> Tensor {
    let zero = (w.sum_all().unwrap() - w.as_detached_tensor().sum_all().unwrap()).unwrap();
    (zero + f64::from(loss(step))).unwrap()
}

fn weights(len: usize) -> Var {
    Var::from_tensor(&Tensor::arange(0f32, len as f32, &Device::Cpu).unwrap()).unwrap()
}

fn values(var: &Var) -> Vec<f32> {
    var.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn losses_that_wait_on_the_device_give_the_run_of_losses_told_one_by_one() {
    for config in [Config::new(STEPS), Config::new(STEPS).without_restore(), Config::paper(20, 12)]
    {
        let mut told: AutoWu = AutoWu::new(config).unwrap();
        let mut waiting = Scheduler::new(config).unwrap();
        for step in 0..STEPS {
            assert_eq!(waiting.lr().to_bits(), told.lr().to_bits(), "step {step}");
            let event = waiting.observe(&Tensor::new(loss(step), &Device::Cpu).unwrap()).unwrap();
            assert_eq!(event, told.step(f64::from(loss(step))).event, "step {step}");
            assert_eq!(waiting.steps(), told.steps());
        }
    }
}

#[test]
fn losses_are_read_when_a_test_is_due_and_otherwise_not() {
    let reads = |config: Config, steps: u64| {
        let mut scheduler = Scheduler::new(config).unwrap();
        let mut reads = Vec::new();
        for step in 0..steps {
            let due = scheduler
                .autowu()
                .steps_until_due()
                .map(|ahead| scheduler.autowu().steps() + ahead);
            scheduler.observe(&Tensor::new(loss(step), &Device::Cpu).unwrap()).unwrap();
            if scheduler.autowu().steps() == scheduler.steps() {
                reads.push((scheduler.steps(), due));
            }
        }
        reads
    };
    let tested: Vec<(u64, u64)> = reads(Config::new(STEPS), STEPS)
        .into_iter()
        .filter_map(|(step, due)| Some((step, due?)))
        .collect();
    assert!(tested.len() > 30 && tested.iter().all(|(step, due)| step == due), "{tested:?}");
    // Tests of a long run are some 3,300 steps apart, and 256 losses are the most that wait.
    let steps: Vec<u64> =
        reads(Config::new(1_000_000).without_scout(), 800).iter().map(|read| read.0).collect();
    assert_eq!(steps, [1, 257, 513, 769]);
    // A decay that nothing can put back has no tests; it is looked at for NaN.
    let mut config = Config::new(STEPS);
    config.response.recovery = Recovery::Restore { slowdown: Some(3.0), rescue: None };
    let decay: Vec<u64> =
        reads(config, STEPS).iter().filter(|read| read.1.is_none()).map(|read| read.0).collect();
    assert!(decay.len() >= 2 && decay.windows(2).all(|pair| pair[1] - pair[0] == 64), "{decay:?}");
}

#[test]
fn a_restore_puts_weights_and_moments_of_the_copy_back_and_makes_no_update() {
    let w = weights(3);
    let idle = Var::new(7f32, &Device::Cpu).unwrap(); // no gradient: a running statistic
    let optimizer = AdamW::new(vec![w.clone(), idle.clone()], ParamsAdamW::default()).unwrap();
    let mut scheduled = Scheduled::new(optimizer, Config::new(STEPS)).unwrap();
    let (mut copy, mut restores) = (Vec::new(), 0);
    for step in 0..STEPS {
        idle.set(&Tensor::new(step as f32, &Device::Cpu).unwrap()).unwrap();
        let before = (values(&w), moments(&scheduled), step as f32);
        match scheduled.backward_step(&scripted(&w, step)).unwrap() {
            Some(Event::Snapshot { .. }) => copy = vec![before],
            Some(Event::Restore { .. }) => {
                restores += 1;
                let (w_copy, moments_copy, idle_copy) = copy.first().unwrap();
                assert_eq!(&values(&w), w_copy);
                assert_eq!(&moments(&scheduled), moments_copy);
                assert_eq!(idle.to_scalar::<f32>().unwrap(), *idle_copy);
            }
            // The last step of a budget has the floor, 0.
            _ => assert_eq!(values(&w) != before.0, step + 1 < STEPS, "an update at step {step}"),
        }
    }
    assert!(restores >= 1);
}

#[test]
fn a_decay_that_loses_its_descent_gets_the_copy_of_the_warmup_back() {
    let w = weights(3);
    let optimizer = AdamW::new(vec![w.clone()], ParamsAdamW::default()).unwrap();
    let mut scheduled = Scheduled::new(optimizer, Config::new(STEPS)).unwrap();
    let (mut copy, mut lost) = (Vec::new(), 0);
    for step in 0..STEPS {
        let before = (values(&w), moments(&scheduled));
        let is_decaying = matches!(scheduled.autowu().phase(), Phase::Decay { .. });
        // Step 0 has the highest loss of the warmup.
        match scheduled.backward_step(&scripted(&w, if is_decaying { 0 } else { step })).unwrap() {
            Some(Event::Snapshot { .. }) => copy = vec![before],
            Some(Event::Restore { reason: Reason::DescentLost, from, to, .. }) => {
                lost += 1;
                assert_eq!((&values(&w), &moments(&scheduled)), (&copy[0].0, &copy[0].1));
                assert!(to < from / 2.9, "{from} → {to}");
                assert_eq!(scheduled.lr(), to);
            }
            _ => {}
        }
    }
    assert!(lost >= 1);
}

fn moments(scheduled: &Scheduled<AdamW>) -> Vec<(String, Vec<f32>)> {
    let state = scheduled.optimizers().next().unwrap().state().unwrap();
    let flat =
        |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1().unwrap();
    let mut moments: Vec<_> = state.iter().map(|(name, t)| (name.clone(), flat(t))).collect();
    moments.sort_by(|a, b| a.0.cmp(&b.0));
    moments
}

#[test]
fn an_optimizer_of_candle_gets_its_weights_back() {
    let w = weights(3);
    let optimizer = candle_nn::SGD::new(vec![w.clone()], 0.0).unwrap();
    let mut scheduled =
        Scheduled::weights_only(optimizer, vec![w.clone()], Config::new(STEPS)).unwrap();
    let mut copy = Vec::new();
    for step in 0..STEPS {
        let before = values(&w);
        match scheduled.backward_step(&scripted(&w, step)).unwrap() {
            Some(Event::Snapshot { .. }) => copy = before,
            Some(Event::Restore { .. }) => assert_eq!(values(&w), copy),
            _ => {}
        }
    }
}

#[test]
fn the_update_uses_the_learning_rate_of_its_own_step_times_the_ratio_of_its_group() {
    let (a, b) = (weights(1), weights(1));
    let sgd = |w: &Var| {
        Sgdm::new(vec![w.clone()], ParamsSgdm { momentum: 0.0, ..Default::default() }).unwrap()
    };
    let config = Config::new(STEPS).without_scout(); // no restore within 40 steps
    let mut scheduled = Scheduled::new(sgd(&a), config).unwrap().with_group(sgd(&b), 0.5).unwrap();
    let first: Vec<f64> = scheduled.optimizers().map(Optimizer::learning_rate).collect();
    assert_eq!(first, [scheduled.lr(), scheduled.lr() * 0.5], "before the first step too");
    for step in 0..40 {
        let lr = scheduled.lr() as f32;
        let (a_before, b_before) = (values(&a)[0], values(&b)[0]);
        let loss = (scripted(&a, step) + scripted(&b, step)).unwrap();
        scheduled.backward_step(&loss).unwrap();
        assert!(
            (a_before - values(&a)[0] - lr).abs()
                <= 1e-6 * lr + 2.0 * f32::EPSILON * a_before.abs(),
            "step {step}"
        );
        assert!(
            (b_before - values(&b)[0] - lr / 2.0).abs()
                <= 1e-6 * lr + 2.0 * f32::EPSILON * b_before.abs()
        );
    }
    for ratio in [f64::NAN, f64::INFINITY, -0.5] {
        let refused =
            Scheduled::new(sgd(&a), Config::new(STEPS)).unwrap().with_group(sgd(&b), ratio);
        assert!(matches!(refused, Err(Error::Ratio(_))), "{ratio}");
    }
}

#[test]
fn a_skipped_step_moves_nothing() {
    let mut scheduler = Scheduler::new(Config::new(STEPS)).unwrap();
    scheduler.observe(&Tensor::new(1f32, &Device::Cpu).unwrap()).unwrap();
    let (lr, steps) = (scheduler.lr(), scheduler.steps());
    scheduler.skip();
    assert_eq!((scheduler.lr(), scheduler.steps(), scheduler.autowu().skipped()), (lr, steps, 1));
}

#[test]
fn it_says_what_its_scheduler_says() {
    let w = weights(3);
    let optimizer = AdamW::new(vec![w.clone()], ParamsAdamW::default()).unwrap();
    let mut scheduled = Scheduled::new(optimizer, Config::new(STEPS)).unwrap();
    let mut scheduler = Scheduler::new(Config::new(STEPS)).unwrap();
    assert!(scheduled.last_report().is_none() && scheduler.last_report().is_none());
    let mut last = None;
    for step in 0..STEPS {
        if step % 50 == 10 {
            scheduled.skip();
            scheduler.skip();
        }
        let loss = scripted(&w, step);
        assert_eq!(
            scheduled.observe(&loss).unwrap(),
            scheduler.observe(&loss).unwrap(),
            "step {step}"
        );
        assert_eq!((scheduled.lr(), scheduled.steps()), (scheduler.lr(), scheduler.steps()));
        assert_eq!(scheduled.steps(), step + 1);
        assert_eq!(scheduled.last_report(), scheduler.last_report());
        assert_eq!(scheduled.autowu().skipped(), scheduler.autowu().skipped());
        last = scheduled.last_report().map(|report| report.step).or(last);
    }
    assert_eq!(scheduled.autowu().skipped(), 5);
    assert!(last.is_some_and(|step| step > 40), "the last report is of step {last:?}");
}

#[test]
fn a_loss_that_is_no_number_of_one_element_is_refused_and_changes_nothing() {
    let mut scheduler = Scheduler::new(Config::new(STEPS)).unwrap();
    let tensor = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    assert!(matches!(scheduler.observe(&tensor(&[2], DType::F32)), Err(Error::LossShape(_))));
    assert!(matches!(scheduler.observe(&tensor(&[0], DType::F32)), Err(Error::LossShape(_))));
    for dtype in [DType::BF16, DType::F16, DType::U32] {
        let error = scheduler.observe(&tensor(&[], dtype)).unwrap_err();
        assert!(matches!(error, Error::LossType(_)), "{error}");
    }
    assert_eq!(scheduler.steps(), 0);
    // One element in any shape, in either precision, is a loss.
    scheduler.observe(&tensor(&[1, 1], DType::F32)).unwrap();
    scheduler.observe(&tensor(&[], DType::F64)).unwrap();
    assert_eq!(scheduler.steps(), 2);
}

#[test]
fn a_loss_that_waits_keeps_no_graph_and_no_later_value() {
    let mut scheduler = Scheduler::new(Config::new(STEPS)).unwrap();
    let w = Var::new(5f32, &Device::Cpu).unwrap();
    scheduler.observe(w.as_tensor()).unwrap();
    scheduler.observe(w.as_tensor()).unwrap(); // shares its memory with the variable
    w.set(&Tensor::new(f32::NAN, &Device::Cpu).unwrap()).unwrap();
    assert_eq!(scheduler.flush().unwrap(), None);
    assert_eq!(scheduler.autowu().test_input().unwrap().losses.values(), [5.0, 5.0]);
}

#[test]
fn weights_that_are_nan_are_noticed_with_the_third_loss_and_come_back() {
    let w = weights(3);
    let optimizer = AdamW::new(vec![w.clone()], ParamsAdamW::default()).unwrap();
    let mut scheduled = Scheduled::new(optimizer, Config::new(STEPS).without_scout()).unwrap();
    let mut seen = None;
    for step in 0..100 {
        let mut loss = scripted(&w, step);
        if step == 50 {
            w.set(&Tensor::full(f32::NAN, 3, &Device::Cpu).unwrap()).unwrap();
        }
        if step >= 50 && values(&w)[0].is_nan() {
            loss = w.sum_all().unwrap();
        }
        if let Some(event @ Event::Restore { .. }) = scheduled.backward_step(&loss).unwrap() {
            seen.get_or_insert((step, event));
        }
    }
    let (step, _) = seen.unwrap();
    let interval = scheduled.autowu().config().test_interval();
    assert!((52..=52 + interval).contains(&step), "noticed at step {step}");
    assert!(values(&w).iter().all(|w| w.is_finite()));
}

#[test]
fn a_nan_that_waits_at_the_end_of_a_run_is_noticed_by_a_flush() {
    let w = weights(3);
    let optimizer = AdamW::new(vec![w.clone()], ParamsAdamW::default()).unwrap();
    let mut scheduled = Scheduled::new(optimizer, Config::new(STEPS)).unwrap();
    let copy = values(&w);
    assert!(matches!(
        scheduled.backward_step(&scripted(&w, 0)).unwrap(),
        Some(Event::Snapshot { .. })
    ));
    let nan = (scripted(&w, 1) * f64::NAN).unwrap();
    let before = values(&w);
    assert_ne!(before, copy, "the first update was made");
    assert_eq!(scheduled.backward_step(&nan).unwrap(), None);
    assert_eq!(values(&w), before, "that of the loss which is not finite was not");
    assert!(matches!(scheduled.flush().unwrap(), Some(Event::Skip { step: 2, .. })));
    assert_eq!(scheduled.flush().unwrap(), None);
    // With two more in a row it is divergence.
    for _ in 0..2 {
        let _ = scheduled.backward_step(&nan).unwrap();
    }
    assert!(matches!(scheduled.flush().unwrap(), Some(Event::Restore { .. })));
    assert_eq!(values(&w), copy);
}

#[test]
fn what_broke_a_rule_is_the_source_of_the_error() {
    use std::error::Error as _;
    let config = Scheduler::new(Config::new(0)).unwrap_err();
    assert!(
        config.source().is_some_and(|source| source.is::<autowu_candle::ConfigError>()),
        "{config:?}"
    );
    let candle =
        Error::from(Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap().reshape(3).unwrap_err());
    assert!(candle.source().is_some_and(|source| source.is::<candle_core::Error>()), "{candle:?}");
    assert!(Error::Ratio(-1.0).source().is_none());
}

/// The step that passes the end of a budget says so, whoever watches the decay, and an
/// extended run ends once more. Losses that wait on the device change nothing.
#[test]
fn the_end_is_said_once_and_an_extended_run_goes_on() {
    let mut unwatched = Config::new(STEPS);
    unwatched.response.recovery = Recovery::Restore { slowdown: Some(3.0), rescue: None };
    for (config, at) in [Config::new(STEPS), Config::new(STEPS).without_restore(), unwatched]
        .into_iter()
        .flat_map(|config| [50, 200, STEPS, STEPS + 1, STEPS + 20].map(|at| (config, at)))
    {
        let w = weights(3);
        let optimizer = AdamW::new(vec![w.clone()], ParamsAdamW::default()).unwrap();
        let mut scheduled = Scheduled::new(optimizer, config).unwrap();
        let mut told: AutoWu = AutoWu::new(config).unwrap();
        let mut ends = Vec::new();
        for step in 0..2 * STEPS + 20 {
            if step == at {
                scheduled.extend(2 * STEPS).unwrap();
                told.extend(2 * STEPS).unwrap();
            }
            let place = format!("extended at {at}, step {step}, {config:?}");
            assert_eq!(scheduled.lr().to_bits(), told.lr().to_bits(), "{place}");
            let event = scheduled.backward_step(&scripted(&w, step)).unwrap();
            assert_eq!(event, told.step(f64::from(loss(step))).event, "{place}");
            ends.extend(event.filter(|e| e.kind() == "finished").map(|e| (e.step(), e.lr())));
        }
        let first = (at > STEPS).then_some((STEPS + 1, 0.0));
        let expected: Vec<_> = first.into_iter().chain([(2 * STEPS + 1, 0.0)]).collect();
        assert_eq!(ends, expected, "extended at {at}: {config:?}");
    }
}

/// Steps whose losses wait have been done too.
#[test]
fn no_run_gets_shorter() {
    let mut scheduler = Scheduler::new(Config::new(STEPS)).unwrap();
    let refuse = |scheduler: &mut Scheduler, total_steps, least| {
        let before = scheduler.autowu().digest();
        let error = scheduler.extend(total_steps).unwrap_err();
        assert!(
            matches!(&error, Error::Extend(e) if (e.total_steps, e.least) == (total_steps, least)),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(scheduler.autowu().digest(), before);
    };
    refuse(&mut scheduler, STEPS - 1, STEPS);
    for step in 0..STEPS + 4 {
        scheduler.observe(&Tensor::new(loss(step), &Device::Cpu).unwrap()).unwrap();
    }
    assert!(scheduler.autowu().steps() < scheduler.steps(), "some wait");
    refuse(&mut scheduler, STEPS + 3, STEPS + 4);
    scheduler.extend(STEPS + 4).unwrap();
    assert_eq!(scheduler.lr(), 0.0);
}
