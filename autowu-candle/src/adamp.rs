//! AdamP (Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha 2021: "AdamP: Slowing Down the Slowdown for Momentum
//! Optimizers on Scale-invariant Weights", Algorithm 2).

use crate::moments::{self, require};
use crate::optimizer::{StatefulOptimizer, UpdateRule};
use candle_core::{Result, Tensor};

/// Parameters of [`AdamP`]. The defaults are those of the authors' code.
///
/// A minor release before 1.0 may add fields: write `..Default::default()`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamsAdamP {
    /// Learning rate η, per step.
    pub lr: f64,
    /// Decay of the first moment per step, β₁.
    pub beta1: f64,
    /// Decay of the second moment per step, β₂.
    pub beta2: f64,
    /// ε: keeps the divisions by the second moment's root and by norms finite.
    pub eps: f64,
    /// Weight decay λ, decoupled: each step takes η λ of the weights (η λ · `wd_ratio` where the
    /// step is projected).
    pub weight_decay: f64,
    /// δ: weights count as scale-invariant when `|cos(w, g)| < δ/√dim`. 0 never projects.
    pub delta: f64,
    /// The part of the weight decay that scale-invariant weights get.
    pub wd_ratio: f64,
    /// Nesterov's look-ahead: `β₁m + (1 − β₁)g` in place of `m`.
    pub nesterov: bool,
}

impl Default for ParamsAdamP {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            delta: 0.1,
            wd_ratio: 0.1,
            nesterov: false,
        }
    }
}

/// Adam's step `p = m̂/(√v̂ + ε)`, less its radial part where the weights are scale-invariant: `w ←
/// (1 − ηλκ)w − ηΠ(p)`.
///
/// Weights before a normalisation layer have gradients at right angles to themselves; momentum
/// makes them grow all the same, and a growing norm shrinks the effective step. So, for variables
/// of two dimensions or more,
///
/// - if `maxᵢ |cos(wᵢ, gᵢ)| < δ/√dim(wᵢ)` over the channels `wᵢ = w[i, …]`: `Π(p)ᵢ = pᵢ −
///   (ŵᵢ·pᵢ)ŵᵢ`, with `ŵ = w/(‖w‖ + ε)`;
/// - else if `|cos(w, g)| < δ/√dim(w)` over the whole variable: `Π(p) = p − (ŵ·p)ŵ`;
/// - else, and for vectors and scalars: `Π(p) = p`.
///
/// κ is `wd_ratio` where the step is projected, else 1. The test is evaluated on the device: no
/// read-back.
///
/// ```
/// use autowu_candle::{AdamP, ParamsAdamP};
///
/// let vars = candle_nn::VarMap::new();
/// let params = ParamsAdamP { weight_decay: 1e-2, ..Default::default() };
/// let optimizer = AdamP::from_varmap(&vars, params)?;
/// # Ok::<(), candle_core::Error>(())
/// ```
pub type AdamP = StatefulOptimizer<ParamsAdamP, 2>;

impl UpdateRule<2> for ParamsAdamP {
    const SLOTS: [&'static str; 2] = moments::SLOTS;

    fn learning_rate(&self) -> f64 {
        self.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn check(&self) -> Result<()> {
        moments::check(self.lr, self.beta1, self.beta2, self.eps, self.weight_decay)?;
        let delta = self.delta >= 0.0 && self.delta.is_finite();
        require(delta, "delta", self.delta, "be a finite number, at least 0; the paper uses 0.1")?;
        require(
            (0.0..=1.0).contains(&self.wd_ratio),
            "wd_ratio",
            self.wd_ratio,
            "lie in [0, 1]; the paper uses 0.1",
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
        let denominator =
            moments::denominator(&v, moments::bias_correction(self.beta2, step), self.eps)?;
        let p = if self.nesterov {
            (((&m * self.beta1)? + (g * (1.0 - self.beta1))?)? / denominator)?
        } else {
            (&m / denominator)?
        };
        let size = self.lr / moments::bias_correction(self.beta1, step);
        let decay = self.lr * self.weight_decay;
        let (p, w) = if w.rank() < 2 {
            (p, (w * (1.0 - decay))?)
        } else {
            let (p, projected) = self.project(w, g, &p)?;
            // 1 − ηλκ, with κ chosen on the device
            let keep = projected.affine(decay * (1.0 - self.wd_ratio), 1.0 - decay)?;
            (p, w.broadcast_mul(&keep)?)
        };
        Ok(((w - (p * size)?)?, [m, v]))
    }
}

impl ParamsAdamP {
    /// `(Π(p), whether it was projected: 1 or 0)`.
    ///
    /// With the channels as rows, every quantity of both tests and both projections comes from four
    /// sums per row.
    fn project(&self, w: &Tensor, g: &Tensor, p: &Tensor) -> Result<(Tensor, Tensor)> {
        let (rows_w, rows_g, rows_p) = (w.flatten_from(1)?, g.flatten_from(1)?, p.flatten_from(1)?);
        let row_sums = |a: &Tensor, b: &Tensor| (a * b)?.sum_keepdim(1);
        let wg = row_sums(&rows_w, &rows_g)?;
        let wp = row_sums(&rows_w, &rows_p)?;
        let ww = row_sums(&rows_w, &rows_w)?;
        let gg = row_sums(&rows_g, &rows_g)?;
        let rows = ww.shape();

        let cosine = |wg: &Tensor, ww: &Tensor, gg: &Tensor| {
            wg.abs()? / (ww.sqrt()?.maximum(self.eps)? * gg.sqrt()?.maximum(self.eps)?)?
        };
        let below = |cosine: &Tensor, dim: usize| cosine.lt(self.delta / (dim as f64).sqrt());
        let by_channel = below(&cosine(&wg, &ww, &gg)?.max_all()?, rows_w.dim(1)?)?;
        let layer = cosine(&wg.sum_all()?, &ww.sum_all()?, &gg.sum_all()?)?;
        let by_layer = below(&layer, w.elem_count())?;

        // (ŵ·p)ŵ = w (w·p)/(‖w‖ + ε)²; two divisions, because ε² may underflow.
        let radial = |wp: &Tensor, ww: &Tensor| {
            let norm = (ww.sqrt()? + self.eps)?;
            (wp / &norm)? / &norm
        };
        let nothing = ww.zeros_like()?;
        let layer = radial(&wp.sum_all()?, &ww.sum_all()?)?.broadcast_as(rows)?;
        let coefficient = by_layer.broadcast_as(rows)?.where_cond(&layer, &nothing)?;
        let coefficient =
            by_channel.broadcast_as(rows)?.where_cond(&radial(&wp, &ww)?, &coefficient)?;
        let p = (rows_p - rows_w.broadcast_mul(&coefficient)?)?.reshape(w.shape())?;
        Ok((p, by_channel.maximum(&by_layer)?.to_dtype(w.dtype())?))
    }
}
