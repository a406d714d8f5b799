//! AdamW: Adam with decoupled weight decay (Loshchilov, Hutter 2019, Algorithm 2).

use crate::moments;
use crate::optimizer::{StatefulOptimizer, UpdateRule};
use candle_core::{Result, Tensor};

/// Parameters of [`AdamW`]; candle-nn's `ParamsAdamW` has the same fields and defaults.
///
/// A minor release before 1.0 may add fields: write `..Default::default()`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamsAdamW {
    /// Learning rate η, per step.
    pub lr: f64,
    /// Decay of the first moment per step, β₁.
    pub beta1: f64,
    /// Decay of the second moment per step, β₂.
    pub beta2: f64,
    /// ε, in units of the gradient: keeps the division by the second moment's root finite.
    pub eps: f64,
    /// Weight decay λ: each step takes η λ of the weights.
    pub weight_decay: f64,
}

impl Default for ParamsAdamW {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// `w ← (1 − ηλ)w − η m̂/(√v̂ + ε)`, with Adam's bias-corrected moments `m̂` and `v̂`.
///
/// The numbers are those of candle-nn's AdamW; but that one hides its moments.
///
/// ```
/// use autowu_candle::{AdamW, ParamsAdamW};
///
/// let vars = candle_nn::VarMap::new();
/// let optimizer = AdamW::from_varmap(&vars, ParamsAdamW { beta2: 0.95, ..Default::default() })?;
/// # Ok::<(), candle_core::Error>(())
/// ```
pub type AdamW = StatefulOptimizer<ParamsAdamW, 2>;

impl UpdateRule<2> for ParamsAdamW {
    const SLOTS: [&'static str; 2] = moments::SLOTS;

    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn check(&self) -> Result<()> {
        moments::check(self.lr, self.beta1, self.beta2, self.eps, self.weight_decay)
    }

    fn update(
        &self,
        step: u64,
        w: &Tensor,
        g: &Tensor,
        slots: &[Tensor; 2],
    ) -> Result<(Tensor, [Tensor; 2])> {
        let [m, v] = moments::update(slots, g, self.beta1, self.beta2)?;
        let denominator =
            moments::denominator(&v, moments::bias_correction(self.beta2, step), self.eps)?;
        let size = self.lr / moments::bias_correction(self.beta1, step);
        let w = ((w * (1.0 - self.lr * self.weight_decay))? - ((&m / denominator)? * size)?)?;
        Ok((w, [m, v]))
    }
}
