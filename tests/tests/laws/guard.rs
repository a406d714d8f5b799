//! The guard of the decay: noise does not stop a healthy decay, and the guard sees a lost descent.

use autowu_core::{AutoWu, Config, Event, Reason};
use autowu_tests::curves::noise;
use autowu_tests::effort::effort;

/// Noise of deviation 1, one number a step.
#[derive(Clone, Copy, Debug)]
enum Noise {
    White,
    /// Student's t of three degrees of freedom: its fourth moment is infinite.
    HeavyTailed,
    /// Each number is half of the one before and a new one: correlated over a few steps, as losses
    /// are whose batches come from sorted data.
    Correlated,
}

impl Noise {
    fn told(self, seed: u64) -> impl FnMut(u64) -> f64 {
        let mut last = 0.0;
        move |step| {
            let z = |k: u64| normal(seed ^ k << 40, step);
            match self {
                Noise::White => z(0),
                Noise::HeavyTailed => z(0) / (1..4).map(|k| z(k) * z(k)).sum::<f64>().sqrt(),
                Noise::Correlated => {
                    last = 0.5 * last + 0.75_f64.sqrt() * z(0);
                    last
                }
            }
        }
    }
}

/// Close to a standard normal number.
fn normal(seed: u64, i: u64) -> f64 {
    (0..3).map(|k| noise(seed, 3 * i + k)).sum()
}

/// The steps of the decay after which a run reports its descent as lost. Its loss falls by 1 while
/// the learning rate rises to 1e-2, is `after` in the decay, and has noise of deviation `level`
/// throughout.
fn lost(seed: u64, total_steps: u64, noise: Noise, level: f64, after: f64) -> Option<u64> {
    let mut autowu =
        AutoWu::<f64, 1024>::new(Config::new(total_steps).without_scout().with_seed(seed)).unwrap();
    let (mut noise, mut start) = (noise.told(seed), 0);
    (0..total_steps).find_map(|step| {
        let decades = (autowu.lr() / 1e-2).log10() / 3.0;
        let decaying = autowu.phase().name() == "decay";
        start = if decaying { start } else { step };
        let signal = if decaying { after } else { decades * decades };
        let event = autowu.step(signal + level * noise(step)).event;
        let is_lost = matches!(event, Some(Event::Restore { reason: Reason::DescentLost, .. }));
        is_lost.then_some(step - start)
    })
}

/// 25 runs for each length and noise (`AUTOWU_EFFORT=8`: 200, and 5,000 steps too), as many with a
/// decay that keeps its descent as with one that loses it. At most one in a hundred of the first may
/// be stopped, and by chance three more. Correlated noise is taken for white in the first 32 losses,
/// until the scatter of blocks is known: there one in ten may be.
#[test]
fn noise_is_no_loss_of_the_descent() {
    let runs = 25 * u64::from(effort());
    println!(
        "noise, steps, level: healthy stopped, lost seen, of {runs} each; median of the steps"
    );
    for noise in [Noise::White, Noise::HeavyTailed, Noise::Correlated] {
        let (mut healthy, mut stopped) = (0, 0);
        for &steps in if runs > 25 { &[60, 200, 1000, 5000][..] } else { &[60, 200, 1000] } {
            for level in [0.1, 0.3, 1.0] {
                let run = |run: u64, after| lost(run ^ steps << 32, steps, noise, level, after);
                let kept = (0..runs).filter_map(|i| run(i, 0.0)).count() as u64;
                let mut seen: Vec<u64> = (0..runs).filter_map(|i| run(i, 1.0)).collect();
                seen.sort_unstable();
                let middle = seen.get(seen.len() / 2).map_or(-1, |&steps| steps as i64);
                println!("{noise:?} {steps} {level}: {kept}, {}; {middle}", seen.len());
                (healthy, stopped) = (healthy + runs, stopped + kept);
                assert!(
                    level > 0.1 || 10 * seen.len() as u64 > 9 * runs,
                    "{noise:?}, {steps} steps, noise {level}: {} of {runs} are seen",
                    seen.len()
                );
            }
        }
        let share = if matches!(noise, Noise::Correlated) { 10 } else { 100 };
        assert!(
            stopped <= healthy / share + 3,
            "{noise:?}: {stopped} of {healthy} healthy stopped"
        );
    }
}
