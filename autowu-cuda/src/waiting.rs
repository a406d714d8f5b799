//! Losses that wait on the GPU until a test is due, and the learning rates for as long.

use crate::error::Error;
use crate::number::Number;
use crate::probe::driver;
use autowu_core::AutoWu;
use cudarc::driver::{CudaSlice, CudaStream, CudaView};
use rayon::prelude::*;
use std::sync::Arc;

/// Numbers that the two tables may hold together: a window is shortened rather than a GPU filled.
const MOST: usize = 1 << 26;

/// Steps that losses may wait when no member has a test to come.
pub(crate) const DECAY_WINDOW: usize = 64;

/// Two tables, step by step, one column per member: losses as they come, learning rates as they will be used.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    losses: CudaSlice<T>,
    lrs: CudaSlice<T>,
    members: usize,
    window: usize,
    steps: usize,
}

impl<T: Number> Waiting<T> {
    /// Empty tables for the steps until the first member's next test.
    pub fn new<const N: usize>(stream: &Arc<CudaStream>, members: &[AutoWu<T, N>]) -> Result<Self, Error> {
        let next = members.iter().filter_map(AutoWu::steps_until_test).min().unwrap_or(DECAY_WINDOW as u64);
        let n = members.len().max(1);
        let window = usize::try_from(next).unwrap_or(usize::MAX).clamp(1, (MOST / 2 / n).max(1));
        let lrs: Vec<T> = (0..window)
            .into_par_iter()
            .flat_map_iter(|ahead| members.iter().map(move |m| m.lr_ahead(ahead as u64)))
            .collect();
        let room = |e| driver("making room for losses on the GPU", e);
        let lrs = if lrs.is_empty() { vec![T::zero()] } else { lrs };
        Ok(Waiting {
            losses: stream.alloc_zeros(window * n).map_err(room)?,
            lrs: stream.clone_htod(&lrs).map_err(room)?,
            members: members.len(),
            window,
            steps: 0,
        })
    }

    pub fn push(&mut self, stream: &Arc<CudaStream>, losses: &CudaView<'_, T>) -> Result<(), Error> {
        if losses.len() != self.members {
            return Err(Error::Losses { given: losses.len(), needed: self.members });
        }
        if self.members > 0 && self.steps < self.window {
            let start = self.steps * self.members;
            let mut row = self.losses.slice_mut(start..start + self.members);
            stream.memcpy_dtod(losses, &mut row).map_err(|e| driver("copying losses within the GPU", e))?;
        }
        self.steps += 1;
        Ok(())
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    pub fn is_full(&self) -> bool {
        self.steps >= self.window
    }

    pub fn lrs(&self) -> CudaView<'_, T> {
        let start = self.steps.min(self.window - 1) * self.members;
        self.lrs.slice(start..start + self.members)
    }

    pub fn read(&self, stream: &Arc<CudaStream>) -> Result<Vec<T>, Error> {
        if self.members == 0 || self.steps == 0 {
            return Ok(Vec::new());
        }
        let part = self.losses.slice(..self.steps.min(self.window) * self.members);
        stream.clone_dtoh(&part).map_err(|e| driver("copying losses from the GPU", e))
    }
}
