//! The state of a run as burn's record of named scalars, and back.
//!
//! `autowu.format`, `autowu.length` (bytes), `autowu.digest`, and the state as JSON, eight bytes to
//! a scalar: `autowu.00000`, `autowu.00001`, …; `autowu.best`, the step of the copy of the best
//! weights, where there is one; and `autowu.waiting`, the number of losses that the state has not
//! seen, with their bits in `autowu.waiting.00000`, ….

use crate::batches::Batches;
use crate::course::{Core, Course, Source};
use crate::misuse::RecordError;
use autowu_core::Config;
use burn_optim::lr_scheduler::LrSchedulerRecord;
use std::collections::VecDeque;

/// Version of the format. A change of meaning changes it.
const FORMAT: u64 = 1;

/// More than any state has: 1024 losses and what is around them take about 30 kB.
const LONGEST: u64 = 1 << 20;

fn word(i: usize) -> String {
    format!("autowu.{i:05}")
}

fn waiting_word(i: u64) -> String {
    format!("autowu.waiting.{i:05}")
}

fn part(record: &LrSchedulerRecord, name: &str) -> Result<u64, RecordError> {
    record.scalar(name).ok_or_else(|| RecordError::CutShort { part: name.into() })
}

impl Course {
    /// The state, and the losses that it has not seen, which wait in the record as they do here.
    /// The run itself does not move.
    ///
    /// # Errors
    /// As [`encode`], and what the device says.
    pub fn to_record(&self) -> Result<LrSchedulerRecord, RecordError> {
        let waiting = self.unseen().map_err(|e| RecordError::Damaged(e.to_string()))?;
        let mut record = encode(&self.core)?.with_scalar("autowu.waiting", waiting.len() as u64);
        for (i, loss) in (0..).zip(waiting) {
            record = record.with_scalar(&waiting_word(i), loss.to_bits());
        }
        Ok(match self.best {
            Some(step) => record.with_scalar("autowu.best", step),
            None => record,
        })
    }

    /// Goes on from a record.
    ///
    /// # Errors
    /// What is wrong with the record; then nothing has changed.
    pub fn load_record(&mut self, record: &LrSchedulerRecord) -> Result<(), RecordError> {
        let core = decode(record)?;
        let waiting = (0..part(record, "autowu.waiting")?)
            .map(|i| part(record, &waiting_word(i)).map(f64::from_bits))
            .collect::<Result<VecDeque<f64>, _>>()?;
        let (ours, saved) = (*self.core.config(), *core.config());
        if ours != saved
            && (Config { restore: saved.restore, detection: saved.detection, ..ours }) != saved
        {
            log::warn!(
                "AutoWU: the saved run was configured differently and goes on as it was: {saved:?}"
            );
        }
        let resumed_best =
            record.scalar("autowu.best").map(|step: u64| (step, self.folder.clone()));
        if self.source == Source::Metric && resumed_best.is_some() {
            log::warn!(
                "AutoWU: the saved run could put weights back, this one cannot: wrap the model with AutoWU::model as before"
            );
        }
        let steps = core.steps().saturating_add(waiting.len() as u64);
        *self = Course {
            batches: Batches::new(self.batches.accumulation, self.batches.devices),
            source: self.source,
            waiting,
            arrived: steps,
            begun: steps,
            first: steps,
            closed: steps,
            epoch: steps,
            folder: self.folder.clone(),
            resumed_best,
            ..Course::new(core)
        };
        Ok(())
    }
}

/// The whole state.
///
/// # Errors
/// What the serializer says; a state of a run has no value that it refuses.
fn encode(core: &Core) -> Result<LrSchedulerRecord, RecordError> {
    let bytes = serde_json::to_vec(core).map_err(|e| RecordError::Damaged(e.to_string()))?;
    let head = LrSchedulerRecord::new()
        .with_scalar("autowu.format", FORMAT)
        .with_scalar("autowu.length", bytes.len() as u64)
        .with_scalar("autowu.digest", core.digest());
    Ok(bytes.chunks(8).enumerate().fold(head, |record, (i, chunk)| {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        record.with_scalar(&word(i), u64::from_le_bytes(eight))
    }))
}

/// The state that [`encode`] wrote.
///
/// # Errors
/// What is wrong with the record; nothing is half loaded.
fn decode(record: &LrSchedulerRecord) -> Result<Core, RecordError> {
    let format: u64 = record.scalar("autowu.format").ok_or(RecordError::Foreign)?;
    if format != FORMAT {
        return Err(RecordError::Format { found: format, known: FORMAT });
    }
    let length = part(record, "autowu.length")?;
    if length > LONGEST {
        return Err(RecordError::Damaged(format!(
            "a length of {length} bytes, at most {LONGEST} can be"
        )));
    }
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length + 8);
    for i in 0..length.div_ceil(8) {
        bytes.extend(part(record, &word(i))?.to_le_bytes());
    }
    bytes.truncate(length);
    let core: Core =
        serde_json::from_slice(&bytes).map_err(|e| RecordError::Damaged(e.to_string()))?;
    if core.digest() != part(record, "autowu.digest")? {
        return Err(RecordError::Damaged("its digest is another state's".into()));
    }
    Ok(core)
}
