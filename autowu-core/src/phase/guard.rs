//! [`Guard`]: has the decay lost what the warmup had gained?

use super::descent::Descent;
use crate::digest::digest_fields;
use crate::real::Real;

/// Compares means of the decay's losses with the middle of the warmup's descent.
///
/// A mean above the middle has lost more than half of the descent: to a learning rate that was too
/// high for long, and not high enough to be seen at once.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct Guard<T> {
    /// The middle of the descent.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    limit: T,
    /// Losses that a mean is taken over.
    span: u64,
    /// The mean of the last `count` losses.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    mean: T,
    count: u64,
}

digest_fields!(Guard<T> { limit, span, mean, count });

impl<T: Real> Guard<T> {
    /// The guard of a descent; `None` where noise hides it.
    pub fn of(descent: &Descent<T>) -> Option<Self> {
        let (limit, span) = descent.middle()?;
        Some(Guard { limit, span, mean: T::zero(), count: 0 })
    }

    /// Losses until the next mean is complete, at least 1.
    pub fn ahead(&self) -> u64 {
        self.span.saturating_sub(self.count).max(1)
    }

    /// Takes a finite loss. Whether it completes a mean that has lost more than half of the
    /// descent.
    #[inline]
    pub fn push(&mut self, loss: T) -> bool {
        self.count += 1;
        let count = T::of_u64(self.count);
        // Apart, so that no difference overflows.
        self.mean = self.mean + (loss / count - self.mean / count);
        if self.count < self.span {
            return false;
        }
        let lost = self.mean > self.limit;
        self.restart();
        lost
    }

    /// Forgets the losses of the present mean: weights that were put back did not make them.
    pub fn restart(&mut self) {
        (self.mean, self.count) = (T::zero(), 0);
    }

    /// Whether a run can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self) -> bool {
        let empty = self.count == 0 && self.mean == T::zero();
        self.limit.is_finite()
            && self.mean.is_finite()
            && (self.count > 0 || empty)
            && self.count < self.span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard<f64> {
        Guard { limit: 1.5, span: 4, mean: 0.0, count: 0 }
    }

    #[test]
    fn a_mean_is_believed_when_it_is_complete() {
        let mut guard = guard();
        for (complete, ahead) in [(false, 3), (false, 2), (false, 1), (true, 4)] {
            assert_eq!((guard.push(9.0), guard.ahead()), (complete, ahead));
        }
        assert!(!(0..4).any(|_| guard.push(1.5)), "half of the descent is left");
    }

    #[test]
    fn losses_from_before_a_restore_are_not_counted_after_it() {
        let mut guard = guard();
        assert!(![9.0; 3].into_iter().any(|loss| guard.push(loss)));
        guard.restart();
        assert!(![1.0; 4].into_iter().any(|loss| guard.push(loss)));
    }
}
