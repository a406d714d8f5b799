//! Subsets: distinct, in range, uniform, and different from test to test.

use autowu_core::sampling::Permutation;
use autowu_tests::effort::{effort, random_cases, seed};
use proptest::prelude::*;

/// `(χ² − f)/√(2f)`: a standard normal deviate for many degrees of freedom f, if all cells are equally likely.
fn deviate(cells: &[u64]) -> f64 {
    let draws: u64 = cells.iter().sum();
    let expected = draws as f64 / cells.len() as f64;
    let chi_square: f64 = cells.iter().map(|&c| (c as f64 - expected) * (c as f64 - expected) / expected).sum();
    let freedom = cells.len() as f64 - 1.0;
    (chi_square - freedom) / (2.0 * freedom).sqrt()
}

proptest! {
    #![proptest_config(random_cases(200))]

    #[test]
    fn members_are_distinct_and_in_range(n in 1..5000_u32, seed in any::<u64>(), test in any::<u64>(), subset in 0..10_u32) {
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
        let images: Vec<u32> = (0..100.min(n)).map(|i| p.index((start % n).wrapping_add(i) % n)).collect();
        let mut sorted = images.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert!(sorted.len() == images.len() && images.iter().all(|&j| j < n));
    }
}

/// 10⁶ draws, from the fewest losses on that a subset is drawn from: each loss is drawn equally often, at each place of the subset, and each ordered pair of places equally often.
#[test]
fn subsets_are_uniform() {
    let draws = 1_000_000 * u64::from(effort());
    for n in [17_u32, 20, 33, 64, 100, 500, 1000] {
        let size = n.div_ceil(5).min(100);
        let mut drawn = vec![0; n as usize];
        let mut first = vec![0; n as usize];
        let pairs = n <= 64;
        let mut together = vec![0; if pairs { (n * n) as usize } else { 0 }];
        for test in 0..draws / u64::from(size) {
            let p = Permutation::new(n, seed(), test / 6, (test % 6) as u32);
            (0..size).for_each(|i| drawn[p.index(i) as usize] += 1);
            first[p.index(0) as usize] += 1;
            if pairs {
                together[(p.index(0) * n + p.index(1)) as usize] += 1;
            }
        }
        // A member excludes itself from the rest of its subset, so that counts vary less than independent draws: one-sided.
        assert!(deviate(&drawn) < 5.0, "n {n}: members {}", deviate(&drawn));
        assert!(deviate(&first).abs() < 5.0, "n {n}: first member {}", deviate(&first));
        if pairs {
            let off_diagonal: Vec<u64> =
                together.iter().enumerate().filter(|&(i, _)| i as u32 / n != i as u32 % n).map(|(_, &c)| c).collect();
            assert!(deviate(&off_diagonal).abs() < 5.0, "n {n}: pairs {}", deviate(&off_diagonal));
        }
    }
}

/// Two tests, two subsets of a test, and two seeds draw different subsets: they share a tenth, as independent ones do.
#[test]
fn subsets_differ() {
    let members = |seed, test, subset| {
        let p = Permutation::new(1000, seed, test, subset);
        (0..100).map(|i| p.index(i)).collect::<std::collections::HashSet<_>>()
    };
    for k in 0..200_u64 {
        let one = members(k, k, 0);
        for other in [members(k, k + 1, 0), members(k, k, 1), members(k + 1, k, 0), members(k, k, 5)] {
            let shared = one.intersection(&other).count();
            assert!(shared < 30, "{k}: {shared} of 100 shared"); // 10 ± 3
        }
    }
}
