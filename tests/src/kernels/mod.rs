//! The laws of the CUDA kernels, for whatever runs them: the emulator (`tests/tests/emulator`) or a
//! GPU (`tests/gpu`).
//!
//! `batch`: curves as the kernels read them. `near`: how far the kernels may be from core.
//! `laws`: what must hold for every batch. `exact`: the laws against 256 bits.

pub mod batch;
mod exact;
pub mod laws;
pub mod near;

use autowu_cuda::batch::Results;
use batch::Batch;
use near::{Precision, Worst};

/// What runs the kernels.
pub trait Engine<T> {
    /// The results of a batch. To run it in several ways, which must give the same bits, is the
    /// engine's part.
    ///
    /// # Errors
    /// In words: results that differ, or a device that fails.
    fn run(&self, batch: &Batch<'_, T>) -> Result<Results<T>, String>;
}

/// What a law found, or the curve that breaks it.
pub type Outcome = Result<Worst, String>;

/// A law, of one precision of an engine.
pub type Law<E> = fn(&E) -> Outcome;

/// Hands the names of all laws to another macro, separated by commas.
#[macro_export]
macro_rules! every_law {
    ($with:ident) => {
        $with! {
            curves_agree_with_core,
            curves_agree_with_core_by_the_papers_rule,
            two_hundred_curves_in_one_batch,
            a_second_test_goes_on_from_the_fit_of_the_first,
            averaged_histories_keep_their_places,
            the_ends_of_the_range_never_give_a_wrong_vote,
            raw_losses_of_any_size_never_give_a_wrong_verdict,
            a_vote_is_that_of_256_bits,
            a_fit_is_that_of_256_bits,
        }
    };
}

/// Every law by its name, for one precision of an engine.
pub fn all<T: Precision, E: Engine<T>>() -> Vec<(&'static str, Law<E>)> {
    macro_rules! list {
        ($($law:ident),* $(,)?) => {
            vec![$((stringify!($law), laws::$law::<T, E> as Law<E>)),*]
        };
    }
    every_law!(list)
}
