//! What a trial is told: `name=value`.

use std::path::PathBuf;

#[derive(Debug)]
pub struct Options {
    /// Of the weights and the batches.
    pub seed: u64,
    pub updates: u64,
    /// In double precision.
    pub double: bool,
    /// Every rank follows its own loss and gradients: the control.
    pub alone: bool,
    /// What goes wrong, on which rank, after how many updates.
    pub fault: String,
    pub rank: usize,
    pub at: u64,
    /// For what the ranks write themselves.
    pub folder: PathBuf,
    /// Rank 0 writes it, all ranks go on from it.
    pub checkpoint: Option<PathBuf>,
    /// The last rank dies with this update.
    pub die: Option<u64>,
    /// Where rank 0 writes every update.
    pub record: Option<PathBuf>,
}

impl Options {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            seed: 0,
            updates: 600,
            double: false,
            alone: false,
            fault: String::new(),
            rank: 0,
            at: u64::MAX,
            folder: std::env::temp_dir(),
            checkpoint: None,
            die: None,
            record: None,
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
            let number = || value.parse::<u64>().map_err(|e| format!("{argument}: {e}"));
            match name {
                "seed" => options.seed = number()?,
                "updates" => options.updates = number()?,
                "double" => options.double = true,
                "alone" => options.alone = true,
                "fault" => options.fault = value.into(),
                "rank" => options.rank = number()? as usize,
                "at" => options.at = number()?,
                "folder" => options.folder = value.into(),
                "checkpoint" => options.checkpoint = Some(value.into()),
                "die" => options.die = Some(number()?),
                "record" => options.record = Some(value.into()),
                _ => return Err(format!("{argument}: there is no option {name}")),
            }
        }
        Ok(options)
    }
}
