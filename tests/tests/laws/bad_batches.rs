//! A bad batch is not a divergence: what is lost to it is about its own step.

use autowu_core::{AutoWu, Config, Event};
use autowu_tests::curves::noise;
use autowu_tests::effort::effort;

const STEPS: u64 = 1000;
const SIZE: usize = 6;

/// Curvatures from 0.05 to 5: a learning rate above 0.4 diverges.
fn curvature(i: usize) -> f64 {
    0.05 * 100_f64.powf(i as f64 / (SIZE - 1) as f64)
}

/// What happens to the loss that a step is told.
type Harm<'a> = &'a dyn Fn(u64, f64) -> f64;

/// Gradient descent on noisy batches of a quadratic; the loss without noise at the end, and the
/// events. An update is left out where the event says so; one whose loss is not finite and that is
/// made nevertheless ruins the weights, as in any trainer.
fn train(seed: u64, harm: Harm<'_>) -> (f64, Vec<Event<f64>>) {
    let mut autowu = AutoWu::<f64, 1024>::new(Config::new(STEPS).with_seed(seed)).unwrap();
    let mut weights = [3.0; SIZE];
    let mut copy = weights;
    let mut events = Vec::new();
    for step in 0..STEPS {
        let off = |i: usize| 0.3 * noise(seed, step * SIZE as u64 + i as u64);
        let loss: f64 = (0..SIZE).map(|i| 0.5 * curvature(i) * (weights[i] - off(i)).powi(2)).sum();
        let lr = autowu.lr();
        let told = harm(step, loss);
        let event = autowu.step(told).event;
        match event {
            Some(Event::Snapshot { .. }) => copy = weights,
            Some(Event::Restore { .. }) => weights = copy,
            _ => {}
        }
        events.extend(event.filter(|event| event.kind() != "snapshot"));
        if event.is_some_and(|event| event.skips_update()) {
            continue;
        }
        for (i, w) in weights.iter_mut().enumerate() {
            let gradient = curvature(i) * (*w - off(i));
            *w -= lr * if told.is_finite() { gradient } else { told };
        }
    }
    ((0..SIZE).map(|i| 0.5 * curvature(i) * weights[i].powi(2)).sum(), events)
}

/// The geometric mean, over the seeds, of the final loss over that of the undisturbed run.
fn cost(harm: &dyn Fn(u64, u64, f64) -> f64) -> f64 {
    let seeds = 24 * u64::from(effort());
    let logs = (0..seeds).map(|seed| {
        let (harmed, events) = train(seed, &|step, loss| harm(seed, step, loss));
        let (whole, _) = train(seed, &|_, loss| loss);
        assert!(harmed.is_finite(), "seed {seed}: {events:?}");
        (harmed / whole).ln()
    });
    (logs.sum::<f64>() / seeds as f64).exp()
}

/// One step in `rate`, by chance.
fn is_bad(seed: u64, step: u64, rate: u64) -> bool {
    autowu_core::sampling::mix(seed ^ step << 20).is_multiple_of(rate)
}

#[test]
fn a_first_loss_that_is_none_costs_nothing() {
    let ratio = cost(&|_, step, loss| if step == 0 { f64::NAN } else { loss });
    println!("first loss NaN: × {ratio:.3}");
    assert!(ratio < 1.1, "{ratio}");
}

#[test]
fn broken_batches_cost_about_their_own_steps() {
    for rate in [1000, 200, 50] {
        let ratio =
            cost(&|seed, step, loss| if is_bad(seed, step, rate) { f64::NAN } else { loss });
        println!("NaN in 1 step of {rate}: × {ratio:.3}");
        assert!(ratio < 1.1, "1 in {rate}: {ratio}");
    }
}

#[test]
fn one_bad_loss_near_the_end_costs_nothing() {
    for bad in [f64::NAN, f64::INFINITY, 1e4] {
        let ratio = cost(&|_, step, loss| if step == 950 { bad } else { loss });
        println!("{bad} at 95 %: × {ratio:.3}");
        assert!(ratio < 1.1, "{bad}: {ratio}");
    }
}

#[test]
fn high_losses_that_are_the_datas_fault_pass() {
    let high = |_, step, loss| if (600..700).contains(&step) { loss + 20.0 } else { loss };
    let ratio = cost(&high);
    println!("100 steps of high loss at 60 %: × {ratio:.3}");
    assert!(ratio < 1.3, "{ratio}");
    let (_, events) = train(0, &|step, loss| high(0, step, loss));
    let said = events.iter().filter(|e| (600..710).contains(&e.step()));
    assert!(said.clone().any(|e| e.kind() == "diverged"), "{events:?}");
    assert!(said.count() <= 4, "{events:?}");
}
