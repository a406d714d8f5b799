//! [`Failures`]: losses in a row that are not finite.

use crate::digest::digest_fields;

/// Restores in a row, without a finite loss in between, after which the learning rate cannot be the
/// cause.
const TRIES: u32 = 3;

/// How often in a row a loss was not finite, and whether the trainer has been told for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(crate) struct Failures {
    in_a_row: u32,
    reported: bool,
}

digest_fields!(Failures { in_a_row, reported });

impl Failures {
    /// A loss is finite.
    #[inline]
    pub fn clear(&mut self) {
        *self = Failures::default();
    }

    /// A loss is not finite.
    pub fn count(&mut self) {
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// The trainer has been told that going back does not help: nothing more is said before the
    /// next finite loss.
    pub fn report(&mut self) {
        self.reported = true;
    }

    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Whether this is the first.
    pub fn is_first(&self) -> bool {
        self.in_a_row == 1
    }

    /// Whether going back has been tried often enough.
    pub fn are_too_many(&self) -> bool {
        self.in_a_row > TRIES
    }

    /// Whether going back has been tried often enough since this very loss.
    pub fn have_just_become_too_many(&self) -> bool {
        self.in_a_row == TRIES + 1
    }
}
