//! Counts the operations that autowu-cuda's benchmark assumes.

use crate::ffi::operations;
use autowu_lab::work;

#[test]
fn operations_are_those_of_the_benchmark() {
    const CURVES: u64 = 8;
    let mut sums = [[0; 2]; 2];
    for i in 0..CURVES {
        let counted = operations(&work::config(), &work::curve(i), i);
        for (sum, n) in sums.as_flattened_mut().iter_mut().zip(counted.as_flattened()) {
            *sum += n;
        }
    }
    let mean = sums.map(|kernel| kernel.map(|sum| sum / CURVES));
    let said = [[work::FIT.simple, work::FIT.special], [work::VOTE.simple, work::VOTE.special]];
    // The number of the spectrum's sweeps, and of skipped locations, depends on the losses.
    let close = |(a, b): (&u64, &u64)| a.abs_diff(*b) * 100 <= 2 * b;
    assert!(
        mean.as_flattened().iter().zip(said.as_flattened()).all(close),
        "counted {mean:?}, said {said:?}"
    );
}
