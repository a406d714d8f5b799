//! A hundred problems side by side on the host, each with a learning rate of its own: gradient
//! descent on `½ h w²` with noise, the curvature `h` between 1 and 1000.
//!
//! ```text
//! cargo run --release --example hundred
//! ```

use autowu_core::{Config, Event};
use autowu_cuda::{Device, Error, Fleet};

const N: usize = 100;
const STEPS: u64 = 400;

/// In (−½, ½), by Knuth's linear congruential generator.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn main() -> Result<(), Error> {
    let curvatures: Vec<f64> = (0..N).map(|i| 1000_f64.powf(i as f64 / (N - 1) as f64)).collect();
    let (mut weights, mut peaks, mut random) = (vec![1.0; N], vec![f64::NAN; N], 1);
    let mut copies = weights.clone();
    let mut fleet = Fleet::<f64>::new(Config::new(STEPS), N, Device::Host)?;
    for _ in 0..STEPS {
        let lrs = fleet.lrs();
        // Every batch has a minimum of its own near the true one.
        let places: Vec<f64> = weights.iter().map(|w| w + 0.2 * noise(&mut random)).collect();
        let losses: Vec<f64> =
            places.iter().zip(&curvatures).map(|(x, h)| 0.5 * h * x * x).collect();
        let mut gradients: Vec<f64> = places.iter().zip(&curvatures).map(|(x, h)| h * x).collect();
        for (i, event) in fleet.observe(&losses)?.events {
            match event {
                Event::Snapshot { .. } => copies[i] = weights[i],
                Event::Restore { .. } => (weights[i], gradients[i]) = (copies[i], 0.0),
                Event::Decay { peak, .. } => peaks[i] = peak,
                _ => {}
            }
        }
        for ((w, lr), g) in weights.iter_mut().zip(lrs).zip(gradients) {
            *w -= lr * g;
        }
    }
    println!("curvature   peak    |w|, from 1");
    for i in (0..N).step_by(11) {
        println!("{:9.1}  {:.1e}  {:.4}", curvatures[i], peaks[i], weights[i].abs());
    }
    let near = weights.iter().filter(|w| w.abs() < 0.1).count();
    println!("{near} of {N} are near their minimum");
    assert!(near >= N * 9 / 10, "each problem finds a learning rate of its own");
    Ok(())
}
