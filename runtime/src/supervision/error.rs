//! What is refused to callers.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ChildKey;

/// Says why `start_child` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// The group is stopping, or has ended.
    #[error("the group is stopping or has ended: it starts no children")]
    Ending,
}

/// Says why `terminate_child` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum TerminateChildError {
    /// No such child is in the group (any more).
    #[error("child {0} is not in the group")]
    Unknown(ChildKey),
}

/// Says why `restart_child` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum RestartChildError {
    /// No such child is in the group (any more).
    #[error("child {0} is not in the group")]
    Unknown(ChildKey),
    /// The child has a process, which may be starting or stopping.
    #[error("child {0} is running: terminate it first")]
    Running(ChildKey),
    /// The child is about to be started anyway.
    #[error("child {0} is about to be started already")]
    Restarting(ChildKey),
    /// The group is stopping, or has ended.
    #[error("the group is stopping or has ended: it starts no children")]
    Ending,
}

/// Says why `delete_child` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum DeleteChildError {
    /// No such child is in the group (any more).
    #[error("child {0} is not in the group")]
    Unknown(ChildKey),
    /// The child has a process, which may be starting or stopping.
    #[error("child {0} is running: terminate it first")]
    Running(ChildKey),
    /// The child has no process but is about to be started.
    #[error("child {0} is about to be started: terminate it first")]
    Restarting(ChildKey),
}
