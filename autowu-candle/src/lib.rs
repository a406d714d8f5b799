//! AutoWU.

mod adamp;
mod adamw;
mod lamb;
mod moments;
mod optimizer;
mod sgdm;
mod state;

pub use adamp::{AdamP, ParamsAdamP};
pub use adamw::{AdamW, ParamsAdamW};
pub use lamb::{Lamb, ParamsLamb};
pub use optimizer::{StatefulOptimizer, UpdateRule};
pub use sgdm::{ParamsSgdm, Sgdm};
pub use state::OptimizerState;
