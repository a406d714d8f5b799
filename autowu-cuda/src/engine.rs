//! Where measurements are computed: on all cores of the host, or by the kernels.

use crate::batch::{Curve, Params};
use crate::device::Device;
use crate::error::Error;
use crate::kernels::{Kernels, Losses};
use crate::number::Number;
use autowu_core::{AutoWu, Measurement, TestInput};
use rayon::prelude::*;
use std::borrow::Borrow;

/// A [`Device`] that is ready to measure.
#[derive(Debug)]
pub(crate) enum Engine<T> {
    Host,
    Cuda(Kernels<T>),
}

impl<T: Number> Engine<T> {
    pub fn on(device: &Device) -> Result<Self, Error> {
        Ok(match device {
            Device::Host => Engine::Host,
            Device::Cuda(stream) => Engine::Cuda(Kernels::load(stream)?),
        })
    }

    /// [`Measurement::of`] each scheduler's [`AutoWu::test_input`], in order: on all cores, or on
    /// the GPU in one batch per set of rules.
    pub fn measure<const N: usize, M: Borrow<AutoWu<T, N>>>(
        &self,
        due: &[M],
    ) -> Result<Vec<Measurement<T>>, Error> {
        let mut inputs = Vec::with_capacity(due.len());
        for (scheduler, autowu) in due.iter().enumerate() {
            let input = autowu.borrow().test_input();
            inputs.push(input.ok_or(Error::NothingToTest { scheduler })?);
        }
        match self {
            Engine::Host => Ok(inputs.par_iter().map(Measurement::of).collect()),
            Engine::Cuda(kernels) => by_rules(kernels, &inputs),
        }
    }
}

/// One batch per set of rules: studies compare a handful, fleets have one.
fn by_rules<T: Number, const N: usize>(
    kernels: &Kernels<T>,
    inputs: &[TestInput<'_, T, N>],
) -> Result<Vec<Measurement<T>>, Error> {
    let rules: Vec<Params> = inputs.iter().map(|input| Params::of(input.rules)).collect();
    let mut measured: Vec<Option<Measurement<T>>> = vec![None; inputs.len()];
    while let Some(first) = measured.iter().position(Option::is_none) {
        let alike: Vec<usize> =
            (first..inputs.len()).filter(|&i| i == first || rules[i] == rules[first]).collect();
        let batch: Vec<_> = alike.iter().map(|&i| inputs[i]).collect();
        for (i, result) in alike.into_iter().zip(on_gpu(kernels, &rules[first], &batch)?) {
            measured[i] = Some(result);
        }
    }
    Ok(measured.into_iter().flatten().collect())
}

fn on_gpu<T: Number, const N: usize>(
    kernels: &Kernels<T>,
    params: &Params,
    inputs: &[TestInput<'_, T, N>],
) -> Result<Vec<Measurement<T>>, Error> {
    let mut losses = Vec::with_capacity(inputs.iter().map(|input| input.losses.len()).sum());
    let mut curves = Vec::with_capacity(inputs.len());
    for &TestInput { seed, number, fewest, losses: history, .. } in inputs {
        let curve = Curve::new(losses.len() as u64, history.len() as u32, history.resolution());
        curves.push(Curve { seed, test: number, fewest, ..curve });
        losses.extend_from_slice(history.values());
    }
    let fits: Vec<_> = inputs.iter().map(|input| input.fit.to_array()).collect();
    let results = kernels.run(params, &curves, Losses::Host(&losses), &fits)?;
    let measured = |(i, input): (usize, &TestInput<'_, T, N>)| {
        results
            .measurement(i, &curves[i], params, input.fit)
            .unwrap_or_else(|| Measurement::of(input))
    };
    Ok(inputs.par_iter().enumerate().map(measured).collect())
}
