//! The guard of the decay: noise does not stop a healthy decay, and the guard sees a lost descent.

use autowu_core::{AutoWu, Config, Event, Reason};
use autowu_tests::curves::noise;
use autowu_tests::effort::effort;

/// Close to a standard normal number.
fn normal(seed: u64, i: u64) -> f64 {
    (0..3).map(|k| noise(seed, 3 * i + k)).sum()
}

/// Whether a run reports its descent as lost. Its loss falls by 1 while the learning rate rises to
/// 1e-2, is `after` in the decay, and has noise of deviation `level` throughout.
fn says_lost(seed: u64, total_steps: u64, level: f64, after: f64) -> bool {
    let mut autowu =
        AutoWu::<f64, 1024>::new(Config::new(total_steps).without_scout().with_seed(seed)).unwrap();
    (0..total_steps).any(|step| {
        let decades = (autowu.lr() / 1e-2).log10() / 3.0;
        let signal = if autowu.phase().name() == "decay" { after } else { decades * decades };
        let event = autowu.step(signal + level * normal(seed, step)).event;
        matches!(event, Some(Event::Restore { reason: Reason::DescentLost, .. }))
    })
}

/// 25 runs for each length and noise (`AUTOWU_EFFORT=8`: 200), as many with a decay that keeps its
/// descent as with one that loses it. At most one in a hundred of the first may be stopped, and by
/// chance three more.
#[test]
fn noise_is_no_loss_of_the_descent() {
    let runs = 25 * u64::from(effort());
    let said = |steps, level, after| {
        (0..runs).filter(|&run| says_lost(run ^ steps << 32, steps, level, after)).count() as u64
    };
    let (mut healthy, mut stopped) = (0, 0);
    for steps in [60, 200, 1000] {
        for level in [0.1, 0.3, 1.0] {
            let (kept, lost) = (said(steps, level, 0.0), said(steps, level, 1.0));
            println!(
                "{steps} steps, noise {level}: of {runs} healthy runs {kept} are stopped, of \
                 {runs} lost ones {lost} are seen"
            );
            (healthy, stopped) = (healthy + runs, stopped + kept);
            assert!(
                level > 0.1 || 10 * lost > 9 * runs,
                "{steps} steps, noise {level}: {lost} of {runs} are seen"
            );
        }
    }
    assert!(stopped <= healthy / 100 + 3, "{stopped} of {healthy} healthy runs are stopped");
}
