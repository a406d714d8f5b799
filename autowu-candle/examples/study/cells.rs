//! The grid of the study, and its halves: one to tune on, one to report.

use crate::optim::Kind;
use crate::task::Task;
use autowu_core::sampling::mix;
use std::collections::HashMap;

/// What is trained, with what, for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    pub task: Task,
    pub optimizer: Kind,
    pub batch: usize,
    pub budget: Budget,
}

/// The length of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Budget {
    Steps(usize),
    Epochs(usize),
}

impl Budget {
    const ALL: [Budget; 5] = [
        Budget::Steps(60),
        Budget::Epochs(5),
        Budget::Epochs(10),
        Budget::Epochs(20),
        Budget::Epochs(40),
    ];

    /// `5 epochs`
    pub fn words(self) -> String {
        match self {
            Budget::Steps(n) => format!("{n} steps"),
            Budget::Epochs(n) => format!("{n} epochs"),
        }
    }
}

/// The two halves of the cells. Constants of the default are chosen on one and reported on the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Half {
    /// The cells that constants are chosen on.
    Tune,
    /// The other cells.
    Report,
}

impl Half {
    pub fn words(self) -> &'static str {
        match self {
            Half::Tune => "tuning",
            Half::Report => "reporting",
        }
    }
}

/// Batches of less than 16 are too noisy for a fair short run, of more than 4096 too large for the
/// data.
const BATCHES: [usize; 9] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// Below this AutoWU promises nothing.
const FEWEST_STEPS: usize = 60;

impl Cell {
    /// `digits-mlp/adamw/b128/e20`
    pub fn name(&self) -> String {
        let budget = match self.budget {
            Budget::Epochs(n) => format!("e{n}"),
            Budget::Steps(n) => format!("s{n}"),
        };
        format!("{}/{}/b{}/{budget}", self.task.name(), self.optimizer.name(), self.batch)
    }

    /// Optimizer updates of an epoch of `rows` examples, and of the run.
    pub fn steps(&self, rows: usize) -> (usize, usize) {
        let epoch = (rows / self.batch).max(1);
        let total = match self.budget {
            Budget::Epochs(n) => n * epoch,
            Budget::Steps(n) => n,
        };
        (epoch, total)
    }

    /// Rough seconds that a run takes on a busy core.
    pub fn seconds(&self) -> f64 {
        self.task.step_milliseconds(self.batch) * self.steps(self.task.rows()).1 as f64 / 1e3
    }

    /// A number that depends on the name only: it decides the half, and the order.
    fn lot(&self) -> u64 {
        self.name().bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
    }

    pub fn half(&self) -> Half {
        if self.lot().is_multiple_of(2) { Half::Tune } else { Half::Report }
    }
}

/// Every cell in the order of its hash: task × optimizer × batch × budget, without batches of more
/// than half the data.
pub fn grid() -> Vec<Cell> {
    let mut cells = Vec::new();
    for task in Task::ALL {
        for optimizer in Kind::ALL {
            for batch in BATCHES.into_iter().filter(|b| *b <= task.rows() / 2) {
                let all = Budget::ALL.map(|budget| Cell { task, optimizer, batch, budget });
                cells.extend(all.into_iter().filter(|c| c.steps(task.rows()).1 >= FEWEST_STEPS));
            }
        }
    }
    cells.sort_by_key(Cell::lot);
    cells
}

/// Which cells of the grid are wanted.
pub struct Selection {
    pub half: Option<Half>,
    /// Longest run, in rough seconds.
    pub seconds: f64,
    /// Beginnings of names; none: every cell.
    pub only: Vec<String>,
    /// Most cells for each pair of task and budget.
    pub most: usize,
}

impl Selection {
    /// # Errors
    /// A beginning that no cell has.
    pub fn of(&self, grid: &[Cell]) -> Result<Vec<Cell>, String> {
        if let Some(stray) =
            self.only.iter().find(|o| !grid.iter().any(|c| c.name().starts_with(*o)))
        {
            return Err(format!(
                "--only {stray}: no cell's name begins like that; --list shows the names"
            ));
        }
        let mut counts: HashMap<(Task, Budget), usize> = HashMap::new();
        let mut cells = grid.to_vec();
        cells.retain(|c| {
            self.half.is_none_or(|half| half == c.half()) && c.seconds() <= self.seconds
        });
        cells.retain(|c| self.only.is_empty() || self.only.iter().any(|o| c.name().starts_with(o)));
        cells.retain(|c| {
            let count = counts.entry((c.task, c.budget)).or_default();
            *count += 1;
            *count <= self.most
        });
        Ok(cells)
    }
}
