//! AdamP (Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha 2021: "AdamP: Slowing Down the Slowdown for Momentum
//! Optimizers on Scale-invariant Weights", Algorithm 2).

use burn_core as burn;
use burn_core::config::Config;
use burn_core::tensor::{Bool, Device, Tensor};
use burn_optim::grad_clipping::GradientClippingConfig;
use burn_optim::{LearningRate, ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource};

/// Configuration of [`AdamP`]. The defaults are those of the authors' code.
///
/// ```
/// use autowu_burn::AdamPConfig;
/// let mut optimizer = AdamPConfig::new().with_weight_decay(1e-2).init();
/// ```
#[derive(Config, Debug)]
pub struct AdamPConfig {
    /// Decay of the first moment per step, β₁.
    #[config(default = 0.9)]
    beta_1: f64,
    /// Decay of the second moment per step, β₂.
    #[config(default = 0.999)]
    beta_2: f64,
    /// ε: keeps the divisions by the second moment's root and by norms finite.
    #[config(default = 1e-8)]
    epsilon: f64,
    /// Weight decay λ, decoupled: a step takes `lr · λ` of the weights (`lr · λ · wd_ratio` where
    /// it is projected).
    #[config(default = 0.0)]
    weight_decay: f64,
    /// δ: weights count as scale-invariant when `|cos(w, g)| < δ/√dim`. 0 never projects.
    #[config(default = 0.1)]
    delta: f64,
    /// The part of the weight decay that scale-invariant weights get.
    #[config(default = 0.1)]
    wd_ratio: f64,
    /// Nesterov's look ahead: `β₁m + (1 − β₁)g` in the place of `m`.
    #[config(default = false)]
    nesterov: bool,
    /// Gradient clipping, as in burn's optimizers.
    grad_clipping: Option<GradientClippingConfig>,
}

/// Adam's step `p = m̂/(√v̂ + ε)`, less its radial part where the weights are scale-invariant: `w ←
/// (1 − ηλκ)w − ηΠ(p)`.
///
/// Weights before a normalisation layer have gradients at right angles to themselves; momentum
/// makes them grow all the same, and a growing norm shrinks the effective step. So, for parameters
/// of two dimensions or more,
///
/// - if `maxᵢ |cos(wᵢ, gᵢ)| < δ/√dim(wᵢ)` over the channels `wᵢ = w[i, …]`: `Π(p)ᵢ = pᵢ −
///   (ŵᵢ·pᵢ)ŵᵢ`, with `ŵ = w/(‖w‖ + ε)`;
/// - else if `|cos(w, g)| < δ/√dim(w)` over the whole parameter: `Π(p) = p − (ŵ·p)ŵ`;
/// - else, and for vectors: `Π(p) = p`.
///
/// κ is `wd_ratio` where the step is projected, else 1. All of it happens on the device, without a
/// read. A channel is a row of the parameter: of a convolution's weights `[out, in, …]` an output.
/// burn's `Linear` stores `[in, out]`, where PyTorch has `[out, in]`: its rows are inputs.
#[derive(Clone, Debug)]
pub struct AdamP {
    config: AdamPConfig,
}

/// Moments and step count of one parameter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AdamPState<const D: usize> {
    /// Steps done.
    pub time: u64,
    /// m, the mean of the gradients.
    pub moment_1: Tensor<D>,
    /// v, the mean of their squares.
    pub moment_2: Tensor<D>,
}

impl AdamPConfig {
    /// The optimizer of one parameter group, for `ModuleOptimizer::with_group`; without the
    /// gradient clipping.
    pub fn build(&self) -> AdamP {
        AdamP { config: self.clone() }
    }

    /// The optimizer of a whole module.
    pub fn init(&self) -> ModuleOptimizer {
        let optimizer = ModuleOptimizer::from(self.build());
        match &self.grad_clipping {
            Some(clipping) => optimizer.with_grad_clipping(clipping.init()),
            None => optimizer,
        }
    }
}

impl Optimizer for AdamP {
    type State<const D: usize> = AdamPState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        w: Tensor<D>,
        g: Tensor<D>,
        state: Option<AdamPState<D>>,
    ) -> (Tensor<D>, Option<AdamPState<D>>) {
        let c = &self.config;
        let state = state.unwrap_or_else(|| AdamPState {
            time: 0,
            moment_1: g.zeros_like(),
            moment_2: g.zeros_like(),
        });
        let time = state.time.saturating_add(1);
        let m = state.moment_1.mul_scalar(c.beta_1) + g.clone().mul_scalar(1.0 - c.beta_1);
        let v = state.moment_2.mul_scalar(c.beta_2) + g.clone().square().mul_scalar(1.0 - c.beta_2);
        let bias = |beta: f64| 1.0 - beta.powi(i32::try_from(time).unwrap_or(i32::MAX));

        let denominator = v.clone().sqrt().div_scalar(bias(c.beta_2).sqrt()).add_scalar(c.epsilon);
        let ahead = match c.nesterov {
            true => m.clone().mul_scalar(c.beta_1) + g.clone().mul_scalar(1.0 - c.beta_1),
            false => m.clone(),
        };
        let p = ahead / denominator;
        let (size, decay) = (lr / bias(c.beta_1), lr * c.weight_decay);
        let [channels, elements] =
            [w.dims().first().copied().unwrap_or(1), w.shape().num_elements()];
        let w = if D < 2 || elements == 0 {
            w.mul_scalar(1.0 - decay) - p.mul_scalar(size)
        } else {
            let rows = [channels, elements / channels];
            let shape = w.shape();
            let w = w.reshape(rows);
            let (p, keep) = self.project(&w, g.reshape(rows), p.reshape(rows), decay);
            (w * keep - p.mul_scalar(size)).reshape(shape)
        };
        (w, Some(AdamPState { time, moment_1: m, moment_2: v }))
    }

    fn to_device<const D: usize>(state: AdamPState<D>, device: &Device) -> AdamPState<D> {
        AdamPState {
            time: state.time,
            moment_1: state.moment_1.to_device(device),
            moment_2: state.moment_2.to_device(device),
        }
    }
}

impl AdamP {
    /// `Π(p)`, and `1 − decay · κ` as `[1, 1]`; channels are rows.
    ///
    /// Every quantity of both tests and both projections comes from four sums per row.
    fn project(
        &self,
        w: &Tensor<2>,
        g: Tensor<2>,
        p: Tensor<2>,
        decay: f64,
    ) -> (Tensor<2>, Tensor<2>) {
        let AdamPConfig { epsilon, delta, wd_ratio, .. } = self.config;
        let [channels, dim] = w.dims();
        let sums = |a: &Tensor<2>, b: &Tensor<2>| (a.clone() * b.clone()).sum_dim(1);
        let (wg, wp, ww, gg) = (sums(w, &g), sums(w, &p), sums(w, w), sums(&g, &g));
        let whole = |rows: &Tensor<2>| rows.clone().sum_dim(0);

        let below = |wg: Tensor<2>, ww: Tensor<2>, gg: Tensor<2>, dim: usize| -> Tensor<2, Bool> {
            let norms = ww.sqrt().clamp_min(epsilon) * gg.sqrt().clamp_min(epsilon);
            (wg.abs() / norms).max_dim(0).lower_scalar(delta / (dim as f64).sqrt())
        };
        let by_layer = below(whole(&wg), whole(&ww), whole(&gg), channels * dim);
        let by_channel = below(wg, ww.clone(), gg, dim);

        // (ŵ·p)ŵ = w (w·p)/(‖w‖ + ε)²; two divisions, because ε² may underflow.
        let radial = |wp: Tensor<2>, ww: Tensor<2>| {
            let norm = ww.sqrt().add_scalar(epsilon);
            wp / norm.clone() / norm
        };
        let one = wp.ones_like().slice([0..1, 0..1]);
        let layer = radial(whole(&wp), whole(&ww));
        let layer = layer.zeros_like().mask_where(by_layer.clone(), layer).expand([channels, 1]);
        let projected = by_channel.clone().bool_or(by_layer);
        let coefficient = layer.mask_where(by_channel.expand([channels, 1]), radial(wp, ww));
        let keep = one.clone().mul_scalar(1.0 - decay);
        let keep = keep.mask_where(projected, one.mul_scalar(1.0 - decay * wd_ratio));
        (p - w.clone() * coefficient, keep)
    }
}

impl<const D: usize> RecordState for AdamPState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, "time", self.time.into());
        out.push_tensor(prefix, "moment_1", self.moment_1.to_data());
        out.push_tensor(prefix, "moment_2", self.moment_2.to_data());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let time = src.take_scalar(prefix, "time")?.try_into().ok()?;
        let mut moment =
            |name| src.take_tensor(prefix, name).map(|data| Tensor::from_data(data, device));
        Some(AdamPState { time, moment_1: moment("moment_1")?, moment_2: moment("moment_2")? })
    }
}
