//! The weights over 20 steps are those of independent implementations: `reference.py` made the
//! numbers.
//!
//! Ten variables a case: matrices and kernels whose gradients lie at right angles to the weights
//! per channel, as a whole, in some steps, or not; a vector, a scalar, zero weights, zero
//! gradients, both. Learning rates that change every step.

use crate::{elements, step};
use autowu_candle::{AdamP, AdamW, Lamb, ParamsAdamP, ParamsAdamW, ParamsLamb, ParamsSgdm, Sgdm};
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::Optimizer;
use std::collections::HashMap;

/// Steps after which the reference kept the weights.
const KEPT: [usize; 5] = [1, 2, 5, 10, 20];

/// Allowed difference, relative to the largest weight of the variable or the learning rate,
/// whichever is more.
///
/// 20 steps of some ten roundings each. Where a gradient is projected, what is left of a step may
/// be a difference of nearly equal numbers; it is bounded by the step, not by itself, hence a
/// tolerance relative to the weights.
const TOLERANCE: [(DType, &str, f64); 2] = [(DType::F64, "f64", 1e-14), (DType::F32, "f32", 1e-6)];

fn agrees_with_the_reference<O: Optimizer>(
    case: &str,
    make: impl Fn(Vec<Var>) -> Result<O>,
) -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/optimizers/reference.safetensors");
    let reference: HashMap<String, Tensor> = candle_core::safetensors::load(path, &Device::Cpu)?;
    let of = |name: &str, what: &str| &reference[&format!("{case}/{name}/{what}")];
    let prefix = format!("{case}/");
    let mut names: Vec<&str> = reference
        .keys()
        .filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix("/start"))
        .collect();
    names.sort_unstable();
    assert_eq!(names.len(), 10, "{case}: {names:?}");
    let lrs = reference[&format!("{case}/lr")].to_vec1::<f64>()?;
    assert_eq!(lrs.len(), 20);

    for (dtype, precision, tolerance) in TOLERANCE {
        let vars: Vec<Var> = names
            .iter()
            .map(|name| Var::from_tensor(&of(name, "start").to_dtype(dtype)?))
            .collect::<Result<_>>()?;
        let mut optimizer = make(vars.clone())?;
        let mut worst = 0.0_f64;
        for (t, &lr) in lrs.iter().enumerate() {
            let gradients: Vec<Tensor> = names
                .iter()
                .map(|name| of(name, "gradients").get(t)?.to_dtype(dtype))
                .collect::<Result<_>>()?;
            optimizer.set_learning_rate(lr);
            step(&mut optimizer, &vars.iter().zip(&gradients).collect::<Vec<_>>())?;
            let Some(kept) = KEPT.iter().position(|&step| step == t + 1) else { continue };
            for (name, var) in names.iter().zip(&vars) {
                let expected = elements(&of(name, precision).get(kept)?)?;
                let scale = expected.iter().fold(lr, |scale, x| scale.max(x.abs()));
                for (got, expected) in elements(var)?.iter().zip(&expected) {
                    let error = (got - expected).abs() / scale;
                    worst = worst.max(error);
                    assert!(
                        error <= tolerance,
                        "{case}, {name}, {precision}, after step {}: {got}, the reference has \
                         {expected}",
                        t + 1
                    );
                }
            }
        }
        println!("{case}, {precision}: largest difference {worst:.1e}");
    }
    Ok(())
}

#[test]
fn adamp_is_the_authors() -> Result<()> {
    let default = ParamsAdamP::default();
    agrees_with_the_reference("adamp", |vars| AdamP::new(vars, default.clone()))?;
    let decay = ParamsAdamP {
        weight_decay: 0.5,
        delta: 0.3,
        wd_ratio: 0.25,
        beta1: 0.8,
        beta2: 0.99,
        ..default.clone()
    };
    agrees_with_the_reference("adamp_decay", |vars| AdamP::new(vars, decay.clone()))?;
    let nesterov = ParamsAdamP { nesterov: true, weight_decay: 0.1, eps: 1e-3, ..default };
    agrees_with_the_reference("adamp_nesterov", |vars| AdamP::new(vars, nesterov.clone()))
}

#[test]
fn lamb_is_timms_and_its_norm_limit_torch_optimizers() -> Result<()> {
    let default = ParamsLamb::default();
    agrees_with_the_reference("lamb", |vars| Lamb::new(vars, default.clone()))?;
    let no_decay =
        ParamsLamb { weight_decay: 0.0, beta1: 0.8, beta2: 0.99, eps: 1e-3, ..default.clone() };
    agrees_with_the_reference("lamb_no_decay", |vars| Lamb::new(vars, no_decay.clone()))?;
    let trust = ParamsLamb { weight_decay: 0.3, max_trust: 1.0, ..default.clone() };
    agrees_with_the_reference("lamb_trust_limit", |vars| Lamb::new(vars, trust.clone()))?;
    let norm = ParamsLamb { weight_decay: 0.1, max_norm: 1.25, bias_correction: false, ..default };
    agrees_with_the_reference("lamb_norm_limit", |vars| Lamb::new(vars, norm.clone()))
}

#[test]
fn adamw_is_pytorchs() -> Result<()> {
    let params = ParamsAdamW { weight_decay: 0.3, ..ParamsAdamW::default() };
    agrees_with_the_reference("adamw", |vars| AdamW::new(vars, params.clone()))
}

#[test]
fn adamw_is_candles() -> Result<()> {
    let params = candle_nn::ParamsAdamW { weight_decay: 0.3, ..candle_nn::ParamsAdamW::default() };
    agrees_with_the_reference("adamw", |vars| candle_nn::AdamW::new(vars, params.clone()))
}

#[test]
fn sgd_with_momentum_is_pytorchs() -> Result<()> {
    agrees_with_the_reference("sgd", |vars| Sgdm::new(vars, ParamsSgdm::default()))?;
    let nesterov =
        ParamsSgdm { momentum: 0.8, weight_decay: 0.1, nesterov: true, ..ParamsSgdm::default() };
    agrees_with_the_reference("sgd_nesterov", |vars| Sgdm::new(vars, nesterov.clone()))
}
