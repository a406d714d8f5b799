//! A model around the model: tells the losses, and goes back to the best weights.

use crate::course::Source;
use crate::handle::{AutoWu, Shared};
use crate::train::best::{Best, Copies};
use autowu_core::Event;
use burn_core::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn_core::tensor::{Device, Tensor};
use burn_optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn_optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn_train::{InferenceStep, TrainOutput, TrainStep};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model whose weights, with the optimizer's state, go back to their best point when a climb
/// ends: [`AutoWu::model`].
///
/// Transparent: parameters have the names that they have in the model itself, so that checkpoints
/// of the one load into the other. [`into_inner`](Self::into_inner) gives the model back.
///
/// A copy of the best point lives in memory, once the model and once the optimizer's state; with
/// `rescue: None` only while the warmup lasts. burn's checkpoints have no place for it; see
/// [`AutoWu::keep_best_in`].
pub struct Scheduled<M: TrainStep> {
    inner: M,
    shared: Arc<Shared>,
    loss: fn(&M::Output) -> Tensor<1>,
    copies: Arc<Mutex<Copies<M>>>,
}

// Derived, it would ask for outputs that can be cloned.
impl<M: TrainStep + Clone> Clone for Scheduled<M> {
    fn clone(&self) -> Self {
        self.with(self.inner.clone())
    }
}

impl AutoWu {
    /// Wraps a model for burn's `Learner`. `loss` takes the loss out of the output of a training
    /// step: `autowu.model(model, |output| output.loss.clone())`.
    ///
    /// The loss is then told by the model, exactly and without delay;
    /// [`loss_metric`](Self::loss_metric) only shows it, and neither
    /// [`grads_accumulation`](Self::grads_accumulation) nor [`devices`](Self::devices) needs to be
    /// declared.
    pub fn model<M: TrainStep + Module + 'static>(
        &self,
        model: M,
        loss: fn(&M::Output) -> Tensor<1>,
    ) -> Scheduled<M> {
        self.shared.lock().source = Source::Loop;
        let copies = Arc::new(Mutex::new(Copies::default()));
        let held = copies.clone();
        self.shared.save_best_with(move |folder| lock(&held).save(folder));
        Scheduled { inner: model, shared: self.shared.clone(), loss, copies }
    }

    /// Says where the copy of the best weights is kept for a resume: beside burn's checkpoints,
    /// `training/checkpoint` for a training in `training`.
    ///
    /// Each checkpoint then comes with two files, `autowu-best-model-N.bpk` and
    /// `autowu-best-optim-N.bpk`, of which each start of the training leaves its last four
    /// pairs. A training that is resumed with them is the one that was not interrupted, also where
    /// weights go back to a point before the checkpoint. Without them the weights of the
    /// checkpoint take their place, which a warning says.
    #[must_use]
    pub fn keep_best_in(self, folder: impl Into<PathBuf>) -> Self {
        self.shared.lock().folder = Some(folder.into());
        self
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: TrainStep> Scheduled<M> {
    /// The model itself.
    pub fn into_inner(self) -> M {
        self.inner
    }

    /// The same run around another state of the model.
    fn with(&self, inner: M) -> Self {
        Scheduled {
            inner,
            shared: self.shared.clone(),
            loss: self.loss,
            copies: self.copies.clone(),
        }
    }

    fn map_inner(self, change: impl FnOnce(M) -> M) -> Self {
        Scheduled { inner: change(self.inner), ..self }
    }
}

impl<M: TrainStep + Module> Scheduled<M> {
    /// One update, unless the scheduler says to go back.
    fn update(
        self,
        optim: &mut ModuleOptimizer,
        optimize: impl FnOnce(M, &mut ModuleOptimizer) -> M,
    ) -> Self {
        let present = |step| Best::new(step, &self.inner, optim);
        let mut copies = lock(&self.copies);
        if let Some((step, folder)) = self.shared.lock().resumed_best.take() {
            copies.take_up(step, folder.as_deref(), present);
        }
        // What goes wrong here is kept by the run: the loss metric stops the training with it.
        match self.shared.close().unwrap_or(None) {
            Some(Event::Snapshot { step, .. }) => copies.best = Some(present(step)),
            Some(Event::Restore { .. }) => {
                if let Some(best) = &copies.best {
                    let model;
                    (model, *optim) = best.back();
                    drop(copies);
                    return self.map_inner(|_| model);
                }
            }
            Some(Event::Decay { .. } | Event::Diverged { .. })
                if !self.shared.lock().core.may_restore() =>
            {
                copies.best = None
            }
            _ => {}
        }
        self.shared.lock().best = copies.best.as_ref().map(|best| best.step);
        drop(copies);
        self.map_inner(|model| optimize(model, optim))
    }
}

impl<M: TrainStep + Module> TrainStep for Scheduled<M> {
    type Input = M::Input;
    type Output = M::Output;

    fn step(&self, item: M::Input) -> TrainOutput<M::Output> {
        let output = self.inner.step(item);
        self.shared.tell(&(self.loss)(&output.item));
        output
    }

    fn optimize(
        self,
        optim: &mut ModuleOptimizer,
        lr: ModuleLearningRate,
        grads: GradientsParams,
    ) -> Self {
        self.update(optim, |model, optim| model.optimize(optim, lr, grads))
    }

    fn optimize_multi(
        self,
        optim: &mut ModuleOptimizer,
        lr: ModuleLearningRate,
        grads: MultiGradientsParams,
    ) -> Self {
        self.update(optim, |model, optim| model.optimize_multi(optim, lr, grads))
    }
}

impl<M: TrainStep + InferenceStep> InferenceStep for Scheduled<M> {
    type Input = <M as InferenceStep>::Input;
    type Output = <M as InferenceStep>::Output;

    fn step(&self, item: Self::Input) -> Self::Output {
        InferenceStep::step(&self.inner, item)
    }
}

impl<M: TrainStep + Module> Module for Scheduled<M> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.inner.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.map_inner(|model| model.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.map_inner(|model| model.to_device(device))
    }

    fn train(self) -> Self {
        self.map_inner(M::train)
    }

    fn valid(&self) -> Self {
        self.with(self.inner.valid())
    }

    fn materialize(self) -> Self {
        self.map_inner(M::materialize)
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        self.inner.visit(visitor);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        self.map_inner(|model| model.map(mapper))
    }
}

impl<M: TrainStep + fmt::Debug> fmt::Debug for Scheduled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<M: TrainStep + fmt::Display> fmt::Display for Scheduled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
