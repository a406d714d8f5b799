//! LAMB (You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer, Hsieh 2020: "Large Batch
//! Optimization for Deep Learning: Training BERT in 76 Minutes", Algorithm 2).

use crate::moments::{self, require};
use crate::optimizer::{StatefulOptimizer, UpdateRule};
use candle_core::{Result, Tensor};

/// Parameters of [`Lamb`].
///
/// A minor release before 1.0 may add fields: write `..Default::default()`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamsLamb {
    /// Learning rate η: the length of a step relative to the norm of the variable.
    pub lr: f64,
    /// Decay of the first moment per step, β₁.
    pub beta1: f64,
    /// Decay of the second moment per step, β₂.
    pub beta2: f64,
    /// ε, in units of the gradient: keeps the division by the second moment's root finite. The
    /// paper: 1e-6.
    pub eps: f64,
    /// Weight decay λ: λw is added to the step before its norm is taken. The paper: 0.01.
    pub weight_decay: f64,
    /// Divide the moments by `1 − βᵗ`. The paper's Algorithm 2 does; some implementations leave it
    /// to a warmup.
    pub bias_correction: bool,
    /// γ_l of `φ(z) = min(max(z, γ_l), γ_u)`, the clamp of the weights' norm (paper section 3). 0
    /// for none, the default.
    pub min_norm: f64,
    /// γ_u of `φ`. Infinite for none, the default; 10 in some implementations.
    pub max_norm: f64,
    /// Upper limit of the trust ratio: infinite for none, the default and the paper; 1 is known as
    /// LAMBC.
    pub max_trust: f64,
}

impl Default for ParamsLamb {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-6,
            weight_decay: 0.01,
            bias_correction: true,
            min_norm: 0.0,
            max_norm: f64::INFINITY,
            max_trust: f64::INFINITY,
        }
    }
}

/// `w ← w − η (φ(‖w‖)/‖u‖) u` with `u = m̂/(√v̂ + ε) + λw`: Adam's step, scaled to each variable's
/// norm.
///
/// The trust ratio `φ(‖w‖)/‖u‖` is 1 where either norm is 0, as in every implementation: weights
/// that start at zero could not leave it otherwise. It is computed on the device: no read-back.
///
/// Every variable is scaled and decayed. Trainers who leave biases and normalisation layers out, as
/// the paper's BERT does, give those to an [`AdamW`](crate::AdamW) without weight decay. Gradients
/// are not clipped; clip them before the step if you want to.
///
/// ```
/// use autowu_candle::{Lamb, ParamsLamb};
///
/// let vars = candle_nn::VarMap::new();
/// let optimizer = Lamb::from_varmap(&vars, ParamsLamb { max_trust: 10.0, ..Default::default() })?;
/// # Ok::<(), candle_core::Error>(())
/// ```
pub type Lamb = StatefulOptimizer<ParamsLamb, 2>;

impl UpdateRule<2> for ParamsLamb {
    const SLOTS: [&'static str; 2] = moments::SLOTS;

    fn peak_factor(&self) -> f64 {
        0.5
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn check(&self) -> Result<()> {
        moments::check(self.lr, self.beta1, self.beta2, self.eps, self.weight_decay)?;
        let min = self.min_norm >= 0.0 && self.min_norm.is_finite();
        require(min, "min_norm", self.min_norm, "be a finite number, at least 0; 0 for no limit")?;
        let limit = "be above 0 and at least min_norm; f64::INFINITY for no limit";
        require(
            self.max_norm > 0.0 && self.max_norm >= self.min_norm,
            "max_norm",
            self.max_norm,
            limit,
        )?;
        require(
            self.max_trust > 0.0,
            "max_trust",
            self.max_trust,
            "be above 0; f64::INFINITY for no limit",
        )
    }

    fn update(
        &self,
        step: u64,
        w: &Tensor,
        g: &Tensor,
        slots: &[Tensor; 2],
    ) -> Result<(Tensor, [Tensor; 2])> {
        let [m, v] = moments::update(slots, g, self.beta1, self.beta2)?;
        let (c1, c2) = if self.bias_correction {
            (moments::bias_correction(self.beta1, step), moments::bias_correction(self.beta2, step))
        } else {
            (1.0, 1.0)
        };
        let adam = ((&m / moments::denominator(&v, c2, self.eps)?)? * (1.0 / c1))?;
        let u = if self.weight_decay > 0.0 { (adam + (w * self.weight_decay)?)? } else { adam };
        let scale = (self.trust_ratio(w, &u)? * self.lr)?;
        Ok(((w - u.broadcast_mul(&scale)?)?, [m, v]))
    }
}

impl ParamsLamb {
    /// `φ(‖w‖)/‖u‖`; 1 where either is 0.
    fn trust_ratio(&self, w: &Tensor, u: &Tensor) -> Result<Tensor> {
        let norm = |x: &Tensor| x.sqr()?.sum_all()?.sqrt();
        let mut phi = norm(w)?;
        if self.min_norm > 0.0 {
            phi = phi.maximum(self.min_norm)?;
        }
        if self.max_norm.is_finite() {
            phi = phi.minimum(self.max_norm)?;
        }
        let size = norm(u)?;
        let both = (phi.gt(0.0)? * size.gt(0.0)?)?;
        let ratio = both.where_cond(&(phi / &size)?, &size.ones_like()?)?;
        if self.max_trust.is_finite() { ratio.minimum(self.max_trust) } else { Ok(ratio) }
    }
}
