//! The cells of the table: every curve × noise × level × budget × rule.

use super::curves::{Curve, Noise};
use super::rules::{RULES, Rule};

/// Which cells are simulated.
#[derive(clap::Args)]
pub struct Cells {
    /// Budgets, as steps per epoch x epochs.
    #[arg(long, value_delimiter = ',', default_value = "10x20,50x20,50x200")]
    budgets: Vec<String>,
    /// Standard deviations of the noise; the signal is 1 high.
    #[arg(long, value_delimiter = ',', default_value = "0.03,0.1,0.3")]
    levels: Vec<f64>,
    /// Curves [default: all].
    #[arg(long, value_delimiter = ',')]
    curves: Vec<String>,
    /// Rules: default, paper, or the default with one change.
    #[arg(long, value_delimiter = ',', default_value = "default,paper")]
    rules: Vec<String>,
    /// Kinds of noise on curves other than `flat`, which always has all.
    #[arg(long, value_delimiter = ',', default_value = "white")]
    noises: Vec<String>,
}

/// One row of the table.
pub struct Cell {
    /// The expected losses.
    pub curve: Curve,
    /// How losses scatter about them.
    pub noise: Noise,
    /// Standard deviation of the noise.
    pub level: f64,
    /// Updates per epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the budget.
    pub epochs: u64,
    /// The scheduler's configuration.
    pub rule: &'static Rule,
}

impl Cells {
    /// All of them, or the first name that is unknown.
    pub fn list(&self) -> Result<Vec<Cell>, String> {
        let rules = pick("rule", &self.rules, RULES, |r| r.name)?;
        let curves = match self.curves.as_slice() {
            [] => Curve::ALL.iter().collect(),
            names => pick("curve", names, &Curve::ALL, |c| c.name())?,
        };
        let noises = pick("noise", &self.noises, &Noise::ALL, |n| n.name())?;
        let mut cells = Vec::new();
        for budget in &self.budgets {
            let parsed =
                budget.split_once('x').and_then(|(s, e)| Some((s.parse().ok()?, e.parse().ok()?)));
            let (steps_per_epoch, epochs) = parsed.ok_or_else(|| {
                format!("--budgets {budget}: write it as 50x20, steps per epoch x epochs")
            })?;
            for &&curve in &curves {
                // Flat noise has no signal to compare with: one level.
                let (noises, levels) = match curve {
                    Curve::Flat => (Noise::ALL.iter().collect(), &[1.0][..]),
                    _ => (noises.clone(), &self.levels[..]),
                };
                for &&noise in &noises {
                    for &level in levels {
                        let cell =
                            |&rule| Cell { curve, noise, level, steps_per_epoch, epochs, rule };
                        cells.extend(rules.iter().map(cell));
                    }
                }
            }
        }
        Ok(cells)
    }
}

fn pick<'a, T>(
    what: &str,
    names: &[String],
    all: &'a [T],
    name: fn(&T) -> &'static str,
) -> Result<Vec<&'a T>, String> {
    let find = |n: &String| {
        let known = || all.iter().map(name).collect::<Vec<_>>().join(", ");
        all.iter()
            .find(|t| name(t) == n)
            .ok_or_else(|| format!("no {what} is called {n:?}; there are: {}", known()))
    };
    names.iter().map(find).collect()
}
