//! AutoWU in burn's own trainer.

mod best;
mod loss_metric;
mod model;
mod status;

pub use loss_metric::LossMetric;
pub use model::Scheduled;
pub use status::{PhaseMetric, ProbabilityMetric};
