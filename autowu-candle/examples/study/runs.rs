//! The table of runs, one row each, in files that several processes can fill and a killed one can
//! be resumed from.

use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    pub cell: String,
    pub schedule: String,
    pub seed: u64,
    pub steps: usize,
    /// Accuracy in % or loss on the test data: at the end, and before the first step.
    pub metric: f64,
    pub untrained: f64,
    /// Steps done when the decay began, the learning rate it began from, and why.
    pub decay_step: usize,
    pub peak: f64,
    pub reason: String,
    /// Restores, and the steps whose learning they threw away.
    pub restores: usize,
    pub lost: usize,
    /// The learning rate after the first restore; 0 without one.
    pub first_peak: f64,
    /// Of the whole run, and of the scheduler's share.
    pub seconds: f64,
    pub scheduler_seconds: f64,
    /// Those of the restores that the decay made; the rows of the small networks lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay_restores: Option<usize>,
}

impl Run {
    /// The identity of a run.
    pub fn key(&self) -> (String, String, u64) {
        (self.cell.clone(), self.schedule.clone(), self.seed)
    }
}

/// One part of the work, `i/n`: the n parts can run at the same time, on as many machines.
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    pub index: usize,
    pub count: usize,
}

impl Shard {
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// `2/8`: the second of eight.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed =
            text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, count)) if 0 < index && index <= count => Ok(Shard { index, count }),
            _ => Err("write it as i/n with 1 ≤ i ≤ n: 2/8 is the second of eight parts".into()),
        }
    }

    pub fn has(self, job: usize) -> bool {
        job % self.count == self.index - 1
    }

    fn file(self) -> String {
        match self.count {
            1 => "runs.csv".into(),
            n => format!("runs-{}-of-{n}.csv", self.index),
        }
    }
}

/// Every run in the folder's `runs*.csv`, each once, in the order of the files' names.
///
/// # Errors
/// A file that cannot be read or has other columns.
pub fn read(folder: &Path) -> Result<Vec<Run>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|e| format!("--out {}: {e}", folder.display()))?;
    let is_runs = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("runs") && name.ends_with(".csv")
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(is_runs).collect();
    paths.sort();
    let (mut runs, mut known) = (Vec::new(), HashSet::new());
    for path in paths {
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for row in csv::Reader::from_reader(whole_lines(&text).as_bytes()).deserialize() {
            let run: Run = row
                .map_err(|e| format!("{}: {e}; delete the row to run it again", path.display()))?;
            if known.insert(run.key()) {
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

/// Without the line that a killed process left half written.
fn whole_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |end| end + 1)]
}

/// Appends rows to the shard's file.
pub struct Log {
    path: PathBuf,
    file: File,
    /// Whether the next row is the first, so that the names of the columns go before it.
    is_empty: bool,
}

impl Log {
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(folder: &Path, shard: Shard) -> Result<Self, String> {
        let path = folder.join(shard.file());
        let fail = |e: std::io::Error| format!("{}: {e}", path.display());
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(fail)?;
        let text = std::fs::read_to_string(&path).map_err(fail)?;
        let whole = whole_lines(&text).len();
        file.set_len(whole as u64).map_err(fail)?;
        Ok(Log { file, is_empty: whole == 0, path })
    }

    /// # Errors
    /// A full disk, say.
    pub fn append(&mut self, run: &Run) -> Result<(), String> {
        let fail = |e: String| format!("{}: {e}", self.path.display());
        let mut csv = csv::WriterBuilder::new().has_headers(self.is_empty).from_writer(Vec::new());
        csv.serialize(run).map_err(|e| fail(e.to_string()))?;
        let row = csv.into_inner().map_err(|e| fail(e.to_string()))?;
        // One write, so that a reader sees whole rows.
        self.file.write_all(&row).map_err(|e| fail(e.to_string()))?;
        self.is_empty = false;
        Ok(())
    }
}
