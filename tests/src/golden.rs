//! The traces of the reference: see `golden/README.md` for their fields.

use autowu_core::{Config, Curve, Decay, Ramp};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One run of the reference.
#[derive(Debug, Deserialize)]
pub struct Trace {
    /// Optimizer updates per epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the whole run.
    pub total_epochs: u64,
    /// As given to the reference.
    pub options: Options,
    /// One per step.
    pub losses: Vec<Loss>,
    /// Learning rate of step 0, then after each step.
    pub lrs: Vec<f64>,
    /// One per epoch end in the warmup.
    pub tests: Vec<Test>,
}

/// The options of the paper preset. Any other option is an error, not a skip.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    immediate_cooldown: Option<bool>,
    cooldown_fraction: Option<f64>,
    warmup_type: Option<String>,
    min_lr: Option<f64>,
    max_lr: Option<f64>,
    max_warmup_fraction: Option<f64>,
}

/// A number, or "nan", "inf", "-inf".
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct Loss(pub f64);

impl TryFrom<serde_json::Value> for Loss {
    type Error = String;
    fn try_from(v: serde_json::Value) -> Result<Self, String> {
        v.as_f64().or_else(|| v.as_str().and_then(|s| s.parse().ok())).map(Loss).ok_or_else(|| {
            format!("{v} is not a loss: a number, \"nan\", \"inf\" or \"-inf\" was expected")
        })
    }
}

/// One test of the reference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Optimizer steps done.
    pub step: u64,
    /// Losses in the trajectory.
    pub n: usize,
    /// Learning rate of the step just taken.
    pub lr: f64,
    /// The fit's index list, then the inferences'.
    pub subsets: Vec<Vec<usize>>,
    /// `μ` after the fit.
    pub mean: f64,
    /// `s²`.
    pub outputscale: f64,
    /// `σ²`.
    pub noise: f64,
    /// Per inference: posterior mean at every 25th location.
    pub post_mean: Vec<Vec<f64>>,
    /// Per inference: posterior deviation of the latent f there.
    pub post_sd: Vec<Vec<f64>>,
    /// Per inference: eq. (4).
    pub probs: Vec<f64>,
    /// Per inference: location of the smallest posterior mean.
    pub argmin: Vec<u32>,
    /// Majority.
    pub vote: bool,
    /// Whether the warmup ended here.
    pub switched: bool,
}

impl Trace {
    /// Every `*.json` of a directory, by name.
    ///
    /// # Errors
    /// A directory that cannot be read or has no trace, or a file that is not a trace.
    pub fn read_all(directory: &Path) -> Result<Vec<(String, Trace)>, String> {
        let entries =
            std::fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
        paths.sort();
        if paths.is_empty() {
            return Err(format!("{}: no trace (*.json) in this directory", directory.display()));
        }
        paths.into_iter().map(|path| Trace::read(&path)).collect()
    }

    fn read(path: &Path) -> Result<(String, Trace), String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let trace: Trace =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        trace.config().map_err(|e| format!("{}: {e}", path.display()))?;
        if trace.lrs.len() != trace.losses.len() + 1 {
            return Err(format!(
                "{}: {} losses need as many lrs and one more",
                path.display(),
                trace.losses.len()
            ));
        }
        Ok((name, trace))
    }

    /// The paper preset with the trace's options.
    ///
    /// # Errors
    /// An option's value that the preset lacks.
    pub fn config(&self) -> Result<Config, String> {
        let paper = Config::paper(self.steps_per_epoch, self.total_epochs);
        let o = &self.options;
        let curve = match o.warmup_type.as_deref() {
            None | Some("exponential") => paper.ramp.curve,
            Some("linear") => Curve::Linear { interval: self.steps_per_epoch, patience: 3 },
            Some(other) => {
                return Err(format!(
                    "warmup_type {other:?}: the paper preset has \"exponential\" and \"linear\""
                ));
            }
        };
        let decay = match o.immediate_cooldown {
            None | Some(true) => paper.decay,
            Some(false) => Decay::ConstantCosine { fraction: o.cooldown_fraction.unwrap_or(0.2) },
        };
        let fraction = o.max_warmup_fraction.unwrap_or(paper.ramp.fraction);
        let config = paper
            .with_ramp(Ramp { fraction, curve, ..paper.ramp })
            .with_decay(decay)
            .with_lr_range(o.min_lr.unwrap_or(paper.min_lr), o.max_lr.unwrap_or(paper.max_lr));
        config.validate().map_err(|e| e.to_string())?;
        Ok(config)
    }
}
