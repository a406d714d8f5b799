//! The history: exact until it is full, then entries of equal length.

use autowu_core::trajectory::Trajectory;
use autowu_tests::effort::random_cases;
use proptest::prelude::*;

fn of<const N: usize>(losses: &[f64]) -> Trajectory<f64, N> {
    let mut t = Trajectory::new();
    losses.iter().for_each(|&l| t.push(l));
    t
}

fn covers<const N: usize>(losses: &[f64]) -> Result<(), TestCaseError> {
    let t = of::<N>(losses);
    prop_assert_eq!(t.losses(), losses.len() as u64);
    prop_assert!(t.len() <= N);
    prop_assert_eq!(t.is_empty(), losses.is_empty());
    if losses.len() <= N {
        prop_assert_eq!(t.values(), losses);
        prop_assert_eq!(t.resolution(), 1);
        return Ok(());
    }
    // One loss ago it was full at half the resolution, or has grown since.
    prop_assert!(t.len() >= N / 2, "{} of {N}", t.len());
    let per = t.resolution() as usize;
    for (i, &value) in t.values().iter().enumerate() {
        let entry = &losses[i * per..(i + 1) * per];
        let mean = entry.iter().sum::<f64>() / per as f64;
        prop_assert!((value - mean).abs() <= 1e-12 * per as f64, "entry {i}: {value} for {mean}");
        let middle = (i * per) as f64 + (per as f64 - 1.0) / 2.0;
        prop_assert!((t.x(i) * (t.len() * per) as f64 - middle).abs() < 1e-6);
    }
    Ok(())
}

proptest! {
    #![proptest_config(random_cases(200))]

    #[test]
    fn entries_are_means(losses in prop::collection::vec(-1.0..=1.0_f64, 0..700)) {
        covers::<2>(&losses)?;
        covers::<3>(&losses)?;
        covers::<8>(&losses)?;
        covers::<31>(&losses)?;
        covers::<256>(&losses)?;
    }

    /// A non-finite loss changes its own entry and no other.
    #[test]
    fn what_is_not_finite_stays_in_its_entry(
        losses in prop::collection::vec(0.5..=1.0_f64, 200..700),
        at in any::<usize>(),
    ) {
        let at = at % losses.len();
        let mut broken = losses.clone();
        broken[at] = f64::NAN;
        let (whole, broken) = (of::<32>(&losses), of::<32>(&broken));
        for (i, (a, b)) in whole.values().iter().zip(broken.values()).enumerate() {
            prop_assert!(
                a == b || i == at / whole.resolution() as usize && (0.5..=1.0).contains(b)
            );
        }
    }
}

/// A wave of period p leaves at most p/resolution of itself in a mean: no beat, whatever the
/// period.
#[test]
fn a_periodic_loss_does_not_alias() {
    for period in [2, 3, 4, 5, 7, 8, 16, 100, 128] {
        let losses: Vec<f64> =
            (0..60_000).map(|i| if i % period == 0 { 1.0 } else { 0.0 }).collect();
        let t = of::<64>(&losses);
        let left = period as f64 / t.resolution() as f64;
        assert!(left < 0.2);
        for &value in t.values() {
            assert!((value - 1.0 / period as f64).abs() <= left / 2.0, "period {period}: {value}");
        }
    }
}

#[test]
fn the_largest_numbers_have_a_mean() {
    let losses: Vec<f64> =
        (0..1000).map(|i| if i % 2 == 0 { f64::MAX } else { f64::MIN }).collect();
    assert!(of::<16>(&losses).values().iter().all(|v| v.is_finite()));
    assert!(
        of::<16>(&[f64::MAX; 999]).values().iter().all(|&v| (v / f64::MAX - 1.0).abs() < 1e-12)
    );
}
