//! How hard the tests try, and from which seed.

use proptest::test_runner::{Config, RngSeed};

/// `AUTOWU_EFFORT`: every number of cases is multiplied by it; 1 unless set.
pub fn effort() -> u32 {
    from_environment("AUTOWU_EFFORT", 1).max(1)
}

/// `AUTOWU_SEED`: where random cases start; 0 unless set, so that a plain run is the same
/// everywhere.
pub fn seed() -> u64 {
    u64::from(from_environment("AUTOWU_SEED", 0))
}

/// `cases` times [`effort`] random cases from [`seed`]. A failure prints its case; nothing is
/// written to the disk.
pub fn random_cases(cases: u32) -> Config {
    Config {
        cases: cases.saturating_mul(effort()),
        rng_seed: RngSeed::Fixed(seed()),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    }
}

/// A number from the environment. An unreadable one is an error: the default would try less than
/// was asked for.
fn from_environment(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.trim().parse().unwrap_or_else(|_| {
            eprintln!("{name} is {text:?}: a whole number was expected");
            std::process::exit(2)
        }),
        Err(_) => default,
    }
}
