//! Shared pieces of the tests: the golden traces.

pub mod golden;
