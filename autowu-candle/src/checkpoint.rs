//! Saves a run at any step; a loaded run goes on bit for bit.

use crate::copy::WeightCopy;
use crate::error::{Error, Result};
use crate::scheduled::Scheduled;
use crate::scheduler::Scheduler;
use crate::state::State;
use autowu_core::AutoWu;
use candle_core::{Device, Tensor, Var};
use candle_nn::Optimizer;
use std::collections::HashMap;
use std::path::Path;

// Names in the file. A prefix is followed by a group's number and a name of the optimizer's.
const AUTOWU: &str = "autowu.json";
const WAITING: &str = "autowu.waiting";
const WEIGHTS: &str = "weights.";
const MOMENTS: &str = "moments.";
const COPY: &str = "copy.";
const COPY_WEIGHTS: &str = "copy.weights.";
const COPY_MOMENTS: &str = "copy.moments.";

impl<O: Optimizer> Scheduled<O> {
    /// Writes the whole run as one safetensors file: scheduler, variables, optimizer states, and
    /// the copy to go back to. Made by [`weights_only`](Self::weights_only), it has no optimizer
    /// states.
    ///
    /// An existing file is replaced once the new one is complete.
    ///
    /// # Errors
    /// Those of the file system and of the device; the run is as before.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        candle_core::safetensors::save(&self.tensors()?, &partial)?;
        std::fs::rename(&partial, path)
            .map_err(|e| Error::Checkpoint(format!("{} cannot be written: {e}", path.display())))
    }

    /// Goes on from what [`save`](Self::save) wrote, in a run built in the same way: the rest is
    /// the same, bit for bit. A run that was [extended](Self::extend) goes on extended. To give a
    /// saved run more steps, build it with its own `total_steps`, load, and extend it.
    ///
    /// # Errors
    /// A file that is missing, truncated, of another version, or of a run with another
    /// configuration, other variables or other optimizers: what was found and what was expected.
    /// The run is as before.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let refused = |why: String| Error::Checkpoint(format!("{}: {why}", path.display()));
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .map_err(|e| refused(e.to_string()))?;
        self.set_tensors(&tensors).map_err(|e| match e {
            Error::Checkpoint(why) => refused(why),
            e => refused(e.to_string()),
        })
    }

    fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let json = serde_json::to_vec(&self.scheduler.autowu)
            .map_err(|e| Error::Checkpoint(e.to_string()))?;
        let mut tensors = HashMap::from([(
            AUTOWU.to_string(),
            Tensor::from_slice(&json, json.len(), &Device::Cpu)?,
        )]);
        let waiting = self.scheduler.waiting()?;
        if !waiting.is_empty() {
            tensors.insert(WAITING.into(), Tensor::new(waiting, &Device::Cpu)?);
        }
        for (name, var) in &self.vars {
            tensors.insert(format!("{WEIGHTS}{name}"), var.as_detached_tensor());
        }
        let mut add = |prefix: &str, moments: &[State]| {
            for (group, state) in moments.iter().enumerate() {
                let named = state.iter();
                tensors.extend(
                    named.map(|(name, value)| (format!("{prefix}{group}.{name}"), value.clone())),
                );
            }
        };
        add(MOMENTS, &self.moments()?);
        if let Some(copy) = &self.copy {
            add(COPY_MOMENTS, &copy.moments);
            for (weight, (name, _)) in copy.weights.iter().zip(&self.vars) {
                tensors.insert(format!("{COPY_WEIGHTS}{name}"), weight.clone());
            }
        }
        Ok(tensors)
    }

    fn set_tensors(&mut self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        // Everything is read and checked first, then put in place.
        let autowu = self.read_autowu(tensors)?;
        let waiting = tensors.get(WAITING).map_or(Ok(Vec::new()), Tensor::to_vec1::<f64>)?;
        let weights = read_all(WEIGHTS, &self.vars, tensors)?;
        let moments = self.read_moments(MOMENTS, tensors);
        let copy = if tensors.keys().any(|name| name.starts_with(COPY)) {
            let weights = read_all(COPY_WEIGHTS, &self.vars, tensors)?;
            Some(WeightCopy { weights, moments: self.read_moments(COPY_MOMENTS, tensors) })
        } else {
            None
        };
        let device = self.vars.first().map_or(Device::Cpu, |(_, var)| var.device().clone());
        let scheduler = Scheduler::resume_waiting(autowu, &waiting, &device)?;
        if let Some(copy) = &copy {
            // Whether they fit the optimizers: loads them, and puts the present ones back.
            let present = self.moments()?;
            self.set_moments(&copy.moments)?;
            self.set_moments(&present)?;
        }
        self.set_moments(&moments)?;
        for ((_, var), value) in self.vars.iter().zip(&weights) {
            var.set(value)?;
        }
        self.copy = copy;
        self.scheduler = scheduler;
        self.restart();
        Ok(())
    }

    fn read_autowu(&self, tensors: &HashMap<String, Tensor>) -> Result<AutoWu> {
        let json =
            tensors.get(AUTOWU).ok_or_else(|| Error::Checkpoint(format!("it has no {AUTOWU}")))?;
        let autowu: AutoWu = serde_json::from_slice(&json.to_vec1::<u8>()?)
            .map_err(|e| Error::Checkpoint(e.to_string()))?;
        let (found, expected) = (autowu.config(), self.scheduler.autowu.config());
        if let Some(why) = budgets_differ(&autowu, &self.scheduler.autowu) {
            return Err(Error::Checkpoint(why));
        }
        if found != expected {
            return Err(Error::Checkpoint(format!(
                "it is of a run with another configuration: {found:?}, where this run has \
                 {expected:?}"
            )));
        }
        Ok(autowu)
    }

    /// One state per group; empty if they do not expose theirs.
    fn read_moments(&self, prefix: &str, tensors: &HashMap<String, Tensor>) -> Vec<State> {
        let groups = if self.access.is_some() { self.groups.len() } else { 0 };
        (0..groups).map(|group| part(&format!("{prefix}{group}."), tensors)).collect()
    }

    /// Loads every group's state; on an error all are as before.
    fn set_moments(&mut self, states: &[State]) -> Result<()> {
        let present = self.moments()?;
        let Some(access) = &self.access else { return Ok(()) };
        let loaded = self
            .groups
            .iter_mut()
            .zip(states)
            .try_for_each(|((optimizer, _), state)| (access.load)(optimizer, state));
        if loaded.is_err() {
            for ((optimizer, _), state) in self.groups.iter_mut().zip(&present) {
                (access.load)(optimizer, state)?;
            }
        }
        Ok(loaded?)
    }
}

/// Why a saved run does not fit one that is configured like it but for its budget.
fn budgets_differ(saved: &AutoWu, this: &AutoWu) -> Option<String> {
    let (built, wanted) = (saved.config().total_steps, this.config().total_steps);
    let mut same = *this.config();
    same.total_steps = built;
    if built == wanted || same != *saved.config() {
        return None;
    }
    let extended = match saved.total_steps() {
        total if total > built => format!(", extended to {total}"),
        _ => String::new(),
    };
    let call = match wanted > saved.total_steps() {
        true => format!(" and call extend({wanted}) after loading"),
        false => String::new(),
    };
    Some(format!(
        "it is of a run of {built} steps{extended}, this run has {wanted}: build it with \
         {built}{call}"
    ))
}

/// One tensor per variable, of its shape and type, on its device.
fn read_all(
    prefix: &str,
    vars: &[(String, Var)],
    tensors: &HashMap<String, Tensor>,
) -> Result<Vec<Tensor>> {
    if let Some(stray) = tensors
        .keys()
        .filter_map(|k| k.strip_prefix(prefix))
        .find(|k| vars.iter().all(|v| v.0 != *k))
    {
        return Err(Error::Checkpoint(format!(
            "it has the variable {stray:?}, which this run lacks"
        )));
    }
    vars.iter()
        .map(|(name, var)| {
            let found = tensors.get(&format!("{prefix}{name}")).ok_or_else(|| {
                Error::Checkpoint(format!("it lacks {prefix}{name}, which this run has"))
            })?;
            if found.shape() != var.shape() || found.dtype() != var.dtype() {
                return Err(Error::Checkpoint(format!(
                    "its {prefix}{name} is {:?} of {}, this run's {:?} of {}",
                    found.shape(),
                    found.dtype().as_str(),
                    var.shape(),
                    var.dtype().as_str()
                )));
            }
            Ok(found.to_device(var.device())?)
        })
        .collect()
}

/// The tensors whose names begin with `prefix`, without it.
fn part(prefix: &str, tensors: &HashMap<String, Tensor>) -> State {
    let named = tensors
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_string(), value.clone())));
    named.collect()
}
