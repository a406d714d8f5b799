//! Shared pieces of the tests: the golden traces, the oracles, made configurations and loss curves, the
//! laws of the kernels.

pub mod configs;
pub mod curves;
pub mod effort;
pub mod golden;
pub mod kernels;
pub mod wide;
pub mod wide_gp;
