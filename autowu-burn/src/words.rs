//! What a run says about itself: in the log, and in a line for people.

use crate::course::Course;
use crate::misuse::Misuse;
use autowu_core::{Event, Outcome, Phase};

impl Course {
    /// Stops the climb: from here on the learning rate is held.
    pub fn misused(&mut self, misuse: Misuse) {
        if self.misuse.is_none() {
            log::error!("AutoWU: {misuse}");
            self.misuse = Some(misuse);
        }
    }

    /// Keeps and logs what an outcome says.
    pub fn note(&mut self, outcome: &Outcome<f64>) {
        if let Some(report) = &outcome.report {
            let mut votes: Vec<f64> = report.votes.iter().map(|vote| vote.probability).collect();
            votes.sort_unstable_by(f64::total_cmp);
            self.probability = votes.get(votes.len() / 2).copied();
            log::debug!("AutoWU: step {}: {}", report.step, report.verdict.sentence());
        }
        match outcome.event {
            Some(Event::Snapshot { .. }) | None => {}
            Some(event @ Event::Diverged { .. }) => {
                log::warn!("AutoWU: {event}");
                self.event = Some(event);
            }
            Some(event) => {
                log::info!("AutoWU: {event}");
                self.event = Some(event);
            }
        }
    }

    /// An epoch of the training split is over: its last update is complete.
    pub fn end_epoch(&mut self) {
        if let Some(loss) = self.batches.end_epoch() {
            self.arrive(loss);
        }
        let (updates, total) =
            (self.arrived - self.epoch.min(self.arrived), self.core.config().total_steps);
        self.epoch = self.arrived;
        if updates > 0 && !self.warned && !total.is_multiple_of(updates) {
            self.warned = true;
            log::warn!(
                "AutoWU: an epoch has {updates} updates, and the budget of {total} is no whole number of epochs: \
                 Config::total_steps must be the updates of the whole training"
            );
        }
    }

    /// One line for people: where the run is, and why.
    pub fn sentence(&self) -> String {
        if let Some(misuse) = &self.misuse {
            return format!("stopped: {misuse}");
        }
        let place = match self.core.phase() {
            Phase::Warmup(climb) => format!("warmup, climb {}", climb.number.saturating_add(1)),
            Phase::Decay { start, peak } => format!("decay from LR {peak:.2e} since step {start}"),
        };
        self.event.map_or(place.clone(), |event| format!("{place}; {event}"))
    }
}
