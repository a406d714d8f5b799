//! Keyword arguments by name, each of its type.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt};

/// Every option but those that the class names itself.
const NAMES: [&str; 38] = [
    "steps_per_epoch",
    "min_lr",
    "max_lr",
    "floor_lr",
    "decay",
    "decay_fraction",
    "past_end",
    "fraction",
    "min_steps",
    "scout",
    "scout_fraction",
    "scout_min_steps",
    "scout_below",
    "scout_growth",
    "curve",
    "interval",
    "patience",
    "length_scale",
    "fit_samples",
    "test_samples",
    "subset_fraction",
    "min_samples",
    "votes",
    "standardise",
    "noise_groups",
    "clip",
    "confidence",
    "descent",
    "overshoot",
    "peak",
    "peak_factor",
    "fallback",
    "non_finite",
    "skips",
    "back_steps",
    "slowdown",
    "rescue",
    "guard",
];

/// The options that were given.
pub struct Given<'a, 'py>(pub Option<&'a Bound<'py, PyDict>>);

impl<'py> Given<'_, 'py> {
    pub fn get(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.map_or(Ok(None), |options| options.get_item(name))
    }

    pub fn refuse_unknown(&self) -> PyResult<()> {
        for name in self.0.iter().flat_map(|options| options.keys()) {
            let name: String = name.extract()?;
            if !NAMES.contains(&name.as_str()) {
                let known = NAMES.join(", ");
                let said = format!("AutoWU has no option {name}: it knows {known}");
                return Err(PyTypeError::new_err(said));
            }
        }
        Ok(())
    }

    pub fn number(&self, name: &str) -> PyResult<Option<f64>> {
        self.get(name)?.map(|value| number(name, &value)).transpose()
    }

    pub fn count(&self, name: &str) -> PyResult<Option<u64>> {
        self.get(name)?.map(|value| whole(name, &value)).transpose()
    }

    pub fn small(&self, name: &str) -> PyResult<Option<u32>> {
        self.get(name)?.map(|value| small(name, &value)).transpose()
    }

    pub fn switch(&self, name: &str) -> PyResult<Option<bool>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let wrong = || wrong_type(name, &value, "True or False");
        Ok(Some(value.cast::<PyBool>().map_err(|_| wrong())?.is_true()))
    }

    pub fn word(&self, name: &str) -> PyResult<Option<String>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        value.extract().map(Some).map_err(|_| wrong_type(name, &value, "a word in quotes"))
    }

    /// `Some(None)` where `None` was given.
    pub fn number_or_none(&self, name: &str) -> PyResult<Option<Option<f64>>> {
        match self.get(name)? {
            Some(value) if value.is_none() => Ok(Some(None)),
            Some(value) => number(name, &value).map(|x| Some(Some(x))),
            None => Ok(None),
        }
    }
}

/// `ValueError`.
pub fn refuse<T>(why: &str) -> PyResult<T> {
    Err(PyValueError::new_err(why.to_string()))
}

/// `ValueError` that names the words there are.
pub fn not_one_of(name: &str, word: &str, words: &[&str]) -> PyErr {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    PyValueError::new_err(format!("{name} is {word:?}: it must be one of {}", words.join(", ")))
}

fn wrong_type(name: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyErr {
    PyTypeError::new_err(format!("{name} is {value:?}: it must be {expected}"))
}

/// `TypeError` for what is not a number.
pub fn number(name: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().map_err(|_| wrong_type(name, value, "a number"))
}

/// A whole number that fits 64 bits; `bool` is not one.
pub fn whole(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(n) = value.extract::<u64>()
        && !value.is_instance_of::<PyBool>()
    {
        return Ok(n);
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        let most = u64::MAX;
        let said = format!("{name} is {value}: it must be a whole number from 0 to {most}");
        return Err(PyValueError::new_err(said));
    }
    Err(wrong_type(name, value, "a whole number"))
}

/// One that fits 32 bits.
pub fn small(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    let n = whole(name, value)?;
    let most = u32::MAX;
    n.try_into().map_err(|_| {
        PyValueError::new_err(format!("{name} is {n}: it must be a whole number from 0 to {most}"))
    })
}
