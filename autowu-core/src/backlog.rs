//! [`Backlog`]: losses that the scheduler has not seen yet.

use core::fmt;

/// Counts the losses that wait on a device, and says when they have to be read.
///
/// Between tests the learning rate does not depend on the losses, so they can stay where they were
/// computed: a read per step would drain a GPU's stream every time. The adapter owns the memory
/// that they wait in; this is its policy. The learning rate of the next step is
/// [`AutoWu::lr_ahead`](crate::AutoWu::lr_ahead)`(backlog.len())`.
///
/// A saved run carries the losses that wait, in order, beside the scheduler's state;
/// [`resume`](Self::resume) counts them again.
///
/// ```
/// use autowu_core::{AutoWu, Backlog, Config};
/// let mut autowu: AutoWu = AutoWu::new(Config::new(1000).without_restore())?;
/// let (mut on_device, mut backlog) = (Vec::new(), Backlog::new(Backlog::ROOM));
/// let mut reads = 0;
/// for step in 0..1000 {
///     let lr = autowu.lr_ahead(backlog.len() as u64);
///     # let _ = lr;
///     on_device.push(1.0 / f64::from(1 + step));
///     if backlog.push(autowu.steps_until_due()) {
///         autowu.step_slice(&on_device); // the only read from the device
///         on_device.clear();
///         backlog.clear();
///         reads += 1;
///     }
/// }
/// assert!(reads < 400);
/// # Ok::<(), autowu_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    waiting: usize,
    room: usize,
}

impl Backlog {
    /// Room that suits most adapters. A loss that is not finite is noticed after as many steps at
    /// the latest.
    pub const ROOM: usize = 256;

    /// Steps between two reads where no loss can change the course unless it is not finite.
    pub(crate) const UNWATCHED: u64 = 64;

    /// No losses wait, and there is room for `room` of them; at least 1.
    pub const fn new(room: usize) -> Self {
        Backlog { waiting: 0, room: if room > 0 { room } else { 1 } }
    }

    /// The backlog of a saved run, in which `waiting` losses waited.
    ///
    /// # Errors
    /// `waiting` losses fill the room: they would have been read before the run was saved.
    pub fn resume(room: usize, waiting: usize) -> Result<Self, BacklogError> {
        let backlog = Backlog { waiting, ..Self::new(room) };
        if waiting < backlog.room {
            Ok(backlog)
        } else {
            Err(BacklogError { waiting, room: backlog.room })
        }
    }

    /// Losses that wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether no losses wait.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Losses with which a read is due, counted from an empty backlog: `min(due, room)`, where
    /// `due` is [`AutoWu::steps_until_due`](crate::AutoWu::steps_until_due), of several schedulers
    /// the smallest. At least 1.
    pub fn window(&self, due: Option<u64>) -> usize {
        let due = due.unwrap_or(Self::UNWATCHED).max(1);
        usize::try_from(due).unwrap_or(usize::MAX).min(self.room)
    }

    /// Another loss waits. Whether all that wait must be read now; see [`window`](Self::window).
    #[must_use = "losses that are not read when they are due change the run"]
    pub fn push(&mut self, due: Option<u64>) -> bool {
        self.waiting = self.waiting.saturating_add(1);
        self.waiting >= self.window(due)
    }

    /// The last loss no longer waits: the read that it made due has failed.
    pub fn pop(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// All losses have been read.
    pub fn clear(&mut self) {
        self.waiting = 0;
    }
}

/// More losses wait in a saved run than can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BacklogError {
    /// Losses that the saved run says wait.
    pub waiting: usize,
    /// Losses that there is room for; with as many a read is due.
    pub room: usize,
}

impl fmt::Display for BacklogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BacklogError { waiting, room } = self;
        write!(
            f,
            "{waiting} losses wait in the saved run, fewer than {room} can: the file is corrupt or \
             was written by another version"
        )
    }
}

impl core::error::Error for BacklogError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_due_with_the_test_or_when_the_room_is_full() {
        for (room, due, window) in [
            (256, Some(3), 3),
            (256, Some(1000), 256),
            (256, Some(u64::MAX), 256),
            (256, None, 64),
            (16, None, 16),
            (0, Some(5), 1),
            (256, Some(0), 1),
        ] {
            let mut backlog = Backlog::new(room);
            assert_eq!(backlog.window(due), window);
            for waiting in 1..=window {
                assert_eq!(backlog.push(due), waiting == window, "{waiting} of {window}");
            }
            backlog.clear();
            assert!(backlog.is_empty());
        }
    }

    /// The caller tells the same loss again.
    #[test]
    fn a_read_that_failed_is_due_again() {
        let mut backlog = Backlog::new(8);
        assert!(!backlog.push(Some(2)) && backlog.push(Some(2)));
        backlog.pop();
        assert_eq!(backlog.len(), 1);
        assert!(backlog.push(Some(2)));
    }

    #[test]
    fn a_saved_run_carries_fewer_losses_than_there_is_room_for() {
        assert_eq!(Backlog::resume(4, 3).map(|backlog| backlog.len()), Ok(3));
        for waiting in [4, 5, usize::MAX] {
            assert_eq!(Backlog::resume(4, waiting), Err(BacklogError { waiting, room: 4 }));
        }
    }
}
