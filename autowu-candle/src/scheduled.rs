//! [`Scheduled`]: optimizers whose learning rate AutoWU sets.

use crate::error::{Error, Result};
use crate::scheduler::Scheduler;
use crate::snapshot::Snapshot;
use crate::state::OptimizerState;
use autowu_core::{AutoWu, Config, Event, Report};
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use candle_nn::Optimizer;
use std::collections::HashMap;

/// What an optimizer remembers, by name.
pub(crate) type State = HashMap<String, Tensor>;

/// An optimizer, or several as parameter groups, whose learning rate AutoWU sets, and whose weights
/// it puts back when the learning rate climbed too far.
///
/// Memory: it keeps one copy of the variables, and of the optimizers' states where it can reach
/// them: for AdamW, AdamP and LAMB three times the weights. [`Config::without_restore`] does
/// without any copy.
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// use autowu_candle::{AdamW, Config, ParamsAdamW, Scheduled};
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{Module, VarBuilder, VarMap, linear, loss::mse};
///
/// let map = VarMap::new();
/// let model = linear(2, 1, VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
/// let x = Tensor::new(&[[0f32, 1.], [1., 0.], [1., 1.]], &Device::Cpu)?;
/// let y = Tensor::new(&[[1f32], [2.], [3.]], &Device::Cpu)?;
///
/// let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?;
/// let mut optimizer = Scheduled::new(optimizer, Config::new(400))?;
/// for _ in 0..400 {
///     let loss = mse(&model.forward(&x)?, &y)?;
///     if let Some(event) = optimizer.backward_step(&loss)? {
///         println!("{event}");
///     }
/// }
/// // A model that always says 0 has 4.7; weights start at random, and the worst of 300 such runs ended at 0.09.
/// assert!(mse(&model.forward(&x)?, &y)?.to_scalar::<f32>()? < 0.5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scheduled<O> {
    /// With the ratio of each group's learning rate to the schedule's.
    pub(crate) groups: Vec<(O, f64)>,
    pub(crate) scheduler: Scheduler,
    pub(crate) snapshot: Snapshot,
    /// The groups' states at the last snapshot.
    pub(crate) kept: Vec<State>,
    /// `None` for optimizers of others, whose states cannot be reached and stay as they are.
    pub(crate) reach: Option<Reach<O>>,
    /// The learning rate of the step whose loss was observed last.
    lr: f64,
}

/// [`OptimizerState`] as functions, so that optimizers without it can be scheduled too.
#[derive(Debug)]
pub(crate) struct Reach<O> {
    pub save: fn(&O) -> candle_core::Result<State>,
    pub load: fn(&mut O, &State) -> candle_core::Result<()>,
    vars: fn(&O) -> Vec<(String, Var)>,
}

fn named_vars<O: OptimizerState>(optimizer: &O) -> Vec<(String, Var)> {
    optimizer.vars().into_iter().map(|(name, var)| (name.to_string(), var.clone())).collect()
}

impl<O: Optimizer + OptimizerState> Scheduled<O> {
    /// Schedules an optimizer of this crate. A restore puts its variables and its moments back.
    ///
    /// Give the optimizer every variable of the model, running statistics of normalisations
    /// included ([`StatefulOptimizer::from_varmap`](crate::StatefulOptimizer::from_varmap)
    /// does): what has no gradient is not updated, but is put back.
    ///
    /// # Errors
    /// A configuration that breaks a rule.
    pub fn new(optimizer: O, config: Config) -> Result<Self> {
        let vars = named_vars(&optimizer);
        let reach = Reach { save: O::state, load: O::load_state, vars: named_vars };
        Self::build(optimizer, vars, Some(reach), config)
    }
}

impl<O: Optimizer> Scheduled<O> {
    /// Schedules any candle optimizer. A restore puts `vars` back and leaves the optimizer's
    /// moments, which candle-nn keeps private, as they are; [`new`](Self::new) with an
    /// optimizer of this crate is the better rule.
    ///
    /// # Errors
    /// A configuration that breaks a rule.
    pub fn weights_only(optimizer: O, vars: Vec<Var>, config: Config) -> Result<Self> {
        let vars = vars.into_iter().enumerate().map(|(i, var)| (i.to_string(), var)).collect();
        Self::build(optimizer, vars, None, config)
    }

    fn build(
        optimizer: O,
        vars: Vec<(String, Var)>,
        reach: Option<Reach<O>>,
        config: Config,
    ) -> Result<Self> {
        let scheduler = Scheduler::new(config)?;
        let (groups, snapshot) = (vec![(optimizer, 1.0)], Snapshot::of(prefixed(0, vars)));
        let mut scheduled =
            Scheduled { groups, lr: 0.0, scheduler, snapshot, kept: Vec::new(), reach };
        scheduled.restart();
        Ok(scheduled)
    }

    /// Adds a parameter group, whose learning rate is `ratio` times the schedule's. With
    /// [`weights_only`](Self::weights_only) the list of variables given there must have this
    /// group's too.
    ///
    /// # Errors
    /// A ratio that is negative or not finite.
    pub fn with_group(mut self, optimizer: O, ratio: f64) -> Result<Self> {
        if !(ratio >= 0.0 && ratio.is_finite()) {
            return Err(Error::Ratio(ratio));
        }
        if let Some(reach) = &self.reach {
            let vars = (reach.vars)(&optimizer);
            self.snapshot.add(prefixed(self.groups.len(), vars));
        }
        self.groups.push((optimizer, ratio));
        self.restart();
        Ok(self)
    }

    /// Tells the loss, goes back to the last snapshot or makes the update:
    /// [`observe`](Self::observe), `backward`, [`step`](Self::step).
    ///
    /// # Errors
    /// Those of the three.
    pub fn backward_step(&mut self, loss: &Tensor) -> Result<Option<Event<f64>>> {
        let event = self.observe(loss)?;
        if !matches!(event, Some(Event::Restore { .. })) {
            self.step(&loss.backward()?)?;
        }
        Ok(event)
    }

    /// First part of a step, for loops that accumulate or clip gradients: takes the loss (the mean
    /// over the parts), and copies the weights or puts them back where the event says so.
    ///
    /// After [`Event::Restore`] make no update: the gradient belongs to weights that are gone.
    ///
    /// # Errors
    /// A loss that is not one f32 or f64 element, or candle's.
    pub fn observe(&mut self, loss: &Tensor) -> Result<Option<Event<f64>>> {
        self.lr = self.scheduler.lr();
        let event = self.scheduler.observe(loss)?;
        self.follow(event.as_ref())?;
        Ok(event)
    }

    /// Second part of a step: one update of every group, with the learning rate of the step whose
    /// loss was told.
    ///
    /// # Errors
    /// candle's.
    pub fn step(&mut self, grads: &GradStore) -> Result<()> {
        self.set_learning_rates();
        for (optimizer, _) in &mut self.groups {
            optimizer.step(grads)?;
        }
        Ok(())
    }

    fn follow(&mut self, event: Option<&Event<f64>>) -> Result<()> {
        match event {
            Some(Event::Snapshot { .. }) => {
                self.snapshot.take()?;
                if let Some(reach) = &self.reach {
                    self.kept = self
                        .groups
                        .iter()
                        .map(|(o, _)| (reach.save)(o))
                        .collect::<candle_core::Result<_>>()?;
                }
            }
            Some(Event::Restore { .. }) => {
                self.snapshot.put_back()?;
                if let Some(reach) = &self.reach {
                    for ((optimizer, _), state) in self.groups.iter_mut().zip(&self.kept) {
                        (reach.load)(optimizer, state)?;
                    }
                }
            }
            Some(Event::Decay { .. } | Event::Diverged { .. })
                if !self.scheduler.autowu().may_restore() =>
            {
                self.snapshot.clear();
                self.kept.clear();
            }
            _ => {}
        }
        Ok(())
    }

    /// The optimizers follow the scheduler, from its present step on.
    pub(crate) fn restart(&mut self) {
        self.lr = self.scheduler.lr();
        self.set_learning_rates();
    }

    fn set_learning_rates(&mut self) {
        for (optimizer, ratio) in &mut self.groups {
            optimizer.set_learning_rate(self.lr * *ratio);
        }
    }

    /// Reads the losses that still wait on the device: at the end of a run, so that a last NaN is
    /// not missed.
    ///
    /// # Errors
    /// candle's.
    pub fn flush(&mut self) -> Result<Option<Event<f64>>> {
        let event = self.scheduler.flush()?;
        self.follow(event.as_ref())?;
        Ok(event)
    }

    /// No update happens in this step (an overflow in mixed precision, say): neither learning rate
    /// nor budget moves.
    pub fn skip(&mut self) {
        self.scheduler.skip();
    }

    /// The learning rate of the next step, of a group with ratio 1.
    pub fn lr(&self) -> f64 {
        self.scheduler.lr()
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.scheduler.steps()
    }

    /// The last test.
    pub fn last_report(&self) -> Option<&Report<f64>> {
        self.scheduler.last_report()
    }

    /// The scheduler itself, which does not know the losses that still wait on the device.
    pub fn autowu(&self) -> &AutoWu {
        self.scheduler.autowu()
    }

    /// The optimizers, in the order in which they were given.
    pub fn optimizers(&self) -> impl Iterator<Item = &O> {
        self.groups.iter().map(|(optimizer, _)| optimizer)
    }
}

/// Names that are unique over the groups.
fn prefixed(group: usize, vars: Vec<(String, Var)>) -> Vec<(String, Var)> {
    vars.into_iter().map(|(name, var)| (format!("{group}.{name}"), var)).collect()
}
