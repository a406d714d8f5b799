//! The measurements of schedulers whose test is due.

use crate::batch::{Curve, Params};
use crate::batch_test::Engine;
use crate::error::Error;
use crate::kernels::{Kernels, Losses};
use crate::number::Number;
use autowu_core::{AutoWu, Measurement};
use rayon::prelude::*;
use std::borrow::Borrow;

/// [`AutoWu::measure`] of each, in order: on all cores, or on the GPU in one batch per set of
/// rules.
pub(crate) fn measure<T: Number, const N: usize, M: Borrow<AutoWu<T, N>> + Sync>(
    engine: &Engine<T>,
    due: &[M],
) -> Result<Vec<Measurement<T>>, Error> {
    let kernels = match engine {
        Engine::Host => {
            return Ok(due.par_iter().map(|member| member.borrow().measure()).collect());
        }
        Engine::Cuda(kernels) => kernels,
    };
    let rules: Vec<Params> =
        due.iter().map(|member| Params::of(member.borrow().config())).collect();
    let mut measured: Vec<Option<Measurement<T>>> = vec![None; due.len()];
    // Studies compare a handful of rules, fleets have one.
    while let Some(first) = measured.iter().position(Option::is_none) {
        let alike: Vec<usize> =
            (first..due.len()).filter(|&i| i == first || rules[i] == rules[first]).collect();
        let members: Vec<_> = alike.iter().map(|&i| due[i].borrow()).collect();
        for (i, result) in alike.into_iter().zip(on_gpu(kernels, &rules[first], &members)?) {
            measured[i] = Some(result);
        }
    }
    Ok(measured.into_iter().flatten().collect())
}

fn on_gpu<T: Number, const N: usize>(
    kernels: &Kernels<T>,
    params: &Params,
    due: &[&AutoWu<T, N>],
) -> Result<Vec<Measurement<T>>, Error> {
    let mut losses = Vec::with_capacity(due.iter().map(|m| m.trajectory().len()).sum());
    let mut curves = Vec::with_capacity(due.len());
    for member in due {
        let history = member.trajectory();
        let curve = Curve::new(losses.len() as u64, history.len() as u32, history.resolution());
        let (seed, test, fewest) = (member.config().seed, member.tests(), member.fewest());
        curves.push(Curve { seed, test, fewest, ..curve });
        losses.extend_from_slice(history.values());
    }
    let fits: Vec<_> = due.iter().map(|m| m.fit().to_array()).collect();
    let results = kernels.run(params, &curves, Losses::Host(&losses), &fits)?;
    let measured = |(i, member): (usize, &&AutoWu<T, N>)| {
        results.measurement(i, &curves[i], params, member.fit()).unwrap_or_else(|| member.measure())
    };
    Ok(due.par_iter().enumerate().map(measured).collect())
}
