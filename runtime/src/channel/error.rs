//! What can go wrong with a channel.

use procession_transport::{LinkError, Refusal};

use crate::error::RuntimeError;

/// A channel did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// Not at once.
    #[error("not at once")]
    NotNow,
    /// Not in time.
    #[error("not in time")]
    Timeout,
    /// A message has left in part; the rest of it is kept, and leaves before anything else does.
    #[error("a message has left in part and not whole in time; the rest leaves first next time")]
    Unfinished,
    /// Nobody has the other end, and everything that came from there has been given out.
    #[error("the other end is closed")]
    Closed,
    /// This end does not send, or does not receive.
    #[error("this end of a one-way pipe does not do that")]
    WrongWay,
    /// The end has gone to another process.
    #[error("this end has been sent away")]
    Departed,
    /// The end has moved very often, and the other end has not looked at all meanwhile.
    #[error("the end has moved too often while the other end was not used")]
    Unheard,
    /// The bytes that came make no sense.
    #[error("the pipe cannot be used any more: {0}")]
    Broken(String),
    /// See there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelSendError<E> {
    /// The payload could not be written.
    #[error("message cannot be written: {0}")]
    Write(E),
    /// See there.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<std::io::Error> for ChannelError {
    fn from(error: std::io::Error) -> ChannelError {
        ChannelError::Runtime(error.into())
    }
}

impl From<LinkError> for ChannelError {
    fn from(error: LinkError) -> ChannelError {
        match error {
            LinkError::Closed => ChannelError::Closed,
            LinkError::Wire(error) => ChannelError::Broken(error.to_string()),
            error => ChannelError::Runtime(error.into()),
        }
    }
}

impl From<Refusal> for ChannelError {
    fn from(refusal: Refusal) -> ChannelError {
        ChannelError::Broken(refusal.to_string())
    }
}
