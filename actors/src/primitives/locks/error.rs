//! What can go wrong with a lock of any kind.

use super::machine::Refusal;
use crate::{AskError, Exit, RuntimeError, SpawnError};

/// A lock, semaphore, condition, event or barrier did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It was not to be had in time.
    #[error("not in time")]
    Timeout,
    /// The barrier is broken: a party was aborted, timed out or died.
    #[error("the barrier is broken; `reset` makes it whole")]
    Broken,
    /// It makes no sense here and now, such as a release by somebody who holds nothing.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The process that hosts it has ended.
    #[error("the host has ended: {0}")]
    HostDied(Exit),
    /// The process that hosts it ended long ago.
    #[error("the host has ended")]
    NoHost,
    /// The process that hosts it has been restarted and knows nothing of before: this handle, and whatever was held by it,
    /// is void.
    #[error("the host has been restarted; make a new handle")]
    HostRestarted,
    /// The host gave no proper answer.
    #[error("the host gave no answer: {0}")]
    Unanswered(String),
    /// The host was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<Refusal> for LockError {
    fn from(refusal: Refusal) -> LockError {
        match refusal {
            Refusal::Timeout => LockError::Timeout,
            Refusal::Broken => LockError::Broken,
            Refusal::Invalid(why) => LockError::Invalid(why),
            Refusal::Restarted => LockError::HostRestarted,
        }
    }
}

impl From<AskError<Refusal>> for LockError {
    fn from(error: AskError<Refusal>) -> LockError {
        match error {
            AskError::Refused(refusal) => refusal.into(),
            AskError::Timeout => LockError::Timeout,
            AskError::Dead(exit) => LockError::HostDied(exit),
            AskError::NoActor => LockError::NoHost,
            AskError::Runtime(error) => LockError::Runtime(error),
            other => LockError::Unanswered(other.to_string()),
        }
    }
}
