//! Numbers and configurations from bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use autowu_core::{
    Config, Curve, Decay, Fallback, Interval, NonFinite, Patience, PeakRule, Recovery, Warmup,
};

/// A number: any bits, or one worth trying.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    /// Any bit pattern.
    Raw(f64),
    /// In (−2, 2).
    Plain(i16),
    /// Positive, over 32 decades.
    Decade(i8),
}

impl Number {
    /// Its value.
    pub fn get(self) -> f64 {
        match self {
            Number::Raw(x) => x,
            Number::Plain(k) => f64::from(k) / 16384.0,
            Number::Decade(k) => 10f64.powf(f64::from(k) / 8.0),
        }
    }
}

/// One difference from a preset.
#[derive(Arbitrary, Debug)]
enum Change {
    TotalSteps(u64),
    Lrs(Number, Number),
    FloorLr(Number),
    LinearWarmup,
    WarmupFraction(Number),
    Decay(u8, Number),
    LengthScale(Number),
    Samples(u8, u8, u8),
    SubsetFraction(Number),
    Votes(u8),
    Confidence(Number),
    Descent(Option<Number>),
    Switches(bool, bool, bool),
    NoiseGroups(u8),
    EverySteps(u64),
    EveryGrowth(Number),
    PatienceTests(u32),
    PatienceGrowth(Number),
    EndWarmup,
    Slowdown(Number),
    Fallback(bool),
    BackSteps(Option<u32>),
    Seed(u64),
    Overshoot(Option<Number>),
}

/// Parts of a configuration, each of which a change sets on its own; together they say which curve
/// and which recovery it has.
struct Parts {
    shape: Warmup,
    interval: Interval,
    patience: Patience,
    can_restore: bool,
    slowdown: Option<f64>,
    rescue: Option<f64>,
}

impl Parts {
    fn of(config: &Config) -> Self {
        let (interval, patience) = match config.ramp.curve {
            Curve::Exponential { interval, patience } => (interval, patience),
            Curve::Linear { interval, patience } => {
                (Interval::Steps(interval), Patience::Tests(patience))
            }
            _ => (Interval::Growth(1.1), Patience::Growth(1.25)),
        };
        let (slowdown, rescue) = match config.response.recovery {
            Recovery::Restore { slowdown, rescue } => (slowdown, rescue),
            Recovery::None { guard } => (None, guard.then_some(3.0)),
            _ => (None, None),
        };
        let (shape, can_restore) = (config.ramp.shape(), config.response.can_restore());
        Parts { shape, interval, patience, can_restore, slowdown, rescue }
    }

    /// A linear curve is tested by steps and tests; one that should be by growth is exponential.
    fn curve(&self) -> Curve {
        match (self.shape, self.interval, self.patience) {
            (Warmup::Linear, Interval::Steps(interval), Patience::Tests(patience)) => {
                Curve::Linear { interval, patience }
            }
            (_, interval, patience) => Curve::Exponential { interval, patience },
        }
    }

    fn recovery(&self) -> Recovery {
        let Parts { slowdown, rescue, .. } = *self;
        match self.can_restore {
            true => Recovery::Restore { slowdown, rescue },
            false => Recovery::None { guard: rescue.is_some() },
        }
    }

    /// Eq. (5)'s where the first detection ends the warmup.
    fn peak(&self) -> PeakRule {
        match self.recovery() {
            Recovery::Restore { slowdown: Some(_), .. } => PeakRule::RateAtMean,
            _ => PeakRule::MeanRate,
        }
    }
}

/// A preset with some changes, valid or not.
pub fn config(u: &mut Unstructured) -> Result<Config> {
    let (preset, steps, per_epoch): (u8, u8, u8) = u.arbitrary()?;
    let (steps, per_epoch) = (u64::from(steps), u64::from(per_epoch % 32));
    let mut c = match preset % 4 {
        0 | 1 => Config::new(steps),
        2 => Config::new(steps).without_restore(),
        _ => Config::paper(per_epoch, steps),
    };
    (c.test.fit_samples, c.test.test_samples, c.test.votes) = (30, 60, 2);
    let mut parts = Parts::of(&c);
    for _ in 0..u.int_in_range(0..=4)? {
        apply(&mut c, &mut parts, u.arbitrary()?);
    }
    c.ramp.curve = parts.curve();
    (c.response.recovery, c.response.peak) = (parts.recovery(), parts.peak());
    Ok(c)
}

fn apply(c: &mut Config, parts: &mut Parts, change: Change) {
    match change {
        Change::TotalSteps(steps) => c.total_steps = steps,
        Change::Lrs(low, high) => (c.min_lr, c.max_lr) = (low.get(), high.get()),
        Change::FloorLr(x) => c.floor_lr = x.get(),
        Change::LinearWarmup => parts.shape = Warmup::Linear,
        Change::WarmupFraction(x) => c.ramp.fraction = x.get(),
        Change::Decay(kind, x) => {
            let fraction = x.get();
            c.decay = match kind % 4 {
                0 => Decay::Cosine,
                1 => Decay::Linear,
                2 => Decay::ConstantCosine { fraction },
                _ => Decay::ConstantSqrt { fraction },
            }
        }
        Change::LengthScale(x) => c.test.length_scale = x.get(),
        Change::Samples(min, fit, test) => {
            (c.test.min_samples, c.test.fit_samples, c.test.test_samples) =
                (min.into(), fit.into(), test.into())
        }
        Change::SubsetFraction(x) => c.test.subset_fraction = x.get(),
        Change::Votes(votes) => c.test.votes = votes.into(),
        Change::Confidence(x) => c.response.confidence = x.get(),
        Change::Descent(x) => c.response.descent = x.map(Number::get),
        Change::Switches(standardise, clip, restore) => {
            (c.test.standardise, c.test.clip, parts.can_restore) = (standardise, clip, restore)
        }
        Change::NoiseGroups(groups) => c.test.noise_groups = groups.into(),
        Change::EverySteps(steps) => parts.interval = Interval::Steps(steps),
        Change::EveryGrowth(x) => parts.interval = Interval::Growth(x.get()),
        Change::PatienceTests(tests) => parts.patience = Patience::Tests(tests),
        Change::PatienceGrowth(x) => parts.patience = Patience::Growth(x.get()),
        Change::EndWarmup => parts.slowdown = None,
        Change::Slowdown(x) => parts.slowdown = Some(x.get()),
        Change::Fallback(argmin) => {
            c.response.fallback = if argmin { Fallback::Argmin } else { Fallback::Reached }
        }
        Change::BackSteps(back) => {
            c.response.non_finite = back.map_or(NonFinite::Ignore, |back_steps| {
                NonFinite::EndClimb { skips: back_steps % 4, back_steps }
            })
        }
        Change::Seed(seed) => c.seed = seed,
        Change::Overshoot(x) => c.response.overshoot = x.map(Number::get),
    }
}
