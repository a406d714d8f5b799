//! [`AutoWu`] in burn's own trainer: its metrics and its model.

use crate::handle::AutoWu;
use crate::train::{LossMetric, PhaseMetric, ProbabilityMetric, Scheduled};
use burn_core::module::Module;
use burn_core::tensor::Tensor;
use burn_train::TrainStep;
use std::path::PathBuf;

impl AutoWu {
    /// The metric that stands in place of `LossMetric::new()`. Register it for the training split,
    /// once.
    pub fn loss_metric(&self) -> LossMetric {
        LossMetric::new(self.shared.clone())
    }

    /// Declares what `SupervisedTraining::grads_accumulation` was given: batches to an update. 0
    /// counts as 1.
    ///
    /// Only the loss metric needs it; the [`model`](Self::model) and [`observe`](Self::observe)
    /// count updates themselves.
    #[must_use]
    pub fn grads_accumulation(self, batches: usize) -> Self {
        self.shared.lock().grouping_mut().accumulation = batches.max(1);
        self
    }

    /// Declares over how many devices the trainer spreads each pass (`MultiDevice`,
    /// `DistributedDataParallel`). 0 counts as 1.
    ///
    /// Only the loss metric needs it.
    #[must_use]
    pub fn devices(self, devices: usize) -> Self {
        self.shared.lock().grouping_mut().devices = devices.max(1);
        self
    }

    /// Wraps a model for burn's `Learner`. `loss` takes the loss out of the output of a training
    /// step: `autowu.model(model, |output| output.loss.clone())`.
    ///
    /// The model then feeds the scheduler, exactly and without delay;
    /// [`loss_metric`](Self::loss_metric) only shows the loss. Neither
    /// [`grads_accumulation`](Self::grads_accumulation) nor [`devices`](Self::devices) has to be
    /// declared.
    pub fn model<M: TrainStep + Module + 'static>(
        &self,
        model: M,
        loss: fn(&M::Output) -> Tensor<1>,
    ) -> Scheduled<M> {
        Scheduled::new(model, loss, self.shared.clone())
    }

    /// Where to write the copy of the weights, so that a resumed training can go back to it: beside
    /// burn's checkpoints, `training/checkpoint` for a training in `training`.
    ///
    /// Each checkpoint then comes with two files, `autowu-copy-model-N.bpk` and
    /// `autowu-copy-optim-N.bpk`; the last four pairs of each start stay. A training that is
    /// resumed with them is the uninterrupted one, also where weights go back to a point before the
    /// checkpoint. Without them the checkpoint's own weights take their place, with a warning.
    #[must_use]
    pub fn keep_copy_in(self, folder: impl Into<PathBuf>) -> Self {
        self.shared.lock().copy_mut().set_folder(folder.into());
        self
    }

    /// A text metric: the phase, and the last decision with its reason.
    pub fn phase_metric(&self) -> PhaseMetric {
        PhaseMetric::new(self.shared.clone())
    }

    /// A numeric metric: the probability that the loss has passed its minimum. The learning rate
    /// itself is burn's `LearningRateMetric`.
    pub fn probability_metric(&self) -> ProbabilityMetric {
        ProbabilityMetric::new(self.shared.clone())
    }
}
