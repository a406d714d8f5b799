//! [`Rates`]: the updates that have begun, and the learning rates of the last of them.

/// Learning rates that later schedulers of the run may still ask for: those of other parameter
/// groups and of other workers.
const KEPT: usize = 8;

/// An update begins when the first scheduler asks for its learning rate.
pub(crate) struct Rates {
    /// Updates done when the run was begun or resumed.
    first: u64,
    /// Updates begun.
    begun: u64,
    /// The learning rate of update `u` is at `u mod KEPT`.
    last: [f64; KEPT],
}

fn slot(update: u64) -> usize {
    (update % KEPT as u64) as usize
}

impl Rates {
    /// A run at learning rate `lr`, `first` updates of which are done.
    pub fn new(first: u64, lr: f64) -> Self {
        Rates { first, begun: first, last: [lr; KEPT] }
    }

    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Updates begun, if a scheduler of this run has been stepped at all.
    pub fn stepped(&self) -> Option<u64> {
        (self.begun > self.first).then_some(self.begun)
    }

    /// Begins the next update.
    pub fn begin(&mut self, lr: f64) -> f64 {
        self.last[slot(self.begun)] = lr;
        self.begun = self.begun.saturating_add(1);
        lr
    }

    /// The learning rate of the update that began last.
    pub fn latest(&self) -> f64 {
        self.last[slot(self.begun.saturating_sub(1))]
    }

    /// The learning rate of an update that has begun; `None` if it is more than [`KEPT`] updates
    /// ago.
    pub fn of(&self, update: u64) -> Option<f64> {
        let ago = self.begun.checked_sub(update)?;
        (1..=KEPT as u64).contains(&ago).then(|| self.last[slot(update)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_eight_learning_rates_can_be_asked_for_again() {
        let mut rates = Rates::new(100, 0.5);
        assert_eq!((rates.stepped(), rates.latest(), rates.of(99)), (None, 0.5, Some(0.5)));
        (100..120).for_each(|update| _ = rates.begin(f64::from(update)));
        assert_eq!((rates.first(), rates.begun(), rates.stepped()), (100, 120, Some(120)));
        assert_eq!(rates.latest(), 119.0);
        assert_eq!(
            [111, 112, 119, 120].map(|u| rates.of(u)),
            [None, Some(112.0), Some(119.0), None]
        );
    }
}
