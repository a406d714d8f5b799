//! [`Scheduled`]: a model around the model, which feeds its losses and goes back to the copy.

use super::copies::{Copies, ModelCopy};
use crate::shared::Shared;
use autowu_core::Event;
use burn_core::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn_core::tensor::{Device, Tensor};
use burn_optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn_optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn_train::{InferenceStep, TrainOutput, TrainStep};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model whose weights, with the optimizer's state, go back to their best point when a climb
/// ends: [`AutoWu::model`](crate::AutoWu::model).
///
/// Transparent: parameters keep their names, so that checkpoints of the wrapped model load into the
/// plain one and back. [`into_inner`](Self::into_inner) returns the model.
///
/// Holds a copy of the model and of the optimizer's state in memory; with
/// [`Config::without_rescue`](autowu_core::Config::without_rescue) only during the warmup. burn's
/// checkpoints have no place for it: see [`AutoWu::keep_copy_in`](crate::AutoWu::keep_copy_in).
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: TrainStep + Module + 'static> Scheduled<M> {
    /// A model that feeds the run from now on.
    pub(crate) fn new(inner: M, loss: fn(&M::Output) -> Tensor<1>, shared: Arc<Shared>) -> Self {
        shared.lock().use_loop();
        let copies = Arc::new(Mutex::new(Copies::default()));
        let held = copies.clone();
        shared.trainer().save_copy_with(move |folder| lock(&held).save(folder));
        Scheduled { inner, shared, loss, copies }
    }
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
    /// One update, unless the weights go back.
    fn update(
        self,
        optim: &mut ModuleOptimizer,
        optimize: impl FnOnce(M, &mut ModuleOptimizer) -> M,
    ) -> Self {
        let present = |step| ModelCopy::new(step, &self.inner, optim);
        let mut copies = lock(&self.copies);
        let resumed = {
            let run = self.shared.lock();
            run.copy().on_disk().map(|step| (step, run.copy().folder().map(Path::to_path_buf)))
        };
        if let Some((step, folder)) = resumed {
            copies.resume(step, folder.as_deref(), present);
            self.shared.lock().copy_mut().set(Some(step));
        }
        // The run remembers what goes wrong here: the loss metric stops the training with it.
        let event = self.shared.lock().close().unwrap_or(None);
        let mut restored = None;
        match event {
            Some(Event::Snapshot { step, .. }) => copies.keep(present(step)),
            Some(Event::Restore { .. }) => restored = copies.get().map(ModelCopy::back),
            _ => {}
        }
        if event.is_some_and(|event| event.frees_copy()) {
            copies.free();
        }
        self.shared.lock().copy_mut().set(copies.get().map(ModelCopy::step));
        drop(copies);
        match restored {
            Some((model, state)) => {
                *optim = state;
                self.map_inner(|_| model)
            }
            None if event.is_some_and(|event| event.skips_update()) => self,
            None => self.map_inner(|model| optimize(model, optim)),
        }
    }
}

impl<M: TrainStep + Module> TrainStep for Scheduled<M> {
    type Input = M::Input;
    type Output = M::Output;

    fn step(&self, item: M::Input) -> TrainOutput<M::Output> {
        let output = self.inner.step(item);
        self.shared.lock().tell(&(self.loss)(&output.item));
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
