//! Any rows: finite numbers come out.

use super::input::Number;
use arbitrary::{Result, Unstructured};
use autowu_core::gp::{Factor, Fit, Hyper, Posterior, Spectrum};
use autowu_core::trajectory::Trajectory;
use autowu_core::{Measurement, Real, TestInput, TestRules};

/// Losses for a whole test, and rows for a GP on its own.
pub fn run(data: &[u8]) {
    let _ = check::<f64>(data).and(check::<f32>(data));
}

fn check<T: Real>(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let (standardise, clip, scale, noise): (bool, bool, u8, u8) = u.arbitrary()?;
    let rules = TestRules { standardise, clip, votes: 2, ..TestRules::default() };
    let mut rows = Vec::new();
    while !u.is_empty() && rows.len() < 150 {
        rows.push((u.arbitrary::<u16>()?, u.arbitrary::<Number>()?.get()));
    }

    // Of any losses: what is not finite is left out, what is huge is scaled.
    let mut losses = Trajectory::<T, 64>::new();
    rows.iter().for_each(|&(_, y)| losses.push(T::of(y)));
    let (rules, losses, fit) = (&rules, &losses, &Fit::default());
    let mut input = TestInput::new(rules, losses, fit);
    input.fewest = 1;
    let measured = Measurement::of(&input);
    let Hyper { mean, output_scale, noise: fitted } = measured.hyper;
    assert!([mean, output_scale, fitted].iter().all(|x| x.is_finite()), "{measured:?}");
    assert!(Fit::from_array(measured.fit.to_array()).is_some(), "{:?}", measured.fit);
    for vote in &measured.votes {
        assert!((0.0..=1.0).contains(&vote.probability.wide()) && vote.argmin < 500, "{vote:?}");
        assert!((0.0..=1.0).contains(&vote.descent.wide()), "{vote:?}");
    }

    // Of any rows in [0, 1] × [−1e6, 1e6], at every s² and σ² that a fit can reach.
    let rows = rows
        .iter()
        .filter(|r| r.1.abs() <= 1e6)
        .map(|&(x, y)| (T::of(f64::from(x) / 65535.0), T::of(y)));
    let hyper = Hyper {
        mean: T::of(0.5),
        output_scale: T::of(10f64.powf(f64::from(scale) / 64.0 - 2.0)),
        noise: T::of(10f64.powf(f64::from(noise) / 64.0 - 4.0)),
    };
    let factor = Factor::of(rows, T::of(0.2));
    let spectrum = Spectrum::of(&factor);
    let slope = spectrum.gradient(&hyper);
    assert!(factor.is_empty() || spectrum.negative_log_evidence(&hyper).is_finite());
    assert!(slope.iter().all(|x| x.is_finite()), "{slope:?}");
    let posterior = Posterior::condition(&factor, &hyper);
    for x in [0.0, 0.3, 1.0].map(T::of) {
        let (mean, variance) = (posterior.mean_at(x), posterior.variance_at(x));
        assert!(
            mean.is_finite() && variance >= T::zero() && variance.is_finite(),
            "{mean} {variance}"
        );
    }
    Ok(())
}
