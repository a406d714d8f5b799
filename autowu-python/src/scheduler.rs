//! The class `AutoWU`.

use crate::caught::caught;
use crate::options;
use crate::outcome::Outcome;
use autowu_core::{AutoWu, Backlog, ConfigError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The learning rate of every step of one run, from the losses of the steps before.
///
/// `total_steps` are the optimizer updates of the whole run. `preset` is "default", "paper" (the
/// rule of the method's authors; needs `steps_per_epoch`) or "micro". `can_restore=False` is for a
/// trainer that cannot put its weights back: a detection then ends the warmup. `seed` decides which
/// losses a vote sees. The package's README lists the other options.
///
/// Raises `ValueError` for a configuration that breaks a rule, `TypeError` for an unknown option.
///
/// A step is one optimizer update. Tell its loss before the update:
///
///     s = autowu.AutoWU(1000)
///     for step in range(1000):
///         lr = s.lr
///         loss, gradient = ...
///         r = s.step(loss)
///         if r.event == "snapshot":
///             kept = copy.deepcopy(weights)
///         if r.event == "restore":
///             weights = copy.deepcopy(kept)
///         elif not r.skips_update:
///             weights -= lr * gradient
#[pyclass(frozen, module = "autowu")]
pub struct AutoWU {
    run: Mutex<AutoWu>,
}

impl AutoWU {
    /// The run, when no other thread uses it; the interpreter is free while this one waits.
    fn run(&self, py: Python<'_>) -> MutexGuard<'_, AutoWu> {
        // Changes are made to a clone or are complete, so a panic leaves nothing half done.
        self.run.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `change` to a clone, so that a panic changes nothing. Where a test is due, other
    /// Python threads run meanwhile; elsewhere letting go would take longer than the change.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        is_long: impl FnOnce(&AutoWu) -> bool,
        change: impl FnOnce(&mut AutoWu) -> T + Send,
    ) -> PyResult<T> {
        let mut run = self.run(py);
        let mut next = run.clone();
        let is_long = is_long(&next);
        let work = || caught(|| change(&mut next));
        let outcome = if is_long { py.detach(work) } else { work() }?;
        *run = next;
        Ok(outcome)
    }
}

#[pymethods]
impl AutoWU {
    #[new]
    #[pyo3(signature = (total_steps, *, preset="default", can_restore=true, seed=0, **options))]
    fn new(
        total_steps: &Bound<'_, PyAny>,
        preset: &str,
        can_restore: bool,
        seed: u64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let config = options::config(total_steps, preset, can_restore, seed, options)?;
        let run = AutoWu::new(config).map_err(|why| match why {
            // core's remedy is a type parameter
            ConfigError::Capacity { capacity, needed } => value_error(format!(
                "a test asks for {needed} losses, the history holds {capacity}: lower \
                 fit_samples, test_samples or min_samples"
            )),
            why => value_error(why),
        })?;
        Ok(AutoWU { run: Mutex::new(run) })
    }

    /// The learning rate of the next step. Between tests it does not depend on the losses.
    #[getter]
    fn lr(&self, py: Python<'_>) -> f64 {
        self.run(py).lr()
    }

    /// Steps done.
    #[getter]
    fn steps(&self, py: Python<'_>) -> u64 {
        self.run(py).steps()
    }

    /// Steps of the whole run.
    #[getter]
    fn total_steps(&self, py: Python<'_>) -> u64 {
        self.run(py).total_steps()
    }

    /// "warmup" or "decay".
    #[getter]
    fn phase(&self, py: Python<'_>) -> &'static str {
        self.run(py).phase().name()
    }

    /// Updates that were reported as not having happened.
    #[getter]
    fn skipped(&self, py: Python<'_>) -> u64 {
        self.run(py).skipped()
    }

    /// Whether the losses of the present climb look smoothed, or told several times: such losses
    /// make early false ends. The loss of a full batch, which has no noise, looks the same and needs
    /// nothing.
    #[getter]
    fn looks_smoothed(&self, py: Python<'_>) -> bool {
        self.run(py).looks_smoothed()
    }

    /// Tests made so far.
    #[getter]
    fn tests(&self, py: Python<'_>) -> u64 {
        self.run(py).tests()
    }

    /// Whether a detection puts the trainer's weights back.
    #[getter]
    fn can_restore(&self, py: Python<'_>) -> bool {
        self.run(py).config().response.can_restore()
    }

    /// Whether the trainer's copy may still be asked for. `False` before the first copy.
    #[getter]
    fn may_restore(&self, py: Python<'_>) -> bool {
        self.run(py).may_restore()
    }

    /// Steps until a finite loss can change the course, at least 1; `None` in a decay that nothing
    /// watches.
    #[getter]
    fn steps_until_due(&self, py: Python<'_>) -> Option<u64> {
        self.run(py).steps_until_due()
    }

    /// The learning rate `ahead` steps after the next, if no test and no loss changes the course
    /// until then.
    fn lr_ahead(&self, py: Python<'_>, ahead: u64) -> f64 {
        self.run(py).lr_ahead(ahead)
    }

    /// Losses that may wait unread from now on, the next included, before `step_all` must be told
    /// them: min(`steps_until_due`, `room`), 64 where nothing is due.
    #[pyo3(signature = (room=Backlog::ROOM))]
    fn window(&self, py: Python<'_>, room: usize) -> usize {
        Backlog::new(room).window(self.run(py).steps_until_due())
    }

    /// Takes the loss of the next step, any number, and says what follows.
    fn step(&self, py: Python<'_>, loss: f64) -> PyResult<Outcome> {
        let is_long = |run: &AutoWu| run.steps_until_due() == Some(1);
        Ok(self.change(py, is_long, |run| run.step(loss))?.into())
    }

    /// `step` for losses that waited, in order. After one that changes the course, later ones are
    /// counted and ignored: they were measured on the old course.
    fn step_all(&self, py: Python<'_>, losses: Vec<f64>) -> PyResult<Outcome> {
        Ok(self.change(py, |_| true, |run| run.step_slice(&losses))?.into())
    }

    /// No update happened in this step (an overflow in mixed precision, say), and its loss is not
    /// told: neither learning rate nor budget moves.
    fn skip(&self, py: Python<'_>) {
        self.run(py).skip();
    }

    /// Gives the run `total_steps` steps in all. It may be finished, or loaded.
    ///
    /// Raises `ValueError` for fewer steps than the run has, or has done; nothing changes.
    fn extend(&self, py: Python<'_>, total_steps: u64) -> PyResult<()> {
        self.change(py, |_| false, |run| run.extend(total_steps))?.map_err(value_error)
    }

    /// 64 bits that differ when two runs differ: ranks can compare them.
    fn digest(&self, py: Python<'_>) -> u64 {
        self.run(py).digest()
    }

    /// The whole run as plain Python values: dicts, lists, strings, whole numbers. A number with a
    /// fraction is its shortest decimal text, so that every format keeps its bits.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let run = self.run(py).clone();
        Ok(pythonize::pythonize(py, &run)?)
    }

    /// The run that `state_dict` saved, configuration included.
    ///
    /// Raises `ValueError` for a state that no run has; nothing changes.
    fn load_state_dict(&self, py: Python<'_>, state_dict: &Bound<'_, PyAny>) -> PyResult<()> {
        let run = loaded(state_dict)?;
        *self.run(py) = run;
        Ok(())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let state = slf.get().state_dict(py)?;
        (slf.get_type().getattr("_from_state_dict")?, (state,)).into_pyobject(py)
    }

    /// For pickle and copy.
    #[staticmethod]
    fn _from_state_dict(state_dict: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(AutoWU { run: Mutex::new(loaded(state_dict)?) })
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let run = self.run(py);
        format!(
            "AutoWU(step {} of {}, {}, lr={:e})",
            run.steps(),
            run.total_steps(),
            run.phase().name(),
            run.lr()
        )
    }
}

fn value_error(why: impl Display) -> PyErr {
    PyValueError::new_err(why.to_string())
}

fn loaded(state_dict: &Bound<'_, PyAny>) -> PyResult<AutoWu> {
    pythonize::depythonize(state_dict).map_err(value_error)
}
