//! [`Scheduled`]: optimizers whose learning rate AutoWU sets.

use crate::copy::WeightCopy;
use crate::error::{Error, Result};
use crate::finite::Finite;
use crate::scheduler::Scheduler;
use crate::state::{OptimizerState, State};
use autowu_core::{AutoWu, Config, Event, Report};
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use candle_nn::Optimizer;

/// An optimizer, or several as parameter groups. AutoWU sets its learning rate, and restores its
/// weights when the learning rate has climbed too far.
///
/// Memory: one copy of the variables, and of the optimizers' states if they expose them: for AdamW,
/// AdamP and LAMB three times the weights. [`Config::without_restore`] needs no copy.
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
/// // A model that always says 0 has 4.7; the worst of 300 runs from random weights ended at 0.09.
/// assert!(mse(&model.forward(&x)?, &y)?.to_scalar::<f32>()? < 0.5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scheduled<O> {
    /// With the ratio of each group's learning rate to the schedule's.
    pub(crate) groups: Vec<(O, f64)>,
    pub(crate) scheduler: Scheduler,
    /// Of all groups, under names that are unique over them.
    pub(crate) vars: Vec<(String, Var)>,
    /// `None` before the first snapshot, and once no event asks for it again.
    pub(crate) copy: Option<WeightCopy>,
    /// `None` for optimizers that do not expose their states; a restore leaves those alone.
    pub(crate) access: Option<Access<O>>,
    /// The learning rate of the step whose loss was observed last.
    lr: f64,
    /// Whether that loss is finite.
    finite: Finite,
}

/// [`OptimizerState`] as functions, so that optimizers without it can be scheduled too.
#[derive(Debug)]
pub(crate) struct Access<O> {
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
    /// included, as [`StatefulOptimizer::from_varmap`](crate::StatefulOptimizer::from_varmap) does:
    /// a variable without a gradient is not updated, but is restored.
    ///
    /// Where `config` has no [`peak_factor`](crate::Response::peak_factor), the optimizer's own
    /// applies.
    ///
    /// # Errors
    /// A configuration that breaks a rule.
    pub fn new(optimizer: O, config: Config) -> Result<Self> {
        let vars = named_vars(&optimizer);
        let factor = config.response.peak_factor.unwrap_or(optimizer.peak_factor());
        let config = config.with_peak_factor(factor);
        let access = Access { save: O::state, load: O::load_state, vars: named_vars };
        Self::build(optimizer, vars, Some(access), config)
    }
}

impl<O: Optimizer> Scheduled<O> {
    /// Schedules any candle optimizer. A restore puts `vars` back, but not the moments, which
    /// candle-nn keeps private: prefer [`new`](Self::new) with an optimizer of this crate.
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
        access: Option<Access<O>>,
        config: Config,
    ) -> Result<Self> {
        let mut scheduled = Scheduled {
            groups: vec![(optimizer, 1.0)],
            scheduler: Scheduler::new(config)?,
            vars: prefixed(0, vars),
            copy: None,
            access,
            lr: 0.0,
            finite: Finite::Yes,
        };
        scheduled.restart();
        Ok(scheduled)
    }

    /// Adds a parameter group whose learning rate is `ratio` times the schedule's. The variables
    /// given to [`weights_only`](Self::weights_only) must include this group's.
    ///
    /// # Errors
    /// A ratio that is negative or not finite.
    pub fn with_group(mut self, optimizer: O, ratio: f64) -> Result<Self> {
        if !(ratio >= 0.0 && ratio.is_finite()) {
            return Err(Error::Ratio(ratio));
        }
        if let Some(access) = &self.access {
            self.vars.extend(prefixed(self.groups.len(), (access.vars)(&optimizer)));
        }
        self.groups.push((optimizer, ratio));
        self.restart();
        Ok(self)
    }

    /// Takes the loss and makes the update, or restores the copy: [`observe`](Self::observe),
    /// `backward`, [`step`](Self::step).
    ///
    /// Past the end of the budget updates go on with the floor's learning rate; the first says so
    /// with [`Event::Finished`].
    ///
    /// # Errors
    /// Those of the three.
    pub fn backward_step(&mut self, loss: &Tensor) -> Result<Option<Event<f64>>> {
        let event = self.observe(loss)?;
        if event.is_none_or(|event| !event.skips_update()) {
            self.step(&loss.backward()?)?;
        }
        Ok(event)
    }

    /// First part of a step, for loops that accumulate or clip gradients: takes the loss (the mean
    /// over the parts), and copies or restores the weights as the event says.
    ///
    /// Make no update where the event says so ([`Event::skips_update`]): after a restore the
    /// gradient belongs to weights that are gone, and that of a loss which is not finite would ruin
    /// them.
    ///
    /// # Errors
    /// A loss that is not one f32 or f64 element, or candle's.
    pub fn observe(&mut self, loss: &Tensor) -> Result<Option<Event<f64>>> {
        let lr = self.scheduler.lr();
        let event = self.scheduler.observe(loss)?;
        self.lr = lr;
        self.finite = Finite::of(loss, self.scheduler.autowu().config())?;
        self.follow(event.as_ref())?;
        Ok(event)
    }

    /// Second part of a step: one update of every group, with the learning rate of the step whose
    /// loss was observed last.
    ///
    /// If that loss is not finite, there is no update. On a GPU nobody has read it yet: the update
    /// is made there with a gradient of zeros, which moves the weights by the optimizer's momentum
    /// and weight decay alone. (Not with [`NonFinite::Ignore`](crate::NonFinite::Ignore).)
    ///
    /// # Errors
    /// candle's.
    pub fn step(&mut self, grads: &GradStore) -> Result<()> {
        self.set_learning_rates();
        let cleaned = match &self.finite {
            Finite::Yes => None,
            Finite::No => return Ok(()),
            Finite::OnDevice(is_finite) => Some(self.cleaned(grads, is_finite)?),
        };
        let grads = cleaned.as_ref().unwrap_or(grads);
        for (optimizer, _) in &mut self.groups {
            optimizer.step(grads)?;
        }
        Ok(())
    }

    /// The gradients, or zeros where the loss is not finite.
    fn cleaned(&self, grads: &GradStore, is_finite: &Tensor) -> Result<GradStore> {
        let mut cleaned = GradStore::default();
        for (_, var) in &self.vars {
            if let Some(grad) = grads.get(var) {
                let is_finite = is_finite.broadcast_as(grad.shape())?;
                cleaned.insert(var, is_finite.where_cond(grad, &grad.zeros_like()?)?);
            }
        }
        Ok(cleaned)
    }

    fn follow(&mut self, event: Option<&Event<f64>>) -> Result<()> {
        let Some(event) = event else { return Ok(()) };
        match event {
            Event::Snapshot { .. } => {
                self.copy = Some(WeightCopy::of(&self.vars, self.moments()?)?);
            }
            Event::Restore { .. } => self.restore()?,
            _ => {}
        }
        if event.frees_copy() {
            self.copy = None;
        }
        Ok(())
    }

    /// Puts the copy back; without one nothing happens.
    fn restore(&mut self) -> Result<()> {
        let Some(copy) = &self.copy else { return Ok(()) };
        copy.restore(&self.vars)?;
        if let Some(access) = &self.access {
            for ((optimizer, _), state) in self.groups.iter_mut().zip(&copy.moments) {
                (access.load)(optimizer, state)?;
            }
        }
        Ok(())
    }

    /// The present state of every group; empty if they do not expose theirs.
    pub(crate) fn moments(&self) -> Result<Vec<State>> {
        let Some(access) = &self.access else { return Ok(Vec::new()) };
        Ok(self
            .groups
            .iter()
            .map(|(optimizer, _)| (access.save)(optimizer))
            .collect::<candle_core::Result<_>>()?)
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

    /// Reads the losses that still wait on the device, now: at the end of a run, so that a last NaN
    /// is not missed.
    ///
    /// # Errors
    /// candle's.
    pub fn flush(&mut self) -> Result<Option<Event<f64>>> {
        let event = self.scheduler.flush()?;
        self.follow(event.as_ref())?;
        Ok(event)
    }

    /// Gives the run `total_steps` steps in all, from the next step on; it may be finished, or
    /// loaded. The learning rate goes on towards the new end and never exceeds the peak: see
    /// [`AutoWu::extend`].
    ///
    /// # Errors
    /// Fewer steps than the run has, or has done; nothing changes.
    pub fn extend(&mut self, total_steps: u64) -> Result<()> {
        self.scheduler.extend(total_steps)
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

    /// The scheduler itself, which has not seen the losses that still wait on the device.
    pub fn autowu(&self) -> &AutoWu {
        self.scheduler.autowu()
    }

    /// The optimizers, in the order given.
    pub fn optimizers(&self) -> impl Iterator<Item = &O> {
        self.groups.iter().map(|(optimizer, _)| optimizer)
    }
}

/// Names that are unique over the groups.
fn prefixed(group: usize, vars: Vec<(String, Var)>) -> Vec<(String, Var)> {
    vars.into_iter().map(|(name, var)| (format!("{group}.{name}"), var)).collect()
}
