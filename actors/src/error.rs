//! What can go wrong, one enum per operation, and [`Error`], which all of them become under `?`.

mod ask;
mod process;
mod tell;

use std::fmt;
use std::io;

use procession_runtime as runtime;

pub use procession_runtime::{RuntimeError, StartError};

pub use ask::AskError;
pub use process::{JoinError, SpawnError};
pub use tell::TellError;

use crate::{LockError, PipeError, PoolError, QueueError, SharedError};

/// Any error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate: every other one converts into it, so that `?` works in a function that returns
/// [`procession::Result`](Result).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A process was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A message was not sent.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// A question got no answer, or was refused.
    #[error(transparent)]
    Ask(AskError<Refusal>),
    /// A process gave no value.
    #[error(transparent)]
    Join(JoinError<Refusal>),
    /// A lock, semaphore, condition, event or barrier did not do what it was asked for.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A queue did not do what it was asked for.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A shared value, array, list, dictionary or namespace did not do what it was asked for.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// A pipe did not do what it was asked for.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// A pool did not do what it was asked for, or one of its tasks has no value.
    #[error(transparent)]
    Pool(PoolError<Refusal>),
    /// A mailbox gave no message.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// A value could not be written or read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A descriptor was not there.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The operating system refused.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// The text of a refusal whose type is no longer known.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    pub(crate) fn of(refusal: &impl fmt::Debug) -> Refusal {
        Refusal(format!("{refusal:?}"))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<E: fmt::Debug> From<AskError<E>> for Error {
    fn from(error: AskError<E>) -> Error {
        Error::Ask(error.map_refusal(|refusal| Refusal(format!("{refusal:?}"))))
    }
}

impl<E: fmt::Debug> From<JoinError<E>> for Error {
    fn from(error: JoinError<E>) -> Error {
        Error::Join(error.map_refusal(|refusal| Refusal(format!("{refusal:?}"))))
    }
}

/// A value cannot be sent, or received bytes are not the value they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It is larger than the limit for one message.
    #[error("message is larger than the limit of {limit_bytes} bytes; raise `message_limit_bytes` or send it in parts")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// It is nested more deeply than a receiver can validate.
    #[error("message is nested more than {limit} levels deep; send a flat form of it, such as a list with indices")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// It cannot be written, or the bytes are not a value of the type.
    #[error("{0}")]
    Invalid(String),
}

impl PayloadError {
    /// A value with descriptors is to wait in another process.
    #[cold]
    pub(crate) fn with_descriptors() -> PayloadError {
        PayloadError::Invalid("what is kept for other processes cannot hold descriptors; send them in a message".into())
    }
}

/// A descriptor cannot be had from a message, or cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The message names a descriptor that did not come along.
    #[error("descriptor {index} did not come with the message")]
    Missing {
        /// Index in the message.
        index: u32,
    },
    /// It has been taken already, or the message names it twice.
    #[error("descriptor {index} has been taken already; each can be taken once")]
    Taken {
        /// Index in the message.
        index: u32,
    },
    /// It cannot be duplicated.
    #[error("descriptor cannot be duplicated: {0}")]
    System(String),
}

impl From<io::Error> for DescriptorError {
    fn from(error: io::Error) -> DescriptorError {
        DescriptorError::System(error.to_string())
    }
}

/// A wait for a message or for an end gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Nothing came in time.
    #[error("nothing came in time")]
    Timeout,
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<runtime::WaitError> for ReceiveError {
    fn from(error: runtime::WaitError) -> ReceiveError {
        match error {
            runtime::WaitError::Timeout => ReceiveError::Timeout,
            runtime::WaitError::Runtime(error) => ReceiveError::Runtime(error),
            other => ReceiveError::Runtime(RuntimeError::System(other.to_string())),
        }
    }
}
