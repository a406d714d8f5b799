//! The GP in its basis against the dense one, on any data.

use super::input::Number;
use crate::dense::Dense;
use crate::tolerance::{MEAN, VARIANCE, dense_rounding, truncation};
use arbitrary::{Result, Unstructured};
use autowu_core::gp::{Factor, Hyper, Posterior};

/// s², σ² and rows.
pub fn run(data: &[u8]) {
    let _ = check(data);
}

fn check(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let (scale, noise, mean): (u8, u8, i8) = u.arbitrary()?;
    let (output_scale, noise) =
        (10f64.powf(f64::from(scale) / 64.0 - 2.0), 10f64.powf(f64::from(noise) / 51.0 - 4.0));
    let mean = f64::from(mean) / 64.0;
    let mut rows = Vec::new();
    while !u.is_empty() && rows.len() < 60 {
        let x = f64::from(u.arbitrary::<u16>()?) / 65535.0;
        rows.push((x, u.arbitrary::<Number>()?.get()));
    }
    rows.retain(|r| r.1.abs() <= 1e6);
    let Some(dense) =
        Dense::condition(&rows, [mean, output_scale, noise], 0.2).filter(|_| !rows.is_empty())
    else {
        return Ok(());
    };
    let kappa = 1.0 + rows.len() as f64 * output_scale / noise;
    let other = truncation(kappa, 0.2) + dense_rounding(kappa);
    let hyper = Hyper { mean, output_scale, noise };
    let unit = f64::EPSILON / 2.0;
    let largest = rows.iter().fold(mean.abs(), |top, r| top.max(r.1.abs()));
    let factor = Factor::of(rows.iter().copied(), 0.2);
    let posterior = Posterior::condition(&factor, &hyper);
    for x in [0.0, 0.31, 0.77, 1.0] {
        // Between close samples the posterior mean can be far larger than the samples.
        let size = (mean.abs() + largest).max(dense.mean_at(x).abs()).max(f64::MIN_POSITIVE);
        let off = (posterior.mean_at(x) - dense.mean_at(x)).abs() / size;
        assert!(
            off <= MEAN.bound(unit, kappa) + other,
            "mean at {x}: {off:e}, κ {kappa:e}, {rows:?}"
        );
        let off = posterior.variance_of_difference(x, 1.0) - dense.variance_of_difference(x, 1.0);
        let off = off.abs() / (2.0 * output_scale);
        assert!(
            off <= VARIANCE.bound(unit, kappa) + other,
            "variance at {x}: {off:e}, κ {kappa:e}, {rows:?}"
        );
    }
    Ok(())
}
