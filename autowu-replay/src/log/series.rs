//! The losses of one column as they are read.

/// Losses of one name, in the order of the log.
#[derive(Default)]
pub(super) struct Series {
    pub losses: Vec<f64>,
    /// Where each was; as long as `losses` if every row says so, else some are missing.
    pub steps: Vec<f64>,
    /// In epochs, not in steps.
    pub epochs: bool,
    /// Rows without a step in a log that has them.
    pub stepless: u64,
    /// Steps that began again in a new epoch.
    pub restarts: u64,
    last_epoch: Option<f64>,
    offset: f64,
}

impl Series {
    /// A row. A step that is smaller than the last, in a later epoch, counts on from it.
    pub(super) fn push(&mut self, step: Option<f64>, epoch: Option<f64>, loss: f64) {
        let at = match (step, epoch) {
            (Some(step), epoch) => {
                if self.epochs {
                    // Only now do steps appear: what went before has none.
                    (self.stepless, self.epochs) = (self.losses.len() as u64, false);
                    (self.losses, self.steps) = (Vec::new(), Vec::new());
                }
                if let (Some(&last), Some(epoch), Some(before)) =
                    (self.steps.last(), epoch, self.last_epoch)
                    && step + self.offset < last
                    && epoch > before
                {
                    let gap = self.steps.len().checked_sub(2).map_or(1.0, |i| last - self.steps[i]);
                    self.offset = last + gap.max(1.0) - step;
                    self.restarts += 1;
                }
                self.last_epoch = epoch.or(self.last_epoch);
                Some(step + self.offset)
            }
            (None, Some(epoch)) if self.epochs || self.losses.is_empty() => {
                self.epochs = true;
                Some(epoch)
            }
            (None, _) => None,
        };
        match at {
            Some(at) if self.steps.is_empty() && !self.losses.is_empty() => {
                self.stepless += self.losses.len() as u64;
                (self.losses, self.steps) = (vec![loss], vec![at]);
            }
            Some(at) => {
                self.losses.push(loss);
                self.steps.push(at);
            }
            None if self.steps.is_empty() => self.losses.push(loss),
            None => self.stepless += 1,
        }
    }
}
