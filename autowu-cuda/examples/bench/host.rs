//! The host: all cores, as `BatchTest` and `Fleet` use them.

use crate::{DISTINCT, Row, median};
use autowu_core::gp::{Factor, Fit, Hyper, Posterior, Spectrum};
use autowu_core::sampling::Permutation;
use autowu_core::{Config, Real};
use autowu_cuda::{BatchTest, Device, Error, Fleet, Number, Stored};
use autowu_lab::work::{LOSSES, config, curve};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// One batch: whole tests, and fit and inference apart.
pub fn batch<T: Number>(size: usize) -> Result<Row, Error> {
    let curves: Vec<Vec<T>> = (0..size.min(DISTINCT) as u64).map(curve).collect();
    let stored: Vec<_> = (0..size).map(|i| Stored::new(&curves[i % DISTINCT], i as u64)).collect();
    let test = BatchTest::new(config(), Device::Host)?;
    let whole = median(|| test.run(&stored).map(|measured| drop(black_box(measured))))?;
    let samples: Vec<_> = curves.iter().map(|losses| samples(losses)).collect();
    let fit = |i: usize| {
        let factor = Factor::of(samples[i % DISTINCT].iter().copied().take(100), T::of(0.2));
        Fit::default().run(&Spectrum::of(&factor), T::zero())
    };
    let hypers: Vec<Hyper<T>> = (0..curves.len()).into_par_iter().map(fit).collect();
    let vote = |i: usize| {
        let factor = Factor::of(samples[i % DISTINCT].iter().copied().take(160), T::of(0.2));
        Posterior::condition(&factor, &hypers[i % DISTINCT]).past_minimum()
    };
    Ok(Row {
        place: format!("host, {} threads", rayon::current_num_threads()),
        precision: T::NAME,
        size,
        whole: Some(whole),
        fit: median(|| {
            (0..size).into_par_iter().for_each(|i| _ = black_box(fit(i)));
            Ok(())
        })?,
        inference: median(|| {
            (0..size)
                .into_par_iter()
                .for_each(|i| (0..config().test.votes).for_each(|_| _ = black_box(vote(i))));
            Ok(())
        })?,
        note: String::new(),
    })
}

/// Standardised samples in the order of a subset.
fn samples<T: Real>(losses: &[T]) -> Vec<(T, T)> {
    let order = Permutation::new(LOSSES as u32, 0, 0, 1);
    let at = |i| order.index(i) as usize;
    (0..LOSSES as u32)
        .map(|i| (T::of(at(i) as f64 / LOSSES as f64), (losses[at(i)] - T::of(0.8)) / T::of(0.4)))
        .collect()
}

/// Seconds of one step of a fleet in which no test is due: losses in, learning rates out.
pub fn fleet_step(members: usize) -> Result<f64, Error> {
    const STEPS: u32 = 200;
    // A budget too long for a test to come.
    let mut fleet = Fleet::<f32>::new(Config::new(1 << 30), members, Device::Host)?;
    let losses = vec![1.0; members];
    fleet.observe(&losses)?; // the first snapshot
    let begun = Instant::now();
    for _ in 0..STEPS {
        black_box(fleet.lrs());
        fleet.observe(&losses)?;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(STEPS))
}
