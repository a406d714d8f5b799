//! What can go wrong between a trainer and its scheduler, and what to do about it.

use core::fmt;

/// Why the scheduler holds its learning rate instead of raising it.
///
/// The learning rate stays where it was and the message is logged as an error. The loss metric
/// returns it too, so that burn's trainer stops with it; [`observe`](crate::AutoWu::observe)
/// returns those that it finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Misuse {
    /// The scheduler is stepped, and it receives no losses.
    NoLoss,
    /// The loss metric sees no training losses.
    NoTrainingLoss {
        /// Optimizer updates begun.
        updates: u64,
    },
    /// Two loss metrics feed one run.
    TwoMetrics,
    /// More losses came than the optimizer made updates.
    TooManyLosses {
        /// Losses, one per `accumulation × devices` batches.
        losses: u64,
        /// Optimizer updates begun.
        updates: u64,
    },
    /// A test is due and losses are missing.
    MissingLosses {
        /// Losses, one per `accumulation × devices` batches.
        losses: u64,
        /// Optimizer updates begun.
        updates: u64,
    },
    /// A scheduler asks for the learning rate of an update that is long past: it belongs to a
    /// second training.
    TwoTrainings {
        /// The update that it asks for, from 0.
        asked: u64,
        /// Optimizer updates begun.
        updates: u64,
    },
    /// A saved state was refused; the run kept its own.
    Record(RecordError),
    /// A loss could not be read from its device.
    Device(String),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::NoLoss => write!(
                f,
                "the scheduler is stepped and it receives no losses: register \
                 AutoWu::loss_metric() with metric_train_numeric or metrics, wrap the model with \
                 AutoWu::model, or call AutoWu::observe"
            ),
            Misuse::NoTrainingLoss { updates } => write!(
                f,
                "{updates} updates have begun and the loss metric has seen no training loss: \
                 register AutoWu::loss_metric() for the training split, with metric_train_numeric \
                 or metrics"
            ),
            Misuse::TwoMetrics => write!(
                f,
                "two loss metrics of one AutoWu see training losses: register one metric, once; a \
                 second training needs an AutoWu of its own"
            ),
            Misuse::TooManyLosses { losses, updates } => write!(
                f,
                "{losses} losses came for {updates} updates: if the trainer accumulates gradients \
                 or uses several devices, declare it with AutoWu::grads_accumulation and \
                 AutoWu::devices"
            ),
            Misuse::MissingLosses { losses, updates } => write!(
                f,
                "after {updates} updates only {losses} losses have come, and a test needs them: do \
                 AutoWu::grads_accumulation and AutoWu::devices say what the trainer does?"
            ),
            Misuse::TwoTrainings { asked, updates } => write!(
                f,
                "a scheduler asks for the learning rate of update {asked} after {updates} updates: \
                 one AutoWu serves one training; give the second training an AutoWu of its own, or \
                 load a checkpoint into this one first"
            ),
            Misuse::Record(error) => {
                write!(f, "the saved state was refused and the run starts afresh: {error}")
            }
            Misuse::Device(error) => write!(f, "a loss could not be read from its device: {error}"),
        }
    }
}

impl core::error::Error for Misuse {}

/// Why a saved state was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// It holds no state of AutoWU.
    Foreign,
    /// It was written in another format.
    Format {
        /// The format that it has.
        found: u64,
        /// The format that this version reads.
        known: u64,
    },
    /// Part of it is missing.
    CutShort {
        /// The first part that is missing.
        part: String,
    },
    /// Its parts are there, but they do not make a state.
    Damaged(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Foreign => write!(
                f,
                "it is not a record of AutoWU: another scheduler wrote it; load it there, or start \
                 without it"
            ),
            RecordError::Format { found, known } => write!(
                f,
                "it has format {found}, this version of autowu-burn reads format {known}: use the \
                 version that wrote it"
            ),
            RecordError::CutShort { part } => {
                write!(f, "it is cut short, `{part}` is missing: use another checkpoint")
            }
            RecordError::Damaged(why) => {
                write!(f, "it is damaged ({why}): use another checkpoint")
            }
        }
    }
}

impl core::error::Error for RecordError {}
