//! [`Verdict`]: what the votes of a test say.

use super::measurement::Measurement;
use crate::config::Response;
use crate::gp::Inference;
use crate::real::Real;

/// How certain a descent must be where the configuration does not ask for one.
const SURE_DESCENT: f64 = 0.99999;

/// Why a test came out as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Verdict {
    /// Too few finite losses to say anything.
    NotEnough,
    /// The minimum has not been passed with the confidence asked for.
    NotPast,
    /// It might have been passed, but the loss has not clearly fallen first: noise on flat ground
    /// looks like this.
    NoDescent,
    /// The loss has passed its minimum.
    Past,
}

impl Verdict {
    /// Majority and descent: more than half of the votes have `P > confidence` and, where it is
    /// asked for, `P(descent) > descent`.
    ///
    /// ```
    /// use autowu_core::{Measurement, Response, TestInput, TestRules, Verdict};
    /// use autowu_core::{gp::Fit, trajectory::Trajectory};
    /// let (rules, fit, losses) = (&TestRules::default(), &Fit::default(), &Trajectory::new());
    /// let input = TestInput::<f64, 64>::new(rules, losses, fit);
    /// let verdict = Verdict::of(&Measurement::of(&input), &Response::default());
    /// assert_eq!(verdict, Verdict::NotEnough);
    /// ```
    pub fn of<T: Real>(measured: &Measurement<T>, response: &Response) -> Self {
        let votes = &measured.votes;
        if votes.is_empty() {
            return Verdict::NotEnough;
        }
        let confidence = T::of(response.confidence);
        let past = |v: &Inference<T>| v.probability > confidence;
        let fell = |v: &Inference<T>| response.descent.is_none_or(|d| v.descent > T::of(d));
        if majority(votes, |v| past(v) && fell(v)) {
            Verdict::Past
        } else if majority(votes, past) {
            Verdict::NoDescent
        } else {
            Verdict::NotPast
        }
    }

    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::NotEnough => "too few finite losses to test",
            Verdict::NotPast => "the loss has not passed its minimum",
            Verdict::NoDescent => {
                "the loss has not clearly fallen yet, so it cannot have passed its minimum"
            }
            Verdict::Past => "the loss has passed its minimum",
        }
    }
}

/// Whether most votes are certain that the loss has fallen.
pub(super) fn fell<T: Real>(votes: &[Inference<T>], response: &Response) -> bool {
    let sure = T::of(response.descent.unwrap_or(SURE_DESCENT));
    majority(votes, |v| v.descent > sure)
}

fn majority<T>(votes: &[Inference<T>], says: impl Fn(&Inference<T>) -> bool) -> bool {
    2 * votes.iter().filter(|v| says(v)).count() > votes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TestRules;
    use crate::gp::Fit;
    use crate::test::measurement::TestInput;
    use crate::trajectory::Trajectory;
    use std::collections::HashSet;

    /// A measurement with these votes: (probability, descent).
    fn voted(votes: &[(f64, f64)]) -> Measurement<f64> {
        let (rules, fit, losses) = (&TestRules::default(), &Fit::default(), &Trajectory::new());
        let input = TestInput::<f64, 64> { rules, seed: 0, number: 0, fewest: 1, losses, fit };
        let vote = |&(probability, descent)| Inference { probability, argmin: 7, descent };
        Measurement { votes: votes.iter().map(vote).collect(), ..Measurement::of(&input) }
    }

    /// More than half of the votes, each above its threshold.
    #[test]
    fn a_majority_decides() {
        let response = Response { descent: Some(0.99), ..Response::default() };
        let (past, risen, not) = ((0.96, 0.999), (0.96, 0.99), (0.95, 0.999));
        for (votes, verdict) in [
            (&[past, past, not][..], Verdict::Past),
            (&[past, past, not, not], Verdict::NotPast),
            (&[past, risen, not], Verdict::NoDescent),
            (&[past, past, risen, risen], Verdict::NoDescent),
            (&[past, past, past, risen, not], Verdict::Past),
            (&[risen, not, not], Verdict::NotPast),
            (&[], Verdict::NotEnough),
        ] {
            assert_eq!(Verdict::of(&voted(votes), &response), verdict, "{votes:?}");
        }
        let unasked = Response { descent: None, ..response };
        assert_eq!(Verdict::of(&voted(&[risen, risen, not]), &unasked), Verdict::Past);
    }

    /// Most votes, each above its threshold.
    #[test]
    fn a_majority_has_seen_the_loss_fall() {
        for (descents, descent, falls) in [
            (&[0.9, 0.8, 0.1][..], Some(0.7), true),
            (&[0.9, 0.7, 0.1], Some(0.7), false),
            (&[0.9, 0.8, 0.1, 0.2], Some(0.7), false),
            (&[], Some(0.7), false),
            (&[0.999_991], None, true),
            (&[0.999_99], None, false),
        ] {
            let votes: std::vec::Vec<_> = descents.iter().map(|&d| (0.5, d)).collect();
            let response = Response { descent, ..Response::default() };
            assert_eq!(fell(&voted(&votes).votes, &response), falls, "{descents:?}");
        }
    }

    #[test]
    fn every_verdict_has_its_sentence() {
        let all = [Verdict::NotEnough, Verdict::NotPast, Verdict::NoDescent, Verdict::Past];
        assert_eq!(HashSet::from(all.map(Verdict::sentence)).len(), 4);
    }
}
