//! Synthetic loss curves: the minimum is known.

use autowu_core::sampling::mix;

/// The expected loss as a function of `u = log10(lr/η_min)`, which runs from 0 to 5. Most fall by 1
/// over the two decades before `at` and then rise by 1 in half a decade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Nothing but noise: every detection is false.
    Flat,
    /// One smooth minimum at `at`.
    Minimum,
    /// Falls early, stays level for one and a half decades, rises after `at`.
    Plateau,
    /// Falls until `at`, and is a thousand times as high when the learning rate has grown by 1.2.
    Cliff,
    /// On its way down it rises by 0.3 within half a decade and recovers: not the minimum.
    Bump,
    /// `Minimum`, and one step in fifty is ten higher.
    Spikes,
    /// Falls in five steps with level ground between.
    Stairs,
    /// `Minimum`, and a wave over the data's order: 50 steps long, its amplitude twice the noise.
    Periodic,
    /// Exactly 0 over the half decade before `at`; noise is proportional to the loss.
    Zero,
    /// NaN from `at` on.
    Nan,
    /// `Minimum` on top of 1e6.
    Offset,
    /// `Minimum`, times 1e-6.
    Tiny,
    /// `Minimum`, times 1e6.
    Huge,
}

impl Curve {
    /// All, in the order of the table.
    pub const ALL: [Curve; 13] = [
        Curve::Flat,
        Curve::Minimum,
        Curve::Plateau,
        Curve::Cliff,
        Curve::Bump,
        Curve::Spikes,
        Curve::Stairs,
        Curve::Periodic,
        Curve::Zero,
        Curve::Nan,
        Curve::Offset,
        Curve::Tiny,
        Curve::Huge,
    ];

    /// Its name in the table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Curve::Flat => "flat",
            Curve::Minimum => "minimum",
            Curve::Plateau => "plateau",
            Curve::Cliff => "cliff",
            Curve::Bump => "bump",
            Curve::Spikes => "spikes",
            Curve::Stairs => "stairs",
            Curve::Periodic => "periodic",
            Curve::Zero => "zero",
            Curve::Nan => "nan",
            Curve::Offset => "offset 1e6",
            Curve::Tiny => "scale 1e-6",
            Curve::Huge => "scale 1e6",
        }
    }

    /// The decades over which the loss is lowest; `None` if there is no minimum.
    pub fn lowest(self, at: f64) -> Option<(f64, f64)> {
        match self {
            Curve::Flat => None,
            Curve::Plateau => Some((at - 1.5, at)),
            Curve::Zero => Some((at - 0.5, at)),
            _ => Some((at, at)),
        }
    }

    /// The loss at step `step` and `u` decades; `noise` is already scaled to `level`.
    pub fn loss(
        self,
        u: f64,
        at: f64,
        step: u64,
        (level, noise): (f64, f64),
        rng: &mut Rng,
    ) -> f64 {
        let rise = ((u - at).max(0.0) / 0.5).powi(2);
        let minimum = fall(u, at - 2.0, at) + rise;
        match self {
            Curve::Flat => noise,
            Curve::Minimum => minimum + noise,
            Curve::Plateau => fall(u, at - 2.5, at - 1.5) + rise + noise,
            Curve::Cliff => {
                fall(u, at - 2.0, at)
                    + 1000.0 * ((u - at).max(0.0) / f64::log10(1.2)).min(1.0)
                    + noise
            }
            Curve::Bump => minimum + 0.3 * (-((u - at + 1.2) / 0.15).powi(2)).exp() + noise,
            Curve::Spikes => minimum + noise + if rng.uniform() < 0.02 { 10.0 } else { 0.0 },
            Curve::Stairs => {
                let stairs = (0..5)
                    .map(|i| fall(u, at - 2.0 + 0.4 * f64::from(i), at - 1.9 + 0.4 * f64::from(i)));
                stairs.sum::<f64>() / 5.0 + rise + noise
            }
            Curve::Periodic => {
                minimum + 2.0 * level * (std::f64::consts::TAU * step as f64 / 50.0).sin() + noise
            }
            Curve::Zero => (fall(u, at - 2.5, at - 0.5) + rise) * (1.0 + noise).max(0.0),
            Curve::Nan if u >= at => f64::NAN,
            Curve::Nan => minimum + noise,
            Curve::Offset => 1e6 + minimum + noise,
            Curve::Tiny => 1e-6 * (minimum + noise),
            Curve::Huge => 1e6 * (minimum + noise),
        }
    }
}

/// 1 before `from`, 0 after `to`, half a cosine between.
fn fall(u: f64, from: f64, to: f64) -> f64 {
    let part = ((u - from) / (to - from)).clamp(0.0, 1.0);
    0.5 * (1.0 + (std::f64::consts::PI * part).cos())
}

/// How the losses of a batch scatter; each has deviation 1 (heavy: a median deviation of about
/// that).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Normal and independent.
    White,
    /// Student's t with 2 degrees of freedom: no variance.
    Heavy,
    /// AR(1) with coefficient 0.9.
    Correlated,
}

impl Noise {
    /// All, in the order of the table.
    pub const ALL: [Noise; 3] = [Noise::White, Noise::Heavy, Noise::Correlated];

    /// Its name in the table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Noise::White => "white",
            Noise::Heavy => "heavy",
            Noise::Correlated => "correlated",
        }
    }

    /// The next number after `last`.
    pub fn next(self, last: f64, rng: &mut Rng) -> f64 {
        match self {
            Noise::White => rng.normal(),
            Noise::Heavy => rng.normal() / (-rng.uniform().ln()).sqrt(),
            Noise::Correlated => 0.9 * last + (1.0_f64 - 0.81).sqrt() * rng.normal(),
        }
    }
}

/// Random numbers that depend on nothing but the key.
pub struct Rng {
    key: u64,
    count: u64,
}

impl Rng {
    /// A stream of its own for every key.
    pub fn new(key: u64) -> Self {
        Rng { key: mix(key), count: 0 }
    }

    /// In (0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.count += 1;
        ((mix(self.key ^ mix(self.count)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) =
            ((-2.0 * self.uniform().ln()).sqrt(), std::f64::consts::TAU * self.uniform());
        radius * angle.cos()
    }
}
