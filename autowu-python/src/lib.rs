//! The extension `autowu._core`: core's scheduler as a Python class.
//!
//! In reading order: `given` reads keyword arguments, `options` makes a configuration from them,
//! `scheduler` is the class, `outcome` is what a step returns, `caught` turns a panic into an
//! exception.

mod caught;
mod given;
mod options;
mod outcome;
mod scheduler;

use pyo3::prelude::*;

/// The scheduler in Rust; import it from `autowu`.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::caught::_panic;
    #[pymodule_export]
    use crate::outcome::Outcome;
    #[pymodule_export]
    use crate::scheduler::AutoWU;
}
