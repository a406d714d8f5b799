//! Lines of text, for logs: one for every epoch, and one for each decision of AutoWU.

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

/// A renderer for burn's trainer.
#[derive(Default)]
pub struct Plain {
    metrics: Vec<(MetricId, String)>,
    epochs: usize,
    /// What AutoWU said last.
    said: String,
    /// The epoch's metrics, of the training and of the test set.
    train: Vec<String>,
    test: Vec<String>,
}

impl Plain {
    fn name(&self, id: &MetricId) -> &str {
        self.metrics.iter().find(|(known, _)| known == id).map_or("", |(_, name)| name)
    }

    /// Name and value of an epoch's final number.
    fn result(&self, state: &MetricState) -> Option<String> {
        let MetricState::Numeric(entry, Some(NumericEntry::Final(value))) = state else {
            return None;
        };
        let name = self.name(&entry.metric_id);
        Some(if value.abs() < 0.01 {
            format!("{name} {value:.2e}")
        } else {
            format!("{name} {value:.4}")
        })
    }
}

impl MetricsRendererTraining for Plain {
    fn update_train(&mut self, state: MetricState) {
        if let MetricState::Generic(entry) = &state
            && entry.serialized_entry.formatted != self.said
        {
            self.said = entry.serialized_entry.formatted.clone();
            println!("{}: {}", self.name(&entry.metric_id), self.said);
        }
        self.train.extend(self.result(&state));
    }

    fn update_valid(&mut self, state: MetricState) {
        self.test.extend(self.result(&state));
    }
}

impl TrainingProgressLogger for Plain {
    fn start(&mut self, total_epochs: usize, _: usize, _: Option<usize>, _: Option<&str>) {
        self.epochs = total_epochs;
    }

    fn update_epoch(&mut self, epoch: usize) {
        let (train, test) = (self.train.join(", "), self.test.join(", "));
        println!("epoch {epoch:2}/{}  training: {train}  test: {test}", self.epochs);
        self.train.clear();
        self.test.clear();
    }

    fn start_split(&mut self, _: &str, _: usize) {}
    fn update_split(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _: String) {}
}

impl MetricsRenderer for Plain {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.metrics.push((definition.metric_id, definition.name.to_string()));
    }
}

/// burn's renderers also show evaluations; there is none here.
impl MetricsRendererEvaluation for Plain {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl EvaluationProgressLogger for Plain {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}
