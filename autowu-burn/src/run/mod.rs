//! [`Run`]: everything that one training shares, between its scheduler, its metric and its model.

#[cfg(feature = "train")]
use crate::copy_state::CopyState;
use crate::course::{Core, Course};
use crate::feed::Feed;
#[cfg(feature = "train")]
use crate::feed::{Batch, Grouping};
use crate::misuse::{Misuse, RecordError};
use crate::rates::Rates;
use crate::record::{self, Saved};
use autowu_core::{Event, ExtendError};
use burn_core::tensor::Tensor;
use burn_optim::lr_scheduler::LrSchedulerRecord;

/// One run.
pub(crate) struct Run {
    course: Course,
    rates: Rates,
    feed: Feed,
    /// Why the learning rate is held, if it is.
    misuse: Option<Misuse>,
    /// Updates that the user gave the run with [`extend`](Self::extend): those of a record too.
    extended: Option<u64>,
    #[cfg(feature = "train")]
    grouping: Grouping,
    #[cfg(feature = "train")]
    copy: CopyState,
}

impl Run {
    pub fn new(core: Core) -> Self {
        Run {
            rates: Rates::new(0, core.lr()),
            course: Course::new(core),
            feed: Feed::Unfed(Vec::new()),
            misuse: None,
            extended: None,
            #[cfg(feature = "train")]
            grouping: Grouping::default(),
            #[cfg(feature = "train")]
            copy: CopyState::default(),
        }
    }

    pub fn core(&self) -> &Core {
        self.course.core()
    }

    pub fn misuse(&self) -> Option<&Misuse> {
        self.misuse.as_ref()
    }

    /// Updates begun.
    pub fn begun(&self) -> u64 {
        self.rates.begun()
    }

    /// Updates begun and updates of the budget, of a run that ends before its budget is used.
    pub fn unfinished(&self) -> Option<(u64, u64)> {
        let (updates, total) = (self.begun(), self.course.total());
        (1..total).contains(&updates).then_some((updates, total))
    }

    /// From here on the learning rate is held. The first misuse is the one that counts.
    pub fn hold(&mut self, misuse: Misuse) {
        if self.misuse.is_none() {
            log::error!("AutoWU: {misuse}");
            self.misuse = Some(misuse);
        }
    }

    /// In a loop: the learning rate of the next update. Pure.
    pub fn next_lr(&self) -> f64 {
        if self.misuse.is_some() {
            return self.core().lr();
        }
        self.course.lr_of(match &self.feed {
            Feed::Loop(feed) => feed.next(),
            _ => self.rates.first(),
        })
    }

    /// Gives the run `total_steps` updates in all; a record that is loaded later too. Losses that
    /// wait go on waiting: they were measured on the old course.
    ///
    /// # Errors
    /// Fewer than it has, or has begun; then nothing has changed.
    pub fn extend(&mut self, total_steps: u64) -> Result<(), ExtendError> {
        let told = match &self.feed {
            Feed::Loop(feed) => feed.next(),
            _ => 0,
        };
        let least = self.course.total().max(self.begun()).max(told);
        if total_steps < least {
            return Err(ExtendError { total_steps, least });
        }
        self.course.extend(total_steps)?;
        self.extended = Some(total_steps);
        Ok(())
    }

    /// A scheduler is about to ask for the learning rate of `update`.
    pub fn announce(&mut self, update: u64) {
        #[cfg(feature = "train")]
        if self.feed.metric().is_some() {
            self.course.forgo_restore();
        }
        if let Some(misuse) = self.feed.starved(update, self.rates.first()) {
            self.hold(misuse);
        }
    }

    /// The learning rate of `update`, for a scheduler: it begins the update, or another has.
    pub fn lr_of(&mut self, update: u64) -> f64 {
        if update >= self.begun() {
            return self.begin();
        }
        self.rates.of(update).unwrap_or_else(|| {
            let updates = self.begun();
            log::error!("AutoWU: {}", Misuse::TwoTrainings { asked: update, updates });
            self.course.floor()
        })
    }

    /// Begins the next update.
    fn begin(&mut self) -> f64 {
        let update = self.begun();
        let lr = match &self.misuse {
            Some(_) => self.rates.latest(),
            None => {
                #[cfg(feature = "train")]
                if let Some(feed) = self.feed.metric_mut() {
                    feed.settle(&mut self.course, update);
                }
                self.course.lr_of(update)
            }
        };
        if update == self.course.total() {
            self.course.say_end(lr);
        }
        self.rates.begin(lr)
    }

    /// From a loop: the loss of a batch of the update under way.
    pub fn tell(&mut self, loss: &Tensor<1>) {
        self.feed.use_loop(self.rates.first()).push(loss);
    }

    /// From a loop: the update under way has all its losses. What the trainer has to do.
    ///
    /// # Errors
    /// As [`LoopFeed::close`](crate::feed::LoopFeed::close); the learning rate is held.
    pub fn close(&mut self) -> Result<Option<Event<f64>>, Misuse> {
        let feed = self.feed.use_loop(self.rates.first());
        let closed = feed.close(&mut self.course, self.rates.stepped());
        closed.inspect_err(|misuse| self.hold(misuse.clone()))
    }

    /// The state, with the losses that the core has not seen. The run itself does not move.
    ///
    /// # Errors
    /// [`RecordError::Damaged`] if losses cannot be read from their device.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        let waiting = self.feed.waiting().map_err(|e| RecordError::Damaged(e.to_string()))?;
        #[cfg(feature = "train")]
        let copy = self.copy.in_memory();
        #[cfg(not(feature = "train"))]
        let copy = None;
        record::encode(&Saved { core: self.core().clone(), waiting, copy })
    }

    /// Goes on from a record. What was declared about the trainer, and who feeds the run, stays.
    ///
    /// # Errors
    /// What is wrong with the record; then nothing has changed.
    pub fn load_record(&mut self, record: &LrSchedulerRecord) -> Result<(), RecordError> {
        let mut saved = record::decode(record)?;
        let first = saved.core.steps().saturating_add(saved.waiting.len() as u64);
        if let Some(total) = self.extended.filter(|&total| total >= first) {
            // Refused if the saved run has more: then it is the longer one that goes on.
            let _ = saved.core.extend(total);
        }
        self.course.compare(&saved.core);
        #[cfg(feature = "train")]
        self.resume_copy(saved.copy);
        self.feed = self.feed.resumed(saved.waiting, first);
        self.rates = Rates::new(first, saved.core.lr());
        self.course = Course::new(saved.core);
        self.misuse = None;
        Ok(())
    }
}

/// What only burn's trainer reaches.
#[cfg(feature = "train")]
impl Run {
    pub fn grouping_mut(&mut self) -> &mut Grouping {
        &mut self.grouping
    }

    /// A loss metric has been made.
    pub fn use_metric(&mut self) {
        self.feed.use_metric(self.rates.first());
    }

    /// A model has been wrapped.
    pub fn use_loop(&mut self) {
        self.feed.use_loop(self.rates.first());
    }

    /// From a metric: a batch of the training split. If another feeds the run, it only shows it.
    pub fn push(&mut self, metric: u64, batch: Batch) {
        let (grouping, begun) = (self.grouping, self.begun());
        if let Some(feed) = self.feed.metric_mut()
            && let Err(misuse) = feed.push(metric, batch, grouping, begun)
        {
            self.hold(misuse);
        }
    }

    /// From a metric: an epoch of the training split is over.
    pub fn end_epoch(&mut self, metric: u64) {
        let (grouping, begun, total) = (self.grouping, self.begun(), self.course.total());
        if let Some(feed) = self.feed.metric_mut()
            && let Err(misuse) = feed.end_epoch(metric, grouping, begun, total)
        {
            self.hold(misuse);
        }
    }

    /// Whether losses come from the metric and one that decides the learning rate of `update` is on
    /// its way.
    pub fn lacks_losses(&self, update: u64) -> bool {
        self.misuse.is_none()
            && update >= self.begun()
            && self.feed.metric().is_some_and(|feed| feed.lacks(&self.course, update))
    }

    /// Whether losses come from the metric and none has.
    pub fn awaits_first_loss(&self) -> bool {
        self.feed.metric().is_some_and(|feed| feed.arrived() == 0)
    }

    /// Whether losses come from the metric and one of an update that has begun is on its way.
    pub fn expects_losses(&self) -> bool {
        self.misuse.is_none()
            && self.feed.metric().is_some_and(|feed| feed.arrived() < self.begun())
    }

    /// The scheduler has waited long enough for the losses that decide the learning rate of
    /// `update`: if they are not there, none are coming.
    pub fn give_up_waiting(&mut self, update: u64) {
        if self.lacks_losses(update)
            && let Some(feed) = self.feed.metric()
        {
            self.hold(match feed.arrived() {
                0 => Misuse::NoTrainingLoss { updates: update },
                losses => Misuse::MissingLosses { losses, updates: update },
            });
        }
    }

    pub fn copy(&self) -> &CopyState {
        &self.copy
    }

    pub fn copy_mut(&mut self) -> &mut CopyState {
        &mut self.copy
    }

    fn resume_copy(&mut self, saved: Option<u64>) {
        let metric = self.feed.metric().is_some();
        if metric && saved.is_some() {
            log::warn!(
                "AutoWU: the saved run could put weights back, this one cannot: wrap the model \
                 with AutoWU::model as before"
            );
        }
        self.copy.resume(saved.filter(|_| !metric));
    }

    /// One line for people: where the run is, and why.
    pub fn sentence(&self) -> String {
        match &self.misuse {
            Some(misuse) => format!("stopped: {misuse}"),
            None => self.course.sentence(),
        }
    }

    /// The probability that the minimum has been passed, by the last test.
    pub fn probability(&self) -> Option<f64> {
        self.course.probability()
    }
}

#[cfg(test)]
mod tests;
