//! [`Failures`]: losses in a row that are not finite.

use crate::digest::digest_fields;

/// Restores in a row, without a finite loss in between, after which the learning rate cannot be the
/// cause.
const TRIES: u32 = 3;

/// How often in a row a loss was not finite, and what has been done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(crate) struct Failures {
    /// Such losses in a row on the present weights.
    in_a_row: u32,
    /// Restores since the last finite loss.
    tries: u32,
    /// Whether the trainer has been told that going back does not help.
    reported: bool,
}

digest_fields!(Failures { in_a_row, tries, reported });

impl Failures {
    /// A loss is finite.
    #[inline]
    pub fn clear(&mut self) {
        *self = Failures::default();
    }

    /// A loss is not finite. Whether to skip its update and do no more: fewer than `skips` were in
    /// a row before it, or it has been reported that nothing helps.
    pub fn count(&mut self, skips: u32) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.reported || self.in_a_row <= skips
    }

    /// Whether going back may still help. If so it counts as tried: other weights come next.
    pub fn try_again(&mut self) -> bool {
        let may_help = self.tries < TRIES;
        if may_help {
            (self.in_a_row, self.tries) = (0, self.tries + 1);
        }
        may_help
    }

    /// Whether going back has been tried since the last finite loss.
    pub fn were_tried(&self) -> bool {
        self.tries > 0
    }

    /// The trainer has been told that going back does not help. Until the next finite loss, updates
    /// are only skipped.
    pub fn report(&mut self) {
        self.reported = true;
    }

    pub fn is_reported(&self) -> bool {
        self.reported
    }
}
