//! [`Copies`]: the copy of the weights, in memory and beside burn's checkpoints.

use burn_core::module::Module;
use burn_core::store::ModuleRecord;
use burn_optim::ModuleOptimizer;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Copies that stay on disk: burn keeps two checkpoints and the best one by default, and one may be
/// half written.
const ON_DISK: usize = 4;

/// A model and the state of its optimizer, after `step` updates. Shares nothing with the training.
pub(crate) struct ModelCopy<M> {
    step: u64,
    model: M,
    optim: ModuleOptimizer,
}

/// The copy that a run can go back to, and the files of the last ones.
pub(crate) struct Copies<M> {
    copy: Option<ModelCopy<M>>,
    /// Steps of the copies on disk.
    on_disk: Vec<u64>,
}

impl<M> Default for Copies<M> {
    fn default() -> Self {
        Copies { copy: None, on_disk: Vec::new() }
    }
}

fn paths(folder: &Path, step: u64) -> [PathBuf; 2] {
    ["model", "optim"].map(|part| folder.join(format!("autowu-copy-{part}-{step}.bpk")))
}

impl<M: Module> Copies<M> {
    /// Puts a copy in the place of the last.
    pub fn keep(&mut self, copy: ModelCopy<M>) {
        self.copy = Some(copy);
    }

    /// Frees the copy.
    pub fn free(&mut self) {
        self.copy = None;
    }

    pub fn get(&self) -> Option<&ModelCopy<M>> {
        self.copy.as_ref()
    }

    /// Writes the copy, if it is not there yet, and removes the files of all but the last four.
    pub fn save(&mut self, folder: &Path) -> Result<(), String> {
        let unsaved = |copy: &&ModelCopy<M>| self.on_disk.last() != Some(&copy.step);
        let Some(copy) = self.copy.as_ref().filter(unsaved) else { return Ok(()) };
        std::fs::create_dir_all(folder).map_err(|e| at(folder, e))?;
        let [model, optim] = paths(folder, copy.step);
        copy.model.clone().into_record().save(&model).map_err(|e| at(&model, e))?;
        copy.optim.save(&optim).map_err(|e| at(&optim, e))?;
        self.on_disk.push(copy.step);
        while self.on_disk.len() > ON_DISK {
            for path in paths(folder, self.on_disk.remove(0)) {
                std::fs::remove_file(&path).map_err(|e| at(&path, e))?;
            }
        }
        Ok(())
    }

    /// After a resume: the copy that the run made after `step` updates or, if it cannot be read,
    /// the `present` point in its place.
    pub fn resume(
        &mut self,
        step: u64,
        folder: Option<&Path>,
        present: impl Fn(u64) -> ModelCopy<M>,
    ) {
        let read = match folder {
            Some(folder) => ModelCopy::load(folder, step, present(step)),
            None => Err("AutoWU::keep_copy_in does not say where it is".into()),
        };
        self.copy = Some(read.unwrap_or_else(|why| {
            log::warn!(
                "AutoWU: the copy of the weights, made after step {step}, could not be read \
                 ({why}): the checkpoint's own weights take its place"
            );
            present(step)
        }));
        self.on_disk = vec![step];
    }
}

impl<M: Module> ModelCopy<M> {
    pub fn new(step: u64, model: &M, optim: &ModuleOptimizer) -> Self {
        ModelCopy { step, model: own(model), optim: optim.clone() }
    }

    /// Updates done when it was made.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Model and optimizer as they were.
    pub fn back(&self) -> (M, ModuleOptimizer) {
        (own(&self.model), self.optim.clone())
    }

    /// What [`Copies::save`] wrote, in the form of `like`.
    fn load(folder: &Path, step: u64, like: Self) -> Result<Self, String> {
        let [model, optim] = paths(folder, step);
        let record = ModuleRecord::load(&model).map_err(|e| at(&model, e))?;
        Ok(ModelCopy {
            step,
            model: like.model.try_load_record(record).map_err(|e| at(&model, e))?,
            optim: like.optim.load(&optim).map_err(|e| at(&optim, e))?,
        })
    }
}

/// A copy that shares nothing. A clone shares the running statistics of normalisations with its
/// original, so that they would go on with the training; `train` makes them its own, and leaves all
/// else of a model in training as it is.
fn own<M: Module>(model: &M) -> M {
    model.clone().train()
}

fn at(path: &Path, error: impl Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_core::module::Param;
    use burn_core::tensor::{Device, Tensor};
    use burn_optim::SgdConfig;

    #[test]
    fn the_last_four_copies_stay_on_disk() -> Result<(), String> {
        let folder = std::env::temp_dir().join(format!("autowu-burn-copy-{}", std::process::id()));
        let weight = Param::from_tensor(Tensor::<1>::zeros([1], &Device::default()));
        let optim = SgdConfig::new().init();
        let mut copies = Copies::default();
        for last in 1..=6 {
            copies.keep(ModelCopy::new(last, &weight, &optim));
            copies.save(&folder)?;
            let there = |step| paths(&folder, step).iter().all(|path| path.exists());
            let there: Vec<u64> = (1..=6).filter(|&step| there(step)).collect();
            assert_eq!(there, (last.saturating_sub(3).max(1)..=last).collect::<Vec<_>>());
        }
        std::fs::remove_dir_all(&folder).map_err(|e| at(&folder, e))
    }
}
