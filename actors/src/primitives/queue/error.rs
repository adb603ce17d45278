//! What can go wrong with a queue.

use std::fmt;

use super::machine::Why;
use crate::{AskError, Error, Exit, PayloadError, RuntimeError, SpawnError};

/// A queue did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// There is no item now.
    #[error("the queue is empty")]
    Empty,
    /// There is no room now.
    #[error("the queue is full")]
    Full,
    /// Not in time.
    #[error("not in time")]
    Timeout,
    /// The queue takes nothing more, or nothing more comes.
    #[error("the queue is closed")]
    Closed,
    /// It makes no sense here: one `task_done` more than there were items.
    #[error("there is no item in hand that could be done")]
    Invalid,
    /// The item is larger than the limit for one message. Nothing was sent, and the queue goes on.
    #[error("item is larger than the limit of {limit_bytes} bytes; raise `message_limit_bytes` or put it in parts")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The item is nested more deeply than a receiver can validate. Nothing was sent.
    #[error("item is nested more than {limit} levels deep; put a flat form of it, such as a list with indices")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// The item cannot wait in another process, for instance because it holds a descriptor. Nothing was sent.
    #[error("item cannot be put: {0}")]
    Unsendable(String),
    /// An item is not of the handle's type.
    #[error("item cannot be read: {0}")]
    Unreadable(String),
    /// The process that hosts it has ended, and its items with it.
    #[error("the host has ended: {0}")]
    HostDied(Exit),
    /// The process that hosts it ended long ago.
    #[error("the host has ended")]
    NoHost,
    /// The process that hosts it has been restarted and knows nothing of before: this handle is void.
    #[error("the host has been restarted; make a new queue")]
    HostRestarted,
    /// The host does not answer. Whether it has done what it was asked for is not known.
    #[error("the host does not answer")]
    Unresponsive,
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

impl From<PayloadError> for QueueError {
    fn from(error: PayloadError) -> QueueError {
        match error {
            PayloadError::TooLarge { limit_bytes } => QueueError::TooLarge { limit_bytes },
            PayloadError::TooDeep { limit } => QueueError::TooDeep { limit },
            PayloadError::Invalid(text) => QueueError::Unsendable(text),
        }
    }
}

impl<E: fmt::Debug> From<AskError<E>> for QueueError {
    fn from(error: AskError<E>) -> QueueError {
        match error {
            AskError::Timeout => QueueError::Unresponsive,
            AskError::Dead(exit) => QueueError::HostDied(exit),
            AskError::NoActor => QueueError::NoHost,
            AskError::TooLarge { limit_bytes } => QueueError::TooLarge { limit_bytes },
            AskError::TooDeep { limit } => QueueError::TooDeep { limit },
            AskError::Unsendable(text) => QueueError::Unsendable(text),
            AskError::Runtime(error) => QueueError::Runtime(error),
            other => QueueError::Unanswered(other.to_string()),
        }
    }
}

/// A queue did not take an item; here it is again.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError<T> {
    /// There is no room now.
    #[error("the queue is full")]
    Full(T),
    /// There was no room in time.
    #[error("the queue is full: not in time")]
    Timeout(T),
    /// The queue takes nothing more.
    #[error("the queue is closed")]
    Closed(T),
    /// Something else keeps it from being put.
    #[error("{error}")]
    Failed {
        /// The item.
        item: T,
        /// What.
        error: QueueError,
    },
}

impl<T> PutError<T> {
    pub(super) fn new(item: T, error: QueueError) -> PutError<T> {
        match error {
            QueueError::Full => PutError::Full(item),
            QueueError::Timeout => PutError::Timeout(item),
            QueueError::Closed => PutError::Closed(item),
            error => PutError::Failed { item, error },
        }
    }

    /// Gives the item back.
    pub fn into_item(self) -> T {
        match self {
            PutError::Full(item) | PutError::Timeout(item) | PutError::Closed(item) => item,
            PutError::Failed { item, .. } => item,
        }
    }

    /// Gives the error without the item.
    pub fn into_error(self) -> QueueError {
        match self {
            PutError::Full(_) => QueueError::Full,
            PutError::Timeout(_) => QueueError::Timeout,
            PutError::Closed(_) => QueueError::Closed,
            PutError::Failed { error, .. } => error,
        }
    }
}

/// Leaves the item out: it need not have a text.
impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Full(_) => formatter.write_str("Full(..)"),
            PutError::Timeout(_) => formatter.write_str("Timeout(..)"),
            PutError::Closed(_) => formatter.write_str("Closed(..)"),
            PutError::Failed { error, .. } => {
                formatter.debug_struct("Failed").field("error", error).finish_non_exhaustive()
            }
        }
    }
}

impl<T> From<PutError<T>> for QueueError {
    fn from(error: PutError<T>) -> QueueError {
        error.into_error()
    }
}

impl<T> From<PutError<T>> for Error {
    fn from(error: PutError<T>) -> Error {
        Error::Queue(error.into_error())
    }
}

/// A queue did not take all items.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("only {taken} items were put: {error}")]
pub struct PutAllError<T> {
    /// How many it has taken.
    pub taken: usize,
    /// Those that it was given after these and has not taken. After [`Unresponsive`](QueueError::Unresponsive) and the like
    /// it may have taken some of these, too.
    pub rest: Vec<T>,
    /// Why not.
    pub error: QueueError,
}

/// Leaves the items out: they need not have a text.
impl<T> fmt::Debug for PutAllError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = formatter.debug_struct("PutAllError");
        error.field("taken", &self.taken).field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> From<PutAllError<T>> for QueueError {
    fn from(error: PutAllError<T>) -> QueueError {
        error.error
    }
}

impl<T> From<PutAllError<T>> for Error {
    fn from(error: PutAllError<T>) -> Error {
        Error::Queue(error.error)
    }
}

impl From<Why> for QueueError {
    fn from(why: Why) -> QueueError {
        match why {
            Why::Full => QueueError::Full,
            Why::TimedOut => QueueError::Timeout,
            Why::Closed => QueueError::Closed,
        }
    }
}
