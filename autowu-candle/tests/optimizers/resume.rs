//! Saved after any step and loaded into a fresh optimizer, the rest of the run is the same, bit for
//! bit. What is not the state of these variables is refused, and the old state stays.

use crate::{Law, for_each_optimizer, step};
use autowu_candle::{AdamP, Lamb, OptimizerState, ParamsAdamP, Sgdm};
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Optimizer, VarBuilder, VarMap};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file of its own for each test, gone at the end of it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("autowu-candle-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn weights() -> Result<Vec<Var>> {
    let kernel: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
    Ok(vec![
        Var::from_vec(kernel, (2, 3, 2, 2), &Device::Cpu)?,
        Var::new(&[0.5_f32, -1.0, 2.0], &Device::Cpu)?,
        Var::new(1.5_f32, &Device::Cpu)?,
    ])
}

fn gradient(t: usize, like: &Var) -> Result<Tensor> {
    let values: Vec<f32> =
        (0..like.elem_count()).map(|i| ((t * 31 + i * 7) as f32).cos()).collect();
    Tensor::from_vec(values, like.shape(), &Device::Cpu)
}

/// Steps `from..to`; the scalar has no gradient in every third of them, so that step counts differ.
fn train(optimizer: &mut impl Optimizer, vars: &[Var], from: usize, to: usize) -> Result<()> {
    for t in from..to {
        let used = if t % 3 == 0 { &vars[..2] } else { vars };
        let gradients: Vec<Tensor> =
            used.iter().map(|var| gradient(t, var)).collect::<Result<_>>()?;
        step(optimizer, &used.iter().zip(&gradients).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn bits(vars: &[Var]) -> Result<Vec<u32>> {
    let values =
        vars.iter().map(|var| var.flatten_all()?.to_vec1::<f32>()).collect::<Result<Vec<_>>>()?;
    Ok(values.concat().into_iter().map(f32::to_bits).collect())
}

fn copies(vars: &[Var]) -> Result<Vec<Var>> {
    vars.iter().map(|var| Var::from_tensor(&var.as_detached_tensor().copy()?)).collect()
}

/// The state as text, for comparison.
fn written(optimizer: &impl OptimizerState) -> Result<Vec<String>> {
    let mut lines: Vec<String> = optimizer
        .state()?
        .into_iter()
        .map(|(key, value)| {
            Ok(format!("{key} {:?}", value.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?))
        })
        .collect::<Result<_>>()?;
    lines.sort();
    Ok(lines)
}

struct ResumesBitEqual;

impl Law for ResumesBitEqual {
    fn check<O: Optimizer + OptimizerState>(
        &self,
        make: impl Fn(Vec<Var>, f64) -> Result<O>,
    ) -> Result<()> {
        let file = Scratch::new("resume.safetensors");
        for k in [0, 1, 7] {
            let vars = weights()?;
            let mut whole = make(vars.clone(), 0.01)?;
            train(&mut whole, &vars, 0, k)?;
            whole.save_state(&file.0)?;
            let resumed_vars = copies(&vars)?;
            train(&mut whole, &vars, k, 12)?;

            let mut resumed = make(resumed_vars.clone(), 0.01)?;
            resumed.load_state_file(&file.0)?;
            train(&mut resumed, &resumed_vars, k, 12)?;
            assert_eq!(bits(&vars)?, bits(&resumed_vars)?, "saved after {k} steps");
            assert_eq!(written(&whole)?, written(&resumed)?);

            if k > 0 {
                // Without the load the rest is another run: the state matters.
                let fresh_vars = weights()?;
                let mut fresh = make(fresh_vars.clone(), 0.01)?;
                train(&mut fresh, &fresh_vars, k, 12)?;
                assert_ne!(bits(&vars)?, bits(&fresh_vars)?);
            }
        }
        Ok(())
    }
}

#[test]
fn a_resumed_run_is_bit_equal() -> Result<()> {
    for_each_optimizer(ResumesBitEqual)
}

struct StateIsAValue;

impl Law for StateIsAValue {
    fn check<O: Optimizer + OptimizerState>(
        &self,
        make: impl Fn(Vec<Var>, f64) -> Result<O>,
    ) -> Result<()> {
        let vars = weights()?;
        let mut optimizer = make(vars.clone(), 0.01)?;
        train(&mut optimizer, &vars, 0, 5)?;
        let (snapshot, text) = (optimizer.state()?, written(&optimizer)?);
        train(&mut optimizer, &vars, 5, 9)?;
        assert_ne!(written(&optimizer)?, text);
        optimizer.load_state(&snapshot)?;
        assert_eq!(written(&optimizer)?, text, "later steps changed a snapshot");
        Ok(())
    }
}

#[test]
fn later_steps_do_not_change_a_snapshot() -> Result<()> {
    for_each_optimizer(StateIsAValue)
}

#[test]
fn a_loaded_state_is_the_optimizers_own() -> Result<()> {
    let vars = weights()?;
    let mut sgdm = Sgdm::new_lr(vars.clone(), 0.1)?;
    train(&mut sgdm, &vars, 0, 3)?;
    let buffer = Var::from_tensor(&sgdm.state()?["1.velocity"])?;
    let mut state = sgdm.state()?;
    state.insert("1.velocity".into(), buffer.as_tensor().clone());
    sgdm.load_state(&state)?;
    let text = written(&sgdm)?;
    buffer.set(&buffer.zeros_like()?)?;
    assert_eq!(written(&sgdm)?, text);
    Ok(())
}

/// The message of a refusal after which state and weights are the old ones.
fn refusal(optimizer: &mut AdamP, load: impl FnOnce(&mut AdamP) -> Result<()>) -> Result<String> {
    let before = written(optimizer)?;
    let error = load(optimizer).expect_err("loaded what it should refuse").to_string();
    assert_eq!(written(optimizer)?, before, "a refused load changed the state: {error}");
    Ok(error)
}

#[test]
fn a_foreign_state_is_refused_and_the_old_one_stays() -> Result<()> {
    let vars = weights()?;
    let mut adamp = AdamP::new_lr(vars.clone(), 0.01)?;
    train(&mut adamp, &vars, 0, 4)?;
    let good = adamp.state()?;
    let with = |key: &str, value: Tensor| {
        let mut state = good.clone();
        state.insert(key.to_string(), value);
        state
    };
    let mut missing = good.clone();
    missing.remove("2.second_moment");
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
    let sgdm = Sgdm::new_lr(vars.clone(), 0.1)?.state()?;
    let cases: [(HashMap<String, Tensor>, &str); 7] = [
        (missing, r#"has no "2.second_moment""#),
        (with("3.step", Tensor::new(1_i64, &Device::Cpu)?), r#"has "3.step""#),
        (
            with("2.first_moment", zeros(&[1], DType::F32)?),
            "[1] of F32, this model needs [] of F32",
        ),
        (
            with("1.first_moment", zeros(&[3], DType::F64)?),
            "[3] of F64, this model needs [3] of F32",
        ),
        (with("1.step", Tensor::new(-1_i64, &Device::Cpu)?), r#"step count of "1" is -1"#),
        (sgdm, "by another optimizer"),
        (HashMap::new(), "by another optimizer"),
    ];
    for (state, expected) in cases {
        let error = refusal(&mut adamp, |adamp| adamp.load_state(&state))?;
        assert!(error.contains(expected), "{error}");
    }
    // The last key in error too: nothing was put back before it was seen.
    adamp.load_state(&good)
}

#[test]
fn a_damaged_file_is_refused_with_its_name() -> Result<()> {
    let vars = weights()?;
    let mut adamp = AdamP::new_lr(vars.clone(), 0.01)?;
    train(&mut adamp, &vars, 0, 4)?;
    let file = Scratch::new("damaged.safetensors");
    adamp.save_state(&file.0)?;
    let whole = std::fs::read(&file.0)?;
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file.0, &whole[..length])?;
        let error = refusal(&mut adamp, |adamp| adamp.load_state_file(&file.0))?;
        assert!(error.contains("damaged.safetensors"), "{error}");
    }
    let error = refusal(&mut adamp, |adamp| adamp.load_state_file(Path::new("no/such/file")))?;
    assert!(error.contains("no/such/file"), "{error}");
    let error =
        adamp.save_state(Path::new("no/such/file")).expect_err("no such folder").to_string();
    assert!(error.contains("no/such/file"), "{error}");
    Ok(())
}

#[test]
fn the_same_state_makes_the_same_file() -> Result<()> {
    let (a, b) = (Scratch::new("a.safetensors"), Scratch::new("b.safetensors"));
    let vars = weights()?;
    let mut lamb = Lamb::new_lr(vars.clone(), 0.01)?;
    train(&mut lamb, &vars, 0, 4)?;
    lamb.save_state(&a.0)?;
    lamb.save_state(&b.0)?;
    assert_eq!(std::fs::read(&a.0)?, std::fs::read(&b.0)?);
    Ok(())
}

#[test]
fn names_find_their_moments_whatever_order_the_variables_come_in() -> Result<()> {
    // Maps of equal content, filled in opposite orders; all variables of one shape, so that no
    // shape gives a mix-up away.
    let map = |names: &[&str]| -> Result<VarMap> {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        for name in names {
            vb.get_with_hints((2, 2), name, candle_nn::Init::Const(1.0))?;
        }
        Ok(map)
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut reversed = names;
    reversed.reverse();
    let (first, second) = (map(&names)?, map(&reversed)?);
    let mut saved = AdamP::from_varmap(&first, ParamsAdamP::default())?;
    let loss = saved
        .vars()
        .iter()
        .enumerate()
        .map(|(i, (_, var))| (var.sum_all()? * i as f64)?.sqr())
        .reduce(|a, b| a? + b?)
        .expect("six variables")?;
    saved.backward_step(&loss)?;
    let mut resumed = AdamP::from_varmap(&second, ParamsAdamP::default())?;
    resumed.load_state(&saved.state()?)?;
    assert_eq!(resumed.vars().iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    assert_eq!(written(&resumed)?, written(&saved)?);
    Ok(())
}
