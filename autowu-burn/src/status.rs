//! [`Status`]: what the last test and the last event said, for burn's dashboard.

use autowu_core::{Event, Outcome, Phase};

#[derive(Default)]
pub(crate) struct Status {
    /// The last event that is neither a snapshot nor a skip.
    event: Option<Event<f64>>,
    probability: Option<f64>,
}

impl Status {
    pub fn note(&mut self, outcome: &Outcome<f64>) {
        if let Some(report) = &outcome.report {
            let mut votes: Vec<f64> = report.votes.iter().map(|vote| vote.probability).collect();
            votes.sort_unstable_by(f64::total_cmp);
            self.probability = votes.get(votes.len() / 2).copied();
        }
        let passes = |event: &_| matches!(event, Event::Snapshot { .. } | Event::Skip { .. });
        self.event = outcome.event.filter(|event| !passes(event)).or(self.event);
    }

    /// The median over the votes of the last test of the probability that the minimum has been
    /// passed.
    pub fn probability(&self) -> Option<f64> {
        self.probability
    }

    /// One line for people: where the run is, and why.
    pub fn sentence(&self, phase: &Phase<f64>) -> String {
        let place = match phase {
            Phase::Warmup(climb) => format!("warmup, climb {}", climb.number.saturating_add(1)),
            Phase::Decay { start, peak, .. } => {
                format!("decay from LR {peak:.2e} since step {start}")
            }
        };
        match self.event {
            Some(event) => format!("{place}; {event}"),
            None => place,
        }
    }
}
