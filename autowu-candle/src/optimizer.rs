//! What the optimizers of this crate share: variables, step counts, and the state of an update
//! rule.

use crate::state::{OptimizerState, take};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use candle_nn::{Optimizer, VarMap};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// One update of one variable: a pure function of the weights, their gradient and `K` tensors of
/// their shape.
///
/// The parameters of every optimizer of this crate implement it. With a rule of your own,
/// [`StatefulOptimizer`] is an optimizer that can be saved, resumed and restored.
///
/// ```
/// use autowu_candle::{StatefulOptimizer, UpdateRule};
/// use candle_core::{Result, Tensor};
///
/// /// `m ← βm + (1 − β)g`, `w ← w − η sign(m)`.
/// #[derive(Clone, Debug)]
/// struct SignSgd {
///     lr: f64,
///     beta: f64,
/// }
///
/// impl UpdateRule<1> for SignSgd {
///     const SLOTS: [&'static str; 1] = ["momentum"];
///     fn learning_rate(&self) -> f64 {
///         self.lr
///     }
///     fn set_learning_rate(&mut self, lr: f64) {
///         self.lr = lr;
///     }
///     fn check(&self) -> Result<()> {
///         Ok(())
///     }
///     fn update(
///         &self,
///         _step: u64,
///         w: &Tensor,
///         g: &Tensor,
///         [m]: &[Tensor; 1],
///     ) -> Result<(Tensor, [Tensor; 1])> {
///         let m = ((m * self.beta)? + (g * (1.0 - self.beta))?)?;
///         Ok(((w - (m.sign()? * self.lr)?)?, [m]))
///     }
/// }
/// let vars = candle_nn::VarMap::new();
/// let optimizer = StatefulOptimizer::from_varmap(&vars, SignSgd { lr: 1e-3, beta: 0.9 })?;
/// # Ok::<(), candle_core::Error>(())
/// ```
pub trait UpdateRule<const K: usize>: Clone + fmt::Debug {
    /// The names of the tensors that live from step to step, zero at the start.
    const SLOTS: [&'static str; K];

    /// The learning rate.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate.
    fn set_learning_rate(&mut self, lr: f64);

    /// How many times the learning rate of the minimum is the best peak, by the study:
    /// [`Response::peak_factor`](crate::Response::peak_factor). 1 unless measured.
    fn peak_factor(&self) -> f64 {
        1.0
    }

    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// A parameter outside its limits, with its value, the limit and a remedy.
    fn check(&self) -> Result<()>;

    /// The weights and the slots after the variable's update number `step`, counted from 1.
    ///
    /// `w`, `g` and the slots have one shape and one type, `f32` or `f64`.
    ///
    /// # Errors
    /// Those of the device.
    fn update(
        &self,
        step: u64,
        w: &Tensor,
        g: &Tensor,
        slots: &[Tensor; K],
    ) -> Result<(Tensor, [Tensor; K])>;
}

/// A variable and its state.
#[derive(Clone, Debug)]
struct Entry<const K: usize> {
    name: String,
    var: Var,
    /// Updates of this variable: a step without a gradient for it does not count.
    step: u64,
    /// Never written in place, so that a clone is a value.
    slots: [Tensor; K],
}

/// A candle optimizer made of an [`UpdateRule`].
///
/// - A variable without a gradient in a step is left alone, its step count and moments included.
/// - `f16` and `bf16` weights: update and slots are `f32`, the weights are rounded to their type. A
///   change below half a unit in their last place is lost, so small learning rates need `f32`
///   weights.
/// - Memory: `K` times the weights (in `f32` at least), and `K` times more for each state that a
///   caller holds.
/// - A step reads nothing back to the host.
#[derive(Debug)]
pub struct StatefulOptimizer<R, const K: usize> {
    rule: R,
    entries: Vec<Entry<K>>,
}

/// The type in which a variable of this type is updated.
fn working_type(dtype: DType) -> Option<DType> {
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 => Some(DType::F32),
        DType::F64 => Some(DType::F64),
        _ => None,
    }
}

impl<R: UpdateRule<K>, const K: usize> StatefulOptimizer<R, K> {
    /// An optimizer of named variables. Names are the keys of a saved state.
    ///
    /// # Errors
    /// Parameters outside their limits; a name or a variable given twice; floating-point variables
    /// of fewer than 16 bits. Integer variables are left out.
    pub fn with_names(vars: impl IntoIterator<Item = (String, Var)>, params: R) -> Result<Self> {
        params.check()?;
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        let mut entries = Vec::new();
        for (name, var) in vars {
            if !var.dtype().is_float() {
                continue;
            }
            let Some(dtype) = working_type(var.dtype()) else {
                bail!("variable {name:?} is of type {:?}: use f16, bf16, f32 or f64", var.dtype());
            };
            if !ids.insert(var.id()) {
                bail!(
                    "variable {name:?} is there twice: it would be updated twice a step; give it \
                     once"
                );
            }
            if !names.insert(name.clone()) {
                bail!(
                    "two variables are named {name:?}: a saved state could not tell them apart; \
                     rename one"
                );
            }
            let zero = Tensor::zeros(var.shape(), dtype, var.device())?;
            entries.push(Entry {
                name,
                var,
                step: 0,
                slots: std::array::from_fn(|_| zero.clone()),
            });
        }
        Ok(Self { rule: params, entries })
    }

    /// An optimizer of all variables of a map, under their names there.
    ///
    /// A state saved by another process needs this or [`with_names`](Self::with_names):
    /// `VarMap::all_vars` gives the variables in another order each time, and
    /// [`Optimizer::new`] has only their order to name them by.
    ///
    /// # Errors
    /// Those of [`with_names`](Self::with_names).
    pub fn from_varmap(map: &VarMap, params: R) -> Result<Self> {
        let Ok(vars) = map.data().lock() else {
            bail!(
                "the variable map's lock is poisoned: a thread panicked while it changed the map"
            );
        };
        let mut vars: Vec<_> = vars.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
        vars.sort_by(|a, b| a.0.cmp(&b.0));
        Self::with_names(vars, params)
    }

    /// The parameters.
    pub fn params(&self) -> &R {
        &self.rule
    }

    /// Replaces the parameters.
    ///
    /// # Errors
    /// Parameters outside their limits; the old ones stay.
    pub fn set_params(&mut self, params: R) -> Result<()> {
        params.check()?;
        self.rule = params;
        Ok(())
    }
}

impl<R: UpdateRule<K> + Default, const K: usize> StatefulOptimizer<R, K> {
    /// [`Optimizer::new`] with the default parameters and this learning rate.
    ///
    /// # Errors
    /// Those of [`with_names`](Self::with_names).
    pub fn new_lr(vars: Vec<Var>, learning_rate: f64) -> Result<Self> {
        let mut params = R::default();
        params.set_learning_rate(learning_rate);
        Self::new(vars, params)
    }
}

impl<R: UpdateRule<K>, const K: usize> Optimizer for StatefulOptimizer<R, K> {
    type Config = R;

    /// The variables are named `0`, `1`, … in the order given.
    fn new(vars: Vec<Var>, params: R) -> Result<Self> {
        Self::with_names(vars.into_iter().enumerate().map(|(i, var)| (i.to_string(), var)), params)
    }

    /// One update of every variable that has a gradient. After an error some variables may be
    /// updated and some not.
    fn step(&mut self, grads: &GradStore) -> Result<()> {
        for Entry { var, step, slots, .. } in &mut self.entries {
            let Some(g) = grads.get(var).filter(|g| g.elem_count() > 0) else { continue };
            let dtype = working_type(var.dtype()).unwrap_or(var.dtype());
            let w = var.as_detached_tensor().to_dtype(dtype)?;
            let g = g.detach().to_dtype(dtype)?;
            let (next_w, next_slots) = self.rule.update(*step + 1, &w, &g, slots)?;
            var.set(&next_w.to_dtype(var.dtype())?)?;
            *slots = next_slots;
            *step += 1;
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.rule.learning_rate()
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.rule.set_learning_rate(lr);
    }
}

impl<R: UpdateRule<K>, const K: usize> OptimizerState for StatefulOptimizer<R, K> {
    fn peak_factor(&self) -> f64 {
        self.rule.peak_factor()
    }

    fn vars(&self) -> Vec<(&str, &Var)> {
        self.entries.iter().map(|e| (e.name.as_str(), &e.var)).collect()
    }

    fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::with_capacity(self.entries.len() * (K + 1));
        for Entry { name, step, slots, .. } in &self.entries {
            let count = i64::try_from(*step).unwrap_or(i64::MAX);
            state.insert(format!("{name}.step"), Tensor::new(count, &Device::Cpu)?);
            for (slot, value) in R::SLOTS.iter().zip(slots) {
                state.insert(format!("{name}.{slot}"), value.clone());
            }
        }
        Ok(state)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let expected: HashSet<String> = self.state()?.into_keys().collect();
        let mut foreign: Vec<&String> =
            state.keys().filter(|key| !expected.contains(*key)).collect();
        foreign.sort();
        if let Some(key) = foreign.first() {
            bail!(
                "the optimizer state has {key:?}: it was saved by another optimizer or for other \
                 variables"
            );
        }
        let counter = Tensor::new(0i64, &Device::Cpu)?;
        let mut entries = self.entries.clone();
        for Entry { name, step, slots, .. } in &mut entries {
            let count = take(state, &format!("{name}.step"), &counter)?.to_scalar::<i64>()?;
            let Ok(count) = u64::try_from(count) else {
                bail!(
                    "the optimizer state's step count of {name:?} is {count}: it must be at least \
                     0; the file is corrupt"
                );
            };
            *step = count;
            for (slot, value) in R::SLOTS.iter().zip(slots) {
                *value = take(state, &format!("{name}.{slot}"), value)?;
            }
        }
        self.entries = entries;
        Ok(())
    }
}
