//! The kinds of ends.

use std::fmt;
use std::time::Duration;

use procession_runtime::{Channel, Patience};

use super::end::{End, within};
use super::{Iter, PipeError};
use crate::Data;

/// One end of a duplex pipe: it sends and receives messages of type `T`.
///
/// It can go to another thread, and, in a message or an argument, to another process; see [`Pipe`](super::Pipe). Dropped, it
/// is closed.
pub struct Connection<T>(pub(super) End<T>);

/// The receiving end of a one-way pipe.
///
/// It can go to another thread, and, in a message or an argument, to another process; see [`Pipe`](super::Pipe). Dropped, it
/// is closed.
pub struct Receiver<T>(pub(super) End<T>);

/// The sending end of a one-way pipe.
///
/// It can go to another thread, and, in a message or an argument, to another process; see [`Pipe`](super::Pipe). Dropped, it
/// is closed.
pub struct Sender<T>(pub(super) End<T>);

macro_rules! any_end {
    ($end:ident) => {
        impl<T> $end<T> {
            pub(super) fn new(channel: Channel) -> $end<T> {
                $end(End::new(channel))
            }
        }

        impl<T> fmt::Debug for $end<T> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($end), "<{:?}>"), self.0)
            }
        }
    };
}

macro_rules! sends {
    ($end:ident) => {
        impl<T: Data> $end<T> {
            /// Sends a message, and waits for room as long as it takes.
            ///
            /// When it returns, the system has the message: it arrives whatever becomes of this process.
            ///
            /// # Errors
            /// [`PipeError::Closed`] if nobody has the other end; [`PipeError::TooLarge`] and others.
            pub fn send(&self, message: &T) -> Result<(), PipeError> {
                self.0.send(message, Patience::Forever)
            }

            /// Sends a message if the pipe takes it at once.
            ///
            /// # Errors
            /// As [`send`](Self::send); [`PipeError::Full`] if the pipe takes nothing of it now, and
            /// [`PipeError::Unfinished`] if it takes only part of it: then the rest is kept, and leaves before anything else.
            pub fn try_send(&self, message: &T) -> Result<(), PipeError> {
                self.0.send(message, Patience::Try)
            }

            /// Sends a message, and waits for room for up to `timeout`.
            ///
            /// # Errors
            /// As [`try_send`](Self::try_send), with [`PipeError::Timeout`] in place of `Full`.
            pub fn send_within(&self, message: &T, timeout: Duration) -> Result<(), PipeError> {
                self.0.send(message, within(timeout))
            }
        }

        impl<T> $end<T> {
            /// Sends bytes as one message, which [`recv_bytes`](Connection::recv_bytes) takes; waits for room as long as it
            /// takes.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), PipeError> {
                self.0.send_bytes(bytes, Patience::Forever)
            }

            /// Sends the rest of a message that is [`Unfinished`](PipeError::Unfinished); waits for room for up to `timeout`.
            ///
            /// # Errors
            /// [`PipeError::Timeout`], [`PipeError::Closed`].
            pub fn flush(&self, timeout: Duration) -> Result<(), PipeError> {
                self.0.flush(within(timeout))
            }
        }
    };
}

macro_rules! receives {
    ($end:ident) => {
        impl<T: Data> $end<T> {
            /// Takes the next message, and waits for one as long as it takes.
            ///
            /// # Errors
            /// [`PipeError::Closed`] when nothing more comes; [`PipeError::Unreadable`] for a message that is not a `T`, after
            /// which the next one can be taken.
            pub fn recv(&self) -> Result<T, PipeError> {
                self.0.receive(Patience::Forever)
            }

            /// Takes the next message if it is there.
            ///
            /// # Errors
            /// As [`recv`](Self::recv), and [`PipeError::Empty`].
            pub fn try_recv(&self) -> Result<T, PipeError> {
                self.0.receive(Patience::Try)
            }

            /// Takes the next message, and waits for one for up to `timeout`.
            ///
            /// # Errors
            /// As [`recv`](Self::recv), and [`PipeError::Timeout`].
            pub fn recv_within(&self, timeout: Duration) -> Result<T, PipeError> {
                self.0.receive(within(timeout))
            }

            /// Takes messages until nothing more comes. One that cannot be read is an error among them; any other error is the
            /// last that it gives.
            pub fn iter(&self) -> Iter<'_, T> {
                Iter::new(&self.0)
            }
        }

        impl<T> $end<T> {
            /// Takes the next message, which was sent with [`send_bytes`](Connection::send_bytes); waits for it as long as it
            /// takes.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            pub fn recv_bytes(&self) -> Result<Vec<u8>, PipeError> {
                self.0.receive_bytes(Patience::Forever).map(Vec::from)
            }

            /// Takes the next message of bytes into a buffer, and gives its length; waits for it as long as it takes.
            ///
            /// # Errors
            /// As [`recv`](Self::recv), and [`PipeError::TooShort`] with the whole message if the buffer is too short for it.
            pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
                self.0.receive_into(buffer, Patience::Forever)
            }

            /// Whether a receive would return at once, with a message or because nothing more comes; waits for that for up to
            /// `timeout`.
            ///
            /// # Errors
            /// [`PipeError::Runtime`] and others.
            pub fn poll(&self, timeout: Duration) -> Result<bool, PipeError> {
                self.0.poll(timeout)
            }
        }

        impl<'a, T: Data> IntoIterator for &'a $end<T> {
            type Item = Result<T, PipeError>;
            type IntoIter = Iter<'a, T>;

            fn into_iter(self) -> Iter<'a, T> {
                self.iter()
            }
        }
    };
}

any_end!(Connection);
any_end!(Receiver);
any_end!(Sender);
sends!(Connection);
sends!(Sender);
receives!(Connection);
receives!(Receiver);
