//! The copy of the weights to go back to.

use crate::state::State;
use candle_core::{Result, Tensor, Var};

/// Weights and optimizer states as they were at the last snapshot.
#[derive(Debug)]
pub(crate) struct WeightCopy {
    /// In the order of the variables.
    pub weights: Vec<Tensor>,
    /// One per group; none where the optimizers do not expose theirs.
    pub moments: Vec<State>,
}

impl WeightCopy {
    /// The variables as they are now, with `moments`: as much memory as they are.
    pub fn of(vars: &[(String, Var)], moments: Vec<State>) -> Result<Self> {
        let copy = |(_, var): &(String, Var)| var.as_detached_tensor().copy();
        Ok(WeightCopy { weights: vars.iter().map(copy).collect::<Result<_>>()?, moments })
    }

    /// Puts the weights back.
    pub fn restore(&self, vars: &[(String, Var)]) -> Result<()> {
        self.weights.iter().zip(vars).try_for_each(|(weight, (_, var))| var.set(weight))
    }
}
