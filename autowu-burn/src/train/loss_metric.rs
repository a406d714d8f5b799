//! The loss metric: burn's own, which also tells the scheduler.

use crate::course::{Course, Source};
use crate::handle::{AutoWu, Shared};
use crate::misuse::Misuse;
use burn_core::tensor::TensorReadError;
use burn_std::ExecutionError;
use burn_train::metric::{
    LossInput, LossMetric as BurnLossMetric, Metric, MetricAttributes, MetricMetadata, MetricName,
    Numeric, NumericEntry, SerializedEntry,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// burn's loss metric, same name, same numbers; its training losses are also what the scheduler
/// decides by.
///
/// Validation losses are shown and not used: burn tells a metric the learning rate only in the
/// training split.
#[must_use = "register it with metric_train_numeric or metrics, or the scheduler never hears of a loss"]
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
    /// The metric that stands where `LossMetric::new()` stood. Register it for the training split,
    /// once.
    pub fn loss_metric(&self) -> LossMetric {
        let mut course = self.shared.lock();
        if course.source == Source::Unknown {
            course.source = Source::Metric;
        }
        LossMetric {
            inner: BurnLossMetric::new(),
            shared: self.shared.clone(),
            id: fresh(),
            training: false,
        }
    }
}

impl LossMetric {
    /// Tells the loss of a batch.
    fn feed(
        &self,
        course: &mut Course,
        loss: f64,
        metadata: &MetricMetadata,
    ) -> Result<(), Misuse> {
        if course.batches.fresh() {
            // burn counts iterations by one; where each device has a worker, every worker counts by
            // the number of devices.
            let devices = course.batches.devices;
            course.batches.workers =
                devices > 1 && metadata.iteration.is_some_and(|i| i.is_multiple_of(devices));
        }
        let last = metadata.progress.is_completed();
        if course.source == Source::Metric {
            if *course.feeder.get_or_insert(self.id) != self.id {
                course.misused(Misuse::TwoMetrics);
            } else if let Some(loss) = course.batches.push(loss, last) {
                course.arrive(loss);
            }
        }
        course.misuse.clone().map_or(Ok(()), Err)
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
        let fed = self.shared.news(|course| {
            if self.training {
                // A loss that cannot be read must not let the scheduler wait for it.
                let read = entry.is_ok().then(|| self.inner.value()).flatten();
                let loss = read.map_or(f64::NAN, |entry| entry.current());
                self.feed(course, loss, metadata)
            } else {
                course.misuse.clone().map_or(Ok(()), Err)
            }
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
            self.shared.news(|course| {
                if course.feeder == Some(self.id) {
                    course.end_epoch();
                }
            });
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
