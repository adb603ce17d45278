//! Starting and joining processes.

use std::convert::Infallible;

use procession_runtime as runtime;

use crate::{Exit, PayloadError, RuntimeError};

/// A process was not started. Nothing of it is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// Its arguments cannot be sent.
    #[error("arguments cannot be sent: {0}")]
    Arguments(#[from] PayloadError),
    /// Its `start` returned an error: the text of that and those of its sources, outermost first.
    #[error("start failed: {}", .0.join(": "))]
    Failed(Vec<String>),
    /// It ended before it had started.
    #[error("the process ended before it had started: {0}")]
    Died(Exit),
    /// The code to run is in a dynamic library.
    #[error("the code to run is not in the program's own image; link it statically")]
    ForeignImage,
    /// The operating system has no process, or no memory, left.
    #[error("no process could be made: {0}")]
    NoProcess(String),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<runtime::SpawnError> for SpawnError {
    fn from(error: runtime::SpawnError) -> SpawnError {
        match error {
            runtime::SpawnError::Failed(chain) => SpawnError::Failed(chain),
            runtime::SpawnError::Died(exit) => SpawnError::Died(exit),
            runtime::SpawnError::ForeignImage => SpawnError::ForeignImage,
            runtime::SpawnError::NoProcess(text) => SpawnError::NoProcess(text),
            runtime::SpawnError::Runtime(error) => SpawnError::Runtime(error),
            other => SpawnError::NoProcess(other.to_string()),
        }
    }
}

/// A straight-line process gave no value, or refused with an `E`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError<E = Infallible> {
    /// Its function returned this error.
    #[error("failed: {0:?}")]
    Refused(E),
    /// It ended without returning from its function.
    #[error("the process {}", .0.exit)]
    Ended(runtime::Ended),
    /// It has not ended in time. It goes on running.
    #[error("the process has not ended in time")]
    Timeout,
    /// Its value cannot be read.
    #[error("value cannot be read: {0}")]
    Invalid(PayloadError),
    /// Nothing is known of it (any more).
    #[error("no such process")]
    NoProcess,
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl<E> JoinError<E> {
    /// Changes the type of the refusal.
    pub fn map_refusal<F>(self, change: impl FnOnce(E) -> F) -> JoinError<F> {
        match self {
            JoinError::Refused(refusal) => JoinError::Refused(change(refusal)),
            JoinError::Ended(ended) => JoinError::Ended(ended),
            JoinError::Timeout => JoinError::Timeout,
            JoinError::Invalid(error) => JoinError::Invalid(error),
            JoinError::NoProcess => JoinError::NoProcess,
            JoinError::Runtime(error) => JoinError::Runtime(error),
        }
    }
}

impl<E> From<runtime::WaitError> for JoinError<E> {
    fn from(error: runtime::WaitError) -> JoinError<E> {
        match error {
            runtime::WaitError::Timeout => JoinError::Timeout,
            runtime::WaitError::Dead(exit) => JoinError::Ended(exit.into()),
            runtime::WaitError::NoActor => JoinError::NoProcess,
            runtime::WaitError::Runtime(error) => JoinError::Runtime(error),
            other => JoinError::Runtime(RuntimeError::System(other.to_string())),
        }
    }
}
