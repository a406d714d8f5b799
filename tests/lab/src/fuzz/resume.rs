//! Any bytes as a saved state: refused, or a state that resumes.

use autowu_core::{AutoWu, Real};
use serde::de::DeserializeOwned;

/// A state as JSON if it begins with a brace, in the binary format otherwise.
pub fn run(data: &[u8]) {
    check::<f64>(data);
    check::<f32>(data);
}

fn load<S: DeserializeOwned>(data: &[u8]) -> Option<S> {
    if data.starts_with(b"{") {
        serde_json::from_slice(data).ok()
    } else {
        postcard::from_bytes(data).ok()
    }
}

fn check<T: Real>(data: &[u8]) {
    let Some(mut autowu) = load::<AutoWu<T, 64>>(data) else { return };
    let again: AutoWu<T, 64> = load(&postcard::to_stdvec(&autowu).unwrap())
        .expect("what was read is written and read again");
    assert_eq!((&again, again.digest()), (&autowu, autowu.digest()));
    let config = *autowu.config();
    let lr_is_in_range = |autowu: &AutoWu<T, 64>| {
        let lr = autowu.lr();
        assert!(lr >= T::zero() && lr <= T::of(config.max_lr), "{lr}: {autowu:?}");
    };
    lr_is_in_range(&autowu);
    autowu.lr_ahead(u64::MAX);
    autowu.lr_on_climb(T::of(0.5));
    let mut extended = autowu.clone();
    let least = autowu.total_steps().max(autowu.steps());
    extended.extend(least.saturating_add(40)).expect("more steps");
    lr_is_in_range(&extended);
    let again: AutoWu<T, 64> = load(&postcard::to_stdvec(&extended).unwrap())
        .expect("an extended run is written and read again");
    assert_eq!(again, extended);
    let tests = autowu.tests();
    for step in 0..60_u8 {
        let loss = if step % 16 == 15 { T::nan() } else { T::of(f64::from(step % 7) - 1.0) };
        let _ = autowu.step(loss);
        lr_is_in_range(&autowu);
        autowu.steps_until_due();
        if autowu.tests().saturating_sub(tests) > 6 {
            break;
        }
    }
    autowu.test();
    let bytes = postcard::to_stdvec(&autowu).unwrap();
    assert!(
        load::<AutoWu<T, 64>>(&bytes).is_some(),
        "a run that went on cannot be saved: {autowu:?}"
    );
}
