//! The grids of the study, and their halves: one to tune on, one to report.

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

    /// Peaks of the tuned baseline. The real tasks' runs are long enough for SGD without momentum to
    /// take larger ones.
    pub fn peaks(&self) -> [f64; 6] {
        match self.optimizer {
            Kind::Sgd if self.task.is_real() => [1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0],
            optimizer => optimizer.peaks(),
        }
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

/// Cells of the same kind and their halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Grid {
    /// Small networks: many optimizers, batches and budgets.
    Small,
    /// Tasks that look like what people train, 600 to 5,000 steps.
    Real,
}

impl Grid {
    /// The cells in the order of their hashes; of a look at the real tasks, 60 steps of each.
    pub fn cells(self, is_look: bool) -> Vec<Cell> {
        let mut cells = match self {
            Grid::Small => small(),
            Grid::Real if is_look => look(),
            Grid::Real => real(),
        };
        cells.sort_by_key(Cell::lot);
        cells
    }

    pub fn tasks(self) -> &'static [Task] {
        match self {
            Grid::Small => &Task::SMALL,
            Grid::Real => &Task::REAL,
        }
    }
}

/// What people train, with what, how long.
fn real() -> Vec<Cell> {
    use Kind::{AdamP, AdamW, Lamb, Momentum, Sgd};
    let mut cells = Vec::new();
    let mut add = |task, batch, optimizers: &[Kind], steps: &[usize]| {
        for &optimizer in optimizers {
            for &n in steps {
                cells.push(Cell { task, optimizer, batch, budget: Budget::Steps(n) });
            }
        }
    };
    add(Task::Transformer, 32, &[AdamW, AdamP, Lamb], &[1000, 2000, 5000]);
    add(Task::Gru, 32, &[AdamW, Lamb], &[1000, 2000]);
    add(Task::Letters, 32, &[AdamW, Momentum], &[4000]);
    add(Task::DigitsNorm, 64, &[AdamW, Lamb, Sgd, Momentum], &[1000]);
    add(Task::DigitsPlain, 64, &[AdamW, Lamb, Sgd, Momentum], &[600, 2500]);
    add(Task::MnistNorm, 64, &[AdamW, Lamb, Sgd, Momentum], &[1200]);
    add(Task::MnistPlain, 64, &[AdamW, Lamb, Sgd, Momentum], &[1200]);
    add(Task::DeepMlp, 64, &[AdamW, Momentum], &[1500]);
    add(Task::Autoencoder, 64, &[AdamW, Momentum], &[2000]);
    add(Task::WrongLabels, 64, &[AdamW, Momentum], &[1500]);
    add(Task::FineTune, 32, &[AdamW, Momentum], &[600]);
    cells
}

/// The real tasks, just long enough to see that everything runs.
fn look() -> Vec<Cell> {
    let budget = Budget::Steps(FEWEST_STEPS);
    let cell = |task| Cell { task, optimizer: Kind::AdamW, batch: 32, budget };
    Task::REAL.map(cell).to_vec()
}

/// Small networks: task × optimizer × batch × budget, without batches of more
/// than half the data.
fn small() -> Vec<Cell> {
    let mut cells = Vec::new();
    for task in Task::SMALL {
        for optimizer in Kind::ALL {
            for batch in BATCHES.into_iter().filter(|b| *b <= task.rows() / 2) {
                let all = Budget::ALL.map(|budget| Cell { task, optimizer, batch, budget });
                cells.extend(all.into_iter().filter(|c| c.steps(task.rows()).1 >= FEWEST_STEPS));
            }
        }
    }
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
