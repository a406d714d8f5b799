//! Save a run at any step, and go on with it bit for bit.

use crate::error::{Error, Result};
use crate::scheduled::{Scheduled, State};
use crate::scheduler::Scheduler;
use autowu_core::AutoWu;
use candle_core::{Device, Tensor, Var};
use candle_nn::Optimizer;
use std::collections::HashMap;
use std::path::Path;

// Names in the file. What follows the prefix is a group's number and a name of the optimizer's.
const AUTOWU: &str = "autowu.json";
const WAITING: &str = "autowu.waiting";
const WEIGHTS: &str = "weights.";
const SNAPSHOT: &str = "snapshot.";
const MOMENTS: &str = "moments.";
const KEPT: &str = "kept.";

impl<O: Optimizer> Scheduled<O> {
    /// Writes the whole run as one safetensors file: scheduler, variables, optimizer states, and
    /// the snapshot to go back to.
    ///
    /// A file that is there is replaced only once the new one is whole. With
    /// [`weights_only`](Self::weights_only) the optimizer's state is not in it.
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
    /// the same, bit for bit.
    ///
    /// # Errors
    /// A file that is missing, cut, or of a run with another configuration, other variables or
    /// other optimizers: what was found and what was expected. The run is as before.
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
        let waiting = self.scheduler.losses.read()?;
        if !waiting.is_empty() {
            tensors.insert(WAITING.into(), Tensor::new(waiting, &Device::Cpu)?);
        }
        for (name, var) in self.snapshot.vars() {
            tensors.insert(format!("{WEIGHTS}{name}"), var.as_detached_tensor());
        }
        for (copy, (name, _)) in
            self.snapshot.copies().unwrap_or_default().iter().zip(self.snapshot.vars())
        {
            tensors.insert(format!("{SNAPSHOT}{name}"), copy.clone());
        }
        let mut add = |prefix: &str, group: usize, state: State| {
            tensors.extend(
                state.into_iter().map(|(name, value)| (format!("{prefix}{group}.{name}"), value)),
            );
        };
        if let Some(reach) = &self.reach {
            for (group, (optimizer, _)) in self.groups.iter().enumerate() {
                add(MOMENTS, group, (reach.save)(optimizer)?);
            }
        }
        for (group, state) in self.kept.iter().enumerate() {
            add(KEPT, group, state.clone());
        }
        Ok(tensors)
    }

    fn set_tensors(&mut self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        // Everything is read and checked first, then put in place.
        let autowu = self.read_autowu(tensors)?;
        let waiting = tensors.get(WAITING).map_or(Ok(Vec::new()), Tensor::to_vec1::<f64>)?;
        let weights = read_all(WEIGHTS, self.snapshot.vars(), tensors)?;
        let kept_weights = match tensors.keys().any(|name| name.starts_with(SNAPSHOT)) {
            true => Some(read_all(SNAPSHOT, self.snapshot.vars(), tensors)?),
            false => None,
        };
        let device =
            self.snapshot.vars().first().map_or(Device::Cpu, |(_, var)| var.device().clone());
        let scheduler = Scheduler::resume_waiting(autowu, &waiting, &device)?;
        let groups = || 0..self.groups.len();
        let moments: Vec<State> =
            groups().map(|group| part(&format!("{MOMENTS}{group}."), tensors)).collect();
        let kept: Vec<State> = match tensors.keys().any(|name| name.starts_with(KEPT)) {
            true => groups().map(|group| part(&format!("{KEPT}{group}."), tensors)).collect(),
            false => Vec::new(),
        };
        self.check_moments(&kept)?;
        if self.reach.is_some() {
            self.set_moments(&moments)?;
        }
        for ((_, var), value) in self.snapshot.vars().iter().zip(&weights) {
            var.set(value)?;
        }
        self.snapshot.set_copies(kept_weights);
        self.kept = kept;
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
        if found != expected {
            return Err(Error::Checkpoint(format!(
                "it is of a run with another configuration: {found:?}, where this run has {expected:?}"
            )));
        }
        Ok(autowu)
    }

    /// Whether the states kept at the snapshot fit the optimizers: loads them and puts the present
    /// ones back.
    fn check_moments(&mut self, kept: &[State]) -> Result<()> {
        if let Some(reach) = &self.reach
            && !kept.is_empty()
        {
            let present = self
                .groups
                .iter()
                .map(|(o, _)| (reach.save)(o))
                .collect::<candle_core::Result<Vec<_>>>()?;
            self.set_moments(kept)?;
            self.set_moments(&present)?;
        }
        Ok(())
    }

    /// Loads every group's state; on an error all are as before.
    fn set_moments(&mut self, states: &[State]) -> Result<()> {
        let Some(reach) = &self.reach else { return Ok(()) };
        let present = self
            .groups
            .iter()
            .map(|(o, _)| (reach.save)(o))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let loaded = self
            .groups
            .iter_mut()
            .zip(states)
            .try_for_each(|((optimizer, _), state)| (reach.load)(optimizer, state));
        if loaded.is_err() {
            for ((optimizer, _), state) in self.groups.iter_mut().zip(&present) {
                (reach.load)(optimizer, state)?;
            }
        }
        Ok(loaded?)
    }
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
