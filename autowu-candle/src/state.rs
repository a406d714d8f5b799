//! An optimizer's state, exposed: for copies, and to resume a run.

use candle_core::{Device, Result, Tensor, Var, bail};
use std::collections::HashMap;
use std::path::Path;

/// What an optimizer remembers, by name.
pub(crate) type State = HashMap<String, Tensor>;

/// An optimizer whose state can be read and put back. Yours can be one too.
///
/// Restored weights need the moments of their time: those of a run that has just diverged would
/// throw them out again. candle-nn's optimizers keep theirs private; those of this crate do not.
///
/// ```
/// use autowu_candle::{AdamP, OptimizerState, ParamsAdamP};
/// use candle_core::{Device, Var};
/// use candle_nn::Optimizer;
///
/// let w = Var::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// let mut adamp = AdamP::new(vec![w.clone()], ParamsAdamP::default())?;
/// let before = adamp.state()?;
/// adamp.backward_step(&w.sqr()?.sum_all()?)?;
/// adamp.load_state(&before)?;
/// assert_eq!(adamp.state()?["0.step"].to_scalar::<i64>()?, 0);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub trait OptimizerState {
    /// How many times the learning rate of the minimum is the best peak of this optimizer:
    /// [`Response::peak_factor`](crate::Response::peak_factor), where the configuration has none.
    fn peak_factor(&self) -> f64 {
        1.0
    }

    /// The variables, with the names that the state uses.
    fn vars(&self) -> Vec<(&str, &Var)>;

    /// The state by name: `NAME.step` and `NAME.SLOT` for each variable.
    ///
    /// The tensors are values: later steps do not change them. The optimizer shares them until its
    /// next step, so this copies nothing.
    ///
    /// # Errors
    /// Those of the device.
    fn state(&self) -> Result<HashMap<String, Tensor>>;

    /// Puts back what [`state`](Self::state) gave. Weights and parameters (learning rate, betas, …)
    /// stay as they are.
    ///
    /// # Errors
    /// A state with other names, shapes or types is refused; the old one stays.
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()>;

    /// Writes the state as a safetensors file. An existing file is replaced once the new one is
    /// complete.
    ///
    /// # Errors
    /// Those of the file system and of the device; the message names the file.
    fn save_state(&self, path: &Path) -> Result<()> {
        let write = || {
            let mut partial = path.as_os_str().to_owned();
            partial.push(".partial");
            candle_core::safetensors::save(&self.state()?, &partial)?;
            Ok(std::fs::rename(&partial, path)?)
        };
        write().map_err(|e: candle_core::Error| {
            e.context(format!("cannot write optimizer state {}", path.display()))
        })
    }

    /// Reads what [`save_state`](Self::save_state) wrote.
    ///
    /// # Errors
    /// A file that is missing, truncated, or of another model is refused, with its name; the old
    /// state stays.
    fn load_state_file(&mut self, path: &Path) -> Result<()> {
        candle_core::safetensors::load(path, &Device::Cpu)
            .and_then(|state| self.load_state(&state))
            .map_err(|e| e.context(format!("cannot read optimizer state {}", path.display())))
    }
}

/// Takes one tensor out of a state, or says what is wrong with it.
pub(crate) fn take(state: &HashMap<String, Tensor>, key: &str, like: &Tensor) -> Result<Tensor> {
    let Some(found) = state.get(key) else {
        bail!(
            "the optimizer state has no {key:?}: it was saved by another optimizer or for other \
             variables"
        );
    };
    if found.shape() != like.shape() || found.dtype() != like.dtype() {
        bail!(
            "the optimizer state's {key:?} is {:?} of {:?}, this model needs {:?} of {:?}: it was \
             saved for another model",
            found.shape(),
            found.dtype(),
            like.shape(),
            like.dtype()
        );
    }
    // A copy: the caller may go on writing into its own.
    Ok(found.to_device(like.device())?.copy()?.detach())
}
