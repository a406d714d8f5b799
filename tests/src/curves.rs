//! Synthetic losses: ordinary and hostile ones.

use autowu_core::sampling::mix;

/// A number in [−1, 1], a pure function of its arguments.
pub fn noise(seed: u64, i: u64) -> f64 {
    mix(mix(seed) ^ i) as f64 / 2f64.powi(63) - 1.0
}

/// A loss over the learning rate: 1 where it is `best`, and 0.2 more with each decade away from it,
/// squared.
pub fn bowl(lr: f64, best: f64) -> f64 {
    let decades = (lr / best).log10();
    1.0 + 0.2 * decades * decades
}

/// A loss that falls from 2.3, has its minimum at the part `bottom` of `steps`, and rises again,
/// under noise.
pub fn valley(seed: u64, steps: u64, bottom: f64, height: f64, level: f64) -> Vec<f64> {
    (0..steps)
        .map(|i| {
            let d = i as f64 / steps as f64 - bottom;
            2.3 + height * (d * d / (bottom * bottom) - 1.0) + level * noise(seed, i)
        })
        .collect()
}

/// One of many shapes: a valley, a cliff, flat ground, a slope, a wave, steps, each at its own
/// level of noise and of losses.
pub fn curve(seed: u64, steps: u64) -> Vec<f64> {
    let random = |k| 0.5 + 0.5 * noise(seed ^ 0xc0_ffee, k);
    let (bottom, height, level) =
        (0.2 + 0.7 * random(0), 0.1 + 2.0 * random(1), 10f64.powf(-4.0 + 4.0 * random(2)));
    let scale = 10f64.powf(-3.0 + 6.0 * random(3));
    let kind = mix(seed) % 6;
    let shape = |x: f64| match kind {
        0 | 1 => height * (x / bottom - 1.0) * (x / bottom - 1.0),
        2 => {
            if x < bottom {
                -height * x
            } else {
                height * (x - bottom) * 20.0 - height * bottom
            }
        }
        3 => 0.0,
        4 => -height * x,
        _ => height * (9.0 * x).sin(),
    };
    (0..steps)
        .map(|i| scale * (3.0 + shape(i as f64 / steps as f64) + level * noise(seed, i)))
        .collect()
}

/// Numbers that break programs, and ordinary ones between them.
pub fn hostile(seed: u64, i: u64) -> f64 {
    const WORST: [f64; 16] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        0.0,
        -0.0,
        1e38,
        -3.5e38,
        1e-46,
        1.0,
        -1.0,
        1e300,
    ];
    let bits = mix(mix(seed) ^ i);
    match bits % 4 {
        0 => WORST[(bits >> 8) as usize % WORST.len()],
        1 => f64::from_bits(mix(bits)),
        _ => 2.0 + noise(seed, i),
    }
}
