//! The data of a task.

use candle_core::Tensor;

/// Rows of inputs and targets.
pub struct Rows {
    pub inputs: Tensor,
    pub targets: Tensor,
}

/// Training and test data.
pub struct Problem {
    pub train: Rows,
    pub test: Rows,
    /// Classes, or characters of the text.
    pub classes: usize,
    /// Weights that training starts from, by name; the others are drawn from the seed.
    pub start: Vec<(String, Tensor)>,
}

impl Problem {
    /// Training starts from weights that the seed draws.
    pub fn new(train: Rows, test: Rows, classes: usize) -> Self {
        Problem { train, test, classes, start: Vec::new() }
    }
}

/// Characters that the small text model sees at once, and those that the real tasks' models see.
pub const CONTEXT: usize = 16;
pub const LONG_CONTEXT: usize = 64;

/// Letters before the one that is guessed.
pub const LETTERS: usize = 3;
