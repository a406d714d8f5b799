//! The normal distribution function in both tails against its series in 1472 bits.

use autowu_core::real::normal_cdf;
use autowu_tests::wide::Wide;

/// Enough for `1 − erf` at 37/√2, where 988 leading bits cancel, and 480 more.
type Number = Wide<1472>;

/// `Φ(z) = ½ + ½ erf(z/√2)`, `erf x = (2/√π) e^(−x²) Σ_k 2ᵏ x^(2k+1)/(1·3·…·(2k+1))` (all terms
/// positive).
fn oracle(z: f64) -> Number {
    let half = Number::of(0.5);
    let square = Number::of(z) * Number::of(z) * half.clone();
    let x = square.sqrt();
    let (mut term, mut sum) = (x.clone(), x);
    let smallest = Number::of(2f64.powi(-1000)) * Number::of(2f64.powi(-500));
    for k in 1_u32.. {
        term = term * (&square + &square) / Number::whole(u64::from(2 * k + 1));
        sum = &sum + &term;
        if term <= &sum * &smallest {
            break;
        }
    }
    let erf = Number::of(2.0) / Number::pi().sqrt() * (-square).exp() * sum;
    let erf = if z < 0.0 { -erf } else { erf };
    (Number::of(1.0) + erf) * half
}

#[test]
fn the_oracle_is_the_table() {
    // Abramowitz and Stegun, table 26.2: Q(x) = 1 − P(x) for large x, in −log₁₀ Q; and P(1) to 15
    // places.
    assert!(oracle(1.0).relative_error_of(0.841_344_746_068_543) < 1e-14);
    for (x, minus_log) in [(5.0, 6.54265), (10.0, 23.11805), (20.0, 88.56010), (30.0, 197.30921)] {
        let ours = -oracle(-x).ln().to_f64() / std::f64::consts::LN_10;
        assert!((ours - minus_log).abs() < 6e-6, "{x}: {ours}");
    }
}

/// Relative error below `(2 + z²) ε`: half an ε for the constant 1/√2 and half for the product,
/// each amplified by z² in the lower tail.
#[test]
fn both_tails_to_1e_300() {
    let (mut worst, mut smallest) = (0.0_f64, 1.0_f64);
    for i in -592..=592 {
        let z = f64::from(i) / 16.0; // to −37: Φ = 6e-300
        let (ours, theirs) = (normal_cdf(z), oracle(z));
        let part = theirs.relative_error_of(ours)
            / ((2.0 + if z < 0.0 { z * z } else { 0.0 }) * f64::EPSILON);
        assert!(part <= 1.0, "Φ({z}) = {ours:e}: {part:.2} of the bound");
        (worst, smallest) = (worst.max(part), smallest.min(ours));
    }
    assert!(smallest < 1e-299 && smallest > 0.0);
    println!("Φ in f64, 1185 places, down to {smallest:.1e}: worst error {worst:.2} (2 + z²) ε");
}

#[test]
fn both_tails_in_single_precision() {
    let mut worst = 0.0_f64;
    for i in -208..=208 {
        let z = f64::from(i) / 16.0; // to −13: Φ = 6e-39 is subnormal from −12.9 on
        let ours = f64::from(normal_cdf(z as f32));
        let (theirs, epsilon) = (oracle(z), f64::from(f32::EPSILON));
        let allowed = (2.0 + if z < 0.0 { z * z } else { 0.0 }) * epsilon * theirs.to_f64()
            + f64::from(f32::from_bits(1));
        let part = theirs.error_of(ours) / allowed;
        assert!(part <= 1.0, "Φ({z}) = {ours:e}: {part:.2} of the bound");
        worst = worst.max(part);
    }
    println!("Φ in f32, 417 places: worst error {worst:.2} (2 + z²) ε");
}

#[test]
fn it_is_a_distribution_function() {
    let mut last = 0.0;
    for i in -50_000..=50_000 {
        let p = normal_cdf(f64::from(i) / 1000.0);
        assert!((0.0..=1.0).contains(&p) && p >= last, "{i}");
        last = p;
    }
    for (z, p) in [(f64::NEG_INFINITY, 0.0), (f64::INFINITY, 1.0), (-1e300, 0.0), (1e300, 1.0)] {
        assert_eq!(normal_cdf(z), p);
    }
    assert!(normal_cdf(f64::NAN).is_nan());
}
