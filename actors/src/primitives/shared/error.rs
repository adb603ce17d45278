//! What can go wrong with shared data.

use std::fmt;

use super::fault::Fault;
use crate::{AskError, Exit, PayloadError, RuntimeError, SpawnError};

/// A shared value, array, list, dictionary or namespace did not do what it was asked for. Nothing of it has changed then,
/// unless the text says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// The sum or difference is beyond what the type can hold.
    #[error("the result is beyond the bounds of its type; use a wider one")]
    Overflow,
    /// There is nothing at this index.
    #[error("index {index} is out of range: the length is {length}")]
    IndexOutOfRange {
        /// Which index.
        index: u64,
        /// How many there are.
        length: u64,
    },
    /// The key, name or value is not there.
    #[error("it is not there")]
    NotFound,
    /// A name of a [`Namespace`](crate::Namespace) stands for a value of another type.
    #[error("it is of type `{held}`, not `{wanted}`")]
    WrongType {
        /// The type that was asked for.
        wanted: String,
        /// The type that is there.
        held: String,
    },
    /// The function that was to change it has panicked at the host. What it was to change is as it was before.
    #[error("the function panicked at {location}: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
        /// Where: file, line and column.
        location: String,
    },
    /// It is larger than the limit for one message.
    #[error("value is larger than the limit of {limit_bytes} bytes; raise `message_limit_bytes` or share it in parts")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// It is nested more deeply than a receiver can validate.
    #[error("value is nested more than {limit} levels deep; share a flat form of it, such as a list with indices")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// It cannot be kept in another process, for instance because it holds a descriptor.
    #[error("value cannot be shared: {0}")]
    Unsendable(String),
    /// What came is not of the handle's type.
    #[error("value cannot be read: {0}")]
    Unreadable(String),
    /// The process, or the thread of a [`Manager`](crate::Manager), that hosts it has ended, and with it what was shared.
    #[error("the host has ended: {0}")]
    HostDied(Exit),
    /// The host ended long ago.
    #[error("the host has ended")]
    NoHost,
    /// The process that hosts it has been restarted, and holds the initial value again: this handle is void.
    #[error("the host has been restarted with the initial value; `renew` gives a handle on that")]
    HostRestarted,
    /// The host gave no proper answer. Whether it has done what it was asked for is not known.
    #[error("the host gave no answer: {0}")]
    Unanswered(String),
    /// The host was not started, or a function is in another image than the program's.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl SharedError {
    /// An answer does not fit its question.
    pub(super) fn senseless(answer: &impl fmt::Debug) -> SharedError {
        SharedError::Unanswered(format!("{answer:?} makes no sense here"))
    }

    /// What was received is not what it should be.
    pub(super) fn unreadable(error: &PayloadError) -> SharedError {
        SharedError::Unreadable(error.to_string())
    }
}

impl From<PayloadError> for SharedError {
    fn from(error: PayloadError) -> SharedError {
        match error {
            PayloadError::TooLarge { limit_bytes } => SharedError::TooLarge { limit_bytes },
            PayloadError::TooDeep { limit } => SharedError::TooDeep { limit },
            PayloadError::Invalid(text) => SharedError::Unsendable(text),
        }
    }
}

impl From<Fault> for SharedError {
    fn from(fault: Fault) -> SharedError {
        match fault {
            Fault::Restarted => SharedError::HostRestarted,
            Fault::Overflow => SharedError::Overflow,
            Fault::Index { index, length } => SharedError::IndexOutOfRange { index, length },
            Fault::NotFound => SharedError::NotFound,
            Fault::WrongType { wanted, held } => SharedError::WrongType { wanted, held },
            Fault::Panicked { message, location } => SharedError::Panicked { message, location },
            Fault::TooLarge(limit_bytes) => SharedError::TooLarge { limit_bytes },
            Fault::TooDeep(limit) => SharedError::TooDeep { limit },
            Fault::Unsendable(text) => SharedError::Unsendable(text),
            Fault::Unreadable(text) => SharedError::Unreadable(text),
        }
    }
}

impl From<AskError<Fault>> for SharedError {
    fn from(error: AskError<Fault>) -> SharedError {
        match error {
            AskError::Refused(fault) => fault.into(),
            AskError::Dead(exit) => SharedError::HostDied(exit),
            AskError::NoActor => SharedError::NoHost,
            AskError::TooLarge { limit_bytes } => SharedError::TooLarge { limit_bytes },
            AskError::TooDeep { limit } => SharedError::TooDeep { limit },
            AskError::Unsendable(text) => SharedError::Unsendable(text),
            AskError::Runtime(error) => SharedError::Runtime(error),
            // A host answers everything that it can.
            AskError::NoReply => {
                SharedError::Unanswered("the answer does not fit in a message; ask for less".to_owned())
            }
            other => SharedError::Unanswered(other.to_string()),
        }
    }
}
