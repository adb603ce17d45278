//! Signals to processes of the system.

use procession_runtime::{Endpoint, ProcessId};

use crate::RuntimeError;

/// Numbers that are the same on every Linux.
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

pub(crate) fn terminate(process: ProcessId) -> Result<(), RuntimeError> {
    Endpoint::of(process.system)?.signal(process, SIGTERM)
}

pub(crate) fn kill(process: ProcessId) -> Result<(), RuntimeError> {
    Endpoint::of(process.system)?.signal(process, SIGKILL)
}
