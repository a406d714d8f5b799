//! How far the kernels may be from core, and how far they are.

use super::batch::{Batch, Case};
use autowu_core::gp::{Factor, Hyper, Inference, Posterior};
use autowu_core::sampling::Permutation;
use autowu_core::{Config, Measurement, Real};
use autowu_cuda::Number;
use autowu_cuda::batch::Results;
use core::fmt;

/// How far the kernels may be from core, which sums in another order.
pub struct Bounds {
    /// Relative, of the center and the scale.
    pub view: f64,
    /// Of the hyper-parameters: absolute of the mean (of standardised losses), relative of the
    /// others.
    pub hyper: f64,
    /// Absolute, of the probabilities at the kernels' own hyper-parameters.
    pub vote: f64,
    /// Absolute, of the probabilities of the whole test.
    pub test: f64,
}

/// A precision of the kernels, and how near they come to core in it.
pub trait Precision: Number {
    /// Under the default's rules.
    const NEAR: Bounds;
    /// Under the paper's.
    const NEAR_BY_PAPER: Bounds;
    /// From 256 bits: of the hyper-parameters after 100 steps of Adam, and of a vote.
    const EXACT: [f64; 2];
}

impl Precision for f64 {
    // Adam divides a slope by its own size plus 1e-8, which magnifies rounding where the evidence
    // is flat, and core sums normal equations, unlike the kernels' triangular factor (exact.rs).
    // Worst of some 480 curves: view 9e-16, hyper 1.1e-9, test 4.5e-10, vote 4.6e-10; by the
    // paper's rule vote 1.8e-9.
    const NEAR: Bounds = Bounds { view: 1e-13, hyper: 1e-8, vote: 1e-8, test: 1e-8 };
    /// The paper's rule tests from the first loss on; with two losses the mean is hardly
    /// determined. Worst: hyper and test 4e-5.
    const NEAR_BY_PAPER: Bounds = Bounds { hyper: 1e-3, test: 1e-3, ..Self::NEAR };
    const EXACT: [f64; 2] = [1e-9, 1e-9];
}

impl Precision for f32 {
    // Worst of 480 curves: view 5e-7, hyper 3.5e-4, test 3.9e-5.
    const NEAR: Bounds = Bounds { view: 1e-5, hyper: 5e-3, vote: 2e-3, test: 2e-3 };
    const NEAR_BY_PAPER: Bounds = Self::NEAR;
    const EXACT: [f64; 2] = [5e-3, 2e-3];
}

/// The largest distances that a law met, in the order of [`Bounds`], and among how many curves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worst {
    /// Curves that were compared.
    pub curves: usize,
    /// As [`Bounds::view`].
    pub view: f64,
    /// As [`Bounds::hyper`].
    pub hyper: f64,
    /// As [`Bounds::vote`].
    pub vote: f64,
    /// As [`Bounds::test`].
    pub test: f64,
}

impl Worst {
    /// Both together.
    pub fn and(self, other: Worst) -> Worst {
        Worst {
            curves: self.curves + other.curves,
            view: self.view.max(other.view),
            hyper: self.hyper.max(other.hyper),
            vote: self.vote.max(other.vote),
            test: self.test.max(other.test),
        }
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worst { curves, view, hyper, vote, test } = self;
        write!(f, "{curves} curves; worst view {view:.1e}, hyper {hyper:.1e}, ")?;
        write!(f, "vote {vote:.1e}, test {test:.1e}")
    }
}

/// The first `size` samples `(x, y − mean)` of a subset, as the kernels' view has them.
pub fn subset<'a, T: Real>(
    case: &'a Case<T>,
    results: &Results<T>,
    i: usize,
    subset: u32,
    size: u32,
) -> impl Iterator<Item = (T, T)> + 'a {
    // The scatter is in the hyper-parameters.
    let [ceiling, center, scale, mean, _] = results.views[i];
    let half = T::of(0.5);
    let y = move |loss: T| ((loss.min(ceiling) * half - center * half) / scale) * T::of(2.0) - mean;
    let values = case.history.values();
    let order = Permutation::new(values.len() as u32, case.seed, case.test, subset);
    (0..values.len() as u32)
        .map(move |k| order.index(k) as usize)
        .filter(|&k| values[k].is_finite())
        .take(size as usize)
        .map(move |k| (case.history.x(k), y(values[k])))
}

/// Losses that one vote sees.
pub fn vote_size(config: &Config, samples: u32) -> u32 {
    let share = (config.test.subset_fraction * f64::from(samples)).ceil() as u32;
    share.max(config.test.min_samples).min(config.test.test_samples)
}

/// One vote from core's posterior, given the kernels' view and hyper-parameters.
fn vote_at<T: Real>(
    config: &Config,
    case: &Case<T>,
    results: &Results<T>,
    i: usize,
    vote: u32,
) -> Inference<T> {
    let [mean, output_scale, noise] = results.hypers[i];
    let samples = subset(case, results, i, vote + 1, vote_size(config, results.samples[i]));
    let factor = Factor::of(samples, T::of(config.test.length_scale));
    Posterior::condition(&factor, &Hyper { mean, output_scale, noise }).past_minimum()
}

/// How far two results are apart, if they agree and give the same vote unless the bound leaves it
/// open.
fn agree<T: Real>(
    config: &Config,
    bounds: &Bounds,
    kernel: &Measurement<T>,
    core: &Measurement<T>,
) -> Result<Worst, String> {
    let f = |x: T| x.to_f64().unwrap_or(f64::NAN);
    // The distance in units of `unit`.
    let near = |name: &str, a: T, b: T, bound: f64, unit: f64| {
        let (a, b) = (f(a), f(b));
        let apart = if a == b { 0.0 } else { (a - b).abs() / unit };
        if apart <= bound {
            Ok(apart)
        } else {
            Err(format!("{name}: kernel {a:e}, core {b:e}, bound {bound:e} of {unit:e}"))
        }
    };
    if kernel.samples != core.samples || kernel.votes.len() != core.votes.len() {
        return Err(format!(
            "samples {} {}, votes {} {}",
            kernel.samples,
            core.samples,
            kernel.votes.len(),
            core.votes.len()
        ));
    }
    let scale = f(core.scale).abs();
    let size = f(core.center).abs().max(scale);
    let center = near("center", kernel.center, core.center, bounds.view, size)?;
    let scale = near("scale", kernel.scale, core.scale, bounds.view, size)?;
    let (a, b) = (&kernel.hyper, &core.hyper);
    let mean = near("mean", a.mean, b.mean, bounds.hyper, f(b.mean).abs().max(1.0))?;
    let output =
        near("output scale", a.output_scale, b.output_scale, bounds.hyper, f(b.output_scale))?;
    let noise = near("noise", a.noise, b.noise, bounds.hyper, f(b.noise))?;
    let mut worst = Worst {
        curves: 1,
        view: center.max(scale),
        hyper: mean.max(output).max(noise),
        ..Worst::default()
    };
    for (i, (a, b)) in kernel.votes.iter().zip(&core.votes).enumerate() {
        let name = format!("probability of vote {i}");
        worst.test = worst.test.max(near(&name, a.probability, b.probability, bounds.test, 1.0)?);
        // Elsewhere the means of two locations are equal to the bound, and either may be the
        // lowest.
        if a.argmin == b.argmin {
            let name = format!("descent of vote {i}");
            worst.test = worst.test.max(near(&name, a.descent, b.descent, bounds.test, 1.0)?);
        }
        let open = (f(b.probability) - config.response.confidence).abs() <= bounds.test;
        let past = |p: T| f(p) > config.response.confidence;
        if !open && past(a.probability) != past(b.probability) {
            return Err(format!("vote {i}: kernel {:?}, core {:?}", a.probability, b.probability));
        }
    }
    Ok(worst)
}

/// How far the kernels' results for a batch are from core's, if no further than the bounds.
pub fn near_core<T: Number>(
    config: &Config,
    batch: &Batch<'_, T>,
    bounds: &Bounds,
    results: &Results<T>,
) -> Result<Worst, String> {
    let mut all = Worst::default();
    for (i, (case, kernel)) in batch.cases.iter().zip(&batch.measured(results)).enumerate() {
        let core = case.measure(config);
        let told = |e| format!("curve {i}: {e}\n{case:?}");
        let Some(kernel) = kernel else {
            // `None` means that the kernels got a number that no run can have, and that core has to
            // measure: right only where core has none either.
            let is_number = |v: &Inference<T>| v.probability.is_finite() && v.descent.is_finite();
            if core.votes.iter().all(is_number) {
                return Err(told(format!("kernel {:?}, core {core:?}", results.hypers[i])));
            }
            continue;
        };
        let mut worst = agree(config, bounds, kernel, &core).map_err(told)?;
        for (vote, a) in (0..).zip(&kernel.votes) {
            let vote = if kernel.votes.iter().all(|v| v == a) { 0 } else { vote };
            let b = vote_at(config, case, results, i, vote);
            let apart = |a: T, b: T| (a - b).abs().to_f64().unwrap_or(f64::NAN);
            let mut far = apart(a.probability, b.probability);
            if a.argmin == b.argmin {
                far = far.max(apart(a.descent, b.descent));
            }
            if !(far <= bounds.vote) {
                return Err(told(format!(
                    "vote {vote} at the same hyper-parameters: kernel {a:?}, core {b:?}"
                )));
            }
            worst.vote = worst.vote.max(far);
        }
        all = all.and(worst);
    }
    Ok(all)
}
