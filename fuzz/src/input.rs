//! Numbers and configurations out of bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use autowu_core::{Config, Decay, Detection, Fallback, Interval, NonFinite, Patience, Warmup};

/// A number: of any bits, or one that is worth trying.
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
    NoiseBlocks(u8),
    EverySteps(u64),
    EveryGrowth(Number),
    PatienceTests(u32),
    PatienceGrowth(Number),
    EndWarmup,
    Slowdown(Number),
    Fallback(bool),
    BackSteps(Option<u32>),
    Seed(u64),
}

/// A preset with some changes, valid or not.
pub fn config(u: &mut Unstructured) -> Result<Config> {
    let (preset, steps, per_epoch): (u8, u8, u8) = u.arbitrary()?;
    let (steps, per_epoch) = (u64::from(steps), u64::from(per_epoch % 32));
    let preset = match preset % 4 {
        0 | 1 => Config::new(steps),
        2 => Config::new(steps).without_restore(),
        _ => Config::paper(per_epoch, steps),
    };
    let mut c = Config { fit_samples: 30, test_samples: 60, votes: 2, ..preset };
    for _ in 0..u.int_in_range(0..=4)? {
        apply(&mut c, u.arbitrary()?);
    }
    Ok(c)
}

fn apply(c: &mut Config, change: Change) {
    match change {
        Change::TotalSteps(steps) => c.total_steps = steps,
        Change::Lrs(low, high) => (c.min_lr, c.max_lr) = (low.get(), high.get()),
        Change::FloorLr(x) => c.floor_lr = x.get(),
        Change::LinearWarmup => c.warmup = Warmup::Linear,
        Change::WarmupFraction(x) => c.warmup_fraction = x.get(),
        Change::Decay(kind, x) => {
            let fraction = x.get();
            c.decay = match kind % 4 {
                0 => Decay::Cosine,
                1 => Decay::Linear,
                2 => Decay::ConstantCosine { fraction },
                _ => Decay::ConstantSqrt { fraction },
            }
        }
        Change::LengthScale(x) => c.length_scale = x.get(),
        Change::Samples(min, fit, test) => {
            (c.min_samples, c.fit_samples, c.test_samples) = (min.into(), fit.into(), test.into())
        }
        Change::SubsetFraction(x) => c.subset_fraction = x.get(),
        Change::Votes(votes) => c.votes = votes.into(),
        Change::Confidence(x) => c.confidence = x.get(),
        Change::Descent(x) => c.descent = x.map(Number::get),
        Change::Switches(standardise, clip, restore) => {
            (c.standardise, c.clip, c.restore) = (standardise, clip, restore)
        }
        Change::NoiseBlocks(blocks) => c.noise_blocks = blocks.into(),
        Change::EverySteps(steps) => c.interval = Interval::Steps(steps),
        Change::EveryGrowth(x) => c.interval = Interval::Growth(x.get()),
        Change::PatienceTests(tests) => c.patience = Patience::Tests(tests),
        Change::PatienceGrowth(x) => c.patience = Patience::Growth(x.get()),
        Change::EndWarmup => c.detection = Detection::EndWarmup,
        Change::Slowdown(x) => c.detection = Detection::ClimbOn { slowdown: x.get() },
        Change::Fallback(argmin) => {
            c.fallback = if argmin { Fallback::Argmin } else { Fallback::Reached }
        }
        Change::BackSteps(back) => {
            c.non_finite =
                back.map_or(NonFinite::Ignore, |back_steps| NonFinite::EndClimb { back_steps })
        }
        Change::Seed(seed) => c.seed = seed,
    }
}
