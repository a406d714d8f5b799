//! [`LossMetric`]: burn's own, which also feeds the scheduler.

use crate::feed::Batch;
use crate::handle::AutoWu;
use crate::misuse::Misuse;
use crate::shared::Shared;
use burn_core::tensor::TensorReadError;
use burn_std::ExecutionError;
use burn_train::metric::{
    LossInput, LossMetric as BurnLossMetric, Metric, MetricAttributes, MetricMetadata, MetricName,
    Numeric, NumericEntry, SerializedEntry,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// burn's loss metric, same name, same numbers; the scheduler decides by its training losses.
///
/// Validation losses are only shown. burn gives a metric the learning rate in the training split
/// alone, which tells the splits apart.
#[must_use = "register it with metric_train_numeric or metrics, or no losses are received"]
pub struct LossMetric {
    inner: BurnLossMetric,
    shared: Arc<Shared>,
    /// Tells the copies apart: `metrics` registers one for each split, and only one may feed.
    id: u64,
    /// Whether the present split is the training split.
    training: bool,
}

fn fresh() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

impl Clone for LossMetric {
    fn clone(&self) -> Self {
        LossMetric {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            id: fresh(),
            training: self.training,
        }
    }
}

impl AutoWu {
    /// The metric that stands in place of `LossMetric::new()`. Register it for the training split,
    /// once.
    pub fn loss_metric(&self) -> LossMetric {
        self.shared.lock().use_metric();
        LossMetric {
            inner: BurnLossMetric::new(),
            shared: self.shared.clone(),
            id: fresh(),
            training: false,
        }
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
}

/// burn's trainer stops with the error of a metric and shows it.
fn stop(misuse: Misuse) -> TensorReadError {
    ExecutionError::with_context(format!("AutoWU: {misuse}")).into()
}

impl Metric for LossMetric {
    type Input = LossInput;

    fn name(&self) -> MetricName {
        self.inner.name()
    }

    fn description(&self) -> Option<String> {
        self.inner.description()
    }

    fn attributes(&self) -> MetricAttributes {
        self.inner.attributes()
    }

    fn update(
        &mut self,
        item: &LossInput,
        metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let entry = self.inner.update(item, metadata);
        self.training = metadata.lr.is_some();
        let fed = self.shared.change(|run| {
            if self.training {
                // A loss that cannot be read must not let the scheduler wait for it.
                let read = entry.is_ok().then(|| self.inner.value()).flatten();
                let batch = Batch {
                    loss: read.map_or(f64::NAN, |entry| entry.current()),
                    last: metadata.progress.is_completed(),
                    iteration: metadata.iteration,
                };
                run.push(self.id, batch);
            }
            run.misuse().cloned().map_or(Ok(()), Err)
        });
        let entry = entry?;
        fed.map_err(stop)?;
        Ok(entry)
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        self.inner.compute()
    }

    /// The end of an epoch.
    fn clear(&mut self) {
        self.inner.clear();
        if std::mem::take(&mut self.training) {
            self.shared.change(|run| run.end_epoch(self.id));
        }
    }
}

impl Numeric for LossMetric {
    fn value(&self) -> Option<NumericEntry> {
        self.inner.value()
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.inner.running_value()
    }

    fn final_value(&self) -> NumericEntry {
        self.inner.final_value()
    }
}
