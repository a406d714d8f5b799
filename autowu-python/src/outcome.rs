//! [`Outcome`]: what a step returns.

use autowu_core as core;
use pyo3::prelude::*;

/// What `AutoWU.step` returns.
#[pyclass(frozen, module = "autowu")]
pub struct Outcome {
    outcome: core::Outcome<f64>,
}

impl From<core::Outcome<f64>> for Outcome {
    fn from(outcome: core::Outcome<f64>) -> Self {
        Outcome { outcome }
    }
}

#[pymethods]
impl Outcome {
    /// The learning rate of the next step.
    #[getter]
    fn lr(&self) -> f64 {
        self.outcome.lr
    }

    /// What the trainer has to do or to know, in one word; `None` where there is nothing.
    #[getter]
    fn event(&self) -> Option<&'static str> {
        self.outcome.event.map(|event| event.kind())
    }

    /// The event in one sentence for people; `None` without an event.
    #[getter]
    fn message(&self) -> Option<String> {
        self.outcome.event.map(|event| event.to_string())
    }

    /// Whether to make no update in this step: the weights were put back, or the loss is not finite.
    #[getter]
    fn skips_update(&self) -> bool {
        self.outcome.event.is_some_and(|event| event.skips_update())
    }

    /// Whether the trainer's copy is never asked for again: its memory can be freed.
    #[getter]
    fn frees_copy(&self) -> bool {
        self.outcome.event.is_some_and(|event| event.frees_copy())
    }

    /// The probability that the loss is past its minimum, median of the votes, if this step made a
    /// test that voted.
    #[getter]
    fn probability(&self) -> Option<f64> {
        let votes = &self.outcome.report.as_ref()?.votes;
        let mut probabilities: Vec<f64> = votes.iter().map(|vote| vote.probability).collect();
        probabilities.sort_by(f64::total_cmp);
        probabilities.get(probabilities.len() / 2).copied()
    }

    /// Everything that the test of this step saw, as a dict; `None` if no test was due.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let report = self.outcome.report.as_ref();
        Ok(report.map(|report| pythonize::pythonize(py, report)).transpose()?)
    }

    fn __repr__(&self) -> String {
        let quoted = |text: String| format!("{text:?}");
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "None".to_string());
        format!(
            "Outcome(lr={:?}, event={}, message={})",
            self.lr(),
            or_none(self.event().map(|word| quoted(word.to_string()))),
            or_none(self.message().map(quoted)),
        )
    }
}
