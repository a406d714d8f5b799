//! Learning-rate curves: pure functions of the step, in closed form, defined for every step.

use crate::digest::{Digest, Digestible};
use crate::real::Real;
use core::f64::consts::PI;

/// How the learning rate grows in the warmup (paper section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Warmup {
    /// `η_t = η_min (η_max/η_min)^(t/W)`, eq. (1).
    Exponential,
    /// `η_t = η_min + (η_max − η_min) t/W`, eq. (6): for the paper's ablation.
    Linear,
}

impl Warmup {
    /// The learning rate at a fraction `x = t/W` of the way from `low` to `high`; `x` is clamped to
    /// [0, 1].
    ///
    /// ```
    /// use autowu_core::Warmup;
    /// assert!((Warmup::Exponential.at(0.5, 1e-4, 1.0) - 1e-2_f64).abs() < 1e-15);
    /// assert!((Warmup::Linear.at(0.5, 0.0, 1.0) - 0.5_f64).abs() < 1e-15);
    /// ```
    pub fn at<T: Real>(self, x: T, low: T, high: T) -> T {
        let x = x.max(T::zero()).min(T::one());
        match self {
            Warmup::Exponential => low * (x * (high / low).ln_()).exp_(),
            Warmup::Linear => low + (high - low) * x,
        }
    }
}

/// How the learning rate falls from its peak to the floor over the rest of the budget.
///
/// With `T` total steps and the decay begun after step `s`, the k-th step after it (k = 1, 2, …)
/// uses `floor + (peak − floor) · g(k/(T − s))`, so that the last step uses the floor itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Decay {
    /// `g(u) = (1 + cos πu)/2`: the paper's "cosine".
    Cosine,
    /// The peak until step `⌈(1 − fraction) T⌉`, then the cosine over what is left: the paper's
    /// "constant-then-cosine" (`fraction` = 0.2).
    ConstantCosine {
        /// Share of all steps that the final cosine takes, in (0, 1].
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
        fraction: f64,
    },
    /// `g(u) = 1 − u`: better than the cosine in most comparisons (Defazio et al. 2023,
    /// arXiv:2310.07831, and this repository's study).
    Linear,
    /// The peak until step `⌈(1 − fraction) T⌉`, then `g(u) = 1 − √u` over what is left
    /// (Hägele et al. 2024, section 3).
    ConstantSqrt {
        /// Share of all steps that the final cooldown takes, in (0, 1].
        #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
        fraction: f64,
    },
}

impl Decay {
    /// The part of the peak that is left at progress `u`: 1 at `u = 0`, 0 from `u = 1` on.
    pub fn shape<T: Real>(self, u: T) -> T {
        let u = u.max(T::zero()).min(T::one());
        self.shape_between(u, T::one() - u)
    }

    /// [`shape`](Self::shape) at `u = 1 − left`, both given so that neither end cancels:
    /// `(1 + cos πu)/2 = sin²(π left/2)`, `1 − √u = left/(1 + √u)`.
    fn shape_between<T: Real>(self, u: T, left: T) -> T {
        match self {
            Decay::Cosine | Decay::ConstantCosine { .. } => {
                let s = (left * T::of(PI / 2.0)).sin_();
                s * s
            }
            Decay::Linear => left,
            Decay::ConstantSqrt { .. } => left / (T::one() + u.sqrt()),
        }
    }

    /// First step after which the final fall runs whatever came before: `⌈(1 − fraction) total⌉`;
    /// `None` for the decays that fall from the peak at once.
    ///
    /// ```
    /// use autowu_core::Decay;
    /// assert_eq!(Decay::ConstantCosine { fraction: 0.2 }.final_start(672), Some(538));
    /// assert_eq!(Decay::Cosine.final_start(672), None);
    /// ```
    pub fn final_start(self, total: u64) -> Option<u64> {
        match self {
            Decay::Cosine | Decay::Linear => None,
            Decay::ConstantCosine { fraction } | Decay::ConstantSqrt { fraction } => {
                let start = (1.0 - fraction) * (total as f64);
                let whole = start as u64;
                Some((whole + u64::from((whole as f64) < start)).min(total))
            }
        }
    }

    /// The learning rate after `step` steps of `total`, when the decay began at `peak` after step
    /// `start`.
    ///
    /// Past the budget the value of step `total − 1`, the floor, stays.
    pub fn at<T: Real>(self, step: u64, start: u64, total: u64, peak: T, floor: T) -> T {
        let start = match self.final_start(total) {
            Some(hold) if step < hold => return peak,
            Some(hold) => start.max(hold),
            None => start,
        };
        let length = total.saturating_sub(start);
        let k = step.saturating_sub(start).saturating_add(1);
        if k >= length {
            return floor;
        }
        // 1 − u = (T − s − k)/(T − s), of whole numbers: the last steps of a long run keep all
        // their digits.
        let part = |steps: u64| T::of_u64(steps) / T::of_u64(length);
        floor + (peak - floor) * self.shape_between(part(k), part(length - k))
    }
}

impl Digestible for Decay {
    fn digest(&self, digest: &mut Digest) {
        let (kind, fraction) = match *self {
            Decay::Cosine => (0, 0.0),
            Decay::ConstantCosine { fraction } => (1, fraction),
            Decay::Linear => (2, 0.0),
            Decay::ConstantSqrt { fraction } => (3, fraction),
        };
        digest.word(kind);
        digest.number(fraction);
    }
}

/// How a peak learning rate found at one batch size is carried to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum BatchScaling {
    /// `peak ∝ √batch`: the paper's rule for its baselines, usual with Adam-like optimizers.
    Sqrt,
    /// `peak ∝ batch`: usual with plain SGD.
    Linear,
}

impl BatchScaling {
    /// `base · √(batch/reference)` or `base · batch/reference`.
    ///
    /// ```
    /// use autowu_core::BatchScaling;
    /// assert_eq!(BatchScaling::Sqrt.peak(1e-3_f64, 1024, 256), 2e-3);
    /// assert_eq!(BatchScaling::Linear.peak(1e-3_f64, 1024, 256), 4e-3);
    /// ```
    pub fn peak<T: Real>(self, base: T, batch: u64, reference: u64) -> T {
        let ratio = T::of_u64(batch) / T::of_u64(reference.max(1));
        match self {
            BatchScaling::Sqrt => base * ratio.sqrt(),
            BatchScaling::Linear => base * ratio,
        }
    }
}

/// The paper's opponent: linear warmup from 0 over `warmup_steps` to a peak that somebody tuned,
/// then any decay.
///
/// ```
/// use autowu_core::{Baseline, Decay};
/// let (peak, decay, floor) = (1e-3_f64, Decay::Cosine, 0.0);
/// let baseline = Baseline { peak, warmup_steps: 10, total_steps: 100, decay, floor };
/// assert_eq!(baseline.lr(0), 1e-4);
/// assert_eq!(baseline.lr(9), 1e-3);
/// assert_eq!(baseline.lr(99), 0.0);
/// assert_eq!(baseline.lr(u64::MAX), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Baseline<T> {
    /// The learning rate that the warmup ends at.
    pub peak: T,
    /// Steps of linear warmup; 0 for none. The paper: 5 epochs.
    pub warmup_steps: u64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// How the learning rate falls after the warmup.
    pub decay: Decay,
    /// The learning rate at the end.
    pub floor: T,
}

impl<T: Real> Baseline<T> {
    /// `peak (t + 1)/W` for `t < W`, then the decay from `W` on.
    pub fn lr(&self, step: u64) -> T {
        if step < self.warmup_steps {
            self.peak * (T::of_u64(step + 1) / T::of_u64(self.warmup_steps))
        } else {
            self.decay.at(step, self.warmup_steps, self.total_steps, self.peak, self.floor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Decay; 4] = [
        Decay::Cosine,
        Decay::ConstantCosine { fraction: 0.2 },
        Decay::Linear,
        Decay::ConstantSqrt { fraction: 0.2 },
    ];

    #[test]
    fn a_peak_follows_the_batch() {
        for (batch, reference, sqrt, linear) in
            [(1024, 256, 6.0, 12.0), (64, 256, 1.5, 0.75), (9, 0, 9.0, 27.0)]
        {
            assert_eq!(BatchScaling::Sqrt.peak(3.0, batch, reference), sqrt);
            assert_eq!(BatchScaling::Linear.peak(3.0, batch, reference), linear);
        }
    }

    #[test]
    fn every_decay_falls_from_peak_to_floor_and_stays() {
        for decay in ALL {
            for start in [0_u64, 1, 50, 85, 99, 100] {
                let mut last = 2.0_f64;
                for step in start..300 {
                    let lr = decay.at(step, start, 100, 2.0, 0.5);
                    assert!((0.5..=last).contains(&lr), "{decay:?} {start} {step}: {lr}");
                    last = lr;
                }
                assert_eq!(decay.at(99, start, 100, 2.0, 0.5), 0.5);
            }
        }
    }

    #[test]
    fn shapes_are_their_formulas() {
        for (decay, at_a_quarter) in
            ALL.into_iter().zip([0.853_553_390_593_273_8, 0.853_553_390_593_273_8, 0.75, 0.5])
        {
            for (u, left) in [(-1.0, 1.0), (0.0, 1.0), (0.25, at_a_quarter), (1.0, 0.0), (2.0, 0.0)]
            {
                assert!((decay.shape::<f64>(u) - left).abs() < 1e-15, "{decay:?} {u}");
            }
        }
        for x in [-1.0, 0.0, 0.25, 1.0, 3.0_f64] {
            let inside = x.clamp(0.0, 1.0);
            assert!(
                (Warmup::Exponential.at(x, 1e-4, 1.0) / 1e-4_f64.powf(1.0 - inside) - 1.0).abs()
                    < 1e-14,
                "{x}"
            );
            assert!((Warmup::Linear.at(x, 0.2, 1.0) - (0.2 + 0.8 * inside)).abs() < 1e-15, "{x}");
        }
    }

    #[test]
    fn the_last_steps_of_a_long_run_keep_their_digits() {
        let total = 1_000_000_000;
        for k in 1..5_u64 {
            let left = k as f32 / total as f32;
            let lr = |decay: Decay| decay.at(total - 1 - k, 0, total, 1.0_f32, 0.0);
            assert!((lr(Decay::Linear) / left - 1.0).abs() < 1e-6);
            assert!((lr(Decay::Cosine) / (left * (PI / 2.0) as f32).powi(2) - 1.0).abs() < 1e-6);
            assert!((lr(Decay::ConstantSqrt { fraction: 1.0 }) / (left / 2.0) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_trillion_steps_are_exact_at_the_joints() {
        let total = 1_000_000_000_000;
        for decay in ALL {
            assert_eq!(decay.at(total - 1, 7, total, 1.0_f64, 0.0), 0.0);
            assert!(decay.at(total - 2, 7, total, 1.0_f64, 0.0) > 0.0);
            assert!(decay.at(8, 7, total, 1.0_f64, 0.0) <= 1.0);
        }
    }
}
