//! Shared pieces of the tests: the golden traces, the oracles, what rounding allows, made loss
//! curves.

pub mod curves;
pub mod dense;
pub mod effort;
pub mod golden;
pub mod tolerance;
pub mod wide;
pub mod wide_gp;
