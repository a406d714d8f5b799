//! What can be read of a run: its learning rate and, for adapters, logs, plots and ranks, the rest.

use crate::config::Config;
use crate::digest::Digest;
use crate::gp::Posterior;
use crate::phase::{Now, Phase, Stage};
use crate::real::Real;
use crate::scheduler::AutoWu;
use crate::test::{Report, TestInput};

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// The learning rate of the next step. Pure; between tests it does not depend on the losses.
    pub fn lr(&self) -> T {
        self.lr_at(self.step)
    }

    /// The learning rate `ahead` steps after the next, if no test and no loss changes the course
    /// until then.
    pub fn lr_ahead(&self, ahead: u64) -> T {
        self.lr_at(self.step.saturating_add(ahead))
    }

    /// `lr · ratio`: the learning rate of a parameter group.
    pub fn group_lr(&self, ratio: T) -> T {
        self.lr() * ratio
    }

    pub(crate) fn now(&self) -> Now<'_> {
        self.now_at(self.step)
    }

    fn now_at(&self, step: u64) -> Now<'_> {
        Now { config: &self.config, total: self.total, step }
    }

    #[inline]
    pub(crate) fn lr_at(&self, step: u64) -> T {
        match &self.stage {
            Stage::Warmup(warmup) => warmup.climb().lr(&self.config, step),
            Stage::Decay(decay) => decay.lr(self.now_at(step)),
        }
    }

    /// Steps until a finite loss can change the course, at least 1: the next test, the end of the
    /// warmup, the first copy or, in the decay, the next mean that the guard looks at. The first
    /// step past the end of the budget counts too. `None` in a decay without a guard, unless the
    /// end is at most 64 steps away.
    pub fn steps_until_due(&self) -> Option<u64> {
        match &self.stage {
            Stage::Warmup(warmup) => Some(warmup.steps_until_due(self.step)),
            Stage::Decay(decay) => decay.steps_until_due(self.now()),
        }
    }

    /// The posterior of one vote (from 0) of a report that was just made; `None` if losses came
    /// since. `loss(x) = center + scale · mean_at(x)` at the learning rate
    /// [`Self::lr_on_climb`]`(x)`.
    pub fn posterior(&self, report: &Report<T>, vote: u32) -> Option<Posterior<T>> {
        let input = TestInput { number: report.test, ..self.test_input()? };
        let present = report.step == self.step && report.losses == input.losses.losses();
        let exists = (vote as usize) < report.votes.len();
        (present && exists).then(|| input.posterior(&report.hyper, vote))
    }

    /// The learning rate at the part `x` in [0, 1] of the present climb, from its first step to the
    /// step just taken; in the decay from its peak.
    pub fn lr_on_climb(&self, x: T) -> T {
        let low = match self.phase() {
            Phase::Warmup(climb) => climb.base,
            Phase::Decay { peak, .. } => peak,
        };
        self.config.ramp.shape().at(x, low, self.lr_at(self.step.saturating_sub(1)))
    }

    /// Whether the trainer's copy may still be asked for: if not, its memory is free. An event says
    /// when that changes ([`Event::frees_copy`](crate::Event::frees_copy)).
    pub fn may_restore(&self) -> bool {
        match &self.stage {
            Stage::Warmup(warmup) => warmup.may_restore(self.now()),
            Stage::Decay(decay) => decay.may_restore(&self.config),
        }
    }

    /// Whether the losses of the present climb look smoothed: the mean of `sign(dᵢ) sign(dᵢ₊₁)`,
    /// `dᵢ = yᵢ₊₁ − yᵢ`, is `−⅓` for independent noise and about 0 for an average over ten losses;
    /// `true` above `−0.15` where that is significant, which takes some 160 losses.
    ///
    /// Smoothed losses make early false ends: tell the raw loss of each update. A loss without
    /// noise, as of a full batch, looks the same and needs nothing. `false` in the decay. It costs a
    /// pass over the history: ask when a test was made.
    pub fn looks_smoothed(&self) -> bool {
        match &self.stage {
            Stage::Warmup(warmup) => warmup.looks_smoothed(),
            Stage::Decay(_) => false,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Steps of the whole run: [`Config::total_steps`], unless it was
    /// [extended](Self::extend).
    pub fn total_steps(&self) -> u64 {
        self.total
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase<T> {
        match &self.stage {
            Stage::Warmup(warmup) => Phase::Warmup(*warmup.climb()),
            Stage::Decay(decay) => Phase::Decay { peak: decay.peak(), start: decay.start() },
        }
    }

    /// Updates that were reported as not having happened.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Tests resolved so far.
    pub fn tests(&self) -> u64 {
        match &self.stage {
            Stage::Warmup(warmup) => warmup.tests(),
            Stage::Decay(decay) => decay.tests(),
        }
    }

    /// 64 bits that differ when the states differ (but for a chance of 2⁻⁶⁴): ranks that feed the
    /// same all-reduced loss can compare them. Equal on every platform.
    pub fn digest(&self) -> u64 {
        let AutoWu { config, total, step, skipped, stage } = self;
        let digest = Digest::new().of(config).of(total).of(step).of(skipped);
        match stage {
            Stage::Warmup(warmup) => digest.of(&0_u64).of(warmup),
            Stage::Decay(decay) => digest.of(&1_u64).of(decay),
        }
        .finish()
    }
}
