//! [`Now`]: what every decision of a phase depends on besides the phase's own state.

use crate::config::Config;

/// The configuration, the steps of the run, and the steps done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    pub config: &'a Config,
    /// Those of the configuration, unless the run was extended.
    pub total: u64,
    pub step: u64,
}

impl Now<'_> {
    /// Steps done before the one just taken, whose learning rate was that of this number.
    pub fn before(&self) -> u64 {
        self.step.saturating_sub(1)
    }

    /// Steps left.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.step)
    }

    /// The same, one step earlier.
    pub fn earlier(self) -> Self {
        Now { step: self.before(), ..self }
    }

    pub fn can_restore(&self) -> bool {
        self.config.response.can_restore()
    }
}
