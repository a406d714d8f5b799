//! Losses that wait on the GPU until a test is due, and the learning rates for as long.

use crate::copy::{down, up};
use crate::error::Error;
use crate::number::Number;
use crate::probe::{driver, one_context};
use autowu_core::{AutoWu, Backlog};
use cudarc::driver::{CudaSlice, CudaStream, CudaView};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Most numbers that the two tables hold together; more members get a shorter window.
const MOST: usize = 1 << 26;

/// Two tables, step by step, one column per member: losses as they come, learning rates as they
/// will be used.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    losses: CudaSlice<T>,
    lrs: CudaSlice<T>,
    rows: Rows,
}

/// Which row of the tables is whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rows {
    members: usize,
    /// Steps until the first member is due, when the tables were empty.
    due: Option<u64>,
    /// Of steps.
    backlog: Backlog,
}

impl Rows {
    fn new(due: Option<u64>, members: usize) -> Self {
        Rows { members, due, backlog: Backlog::new(MOST / 2 / members.max(1)) }
    }

    /// Rows of a table.
    fn window(&self) -> usize {
        self.backlog.window(self.due)
    }

    /// Numbers in a table; the driver cannot allocate 0 bytes.
    fn size(&self) -> usize {
        self.window() * self.members.max(1)
    }

    /// The row of the next step. It stays the same until [`push`](Self::push).
    fn next(&self) -> Range<usize> {
        let start = self.backlog.len() * self.members;
        start..start + self.members
    }

    /// Counts the next step. Whether all rows must be read now.
    fn push(&mut self) -> bool {
        self.backlog.push(self.due)
    }
}

impl<T: Number> Waiting<T> {
    /// Empty tables for the steps until the first member is due.
    pub fn new<const N: usize>(
        stream: &Arc<CudaStream>,
        members: &[AutoWu<T, N>],
        due: Option<u64>,
    ) -> Result<Self, Error> {
        let rows = Rows::new(due, members.len());
        let room = |e| driver("making room for losses on the GPU", e);
        let losses = stream.alloc_zeros(rows.size()).map_err(room)?;
        Ok(Waiting { losses, lrs: plan(stream, members, &rows)?, rows })
    }

    /// The members' course has changed: new learning rates, for as many steps as before.
    pub fn plan<const N: usize>(
        &mut self,
        stream: &Arc<CudaStream>,
        members: &[AutoWu<T, N>],
    ) -> Result<(), Error> {
        self.lrs = plan(stream, members, &self.rows)?;
        Ok(())
    }

    /// Copies the losses of the next step behind those that wait. They do not count before
    /// [`push`](Self::push).
    pub fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        losses: &CudaView<'_, T>,
    ) -> Result<(), Error> {
        if losses.len() != self.rows.members {
            return Err(Error::Losses { given: losses.len(), needed: self.rows.members });
        }
        one_context(stream, losses)?;
        if self.rows.members > 0 {
            let mut row = self.losses.slice_mut(self.rows.next());
            stream
                .memcpy_dtod(losses, &mut row)
                .map_err(|e| driver("copying losses within the GPU", e))?;
        }
        Ok(())
    }

    /// Counts the step just written. Whether all steps must be read now.
    pub fn push(&mut self) -> bool {
        self.rows.push()
    }

    /// The last step no longer counts: the read that it made due has failed.
    pub fn pop(&mut self) {
        self.rows.backlog.pop();
    }

    /// Steps whose losses wait.
    pub fn steps(&self) -> usize {
        self.rows.backlog.len()
    }

    /// The learning rates of the next step.
    pub fn lrs(&self) -> CudaView<'_, T> {
        self.lrs.slice(self.rows.next())
    }

    /// The losses that wait, step by step.
    pub fn read(&self, stream: &Arc<CudaStream>) -> Result<Vec<T>, Error> {
        let numbers = self.steps() * self.rows.members;
        if numbers == 0 {
            return Ok(Vec::new());
        }
        down(stream, &self.losses.slice(..numbers))
            .map_err(|e| driver("copying losses from the GPU", e))
    }
}

/// The learning rates of the steps until the first member is due.
fn plan<T: Number, const N: usize>(
    stream: &Arc<CudaStream>,
    members: &[AutoWu<T, N>],
    rows: &Rows,
) -> Result<CudaSlice<T>, Error> {
    let mut lrs: Vec<T> = (0..rows.window())
        .into_par_iter()
        .flat_map_iter(|ahead| members.iter().map(move |m| m.lr_ahead(ahead as u64)))
        .collect();
    lrs.resize(rows.size(), T::zero());
    up(stream, &lrs).map_err(|e| driver("making room for learning rates on the GPU", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_the_last_is_never_left_waiting() {
        let mut rows = Rows::new(Some(3), 5);
        assert_eq!((rows.window(), rows.next()), (3, 0..5));
        assert!(!rows.push());
        assert_eq!(rows.next(), 5..10);
        assert!(!rows.push());
        assert_eq!((rows.next(), rows.size()), (10..15, 15));
        assert!(rows.push());
    }

    /// What `observe_device` relies on where the reading fails: the caller tries again with the
    /// same losses.
    #[test]
    fn a_step_that_could_not_be_read_goes_to_the_same_row_again() {
        let mut rows = Rows::new(Some(1), 4);
        let row = rows.next();
        assert!(rows.push());
        rows.backlog.pop();
        assert_eq!(rows.next(), row);
        assert_eq!(rows.backlog.len(), 0);
    }

    #[test]
    fn a_window_is_shortened_rather_than_a_gpu_filled() {
        let rows = Rows::new(Some(u64::MAX), 1 << 20);
        assert!(rows.size() <= MOST / 2, "{}", rows.size());
        assert_eq!(Rows::new(None, 10).window(), 64);
        assert_eq!(Rows::new(None, usize::MAX).window(), 1);
        assert_eq!(Rows::new(None, 0).size(), 64);
    }
}
