//! [`Fleet`]: many schedulers that step together.

use crate::device::Device;
use crate::engine::Engine;
use crate::error::Error;
use crate::number::Number;
use crate::waiting::Waiting;
use autowu_core::{AutoWu, Backlog, CAPACITY, Config, Event, ExtendError, Observation, Report};
use cudarc::driver::CudaView;
use rayon::prelude::*;

/// What happened in a call, by member.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Happened<T> {
    /// Events, each with its member's index, in ascending order.
    pub events: Vec<(usize, Event<T>)>,
    /// Tests, likewise.
    pub reports: Vec<(usize, Report<T>)>,
}

/// `n` schedulers of one configuration that step together: a sweep, a population, a vmapped model.
///
/// Member `i` decides as the single scheduler `AutoWu::new(config.with_seed(config.seed + i))`.
/// Only the tests are computed elsewhere: those due in the same step are one batch, on all cores or
/// on a GPU.
/// ```
/// use autowu_core::{Config, Event};
/// use autowu_cuda::{Device, Fleet};
/// // Three parabolas of different curvature, each with its own learning rate.
/// let mut fleet = Fleet::<f64>::new(Config::new(100), 3, Device::Host)?;
/// let curvature = |i: usize| 0.5 * (1.0 + i as f64);
/// let mut w = vec![3.0; 3];
/// let mut copies = w.clone();
/// for _ in 0..100 {
///     let losses: Vec<f64> =
///         w.iter().enumerate().map(|(i, w)| 0.5 * curvature(i) * w * w).collect();
///     let lrs = fleet.lrs();
///     let mut step: Vec<bool> = vec![true; 3];
///     for (i, event) in fleet.observe(&losses)?.events {
///         match event {
///             Event::Snapshot { .. } => copies[i] = w[i],
///             Event::Restore { .. } => (w[i], step[i]) = (copies[i], false),
///             _ => {}
///         }
///     }
///     for i in (0..3).filter(|&i| step[i]) {
///         w[i] -= lrs[i] * curvature(i) * w[i];
///     }
/// }
/// assert!(w.iter().all(|w| w.abs() < 1e-2), "{w:?}");
/// # Ok::<(), autowu_cuda::Error>(())
/// ```
/// # Saving
/// [`members`](Self::members) is the whole state: `Vec<AutoWu>` with serde.
/// [`resume`](Self::resume) goes on from it on any device.
#[derive(Debug)]
pub struct Fleet<T: Number, const N: usize = CAPACITY> {
    members: Vec<AutoWu<T, N>>,
    engine: Engine<T>,
    waiting: Option<Waiting<T>>,
}

impl<T: Number, const N: usize> Fleet<T, N> {
    /// `n` runs at their first step; member `i` has the seed `config.seed + i`.
    ///
    /// # Errors
    /// A rule of the configuration that is broken, or a GPU that the kernels cannot run on.
    pub fn new(config: Config, n: usize, device: Device) -> Result<Self, Error> {
        let member = |i: usize| AutoWu::new(config.with_seed(config.seed.wrapping_add(i as u64)));
        let members = (0..n).map(member).collect::<Result<_, _>>()?;
        Ok(Fleet { members, engine: Engine::on(&device)?, waiting: None })
    }

    /// Goes on from saved members, on any device.
    ///
    /// # Errors
    /// Members whose configurations (but for the seed), budgets or steps differ, or a GPU that the
    /// kernels cannot run on.
    pub fn resume(members: Vec<AutoWu<T, N>>, device: Device) -> Result<Self, Error> {
        if let Some(first) = members.first() {
            let same = |m: &AutoWu<T, N>| {
                m.steps() == first.steps()
                    && m.total_steps() == first.total_steps()
                    && m.config().with_seed(first.config().seed) == *first.config()
            };
            if let Some(member) = members.iter().position(|m| !same(m)) {
                return Err(Error::Members { member });
            }
        }
        Ok(Fleet { members, engine: Engine::on(&device)?, waiting: None })
    }

    /// Gives every member `total_steps` steps in all, from the next step on, as
    /// [`AutoWu::extend`] does. Losses that wait on the GPU go on waiting: they were measured on
    /// the old course. A failed call changes nothing.
    ///
    /// # Errors
    /// Fewer steps than the members have, or have done, or a GPU that fails.
    pub fn extend(&mut self, total_steps: u64) -> Result<(), Error> {
        let ahead = self.waiting.as_ref().map_or(0, |w| w.steps() as u64);
        let least = |m: &AutoWu<T, N>| m.total_steps().max(m.steps().saturating_add(ahead));
        let least = self.members.first().map_or(0, least);
        if total_steps < least {
            return Err(ExtendError { total_steps, least }.into());
        }
        let mut members = self.members.clone();
        members.iter_mut().try_for_each(|member| member.extend(total_steps))?;
        if let (Engine::Cuda(kernels), Some(waiting)) = (&self.engine, &mut self.waiting) {
            waiting.plan(kernels.stream(), &members)?;
        }
        self.members = members;
        Ok(())
    }

    /// The members, in order. They have not seen the losses that wait on the GPU:
    /// [`flush`](Self::flush) first.
    pub fn members(&self) -> &[AutoWu<T, N>] {
        &self.members
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The learning rate of each member's next step.
    pub fn lrs(&self) -> Vec<T> {
        let ahead = self.waiting.as_ref().map_or(0, |w| w.steps() as u64);
        self.members.par_iter().with_min_len(1024).map(|m| m.lr_ahead(ahead)).collect()
    }

    /// Steps whose losses may be buffered for [`observe_window`](Self::observe_window): until a
    /// member's [`AutoWu::steps_until_due`], 64 where no member has one.
    pub fn steps_until_due(&self) -> usize {
        Backlog::new(usize::MAX).window(due(&self.members))
    }

    /// Takes the loss of each member's next step, and tests those that are due. A failed call
    /// changes nothing.
    ///
    /// # Errors
    /// Another number of losses than members, losses that wait on the GPU, or a GPU that fails.
    pub fn observe(&mut self, losses: &[T]) -> Result<Happened<T>, Error> {
        self.observe_window(losses, 1)
    }

    /// [`observe`](Self::observe) for the buffered losses of several steps, step by step:
    /// `losses[step · n + member]`.
    ///
    /// [`AutoWu::step_slice`] says what that means for a member. A failed call changes nothing.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn observe_window(&mut self, losses: &[T], steps: usize) -> Result<Happened<T>, Error> {
        if let Some(waiting) = &self.waiting
            && waiting.steps() > 0
        {
            return Err(Error::Waiting { steps: waiting.steps() });
        }
        let happened = self.advance(losses, steps)?;
        self.waiting = None;
        Ok(happened)
    }

    /// Takes the losses of one step from the GPU, where they wait until a test is due; then all are
    /// read at once.
    ///
    /// Between tests this is one copy within the GPU's memory, and nothing waits for the GPU.
    /// Events come with the step that reads the losses: a loss that is not finite takes effect
    /// there.
    ///
    /// # Errors
    /// A fleet on the host, another number of losses than members, losses of another context, or a
    /// GPU that fails.
    pub fn observe_device(&mut self, losses: &CudaView<'_, T>) -> Result<Happened<T>, Error> {
        let Engine::Cuda(kernels) = &self.engine else {
            return Err(Error::NotOnDevice);
        };
        let stream = kernels.stream();
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            none => none.insert(Waiting::new(stream, &self.members, due(&self.members))?),
        };
        waiting.write(stream, losses)?;
        if !waiting.push() {
            return Ok(Happened::default());
        }
        let happened = self.flush();
        // After a failure the caller can try again with the same losses.
        if let (Err(_), Some(waiting)) = (&happened, &mut self.waiting) {
            waiting.pop();
        }
        happened
    }

    /// The learning rates of the next step, in the GPU's memory. They are computed on the host once
    /// per test, for all steps until the next.
    ///
    /// # Errors
    /// A fleet on the host, or a GPU that fails.
    pub fn lrs_device(&mut self) -> Result<CudaView<'_, T>, Error> {
        let Engine::Cuda(kernels) = &self.engine else {
            return Err(Error::NotOnDevice);
        };
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            none => none.insert(Waiting::new(kernels.stream(), &self.members, due(&self.members))?),
        };
        Ok(waiting.lrs())
    }

    /// Reads the losses that wait on the GPU, and applies them.
    ///
    /// # Errors
    /// A GPU that fails; the losses then still wait.
    pub fn flush(&mut self) -> Result<Happened<T>, Error> {
        let (Engine::Cuda(kernels), Some(waiting)) = (&self.engine, &self.waiting) else {
            return Ok(Happened::default());
        };
        let steps = waiting.steps();
        let losses = waiting.read(kernels.stream())?;
        let happened = self.advance(&losses, steps)?;
        self.waiting = None;
        Ok(happened)
    }

    /// Two passes, so that a failed batch changes nothing: first the members whose test can fall
    /// due, on copies; when their batch has come back, all of them.
    fn advance(&mut self, losses: &[T], steps: usize) -> Result<Happened<T>, Error> {
        let n = self.members.len();
        if Some(losses.len()) != n.checked_mul(steps) {
            return Err(Error::Losses { given: losses.len(), needed: n.saturating_mul(steps) });
        }
        if steps == 0 {
            return Ok(Happened::default());
        }
        let window = |i: usize| losses[i..].iter().step_by(n).copied();
        let is_due = |(i, member): (usize, &AutoWu<T, N>)| {
            if member.steps_until_due() != Some(steps as u64) {
                return None;
            }
            let mut copy = member.clone();
            for loss in window(i).take(steps - 1) {
                if copy.observe(loss) != Observation::Nothing {
                    return None; // the course may have changed: `step_slice` takes the rest
                }
            }
            (copy.observe(losses[(steps - 1) * n + i]) == Observation::TestDue).then_some((i, copy))
        };
        let (places, copies): (Vec<usize>, Vec<AutoWu<T, N>>) =
            self.members.par_iter().enumerate().with_min_len(64).filter_map(is_due).unzip();
        let measured = self.engine.measure(&copies)?;
        // Nothing fails from here on.
        let mut is_tested = vec![false; n];
        let mut outcomes = Vec::with_capacity(places.len());
        for ((i, copy), measured) in places.into_iter().zip(copies).zip(measured) {
            let member = &mut self.members[i];
            *member = copy;
            let report = member.judge(&measured);
            outcomes.push((i, report.as_ref().and_then(|r| member.resolve(r)), report));
            is_tested[i] = true;
        }
        let step = |(i, member): (usize, &mut AutoWu<T, N>)| {
            if is_tested[i] {
                return None;
            }
            let outcome = if steps == 1 {
                member.step(losses[i])
            } else {
                member.step_slice(&window(i).collect::<Vec<_>>())
            };
            (outcome.event.is_some() || outcome.report.is_some()).then_some((
                i,
                outcome.event,
                outcome.report,
            ))
        };
        outcomes
            .par_extend(self.members.par_iter_mut().enumerate().with_min_len(64).filter_map(step));
        outcomes.sort_unstable_by_key(|(i, ..)| *i);
        let mut happened = Happened::default();
        for (i, event, report) in outcomes {
            happened.events.extend(event.map(|e| (i, e)));
            happened.reports.extend(report.map(|r| (i, r)));
        }
        Ok(happened)
    }
}

/// Steps until the first member is due.
fn due<T: Number, const N: usize>(members: &[AutoWu<T, N>]) -> Option<u64> {
    members.par_iter().with_min_len(1024).filter_map(AutoWu::steps_until_due).min()
}
