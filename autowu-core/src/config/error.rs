//! Why a configuration was refused: the value, the limit and the remedy.

use core::fmt;

/// Why a configuration was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field lies outside its limits.
    OutOfRange {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it must do: "lie in (0, 1]".
        limits: &'static str,
        /// A value that works.
        remedy: &'static str,
    },
    /// `max_lr` is not a finite number above `min_lr`.
    MaxLr {
        /// The first learning rate.
        min_lr: f64,
        /// The largest learning rate.
        max_lr: f64,
    },
    /// `floor_lr` is not in [0, `min_lr`].
    FloorLr {
        /// The learning rate at the end.
        floor_lr: f64,
        /// The first learning rate.
        min_lr: f64,
    },
    /// `length_scale` is too short for the number of features.
    LengthScaleTooShort {
        /// The length-scale.
        length_scale: f64,
        /// The error of its kernel.
        error: f64,
        /// The largest error allowed.
        limit: f64,
    },
    /// The history holds fewer losses than a test asks for.
    Capacity {
        /// Losses that the history holds exactly.
        capacity: usize,
        /// Losses that a test asks for.
        needed: usize,
    },
    /// A learning rate that is not normal in the run's precision, or a ratio that is not finite.
    Precision {
        /// The first learning rate.
        min_lr: f64,
        /// The largest learning rate.
        max_lr: f64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ConfigError as E;
        match *self {
            E::OutOfRange { field, value, limits, remedy } => {
                write!(f, "{field} is {value}: it must {limits}; {remedy}")
            }
            E::MaxLr { min_lr, max_lr } => write!(
                f,
                "max_lr is {max_lr}: it must be finite and above min_lr = {min_lr}; 1.0 suits most \
                 networks"
            ),
            E::FloorLr { floor_lr, min_lr } => write!(
                f,
                "floor_lr is {floor_lr}: it must lie in [0, min_lr = {min_lr}]; 0 decays to nothing"
            ),
            E::LengthScaleTooShort { length_scale, error, limit } => write!(
                f,
                "length_scale is {length_scale}: its kernel would be off by {error:.1e}, the limit \
                 is {limit:.0e}; use 0.17 or more (the paper uses 0.2)"
            ),
            E::Capacity { capacity, needed } => write!(
                f,
                "the history holds {capacity} losses, a test asks for {needed}: use AutoWu<T, N> \
                 with N ≥ {needed}, or lower fit_samples, test_samples or min_samples"
            ),
            E::Precision { min_lr, max_lr } => write!(
                f,
                "min_lr = {min_lr}, max_lr = {max_lr} or their ratio is not a normal number in the \
                 run's precision: use f64, or stay in 1e-18 … 1e18"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

/// `Ok` if `holds`; else the field that is out of range.
fn require(
    holds: bool,
    field: &'static str,
    value: f64,
    limits: &'static str,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::OutOfRange { field, value, limits, remedy }) }
}

pub(crate) fn positive(
    field: &'static str,
    x: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    require(x > 0.0 && x.is_finite(), field, x, "be a finite number above 0", remedy)
}

pub(crate) fn fraction(
    field: &'static str,
    x: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    require(x > 0.0 && x <= 1.0, field, x, "lie in (0, 1]", remedy)
}

pub(crate) fn probability(
    field: &'static str,
    x: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    require(x > 0.5 && x < 1.0, field, x, "lie in (0.5, 1)", remedy)
}

pub(crate) fn growth(field: &'static str, x: f64, remedy: &'static str) -> Result<(), ConfigError> {
    require(x > 1.0 && x.is_finite(), field, x, "be finite and above 1", remedy)
}

pub(crate) fn at_least_one(
    field: &'static str,
    x: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    require(x >= 1.0 && x.is_finite(), field, x, "be at least 1", remedy)
}

/// 0 or a whole number in `least..=most`, which `limits` says.
pub(crate) fn count(
    field: &'static str,
    n: u32,
    range: core::ops::RangeInclusive<u32>,
    limits: &'static str,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    require(range.contains(&n), field, f64::from(n), limits, remedy)
}
