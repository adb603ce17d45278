//! What can go wrong with a pipe.

use procession_runtime::{ChannelError, ChannelSendError};

use crate::{PayloadError, RuntimeError};

/// A pipe did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// Nothing is there now.
    #[error("nothing is there")]
    Empty,
    /// The other end does not read now. Nothing was sent.
    #[error("the pipe is full")]
    Full,
    /// Not in time. Nothing was sent, or taken.
    #[error("not in time")]
    Timeout,
    /// The message has left in part, and the other end did not read the rest in time. The rest is kept: it leaves before
    /// anything else that this end sends, or with [`flush`](crate::Connection::flush).
    #[error("the message has left in part and not whole in time; flush, or send again, to go on")]
    Unfinished,
    /// Nobody has the other end any more, and everything that came from there has been taken.
    #[error("the other end is closed")]
    Closed,
    /// The end has been sent to another process.
    #[error("this end has been sent away")]
    Departed,
    /// The end has moved some dozens of times, and the other end was not used at all meanwhile. It moves again once that was.
    #[error("the end has moved too often while the other end was not used")]
    Unheard,
    /// The message is larger than the limit. Nothing was sent, and the pipe goes on.
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
    /// The message holds a descriptor, or the end of a pipe, and this pipe is one-way. Nothing was sent.
    #[error("message holds a descriptor, and a one-way pipe carries none; use a duplex pipe")]
    NoDescriptors,
    /// The message cannot be written. Nothing was sent.
    #[error("message cannot be written: {0}")]
    Unsendable(String),
    /// A message came that is not of this end's type, or whose descriptors were lost. It is gone; the next one can be taken.
    #[error("message cannot be read: {0}")]
    Unreadable(String),
    /// The buffer is shorter than the message, which is here whole.
    #[error("the buffer is too short for a message of {} bytes", .0.len())]
    TooShort(Vec<u8>),
    /// What came is no message; or what should be the end of a pipe is none.
    #[error("the pipe cannot be used: {0}")]
    Broken(String),
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<PayloadError> for PipeError {
    fn from(error: PayloadError) -> PipeError {
        match error {
            PayloadError::TooLarge { limit_bytes } => PipeError::TooLarge { limit_bytes },
            PayloadError::TooDeep { limit } => PipeError::TooDeep { limit },
            PayloadError::Invalid(text) => PipeError::Unsendable(text),
        }
    }
}

impl PipeError {
    /// What a channel could not do; `not_now` says what it means that it could not do it at once.
    pub(super) fn new(error: ChannelError, not_now: PipeError) -> PipeError {
        match error {
            ChannelError::NotNow => not_now,
            ChannelError::Timeout => PipeError::Timeout,
            ChannelError::Unfinished => PipeError::Unfinished,
            ChannelError::Closed => PipeError::Closed,
            ChannelError::Departed => PipeError::Departed,
            ChannelError::Unheard => PipeError::Unheard,
            ChannelError::Broken(text) => PipeError::Broken(text),
            ChannelError::Runtime(error) => PipeError::Runtime(error),
            other => PipeError::Broken(other.to_string()),
        }
    }

    pub(super) fn of_send(error: ChannelSendError<PipeError>) -> PipeError {
        match error {
            ChannelSendError::Write(error) => error,
            ChannelSendError::Channel(error) => PipeError::new(error, PipeError::Full),
            other => PipeError::Broken(other.to_string()),
        }
    }
}
