//! Simulated climbs whose minimum is known, to measure the detector.

pub mod cells;
pub mod climb;
pub mod curves;
pub mod rules;
pub mod table;
