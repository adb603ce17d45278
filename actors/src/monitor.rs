//! Watching a process from outside any actor.

use std::time::{Duration, Instant};

use procession_runtime::{Down, Endpoint, MonitorId, ProcessId};

use crate::{ReceiveError, RuntimeError};

/// A watch on one process, for threads that are no actor. It gives exactly one [`Down`].
///
/// It belongs to the thread that made it. Dropped, it stops watching.
#[derive(Debug)]
pub struct Monitor {
    endpoint: Endpoint,
    monitor: MonitorId,
}

impl Monitor {
    pub(crate) fn new(process: ProcessId) -> Result<Monitor, RuntimeError> {
        let endpoint = Endpoint::of(process.system)?;
        let monitor = endpoint.monitor(process)?;
        Ok(Monitor { endpoint, monitor })
    }

    /// Waits until the process has ended, however long that takes.
    ///
    /// # Errors
    /// [`ReceiveError::Runtime`].
    pub fn wait(&self) -> Result<Down, ReceiveError> {
        Ok(self.endpoint.wait_down(self.monitor, None)?)
    }

    /// Waits until the process has ended, for up to `timeout`.
    ///
    /// # Errors
    /// [`ReceiveError::Timeout`] if it has not.
    pub fn wait_within(&self, timeout: Duration) -> Result<Down, ReceiveError> {
        Ok(self.endpoint.wait_down(self.monitor, Instant::now().checked_add(timeout))?)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.endpoint.demonitor(self.monitor);
    }
}
