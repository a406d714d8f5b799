//! A step is one optimizer update: no more, no less.

use crate::{Scheduler, config, run, sweep};

/// huggingface/accelerate#963: with gradient accumulation the scheduler moved on every batch, even
/// without an update.
#[test]
fn accumulated_batches_are_one_step() {
    let mut autowu = Scheduler::new(config(200)).unwrap();
    let mut lrs = Vec::new();
    for update in 0..200 {
        let lr = autowu.lr();
        let batches = [1.0, -1.0, 0.5, -0.5].map(|off| {
            assert_eq!(autowu.lr(), lr, "one learning rate for all batches of an update");
            sweep(update, lr) + off
        });
        lrs.push(autowu.step(batches.iter().sum::<f64>() / 4.0).lr);
    }
    assert_eq!(autowu.steps(), 200);
    let whole: Vec<f64> = run(config(200), sweep).iter().map(|o| o.lr).collect();
    for (accumulated, whole) in lrs.iter().zip(whole) {
        assert!((accumulated - whole).abs() <= 1e-9 * whole);
    }
}

/// pytorch/pytorch#44511, #67590: an update that mixed precision skipped still moved the schedule,
/// and the first learning rate was never used.
#[test]
fn a_skipped_update_costs_neither_learning_rate_nor_budget() {
    let mut autowu = Scheduler::new(config(200)).unwrap();
    let first = autowu.lr();
    (0..5).for_each(|_| autowu.skip());
    assert_eq!((autowu.lr(), autowu.steps(), autowu.skipped()), (first, 0, 5));
    let mut skipping = Vec::new();
    for update in 0..200 {
        if update % 7 == 3 {
            let (lr, phase) = (autowu.lr(), autowu.phase());
            autowu.skip();
            assert_eq!((autowu.lr(), autowu.phase()), (lr, phase));
        }
        skipping.push(autowu.step(sweep(update, autowu.lr())).lr);
    }
    let plain: Vec<f64> = run(config(200), sweep).iter().map(|o| o.lr).collect();
    assert_eq!(skipping, plain);
    assert_eq!(plain.last(), Some(&0.0), "the budget is 200 updates, not 200 calls");
}

/// huggingface/accelerate#2142, #3797: the schedule of four processes ran four times as fast,
/// because each of them moved it.
#[test]
fn four_processes_take_as_many_steps_as_one() {
    let mut ranks = [(); 4].map(|()| Scheduler::new(config(200)).unwrap());
    let alone = run(config(200), sweep);
    for (update, alone) in alone.iter().enumerate() {
        let lr = ranks[0].lr();
        for rank in &mut ranks {
            assert_eq!(rank.lr(), lr);
            // The loss that all of them have after the all-reduce.
            let _ = rank.step(sweep(update as u64, lr));
        }
        assert_eq!(ranks.each_ref().map(Scheduler::digest), [ranks[0].digest(); 4]);
        assert_eq!(ranks[0].lr(), alone.lr);
    }
}
