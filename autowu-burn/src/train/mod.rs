//! AutoWU in burn's own trainer.

mod copies;
mod loss_metric;
mod model;
mod status_metrics;

pub use loss_metric::LossMetric;
pub use model::Scheduled;
pub use status_metrics::{PhaseMetric, ProbabilityMetric};
