//! The state of a run as burn's record of named scalars, and back. Pure.
//!
//! `autowu.format`, `autowu.length` (bytes), `autowu.digest`, and the core's state as JSON, eight
//! bytes to a scalar: `autowu.00000`, `autowu.00001`, …; `autowu.waiting`, the number of losses
//! that the core has not seen, with their bits in `autowu.waiting.00000`, …; and `autowu.copy`, the
//! updates done when the wrapped model's copy was made, if it holds one.

use crate::course::Core;
use crate::misuse::RecordError;
use autowu_core::Backlog;
use burn_optim::lr_scheduler::LrSchedulerRecord;

/// Version of the format. A change of meaning changes it.
const FORMAT: u64 = 3;

/// More bytes than any state has: 1024 losses and what is around them take about 30 kB.
const LONGEST: u64 = 1 << 20;

/// What a record holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Saved {
    pub core: Core,
    /// Losses that the core has not seen, in order; fewer than [`Backlog::ROOM`].
    pub waiting: Vec<f64>,
    /// Updates done when the copy of the weights was made.
    pub copy: Option<u64>,
}

fn word(i: usize) -> String {
    format!("autowu.{i:05}")
}

fn waiting_word(i: usize) -> String {
    format!("autowu.waiting.{i:05}")
}

fn part(record: &LrSchedulerRecord, name: &str) -> Result<u64, RecordError> {
    record.scalar(name).ok_or_else(|| RecordError::CutShort { part: name.into() })
}

/// # Errors
/// The serializer's; it refuses no value that a state can have.
pub(crate) fn encode(saved: &Saved) -> Result<LrSchedulerRecord, RecordError> {
    let bytes = serde_json::to_vec(&saved.core).map_err(|e| RecordError::Damaged(e.to_string()))?;
    let mut record = LrSchedulerRecord::new()
        .with_scalar("autowu.format", FORMAT)
        .with_scalar("autowu.length", bytes.len() as u64)
        .with_scalar("autowu.digest", saved.core.digest())
        .with_scalar("autowu.waiting", saved.waiting.len() as u64);
    for (i, chunk) in bytes.chunks(8).enumerate() {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        record = record.with_scalar(&word(i), u64::from_le_bytes(eight));
    }
    for (i, loss) in saved.waiting.iter().enumerate() {
        record = record.with_scalar(&waiting_word(i), loss.to_bits());
    }
    Ok(match saved.copy {
        Some(step) => record.with_scalar("autowu.copy", step),
        None => record,
    })
}

/// What [`encode`] wrote.
///
/// # Errors
/// What is wrong with the record.
pub(crate) fn decode(record: &LrSchedulerRecord) -> Result<Saved, RecordError> {
    let format: u64 = record.scalar("autowu.format").ok_or(RecordError::Foreign)?;
    if format != FORMAT {
        return Err(RecordError::Format { found: format, known: FORMAT });
    }
    Ok(Saved { core: core(record)?, waiting: waiting(record)?, copy: record.scalar("autowu.copy") })
}

fn core(record: &LrSchedulerRecord) -> Result<Core, RecordError> {
    let length = part(record, "autowu.length")?;
    if length > LONGEST {
        return Err(RecordError::Damaged(format!(
            "its length is {length} bytes, the longest state has {LONGEST}"
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
        return Err(RecordError::Damaged("its digest belongs to another state".into()));
    }
    Ok(core)
}

fn waiting(record: &LrSchedulerRecord) -> Result<Vec<f64>, RecordError> {
    let count = usize::try_from(part(record, "autowu.waiting")?).unwrap_or(usize::MAX);
    let losses = (0..count)
        .map(|i| part(record, &waiting_word(i)).map(f64::from_bits))
        .collect::<Result<Vec<f64>, _>>()?;
    Backlog::resume(Backlog::ROOM, losses.len())
        .map_err(|e| RecordError::Damaged(e.to_string()))?;
    Ok(losses)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed expectation ends the test

    use super::*;
    use autowu_core::Config;

    fn saved(waiting: usize, copy: Option<u64>) -> Saved {
        let mut core = Core::new(Config::new(500)).unwrap();
        (0..60).for_each(|i| _ = core.step(2.0 - f64::from(i) / 100.0));
        Saved { core, waiting: (0..waiting).map(|i| i as f64).collect(), copy }
    }

    #[test]
    fn what_is_written_is_read() {
        for (waiting, copy) in [(0, None), (3, Some(7)), (Backlog::ROOM - 1, Some(u64::MAX))] {
            let saved = saved(waiting, copy);
            assert_eq!(decode(&encode(&saved).unwrap()), Ok(saved));
        }
    }

    #[test]
    fn as_many_losses_as_there_is_room_for_would_have_been_read() {
        let error = decode(&encode(&saved(Backlog::ROOM, None)).unwrap()).unwrap_err();
        assert!(error.to_string().contains("256 losses wait in the saved run"), "{error}");
    }
}
