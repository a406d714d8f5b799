//! What the scheduler is doing, in burn's dashboard and logs.

use crate::shared::Shared;
use burn_core::tensor::TensorReadError;
use burn_train::metric::{
    Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry, format_float,
};
use std::sync::Arc;

/// Where the run is and why, in words: for `metric_train`.
#[derive(Clone)]
pub struct PhaseMetric {
    shared: Arc<Shared>,
}

/// The probability that the loss has passed its minimum, by the last test: for
/// `metric_train_numeric`.
///
/// The median over the test's votes of `max_i Φ((mean_m − mean_i)/√Var[f_i − f_m])` (paper eq. 4);
/// 0 before the first test.
#[derive(Clone)]
pub struct ProbabilityMetric {
    shared: Arc<Shared>,
    now: f64,
}

impl PhaseMetric {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        PhaseMetric { shared }
    }

    fn entry(&self) -> SerializedEntry {
        let sentence = self.shared.lock().sentence();
        SerializedEntry::new(sentence.clone(), sentence)
    }
}

impl Metric for PhaseMetric {
    type Input = ();

    fn name(&self) -> MetricName {
        Arc::new("AutoWU".into())
    }

    fn description(&self) -> Option<String> {
        Some("where the learning-rate schedule is, and why".into())
    }

    fn update(&mut self, _: &(), _: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.entry())
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.entry())
    }

    fn clear(&mut self) {}
}

impl ProbabilityMetric {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        ProbabilityMetric { shared, now: 0.0 }
    }

    fn entry(&self) -> SerializedEntry {
        SerializedEntry::new(format_float(self.now, 3), NumericEntry::Value(self.now).serialize())
    }
}

impl Metric for ProbabilityMetric {
    type Input = ();

    fn name(&self) -> MetricName {
        Arc::new("Past Minimum".into())
    }

    fn description(&self) -> Option<String> {
        Some("probability that the training loss has passed its minimum".into())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: false }.into()
    }

    fn update(&mut self, _: &(), _: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        self.now = self.shared.lock().probability().unwrap_or(0.0);
        Ok(self.entry())
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.entry())
    }

    fn clear(&mut self) {}
}

impl Numeric for ProbabilityMetric {
    fn value(&self) -> Option<NumericEntry> {
        Some(NumericEntry::Value(self.now))
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.value()
    }

    fn final_value(&self) -> NumericEntry {
        NumericEntry::Final(self.now)
    }
}
