//! Pipes: [`Connection`]s that go both ways, and one-way pipes with a [`Receiver`] and a [`Sender`].
//!
//! A pipe has no host and no mailbox: messages go straight from one process to the other, over a socket ([`Pipe::duplex`]) or a
//! kernel pipe ([`Pipe::one_way`]), one system call for each. What is a message in the primitives that have a host, is a
//! *word* here: each end says over a small socket of its own, beside the messages, who has it.
//!
//! # Protocol
//!
//! An end is *held* by one process, or *on its way* in a message or an argument, or *gone*.
//!
//! | word | when | what the other end makes of it |
//! |---|---|---|
//! | leaving, with a token | the end is written into a message | it is on its way; if the token comes to its end, it is gone |
//! | taken, by this process | the end is read from that message | it is held; that process's fate is followed |
//! | the end of the words | the end is dropped, or nobody has it | it is gone |
//!
//! Each move has a number, so that an end that was in the arguments of an actor is believed to be held by that actor's first
//! life only, not by a later one that is started with the same arguments.
//!
//! Whoever waits follows the fate of the process that has the other end, as everywhere: the supervisor tells of its death.
//! That is what makes a death seen at once if somebody else has a copy of the descriptors, as a bare `fork()` makes it. When
//! the other end is gone, what the system holds of its messages is taken in; when those have been taken, the pipe is
//! [`Closed`](PipeError::Closed). A message that has not come whole then is never seen.
//!
//! # Who dies
//!
//! | who | what happens |
//! |---|---|
//! | a sender, between messages | all that it has sent arrives, then the receiver gets `Closed` |
//! | a sender, in the midst of a message | the same; that message is never seen |
//! | a receiver | its sender gets `Closed`, at once if it waits or pauses, after at most 10 ms of sending without a pause |
//! | somebody who has handed the end on before | nothing |
//! | somebody to whom the end is on its way | as if it had had it |
//! | whoever is stopped (`SIGSTOP`) | nothing: it is not dead. Its sender waits, with at most one message in memory |
//! | the supervisor | the other end is closed, as all processes of the system end |
//!
//! # Limits
//!
//! `send` returns when the system has the whole message; nothing is buffered in the sender. So it waits while the other end does
//! not read: on a duplex pipe it takes in meanwhile what comes, up to the limit of a mailbox
//! ([`DEFAULT_MAILBOX_LIMIT_BYTES`](crate::DEFAULT_MAILBOX_LIMIT_BYTES) of the system), so two processes that both send first get
//! on with it below that, and wait for each other above it; [`send_within`](Connection::send_within) ends such a wait. A message
//! that has left in part when its time is over is [`Unfinished`](PipeError::Unfinished): the rest is kept, at most that one
//! message, leaves before anything else does, and travels along if the end moves.
//!
//! An end can move as often as one likes, if the other end is used now and then: after some dozens of moves that nobody heard
//! of, it is [`Unheard`](PipeError::Unheard) and stays.
//!
//! An end that is in a message which is not sent after all is closed. One that the message cannot hold, because the pipe is
//! one-way, stays what it was.
//!
//! # Files
//!
//! | file | noun |
//! |---|---|
//! | `ends.rs`, `end.rs` | [`Connection`], [`Receiver`], [`Sender`], and what they have in common |
//! | `trunk.rs` | an end in a message |
//! | `iter.rs` | [`PipeIter`] |
//! | `waitable.rs` | [`wait_any`] and what it waits for |
//! | `error.rs` | [`PipeError`] |

mod end;
mod ends;
mod error;
mod iter;
mod trunk;
mod waitable;

use procession_runtime::Channel;

pub use ends::{Connection, Receiver, Sender};
pub use error::PipeError;
pub use iter::Iter as PipeIter;
use iter::Iter;
pub use trunk::ArchivedEnd;
pub use waitable::{Waitable, wait_any};

/// Makes pipes: two ends, which travel to those who are to have them.
///
/// An end belongs to one process at a time. Written into a message or an argument it leaves its process, with all that has
/// arrived there and was not taken; used there again it is [`Departed`](PipeError::Departed). It can go to other threads as any
/// value can. Who drops an end, or dies, closes the pipe; see the [module](self) for who sees what.
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
///
/// fn double(connection: Connection<u64>) -> Result<(), Failure> {
///     for number in &connection {
///         connection.send(&(2 * number?))?;
///     }
///     Ok(())
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let (here, there) = Pipe::duplex()?;
///     let child = system.try_process(double, there).start()?;
///     here.send(&21)?;
///     assert_eq!(here.recv()?, 42);
///     drop(here); // nothing more comes: the process ends
///     child.join()?;
///     system.shutdown()
/// }
/// ```
#[derive(Debug)]
pub enum Pipe {}

impl Pipe {
    /// Makes a pipe that goes both ways, over a socket. Messages may hold descriptors and ends of pipes.
    ///
    /// # Errors
    /// [`PipeError::Runtime`] if there are no descriptors left.
    pub fn duplex<T>() -> Result<(Connection<T>, Connection<T>), PipeError> {
        let (one, other) = Channel::duplex().map_err(|error| PipeError::new(error, PipeError::Full))?;
        Ok((Connection::new(one), Connection::new(other)))
    }

    /// Makes a pipe that goes one way, over a kernel pipe: the receiving end, then the sending one.
    ///
    /// # Errors
    /// [`PipeError::Runtime`] if there are no descriptors left.
    pub fn one_way<T>() -> Result<(Receiver<T>, Sender<T>), PipeError> {
        let (receiving, sending) = Channel::one_way().map_err(|error| PipeError::new(error, PipeError::Full))?;
        Ok((Receiver::new(receiving), Sender::new(sending)))
    }
}
