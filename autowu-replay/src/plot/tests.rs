use super::*;
use autowu_core::Config;

/// Falls, and rises again: the climb ends in a restore, then comes the decay.
fn run(steps: usize) -> (Vec<f64>, Record) {
    let bend = |i: usize| 2.0 - i.min(110) as f64 / 60.0 + (i.saturating_sub(120)) as f64 / 10.0;
    let noise = |i: usize| (i * 7919 % 101) as f64 / 1000.0;
    let losses: Vec<f64> = (0..steps).map(|i| bend(i) + noise(i)).collect();
    let record =
        Record::replay::<f64, 1024>(Config::new(steps as u64).without_scout(), &losses, |_| ());
    (losses, record.expect("a valid budget"))
}

fn drawn(losses: &[f64], record: &Record) -> String {
    let marks = marks(record);
    picture(&Curves { losses, lrs: &record.lrs, band: record.band.as_ref(), marks })
}

#[test]
fn words_stand_at_what_happened() {
    let (losses, record) = run(400);
    let svg = drawn(&losses, &record);
    for words in [
        "weights and learning rate go back:",
        "the loss has passed its minimum",
        "the decay begins",
        ">climb<",
        ">decay<",
        "its minimum",
        "prefers-color-scheme: dark",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(!svg.contains("NaN") && !svg.contains("inf "));
}

#[test]
fn hostile_losses_leave_a_picture() {
    for losses in [
        vec![f64::NAN; 3],
        vec![f64::INFINITY, 1.0, f64::NEG_INFINITY],
        vec![0.0],
        vec![-1e308, 1e308],
        vec![5e-324, 0.0],
    ] {
        let lrs = vec![0.0; losses.len() + 1];
        let svg = drawn(&losses, &Record::untested(lrs));
        assert!(!svg.contains("NaN"), "{losses:?}\n{svg}");
    }
}

#[test]
fn of_many_points_the_extremes_are_drawn() {
    let mut points: Vec<_> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
    points[54_321].1 = 9.0;
    let few = thinned(&points);
    assert!(few.len() <= POINTS + 2 && few.contains(&(54_321.0, 9.0)));
    assert!(few.windows(2).all(|pair| pair[0].0 < pair[1].0));
}
