//! One simulated climb.

use super::cells::Cell;
use super::curves::{Curve, Noise, Rng};
use autowu_core::{AutoWu, Event, Reason};

/// A climb in progress: the scheduler and its curve.
pub struct Climb {
    /// The scheduler.
    pub autowu: AutoWu<f32>,
    curve: Curve,
    noise: Noise,
    level: f64,
    rng: Rng,
    /// Where the minimum is, in decades.
    truth: f64,
    /// The last loss's noise, and its place in decades.
    last: f64,
    u: f64,
}

/// How a climb ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// Whether the detector claimed a minimum or a divergence; otherwise the warmup was used up.
    pub found: bool,
    /// The detection's place, in decades.
    pub at: f64,
    /// The learning rate restored to, in decades.
    pub peak: f64,
    /// Where the minimum was.
    pub truth: f64,
}

impl Climb {
    /// Run number `number` of a cell.
    ///
    /// # Errors
    /// A rule that the budget does not allow.
    pub fn new(cell: &Cell, number: u64) -> Result<Self, String> {
        let mut rng = Rng::new(number ^ (cell.noise as u64) << 32);
        let truth = 2.5 + 1.5 * rng.uniform();
        let config = (cell.rule.config)(cell.steps_per_epoch, cell.epochs).with_seed(number);
        let autowu = AutoWu::new(config).map_err(|e| e.to_string())?;
        let Cell { curve, noise, level, .. } = *cell;
        Ok(Climb { autowu, curve, noise, level, rng, truth, last: 0.0, u: 0.0 })
    }

    /// The loss of the next step.
    pub fn loss(&mut self) -> f32 {
        self.u = self.decades(self.autowu.lr());
        self.last = self.noise.next(self.last, &mut self.rng);
        let noise = (self.level, self.level * self.last);
        self.curve.loss(self.u, self.truth, self.autowu.steps(), noise, &mut self.rng) as f32
    }

    /// How the climb ended, if this event ends it.
    pub fn end(&self, event: Event<f32>) -> Option<End> {
        let (reason, peak) = match event {
            Event::Restore { reason, to, .. } => (reason, to),
            Event::Decay { reason, peak, .. } => (reason, peak),
            _ => return None,
        };
        let found = matches!(reason, Reason::PastMinimum | Reason::NonFinite);
        Some(End { found, at: self.u, peak: self.decades(peak), truth: self.truth })
    }

    fn decades(&self, lr: f32) -> f64 {
        (f64::from(lr) / self.autowu.config().min_lr).log10()
    }
}
