//! A copy of the best weights so far, to go back to.

use candle_core::{Result, Tensor, Var};

/// Variables with their names, and a copy of them from the first [`take`](Self::take) on: as much
/// memory as they are.
#[derive(Debug)]
pub(crate) struct Snapshot {
    vars: Vec<(String, Var)>,
    copies: Option<Vec<Tensor>>,
}

impl Snapshot {
    pub fn of(vars: Vec<(String, Var)>) -> Self {
        Snapshot { vars, copies: None }
    }

    pub fn add(&mut self, vars: impl IntoIterator<Item = (String, Var)>) {
        self.vars.extend(vars);
    }

    /// Copies the variables as they are now, in the place of the last copy.
    pub fn take(&mut self) -> Result<()> {
        let copies = self
            .vars
            .iter()
            .map(|(_, var)| var.as_detached_tensor().copy())
            .collect::<Result<_>>()?;
        self.copies = Some(copies);
        Ok(())
    }

    /// Puts the last copy back; without one nothing happens.
    pub fn put_back(&self) -> Result<()> {
        self.copies.iter().flatten().zip(&self.vars).try_for_each(|(copy, (_, var))| var.set(copy))
    }

    /// Forgets the copy.
    pub fn clear(&mut self) {
        self.copies = None;
    }

    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// The last copy, in the order of the variables.
    pub fn copies(&self) -> Option<&[Tensor]> {
        self.copies.as_deref()
    }

    pub fn set_copies(&mut self, copies: Option<Vec<Tensor>>) {
        self.copies = copies;
    }
}
