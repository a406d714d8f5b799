//! The optimizers of the study behind one type: update, save, load.

use autowu_candle::{
    AdamP, AdamW, Lamb, OptimizerState, ParamsAdamP, ParamsAdamW, ParamsLamb, ParamsSgdm, Sgdm,
};
use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use candle_nn::Optimizer;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    AdamW,
    AdamP,
    Lamb,
    Sgd,
    Momentum,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::AdamW, Kind::AdamP, Kind::Lamb, Kind::Sgd, Kind::Momentum];

    pub fn name(self) -> &'static str {
        match self {
            Kind::AdamW => "adamw",
            Kind::AdamP => "adamp",
            Kind::Lamb => "lamb",
            Kind::Sgd => "sgd",
            Kind::Momentum => "sgd-m",
        }
    }

    /// Peaks of the tuned baseline, by factors of about 3: around what each optimizer is known to
    /// take.
    pub fn peaks(self) -> [f64; 6] {
        match self {
            Kind::AdamW | Kind::AdamP => [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
            Kind::Lamb | Kind::Sgd | Kind::Momentum => [3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0],
        }
    }

    /// The one of the peaks that people use without tuning.
    pub fn untuned(self) -> f64 {
        match self {
            Kind::AdamW | Kind::AdamP => 1e-3,
            Kind::Lamb => 1e-2,
            Kind::Sgd | Kind::Momentum => 0.1,
        }
    }
}

/// Each with the defaults of its parameters.
pub enum Optim {
    AdamW(AdamW),
    AdamP(AdamP),
    Lamb(Lamb),
    Sgd(Sgdm),
}

macro_rules! each {
    ($self:ident, $o:ident => $body:expr) => {
        match $self {
            Optim::AdamW($o) => $body,
            Optim::AdamP($o) => $body,
            Optim::Lamb($o) => $body,
            Optim::Sgd($o) => $body,
        }
    };
}

impl Optim {
    pub fn new(kind: Kind, vars: Vec<Var>) -> Result<Self> {
        Ok(match kind {
            Kind::AdamW => Optim::AdamW(AdamW::new(vars, ParamsAdamW::default())?),
            Kind::AdamP => Optim::AdamP(AdamP::new(vars, ParamsAdamP::default())?),
            Kind::Lamb => Optim::Lamb(Lamb::new(vars, ParamsLamb::default())?),
            Kind::Sgd => {
                Optim::Sgd(Sgdm::new(vars, ParamsSgdm { momentum: 0.0, ..Default::default() })?)
            }
            Kind::Momentum => Optim::Sgd(Sgdm::new(vars, ParamsSgdm::default())?),
        })
    }

    /// Of its family, as [`autowu_candle::Scheduled`] takes it.
    pub fn peak_factor(&self) -> f64 {
        each!(self, o => o.peak_factor())
    }

    pub fn step(&mut self, gradients: &GradStore, lr: f64) -> Result<()> {
        each!(self, o => {
            o.set_learning_rate(lr);
            o.step(gradients)
        })
    }

    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        each!(self, o => o.state())
    }

    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        each!(self, o => o.load_state(state))
    }
}
