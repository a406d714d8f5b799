//! [`LossMetric`]: burn's own, which also feeds the scheduler.

use crate::feed::Batch;
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

impl LossMetric {
    /// The metric of a run, which feeds it from now on unless somebody does already.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.lock().use_metric();
        LossMetric { inner: BurnLossMetric::new(), shared, id: fresh(), training: false }
    }
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
