//! Subsets: distinct, in range, uniform, and different from test to test.

use autowu_core::sampling::Permutation;
use autowu_tests::effort::{random_cases, seed};
use proptest::prelude::*;

/// `χ²` of cells that should be equally likely, as a standard normal deviate: with f degrees of
/// freedom `((χ²/f)^⅓ − (1 − 2/9f))/√(2/9f)` (Wilson, Hilferty 1931).
fn deviate(cells: &[u64]) -> f64 {
    let draws: u64 = cells.iter().sum();
    let expected = draws as f64 / cells.len() as f64;
    let chi_square: f64 =
        cells.iter().map(|&c| (c as f64 - expected) * (c as f64 - expected) / expected).sum();
    let freedom = cells.len() as f64 - 1.0;
    let spread = 2.0 / (9.0 * freedom);
    ((chi_square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

proptest! {
    #![proptest_config(random_cases(200))]

    #[test]
    fn members_are_distinct_and_in_range(
        n in 1..5000_u32,
        seed in any::<u64>(),
        test in any::<u64>(),
        subset in 0..10_u32,
    ) {
        let p = Permutation::new(n, seed, test, subset);
        let mut seen = vec![false; n as usize];
        for i in 0..n {
            let j = p.index(i);
            prop_assert!(j < n && !seen[j as usize]);
            seen[j as usize] = true;
        }
    }

    #[test]
    fn large_sizes_too(n in 1..=u32::MAX, seed in any::<u64>(), start in any::<u32>()) {
        let p = Permutation::new(n, seed, 0, 0);
        let images: Vec<u32> =
            (0..100.min(n)).map(|i| p.index((start % n).wrapping_add(i) % n)).collect();
        let mut sorted = images.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert!(sorted.len() == images.len() && images.iter().all(|&j| j < n));
    }
}

/// 10⁶ draws: each loss is drawn equally often, equally often as the first, and each ordered pair
/// equally often as the first two. (10⁷ would show what is left: 0.2 % between members, 0.6 %
/// between pairs, of n ≤ 64.)
#[test]
fn subsets_are_uniform() {
    let draws = 1_000_000_u64;
    let mut worst = 0.0_f64;
    for n in [2_u32, 5, 13, 17, 33, 64, 100, 1000] {
        let size = n.div_ceil(5).min(100);
        let (mut drawn, mut first) = (vec![0; n as usize], vec![0; n as usize]);
        let mut pairs = vec![0; if n <= 64 { (n * (n - 1)) as usize } else { 0 }];
        for subset in 0..draws / u64::from(size) {
            let p = Permutation::new(n, seed(), subset / 6, (subset % 6) as u32);
            (0..size).for_each(|i| drawn[p.index(i) as usize] += 1);
            let (a, b) = (p.index(0), p.index(1));
            first[a as usize] += 1;
            if let Some(pair) = pairs.get_mut((a * (n - 1) + b - u32::from(b > a)) as usize) {
                *pair += 1;
            }
        }
        // A member excludes itself from the rest of its subset, so that counts vary less than
        // independent draws: one-sided.
        let mut off = vec![deviate(&drawn), deviate(&first).abs()];
        if !pairs.is_empty() {
            off.push(deviate(&pairs).abs());
        }
        println!("n {n}, {draws} draws: deviates {off:.1?} (members, first member, first pair)");
        worst = off.into_iter().fold(worst, f64::max);
    }
    assert!(worst < 4.5, "the worst deviate is {worst:.1}");
}

/// Two tests, two subsets of a test, and two seeds draw different subsets: they share a tenth, as
/// independent ones do.
#[test]
fn subsets_differ() {
    let members = |seed, test, subset| {
        let p = Permutation::new(1000, seed, test, subset);
        (0..100).map(|i| p.index(i)).collect::<std::collections::HashSet<_>>()
    };
    for k in 0..200_u64 {
        let one = members(k, k, 0);
        for other in
            [members(k, k + 1, 0), members(k, k, 1), members(k + 1, k, 0), members(k, k, 5)]
        {
            let shared = one.intersection(&other).count();
            assert!(shared < 30, "{k}: {shared} of 100 shared"); // 10 ± 3
        }
    }
}
