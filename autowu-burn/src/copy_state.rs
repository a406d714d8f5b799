//! [`CopyState`]: what a run knows of the copy of the weights that a wrapped model holds.

use std::path::{Path, PathBuf};

#[derive(Default)]
pub(crate) struct CopyState {
    /// Where copies are written, beside burn's checkpoints.
    folder: Option<PathBuf>,
    copy: Copy,
}

/// The copy, and the updates after which it was made.
#[derive(Default)]
enum Copy {
    #[default]
    None,
    InMemory(u64),
    /// In the files of the run that was saved: the wrapped model has to read it back.
    OnDisk(u64),
}

impl CopyState {
    pub fn set_folder(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Updates done when the copy in memory was made.
    pub fn in_memory(&self) -> Option<u64> {
        match self.copy {
            Copy::InMemory(step) => Some(step),
            Copy::None | Copy::OnDisk(_) => None,
        }
    }

    /// What the wrapped model holds now.
    pub fn set(&mut self, in_memory: Option<u64>) {
        self.copy = in_memory.map_or(Copy::None, Copy::InMemory);
    }

    /// The run goes on from a saved one, which had this copy.
    pub fn resume(&mut self, saved: Option<u64>) {
        self.copy = saved.map_or(Copy::None, Copy::OnDisk);
    }

    /// The copy that a resumed run has to read back. The wrapped model does, and calls
    /// [`set`](Self::set).
    pub fn on_disk(&self) -> Option<u64> {
        match self.copy {
            Copy::OnDisk(step) => Some(step),
            Copy::None | Copy::InMemory(_) => None,
        }
    }
}
