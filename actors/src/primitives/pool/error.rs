//! What can go wrong in a pool, and in one of its tasks.

use std::convert::Infallible;
use std::fmt;

use super::messages::{Failed, Outcome, Stale};
use crate::{AskError, Error, Exit, Panic, PayloadError, Refusal, RuntimeError, SpawnError, TellError};

/// A task has no value, or refused with an `E`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError<E = Infallible> {
    /// Its function returned this error.
    #[error("failed: {0:?}")]
    Refused(E),
    /// Its function panicked. The worker lives on.
    #[error("panicked at {}: {}", .0.location, .0.message)]
    Panicked(Panic),
    /// The worker died with it in hand: begun, and perhaps even done, if its value had not left the worker. It was not begun
    /// again, unless it was declared [repeatable](super::Tasks::repeatable).
    #[error("the worker {exit}")]
    WorkerDied {
        /// How the worker ended.
        exit: Exit,
    },
    /// It took longer than it may. Its worker was killed.
    #[error("the task took too long")]
    TimedOut,
    /// It was cancelled.
    #[error("the task was cancelled")]
    Cancelled,
    /// What it returned cannot be sent.
    #[error("the result cannot be sent: {0}")]
    Unsendable(String),
    /// Its arguments, or what it returned, cannot be read.
    #[error("the arguments or the result cannot be read: {0}")]
    Unreadable(String),
}

impl<E> TaskError<E> {
    /// Changes the type of the refusal.
    pub fn map_refusal<F>(self, change: impl FnOnce(E) -> F) -> TaskError<F> {
        match self {
            TaskError::Refused(refusal) => TaskError::Refused(change(refusal)),
            TaskError::Panicked(panic) => TaskError::Panicked(panic),
            TaskError::WorkerDied { exit } => TaskError::WorkerDied { exit },
            TaskError::TimedOut => TaskError::TimedOut,
            TaskError::Cancelled => TaskError::Cancelled,
            TaskError::Unsendable(text) => TaskError::Unsendable(text),
            TaskError::Unreadable(text) => TaskError::Unreadable(text),
        }
    }
}

/// Widens an error that cannot be a refusal.
pub(super) fn widen<E>(error: TaskError) -> TaskError<E> {
    error.map_refusal(|never| match never {})
}

impl From<Failed> for TaskError {
    fn from(failed: Failed) -> TaskError {
        match failed {
            Failed::Panicked { message, location, backtrace } => {
                TaskError::Panicked(Panic { message, location, backtrace })
            }
            Failed::Unsendable(text) => TaskError::Unsendable(text),
            Failed::Unreadable(text) => TaskError::Unreadable(text),
        }
    }
}

/// A pool did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError<E = Infallible> {
    /// A task has no value.
    #[error("task {index}: {error}")]
    Task {
        /// Which of the items, from 0.
        index: usize,
        /// Why.
        error: TaskError<E>,
    },
    /// The pool takes nothing more.
    #[error("the pool is closed")]
    Closed,
    /// The pool has been terminated, and this with it.
    #[error("the pool has been terminated")]
    Terminated,
    /// Workers have failed to start several times in a row, and none is left.
    #[error("no worker can be started: {0}")]
    Broken(String),
    /// Not in time.
    #[error("not in time")]
    Timeout,
    /// The result was taken before.
    #[error("the result has been taken")]
    Taken,
    /// It makes no sense here: to wait for the end of a pool that is not closed.
    #[error("the pool is not closed; close or terminate it first")]
    Invalid,
    /// It would never end: a callback waits for what only its own thread can bring about.
    #[error("a callback cannot wait for this, which comes on its own thread; wait on another")]
    InCallback,
    /// The arguments of a task are too large, too deep, or hold descriptors.
    #[error("arguments cannot be sent: {0}")]
    Arguments(#[from] PayloadError),
    /// The process that hosts the pool has ended, and all workers with it.
    #[error("the pool's host has ended: {0}")]
    HostDied(Exit),
    /// The process that hosts the pool ended long ago.
    #[error("the pool's host has ended")]
    NoHost,
    /// The process that hosts the pool has been restarted: this handle is void.
    #[error("the pool's host has been restarted; ask for a new handle with `renew`")]
    HostRestarted,
    /// The host gave no proper answer.
    #[error("the pool's host gave no answer: {0}")]
    Unanswered(String),
    /// A pool cannot have so many workers.
    #[error("a pool has at most {limit} workers; use several pools")]
    TooManyWorkers {
        /// Most workers of a pool.
        limit: usize,
    },
    /// The pool, or a function, could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl<E> PoolError<E> {
    /// Changes the type of the refusal.
    pub fn map_refusal<F>(self, change: impl FnOnce(E) -> F) -> PoolError<F> {
        match self {
            PoolError::Task { index, error } => PoolError::Task { index, error: error.map_refusal(change) },
            PoolError::Closed => PoolError::Closed,
            PoolError::Terminated => PoolError::Terminated,
            PoolError::Broken(text) => PoolError::Broken(text),
            PoolError::Timeout => PoolError::Timeout,
            PoolError::Taken => PoolError::Taken,
            PoolError::Invalid => PoolError::Invalid,
            PoolError::InCallback => PoolError::InCallback,
            PoolError::Arguments(error) => PoolError::Arguments(error),
            PoolError::HostDied(exit) => PoolError::HostDied(exit),
            PoolError::NoHost => PoolError::NoHost,
            PoolError::HostRestarted => PoolError::HostRestarted,
            PoolError::Unanswered(text) => PoolError::Unanswered(text),
            PoolError::TooManyWorkers { limit } => PoolError::TooManyWorkers { limit },
            PoolError::Spawn(error) => PoolError::Spawn(error),
            PoolError::Runtime(error) => PoolError::Runtime(error),
        }
    }

    /// Gives the task's error, if that is what it is.
    pub fn task(&self) -> Option<&TaskError<E>> {
        if let PoolError::Task { error, .. } = self { Some(error) } else { None }
    }
}

impl From<AskError<Stale>> for PoolError {
    fn from(error: AskError<Stale>) -> PoolError {
        match error {
            AskError::Refused(Stale) => PoolError::HostRestarted,
            // It ends so when it is closed and has nothing left to do.
            AskError::Dead(Exit::Normal) => PoolError::Closed,
            AskError::Dead(exit) => PoolError::HostDied(exit),
            AskError::NoActor => PoolError::NoHost,
            AskError::TooLarge { limit_bytes } => PoolError::Arguments(PayloadError::TooLarge { limit_bytes }),
            AskError::TooDeep { limit } => PoolError::Arguments(PayloadError::TooDeep { limit }),
            AskError::Unsendable(text) => PoolError::Arguments(PayloadError::Invalid(text)),
            AskError::Timeout => PoolError::Timeout,
            AskError::Runtime(error) => PoolError::Runtime(error),
            other => PoolError::Unanswered(other.to_string()),
        }
    }
}

impl From<AskError> for PoolError {
    fn from(error: AskError) -> PoolError {
        error.map_refusal(|never| -> Stale { match never {} }).into()
    }
}

impl From<TellError> for PoolError {
    fn from(error: TellError) -> PoolError {
        AskError::<Stale>::from(error).into()
    }
}

/// What an outcome means that holds no results.
pub(super) fn refusal(outcome: Outcome) -> PoolError {
    match outcome {
        Outcome::Closed => PoolError::Closed,
        Outcome::Terminated => PoolError::Terminated,
        Outcome::Broken(why) => PoolError::Broken(why),
        Outcome::Restarted => PoolError::HostRestarted,
        Outcome::Pieces(_) => PoolError::Unanswered("an answer of another kind".into()),
    }
}

impl<E: fmt::Debug> From<PoolError<E>> for Error {
    fn from(error: PoolError<E>) -> Error {
        Error::Pool(error.map_refusal(|refusal| Refusal::of(&refusal)))
    }
}

impl<E: fmt::Debug> From<TaskError<E>> for Error {
    fn from(error: TaskError<E>) -> Error {
        PoolError::Task { index: 0, error }.into()
    }
}
