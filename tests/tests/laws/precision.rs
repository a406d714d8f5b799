//! Single against double precision: the same decisions.

use autowu_core::{AutoWu, Config, Observation, Verdict};
use autowu_tests::curves::curve;
use autowu_tests::effort::effort;

/// The last test of a curve of `steps` losses: its verdict and the probabilities of its votes.
fn verdict<T: autowu_core::Real>(losses: &[f64], config: Config) -> (Verdict, Vec<f64>) {
    let mut autowu = AutoWu::<T, 512>::new(config).unwrap();
    for &loss in losses {
        if let Observation::Event(autowu_core::Event::Decay { .. }) = autowu.observe(T::of(loss)) {
            unreachable!("the warmup is longer than the curve");
        }
    }
    let report = autowu.test().unwrap();
    let votes = report.votes.iter().map(|v| v.probability.to_f64().unwrap()).collect();
    (report.verdict, votes)
}

/// 1,000 synthetic curves (AUTOWU_EFFORT=10: 10,000), one test each: at most one in a thousand
/// differs. Of 10,000 it is one: its descent is as probable as the threshold, 0.99999, where single
/// precision resolves 6e-8. Elsewhere probabilities differ by up to 1e-3, because the fit's hundred
/// steps carry rounding on, and none of those lies at a threshold.
#[test]
fn single_precision_votes_as_double_does() {
    let curves = 1000 * u64::from(effort());
    let (mut differ, mut past, mut worst) = (0, 0, 0.0_f64);
    for seed in 0..curves {
        let steps = 20 + autowu_core::sampling::mix(seed) % 480;
        // Losses rounded to single precision, so that only the arithmetic differs.
        let losses: Vec<f64> =
            curve(seed, steps).into_iter().map(|l| f64::from(l as f32)).collect();
        let config = Config::new(2 * steps + 2).without_scout().with_seed(seed);
        let (double, single) = (verdict::<f64>(&losses, config), verdict::<f32>(&losses, config));
        past += u64::from(double.0 == Verdict::Past);
        let off = double.1.iter().zip(&single.1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        worst = worst.max(off);
        if double.0 != single.0 {
            differ += 1;
            println!("curve {seed}, {steps} losses: {:?} {:?}", double, single);
        }
    }
    println!(
        "{curves} curves, {past} past their minimum: {differ} votes differ, worst probability \
         {worst:.1e}"
    );
    assert!(
        past > curves / 10 && past < curves,
        "the curves are of both kinds: {past} of {curves} past"
    );
    assert!(differ * 1000 <= curves, "{differ} of {curves} differ");
}
