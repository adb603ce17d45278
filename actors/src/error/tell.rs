//! Telling.

use procession_runtime as runtime;

use crate::{Exit, PayloadError, RuntimeError};

/// A message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TellError {
    /// The connection takes no more for now.
    #[error("the actor does not keep up and the connection is full; send less, or wait")]
    Full,
    /// The actor has ended.
    #[error("the actor has ended: {0}")]
    Dead(Exit),
    /// Nobody has this address. Of those who had one, the last 1,024 ends are remembered, whoever asks.
    #[error("no such actor")]
    NoActor,
    /// The message is larger than the limit. Nothing was sent.
    #[error("message is larger than the limit of {limit_bytes} bytes; raise `message_limit_bytes` or send it in parts")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The message is nested more deeply than a receiver can validate. Nothing was sent.
    #[error("message is nested more than {limit} levels deep; send a flat form of it, such as a list with indices")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// The message cannot be written, for instance because a descriptor in it cannot be duplicated. Nothing was sent.
    #[error("message cannot be written: {0}")]
    Unsendable(String),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<PayloadError> for TellError {
    fn from(error: PayloadError) -> TellError {
        match error {
            PayloadError::TooLarge { limit_bytes } => TellError::TooLarge { limit_bytes },
            PayloadError::TooDeep { limit } => TellError::TooDeep { limit },
            PayloadError::Invalid(text) => TellError::Unsendable(text),
        }
    }
}

impl From<runtime::SendError<PayloadError>> for TellError {
    fn from(error: runtime::SendError<PayloadError>) -> TellError {
        match error {
            runtime::SendError::Write(error) => error.into(),
            runtime::SendError::Full => TellError::Full,
            runtime::SendError::Dead(exit) => TellError::Dead(exit),
            runtime::SendError::NoActor => TellError::NoActor,
            runtime::SendError::Runtime(error) => TellError::Runtime(error),
            other => TellError::Runtime(RuntimeError::System(other.to_string())),
        }
    }
}
