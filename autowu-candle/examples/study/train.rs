//! One run: a cell, a schedule, a seed.

use crate::cells::Cell;
use crate::model::{self, Model};
use crate::optim::Optim;
use crate::problem::Problem;
use crate::runs::Run;
use crate::schedules::Schedule;
use autowu_core::sampling::Permutation;
use autowu_core::{AutoWu, ConfigError, Event};
use candle_core::{Device, Result, Tensor, Var, bail};
use std::time::{Duration, Instant};

/// Same cell, schedule and seed: same run.
pub fn train(cell: &Cell, schedule: &Schedule, problem: &Problem, seed: u64) -> Result<Run> {
    let begun = Instant::now();
    let rows = problem.train.inputs.dim(0)?;
    if rows < cell.batch {
        bail!("a batch of {} needs more than the {rows} training rows that there are", cell.batch);
    }
    let (epoch, total) = cell.steps(rows);
    let (model, named) = Model::new(cell.task, problem, seed)?;
    let vars: Vec<Var> = named.into_iter().map(|(_, var)| var).collect();
    let mut optimizer = Optim::new(cell.optimizer, vars.clone())?;
    let factor = optimizer.peak_factor();
    let mut course =
        Course::new(schedule, epoch, total, seed, factor).map_err(candle_core::Error::wrap)?;
    let mut run = Run {
        cell: cell.name(),
        schedule: schedule.name(),
        seed,
        steps: total,
        untrained: model.judge(cell.task, &problem.test)?,
        decay_restores: cell.task.is_real().then_some(0),
        ..Run::default()
    };
    let mut copy = None;
    let mut copy_step = 0;
    for step in 0..total {
        let order = Permutation::new(rows as u32, seed, (step / epoch) as u64, 0);
        let first = (step % epoch * cell.batch) as u32;
        let members: Vec<u32> =
            (first..first + cell.batch as u32).map(|i| order.index(i)).collect();
        let members = Tensor::new(members, &Device::Cpu)?;
        let inputs = problem.train.inputs.index_select(&members, 0)?;
        let targets = problem.train.targets.index_select(&members, 0)?;
        let loss = model::loss(cell.task, &model.forward(&inputs, true)?, &targets)?;
        let (lr, event) = course.step(step, || Ok(f64::from(loss.to_scalar::<f32>()?)))?;
        match event {
            Some(Event::Snapshot { .. }) => {
                let weights: Result<Vec<Tensor>> =
                    vars.iter().map(|v| v.as_tensor().copy()).collect();
                copy = Some((weights?, optimizer.state()?));
                copy_step = step;
            }
            Some(Event::Restore { to, .. }) => {
                if let Some((weights, state)) = &copy {
                    for (var, value) in vars.iter().zip(weights) {
                        var.set(value)?;
                    }
                    optimizer.load_state(state)?;
                }
                if run.restores == 0 {
                    run.first_peak = to;
                }
                run.restores += 1;
                if let (Some(n), true) = (&mut run.decay_restores, run.decay_step > 0) {
                    *n += 1;
                }
                run.lost += step - copy_step;
                copy_step = step;
            }
            Some(Event::Decay { step, reason, peak, .. }) => {
                (run.decay_step, run.peak, run.reason) =
                    (step as usize, peak, format!("{reason:?}"));
            }
            _ => {}
        }
        if event.is_none_or(|event| !event.skips_update()) {
            optimizer.step(&loss.backward()?, lr)?;
        }
    }
    run.metric = model.judge(cell.task, &problem.test)?;
    run.seconds = begun.elapsed().as_secs_f64();
    run.scheduler_seconds = course.spent.as_secs_f64();
    if let Schedule::Peak(peak) = schedule {
        (run.peak, run.decay_step, run.reason) = (*peak, warmup_steps(total), "given".into());
    }
    Ok(run)
}

/// 5 % of the run.
fn warmup_steps(total: usize) -> usize {
    total.div_ceil(20)
}

/// The learning rates of a run, and the time that they take.
struct Course {
    way: Way,
    spent: Duration,
}

enum Way {
    Auto(Box<AutoWu<f64>>),
    Peak { peak: f64, total: usize },
}

impl Course {
    fn new(
        schedule: &Schedule,
        epoch: usize,
        total: usize,
        seed: u64,
        peak_factor: f64,
    ) -> std::result::Result<Self, ConfigError> {
        let way = match schedule {
            Schedule::Auto(_, config) => {
                let config = config(epoch as u64, total as u64).with_seed(seed);
                let factor = config.response.peak_factor.unwrap_or(peak_factor);
                let config = config.with_peak_factor(factor);
                Way::Auto(Box::new(AutoWu::new(config)?))
            }
            Schedule::Peak(peak) => Way::Peak { peak: *peak, total },
        };
        Ok(Course { way, spent: Duration::ZERO })
    }

    /// The learning rate of this step; only AutoWU reads the loss.
    fn step(
        &mut self,
        step: usize,
        loss: impl FnOnce() -> Result<f64>,
    ) -> Result<(f64, Option<Event<f64>>)> {
        match &mut self.way {
            Way::Auto(autowu) => {
                let loss = loss()?;
                let begun = Instant::now();
                let lr = autowu.lr();
                let event = autowu.step(loss).event;
                self.spent += begun.elapsed();
                Ok((lr, event))
            }
            // One step later than `Baseline`, which ends at 0: here the last update moves the
            // weights too.
            Way::Peak { peak, total } => {
                let warmup = warmup_steps(*total);
                let part = (step + 1) as f64 / warmup as f64;
                let left = (step.saturating_sub(warmup)) as f64 / (*total - warmup) as f64;
                Ok((
                    *peak * part.min(1.0) * 0.5 * (1.0 + (std::f64::consts::PI * left).cos()),
                    None,
                ))
            }
        }
    }
}
