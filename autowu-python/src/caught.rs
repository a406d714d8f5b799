//! Panics are bugs of this library. One that happens becomes `RuntimeError`, which `except
//! Exception` catches, and not pyo3's `PanicException`, which it does not.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `body` returns, or `RuntimeError` with the panic's message.
pub fn caught<T>(body: impl FnOnce() -> T) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let said = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(said), _) => said,
            (_, Some(said)) => said.as_str(),
            _ => "no message",
        };
        PyRuntimeError::new_err(format!(
            "a bug in autowu: {said}. The scheduler is as it was before this call; please report it"
        ))
    })
}

/// For the tests: what a panic looks like from Python.
#[pyfunction]
pub fn _panic() -> PyResult<()> {
    caught(panic_on_purpose)
}

#[allow(clippy::panic)] // its only purpose
fn panic_on_purpose() {
    panic!("asked for by a test")
}
