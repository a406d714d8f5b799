//! A configuration from keyword arguments. Each has the name of core's field; where core has an
//! enum, the argument is a word, and a number for what the variant holds.

use crate::given::{Given, not_one_of, number, refuse, small, whole};
use autowu_core::{
    Config, Curve, Decay, Fallback, Interval, NonFinite, PastEnd, Patience, PeakRule, Ramp,
    Recovery, Response, Scout,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};

/// The configuration of a run; core validates it.
///
/// # Errors
/// `TypeError` for an unknown name or a value of another type, `ValueError` for a word that is not
/// one of the option's, and for options that exclude each other.
pub fn config(
    total_steps: &Bound<'_, PyAny>,
    preset: &str,
    can_restore: bool,
    seed: u64,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Config> {
    let given = Given(options);
    given.refuse_unknown()?;
    let total_steps = whole("total_steps", total_steps)?;
    let mut config = match (preset, given.count("steps_per_epoch")?) {
        ("default", None) => Config::new(total_steps),
        ("micro", None) => Config::micro(total_steps),
        ("paper", Some(steps_per_epoch)) => {
            let mut config = Config::paper(steps_per_epoch, 1);
            config.total_steps = total_steps;
            config
        }
        ("paper", None) => {
            return refuse(
                "preset=\"paper\" tests once per epoch: give steps_per_epoch, the optimizer \
                 updates of one epoch",
            );
        }
        ("default" | "micro", Some(_)) => {
            return refuse(
                "steps_per_epoch belongs to preset=\"paper\"; interval=N tests every N steps",
            );
        }
        _ => return Err(not_one_of("preset", preset, &["default", "paper", "micro"])),
    };
    config.seed = seed;
    if !can_restore {
        config = config.without_restore();
    }
    config = given.scout(config)?;
    given.numbers(&mut config)?;
    given.decay(&mut config)?;
    given.curve(&mut config)?;
    given.response(&mut config)?;
    given.recovery(&mut config)?;
    Ok(config)
}

impl Given<'_, '_> {
    fn scout(&self, config: Config) -> PyResult<Config> {
        let mut config = match self.switch("scout")? {
            Some(false) => config.without_scout(),
            Some(true) if config.ramp.scout.is_none() => {
                let ramp = Ramp { scout: Some(Scout::default()), ..config.ramp };
                config.with_ramp(ramp)
            }
            _ => config,
        };
        let (fraction, below) = (self.number("scout_fraction")?, self.number("scout_below")?);
        let (growth, least) = (self.number("scout_growth")?, self.count("scout_min_steps")?);
        if let Some(scout) = &mut config.ramp.scout {
            scout.fraction = fraction.unwrap_or(scout.fraction);
            scout.below = below.unwrap_or(scout.below);
            scout.growth = growth.unwrap_or(scout.growth);
            scout.min_steps = least.unwrap_or(scout.min_steps);
        } else if fraction.or(below).or(growth).is_some() || least.is_some() {
            return refuse(
                "this run has no scout (short runs and runs without restore have none): \
                 scout=True gives it one",
            );
        }
        Ok(config)
    }

    fn numbers(&self, config: &mut Config) -> PyResult<()> {
        let Config { ramp, test, response, .. } = config;
        for (name, field) in [
            ("fraction", &mut ramp.fraction),
            ("length_scale", &mut test.length_scale),
            ("subset_fraction", &mut test.subset_fraction),
            ("confidence", &mut response.confidence),
            ("min_lr", &mut config.min_lr),
            ("max_lr", &mut config.max_lr),
            ("floor_lr", &mut config.floor_lr),
        ] {
            *field = self.number(name)?.unwrap_or(*field);
        }
        for (name, field) in [
            ("fit_samples", &mut test.fit_samples),
            ("test_samples", &mut test.test_samples),
            ("min_samples", &mut test.min_samples),
            ("votes", &mut test.votes),
            ("noise_groups", &mut test.noise_groups),
        ] {
            *field = self.small(name)?.unwrap_or(*field);
        }
        for (name, field) in [("standardise", &mut test.standardise), ("clip", &mut test.clip)] {
            *field = self.switch(name)?.unwrap_or(*field);
        }
        ramp.min_steps = self.count("min_steps")?.unwrap_or(ramp.min_steps);
        response.peak_factor = self.number_or_none("peak_factor")?.unwrap_or(response.peak_factor);
        response.descent = self.number_or_none("descent")?.unwrap_or(response.descent);
        response.overshoot = self.number_or_none("overshoot")?.unwrap_or(response.overshoot);
        Ok(())
    }

    fn decay(&self, config: &mut Config) -> PyResult<()> {
        let fraction = self.number("decay_fraction")?;
        if let Some(word) = self.word("decay")? {
            let cooldown = fraction.unwrap_or(0.2);
            config.decay = match word.as_str() {
                "linear" => Decay::Linear,
                "cosine" => Decay::Cosine,
                "constant_cosine" => Decay::ConstantCosine { fraction: cooldown },
                "constant_sqrt" => Decay::ConstantSqrt { fraction: cooldown },
                _ => {
                    let words = ["linear", "cosine", "constant_cosine", "constant_sqrt"];
                    return Err(not_one_of("decay", &word, &words));
                }
            };
        }
        let cools =
            matches!(config.decay, Decay::ConstantCosine { .. } | Decay::ConstantSqrt { .. });
        if fraction.is_some() && !cools {
            return refuse(
                "decay_fraction belongs to decay=\"constant_cosine\" or \"constant_sqrt\"",
            );
        }
        if let Some(word) = self.word("past_end")? {
            config.past_end = match word.as_str() {
                "floor" => PastEnd::Floor,
                "reference" => PastEnd::Reference,
                _ => return Err(not_one_of("past_end", &word, &["floor", "reference"])),
            };
        }
        Ok(())
    }

    fn curve(&self, config: &mut Config) -> PyResult<()> {
        let interval = self.get("interval")?;
        let patience = self.get("patience")?;
        let (mut every, mut lasting) = match config.ramp.curve {
            Curve::Exponential { interval, patience } => (interval, patience),
            Curve::Linear { interval, patience } => {
                (Interval::Steps(interval), Patience::Tests(patience))
            }
            _ => return refuse("this preset's curve cannot be changed from Python"),
        };
        if let Some(value) = &interval {
            every = match value.is_instance_of::<PyFloat>() {
                true => Interval::Growth(number("interval", value)?),
                false => Interval::Steps(whole("interval", value)?),
            };
        }
        if let Some(value) = &patience {
            lasting = match value.is_instance_of::<PyFloat>() {
                true => Patience::Growth(number("patience", value)?),
                false => Patience::Tests(small("patience", value)?),
            };
        }
        let word = self.word("curve")?;
        config.ramp.curve = match (word.as_deref(), every, lasting) {
            (None | Some("exponential"), interval, patience) => {
                Curve::Exponential { interval, patience }
            }
            (Some("linear"), Interval::Steps(interval), Patience::Tests(patience)) => {
                Curve::Linear { interval, patience }
            }
            (Some("linear"), ..) => {
                return refuse(
                    "curve=\"linear\" has no constant growth: give interval in steps and patience \
                     in tests, both as whole numbers",
                );
            }
            (Some(word), ..) => return Err(not_one_of("curve", word, &["exponential", "linear"])),
        };
        Ok(())
    }

    fn response(&self, config: &mut Config) -> PyResult<()> {
        let response = &mut config.response;
        if let Some(word) = self.word("peak")? {
            response.peak = match word.as_str() {
                "rate_at_mean" => PeakRule::RateAtMean,
                "mean_rate" => PeakRule::MeanRate,
                _ => return Err(not_one_of("peak", &word, &["rate_at_mean", "mean_rate"])),
            };
        }
        if let Some(word) = self.word("fallback")? {
            response.fallback = match word.as_str() {
                "argmin" => Fallback::Argmin,
                "reached" => Fallback::Reached,
                _ => return Err(not_one_of("fallback", &word, &["argmin", "reached"])),
            };
        }
        let (in_a_row, back) = (self.small("skips")?, self.small("back_steps")?);
        if let Some(word) = self.word("non_finite")? {
            response.non_finite = match word.as_str() {
                "ignore" => NonFinite::Ignore,
                "end_climb" => Response::default().non_finite,
                _ => return Err(not_one_of("non_finite", &word, &["end_climb", "ignore"])),
            };
        }
        if let NonFinite::EndClimb { skips, back_steps } = &mut response.non_finite {
            *skips = in_a_row.unwrap_or(*skips);
            *back_steps = back.unwrap_or(*back_steps);
        } else if in_a_row.is_some() || back.is_some() {
            return refuse("skips and back_steps belong to non_finite=\"end_climb\"");
        }
        Ok(())
    }

    fn recovery(&self, config: &mut Config) -> PyResult<()> {
        let (slower, lower) = (self.number_or_none("slowdown")?, self.number_or_none("rescue")?);
        let watch = self.switch("guard")?;
        match (&mut config.response.recovery, watch) {
            (Recovery::Restore { slowdown, rescue }, None) => {
                *slowdown = slower.unwrap_or(*slowdown);
                *rescue = lower.unwrap_or(*rescue);
                Ok(())
            }
            (Recovery::None { guard }, _) if slower.is_none() && lower.is_none() => {
                *guard = watch.unwrap_or(*guard);
                Ok(())
            }
            (Recovery::None { .. }, _) => {
                refuse("slowdown and rescue belong to a run that restores: they need its copy")
            }
            _ => refuse(
                "guard belongs to a run that cannot restore; rescue=None takes it from one that can",
            ),
        }
    }
}
