//! Asking.

use std::convert::Infallible;

use procession_runtime as runtime;

use crate::{Exit, RuntimeError, TellError};

/// A question got no answer, or was refused with an `E`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError<E = Infallible> {
    /// The actor answered with an error.
    #[error("refused: {0:?}")]
    Refused(E),
    /// No answer came in time. One that comes later is dropped.
    #[error("no answer in time")]
    Timeout,
    /// The actor has ended, before or after it got the question.
    #[error("the actor has ended: {0}")]
    Dead(Exit),
    /// Nobody has this address. Of those who had one, the last 1,024 ends are remembered, whoever asks.
    #[error("no such actor")]
    NoActor,
    /// The actor waits, itself or through others, for the asker.
    #[error("deadlock: the actor waits, itself or through others, for the asker")]
    Deadlock,
    /// The actor dropped the question's [`ReplyTo`](crate::ReplyTo) without an answer.
    #[error("the actor gave no answer")]
    NoReply,
    /// The actor could not read the message, or its answer could not be read here.
    #[error("bytes cannot be read: {0}")]
    Invalid(String),
    /// The actor's mailbox does not take this message.
    #[error("the actor does not take this message")]
    NotAccepted,
    /// The connection takes no more for now.
    #[error("the actor does not keep up and the connection is full; send less, or wait")]
    Full,
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
    /// The message cannot be written. Nothing was sent.
    #[error("message cannot be written: {0}")]
    Unsendable(String),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl<E> AskError<E> {
    /// Changes the type of the refusal.
    pub fn map_refusal<F>(self, change: impl FnOnce(E) -> F) -> AskError<F> {
        match self {
            AskError::Refused(refusal) => AskError::Refused(change(refusal)),
            AskError::Timeout => AskError::Timeout,
            AskError::Dead(exit) => AskError::Dead(exit),
            AskError::NoActor => AskError::NoActor,
            AskError::Deadlock => AskError::Deadlock,
            AskError::NoReply => AskError::NoReply,
            AskError::Invalid(text) => AskError::Invalid(text),
            AskError::NotAccepted => AskError::NotAccepted,
            AskError::Full => AskError::Full,
            AskError::TooLarge { limit_bytes } => AskError::TooLarge { limit_bytes },
            AskError::TooDeep { limit } => AskError::TooDeep { limit },
            AskError::Unsendable(text) => AskError::Unsendable(text),
            AskError::Runtime(error) => AskError::Runtime(error),
        }
    }
}

impl<E> From<TellError> for AskError<E> {
    fn from(error: TellError) -> AskError<E> {
        match error {
            TellError::Full => AskError::Full,
            TellError::Dead(exit) => AskError::Dead(exit),
            TellError::NoActor => AskError::NoActor,
            TellError::TooLarge { limit_bytes } => AskError::TooLarge { limit_bytes },
            TellError::TooDeep { limit } => AskError::TooDeep { limit },
            TellError::Unsendable(text) => AskError::Unsendable(text),
            TellError::Runtime(error) => AskError::Runtime(error),
        }
    }
}

impl<E> From<runtime::WaitError> for AskError<E> {
    fn from(error: runtime::WaitError) -> AskError<E> {
        match error {
            runtime::WaitError::Timeout => AskError::Timeout,
            runtime::WaitError::Dead(exit) => AskError::Dead(exit),
            runtime::WaitError::NoActor => AskError::NoActor,
            runtime::WaitError::Deadlock => AskError::Deadlock,
            runtime::WaitError::NoReply => AskError::NoReply,
            runtime::WaitError::Invalid(text) => AskError::Invalid(text),
            runtime::WaitError::NotAccepted => AskError::NotAccepted,
            runtime::WaitError::Runtime(error) => AskError::Runtime(error),
            other => AskError::Runtime(RuntimeError::System(other.to_string())),
        }
    }
}
