//! AutoWU in a loop of your own: gradient descent on a noisy quadratic, which restores the weights
//! when the learning rate was too large.
//!
//! ```text
//! cargo run --example quadratic
//! ```

use autowu_core::{AutoWu, Config, ConfigError, Event};

const STEPS: u64 = 1000;
/// `loss(w) = ½ Σ h_j w_j²`: gradient descent diverges where the learning rate exceeds 2/10.
const CURVATURES: [f64; 4] = [0.5, 1.0, 3.0, 10.0];

/// The loss, and its gradient `h_j w_j`.
fn loss(weights: [f64; 4]) -> (f64, [f64; 4]) {
    let gradient: [f64; 4] = std::array::from_fn(|j| CURVATURES[j] * weights[j]);
    let loss = weights.iter().zip(gradient).map(|(w, g)| 0.5 * w * g).sum();
    (loss, gradient)
}

/// In (−½, ½), by Knuth's linear congruential generator.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn main() -> Result<(), ConfigError> {
    let mut autowu: AutoWu = AutoWu::new(Config::new(STEPS))?;
    let mut weights = [2.0; 4];
    let mut copy = weights;
    let mut random = 1;
    for _ in 0..STEPS {
        // Every batch has a minimum of its own near the true one.
        let (loss, gradient) = loss(weights.map(|w| w + 0.5 * noise(&mut random)));
        let lr = autowu.lr();
        let event = autowu.step(loss).event;
        match event {
            Some(Event::Snapshot { .. }) => copy = weights,
            Some(Event::Restore { .. }) => weights = copy,
            _ => {}
        }
        if let Some(event) = event.filter(|event| event.kind() != "snapshot") {
            println!("{event}");
        }
        if event.is_some_and(|event| event.skips_update()) {
            continue; // the gradient belongs to weights that were thrown away, or is none
        }
        for (w, g) in weights.iter_mut().zip(gradient) {
            *w -= lr * g;
        }
    }
    let (first, last) = (loss([2.0; 4]).0, loss(weights).0);
    println!("loss without noise: {first:.2} before, {last:.6} after {STEPS} steps");
    assert!(last < 1e-3 * first, "the decay ends near the minimum");
    Ok(())
}
