//! The copy of the best weights, in memory and beside burn's checkpoints.

use burn_core::module::Module;
use burn_core::store::ModuleRecord;
use burn_optim::ModuleOptimizer;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Copies that stay on disk: burn keeps two checkpoints and the best one by default, and one may be
/// half written.
const KEPT: usize = 4;

/// A model and the state of its optimizer, after `step` updates.
pub(crate) struct Best<M> {
    pub step: u64,
    pub model: M,
    pub optim: ModuleOptimizer,
}

/// The best point of a run.
pub(crate) struct Copies<M> {
    pub best: Option<Best<M>>,
    /// Steps of the copies on disk.
    saved: Vec<u64>,
}

impl<M> Default for Copies<M> {
    fn default() -> Self {
        Copies { best: None, saved: Vec::new() }
    }
}

fn paths(folder: &Path, step: u64) -> [PathBuf; 2] {
    ["model", "optim"].map(|part| folder.join(format!("autowu-best-{part}-{step}.bpk")))
}

impl<M: Module> Copies<M> {
    /// Writes the copy, if it is not there, and removes those of checkpoints that are long past.
    pub fn save(&mut self, folder: &Path) -> Result<(), String> {
        let Some(best) = self.best.as_ref().filter(|best| self.saved.last() != Some(&best.step))
        else {
            return Ok(());
        };
        std::fs::create_dir_all(folder).map_err(|e| at(folder, e))?;
        let [model, optim] = paths(folder, best.step);
        best.model.clone().into_record().save(&model).map_err(|e| at(&model, e))?;
        best.optim.save(&optim).map_err(|e| at(&optim, e))?;
        self.saved.push(best.step);
        while self.saved.len() > KEPT {
            for path in paths(folder, self.saved.remove(0)) {
                std::fs::remove_file(&path).map_err(|e| at(&path, e))?;
            }
        }
        Ok(())
    }

    /// After a resume: the copy that the run made after `step` updates or, if it is not there, the
    /// `present` point.
    pub fn take_up(&mut self, step: u64, folder: Option<&Path>, present: impl Fn(u64) -> Best<M>) {
        let kept = match folder {
            Some(folder) => Best::load(folder, step, present(step)),
            None => Err("AutoWu::keep_best_in does not say where it is".into()),
        };
        self.best = Some(kept.unwrap_or_else(|why| {
            log::warn!(
                "AutoWU: the copy of the best weights, made after step {step}, could not be read ({why}): the \
                 checkpoint's own weights take its place"
            );
            present(step)
        }));
        self.saved = vec![step];
    }
}

impl<M: Module> Best<M> {
    pub fn new(step: u64, model: &M, optim: &ModuleOptimizer) -> Self {
        Best { step, model: own(model), optim: optim.clone() }
    }

    /// Model and optimizer as they were.
    pub fn back(&self) -> (M, ModuleOptimizer) {
        (own(&self.model), self.optim.clone())
    }

    /// What [`Copies::save`] wrote, in the form of `like`.
    fn load(folder: &Path, step: u64, like: Self) -> Result<Self, String> {
        let [model, optim] = paths(folder, step);
        let record = ModuleRecord::load(&model).map_err(|e| at(&model, e))?;
        Ok(Best {
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
        let folder = std::env::temp_dir().join(format!("autowu-burn-best-{}", std::process::id()));
        let weight = Param::from_tensor(Tensor::<1>::zeros([1], &Device::default()));
        let optim = SgdConfig::new().init();
        let mut copies = Copies::default();
        for last in 1..=6 {
            copies.best = Some(Best::new(last, &weight, &optim));
            copies.save(&folder)?;
            let there = |step| paths(&folder, step).iter().all(|path| path.exists());
            let kept: Vec<u64> = (1..=6).filter(|&step| there(step)).collect();
            assert_eq!(kept, (last.saturating_sub(3).max(1)..=last).collect::<Vec<_>>());
        }
        std::fs::remove_dir_all(&folder).map_err(|e| at(&folder, e))
    }
}
