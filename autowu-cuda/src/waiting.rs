//! Losses that wait on the GPU until a test is due, and the learning rates for as long.

use crate::copy::{down, up};
use crate::error::Error;
use crate::number::Number;
use crate::probe::driver;
use autowu_core::AutoWu;
use cudarc::driver::{CudaSlice, CudaStream, CudaView};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Numbers that the two tables may hold together: a window is shortened rather than a GPU filled.
const MOST: usize = 1 << 26;

/// Steps that losses may wait when no member has a test to come.
pub(crate) const DECAY_WINDOW: usize = 64;

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
    window: usize,
    /// Steps whose losses wait; fewer than `window`.
    steps: usize,
}

impl Rows {
    fn new(next_test: Option<u64>, members: usize) -> Self {
        let next =
            next_test.map_or(DECAY_WINDOW, |steps| usize::try_from(steps).unwrap_or(usize::MAX));
        Rows { members, window: next.clamp(1, (MOST / 2 / members.max(1)).max(1)), steps: 0 }
    }

    /// Numbers in a table; the driver has no memory of no bytes.
    fn size(&self) -> usize {
        self.window * self.members.max(1)
    }

    /// The row of the step that comes next. It is the same until [`count`](Self::count) has said
    /// that the step is done.
    fn next(&self) -> Range<usize> {
        let start = self.steps * self.members;
        start..start + self.members
    }

    /// Counts a step whose losses wait from now on. `false`, and nothing is counted, where they
    /// must not: with them the window is full.
    fn count(&mut self) -> bool {
        let waits = self.steps + 1 < self.window;
        self.steps += usize::from(waits);
        waits
    }
}

impl<T: Number> Waiting<T> {
    /// Empty tables for the steps until the first member's next test.
    pub fn new<const N: usize>(
        stream: &Arc<CudaStream>,
        members: &[AutoWu<T, N>],
    ) -> Result<Self, Error> {
        let rows =
            Rows::new(members.iter().filter_map(AutoWu::steps_until_due).min(), members.len());
        let mut lrs: Vec<T> = (0..rows.window)
            .into_par_iter()
            .flat_map_iter(|ahead| members.iter().map(move |m| m.lr_ahead(ahead as u64)))
            .collect();
        lrs.resize(rows.size(), T::zero());
        let room = |e| driver("making room for losses on the GPU", e);
        let losses = stream.alloc_zeros(rows.size()).map_err(room)?;
        Ok(Waiting { losses, lrs: up(stream, &lrs).map_err(room)?, rows })
    }

    /// Copies the losses of the next step behind those that wait. They do not count before
    /// [`count`](Self::count).
    pub fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        losses: &CudaView<'_, T>,
    ) -> Result<(), Error> {
        if losses.len() != self.rows.members {
            return Err(Error::Losses { given: losses.len(), needed: self.rows.members });
        }
        if self.rows.members > 0 {
            let mut row = self.losses.slice_mut(self.rows.next());
            stream
                .memcpy_dtod(losses, &mut row)
                .map_err(|e| driver("copying losses within the GPU", e))?;
        }
        Ok(())
    }

    /// Counts the step just written. `false`, and nothing is counted, if it fills the window: then
    /// all must be read.
    pub fn count(&mut self) -> bool {
        self.rows.count()
    }

    /// Steps whose losses wait.
    pub fn steps(&self) -> usize {
        self.rows.steps
    }

    /// The learning rates of the next step.
    pub fn lrs(&self) -> CudaView<'_, T> {
        self.lrs.slice(self.rows.next())
    }

    /// The losses of the first `steps` steps.
    pub fn read(&self, stream: &Arc<CudaStream>, steps: usize) -> Result<Vec<T>, Error> {
        let numbers = steps * self.rows.members;
        if numbers == 0 {
            return Ok(Vec::new());
        }
        down(stream, &self.losses.slice(..numbers))
            .map_err(|e| driver("copying losses from the GPU", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_the_last_is_never_left_waiting() {
        let mut rows = Rows::new(Some(3), 5);
        assert_eq!((rows.window, rows.next()), (3, 0..5));
        assert!(rows.count());
        assert_eq!(rows.next(), 5..10);
        assert!(rows.count());
        assert_eq!((rows.next(), rows.size()), (10..15, 15));
        assert!(!rows.count());
        assert_eq!(rows.steps, 2);
    }

    /// What `observe_device` relies on where the reading fails: the caller tries again with the
    /// same losses.
    #[test]
    fn a_step_that_could_not_be_read_goes_to_the_same_row_again() {
        let mut rows = Rows::new(Some(1), 4);
        let row = rows.next();
        assert!(!rows.count());
        assert_eq!(rows.next(), row);
        assert_eq!(rows.steps, 0);
    }

    #[test]
    fn a_window_is_shortened_rather_than_a_gpu_filled() {
        let rows = Rows::new(Some(u64::MAX), 1 << 20);
        assert!(rows.size() <= MOST / 2, "{}", rows.size());
        assert_eq!(Rows::new(None, 10).window, DECAY_WINDOW);
        assert_eq!(Rows::new(None, usize::MAX).window, 1);
        assert_eq!(Rows::new(None, 0).size(), DECAY_WINDOW);
    }
}
