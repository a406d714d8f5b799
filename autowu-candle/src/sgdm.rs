//! SGD with momentum, which candle-nn's SGD does not have.

use crate::moments::{check_common, require};
use crate::optimizer::{StatefulOptimizer, UpdateRule};
use candle_core::{Result, Tensor};

/// Parameters of [`Sgdm`].
///
/// A minor release before 1.0 may add fields: write `..Default::default()`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamsSgdm {
    /// Learning rate η, per step.
    pub lr: f64,
    /// Momentum μ, in [0, 1): the part of the velocity that is left after a step.
    pub momentum: f64,
    /// Weight decay λ: λw is added to the gradient.
    pub weight_decay: f64,
    /// Look one step ahead: move by `g + μv` in place of `v`.
    pub nesterov: bool,
}

impl Default for ParamsSgdm {
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.9, weight_decay: 0.0, nesterov: false }
    }
}

/// `v ← μv + g + λw`, `w ← w − ηv`: PyTorch's convention, with the learning rate outside the
/// velocity.
///
/// A change of the learning rate thus acts at once on the whole step. (Sutskever et al. 2013 have
/// it inside, so that a schedule reaches the weights late.) No dampening.
///
/// ```
/// use autowu_candle::{Sgdm, ParamsSgdm};
///
/// let vars = candle_nn::VarMap::new();
/// let optimizer = Sgdm::from_varmap(&vars, ParamsSgdm { nesterov: true, ..Default::default() })?;
/// # Ok::<(), candle_core::Error>(())
/// ```
pub type Sgdm = StatefulOptimizer<ParamsSgdm, 1>;

impl UpdateRule<1> for ParamsSgdm {
    const SLOTS: [&'static str; 1] = ["velocity"];

    /// 2 without momentum.
    fn peak_factor(&self) -> f64 {
        if self.momentum > 0.0 { 1.0 } else { 2.0 }
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn check(&self) -> Result<()> {
        check_common(self.lr, self.weight_decay)?;
        require(
            (0.0..1.0).contains(&self.momentum),
            "momentum",
            self.momentum,
            "lie in [0, 1); 0.9 is usual",
        )
    }

    fn update(
        &self,
        _step: u64,
        w: &Tensor,
        g: &Tensor,
        [v]: &[Tensor; 1],
    ) -> Result<(Tensor, [Tensor; 1])> {
        let g = if self.weight_decay > 0.0 { (g + (w * self.weight_decay)?)? } else { g.clone() };
        let v = ((v * self.momentum)? + &g)?;
        let direction = if self.nesterov { (g + (&v * self.momentum)?)? } else { v.clone() };
        Ok(((w - (direction * self.lr)?)?, [v]))
    }
}
