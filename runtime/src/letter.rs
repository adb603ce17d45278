//! A received message, and the way back to who sent it.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use procession_transport::{Body, Header, Refusal};

use crate::contents::{Arrived, Payload};
use crate::endpoint::kind;
use crate::error::SendError;
use crate::id::ProcessId;
use crate::outbox::{Departure, Outbox};

/// A received message.
#[derive(Debug)]
pub struct Letter {
    /// Which of the receiver's message types it is.
    pub tag: u32,
    /// The message, at an address aligned to 16 bytes. Not validated yet.
    pub payload: Payload,
    /// Descriptors that came along.
    pub arrived: Arrived,
    /// Who sent it.
    pub sender: ProcessId,
    pub(crate) reply: Option<ReplyPath>,
}

impl Letter {
    /// Makes a letter that holds no message, to be filled.
    #[inline]
    pub(crate) fn empty() -> Letter {
        Letter::local(0, Bytes::new(), Arrived::default(), ProcessId::root(0))
    }

    /// Makes a message that has not travelled, to be delivered without an answer. The bytes are aligned to 16.
    #[inline]
    pub fn local(tag: u32, bytes: Bytes, arrived: Arrived, sender: ProcessId) -> Letter {
        Letter { tag, payload: bytes.into(), arrived, sender, reply: None }
    }

    /// The same message for somebody who keeps it; the descriptors go along. The answer stays here.
    pub fn hand_over(&self) -> Letter {
        Letter::local(self.tag, self.payload.to_bytes(), self.arrived.hand_over(), self.sender)
    }

    /// The same message once more, without the way back.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Letter> {
        Ok(Letter::local(self.tag, self.payload.to_bytes(), self.arrived.try_clone()?, self.sender))
    }

    /// Drops what nobody has taken of the message; its share of the memory it keeps.
    #[inline]
    pub(crate) fn spend(&mut self) {
        if self.reply.is_some() {
            self.reply = None;
        }
        self.arrived.clear();
    }

    /// Says that the answer may be given at another time than at the end of a handler.
    pub(crate) fn answered_any_time(mut self) -> Letter {
        self.reply = self.reply.map(ReplyPath::deferred);
        self
    }

    /// Whether there is a way back.
    #[inline]
    pub fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// Takes the way back; `None` if the sender wants no reply, or it was taken before.
    #[inline]
    pub fn take_reply(&mut self) -> Option<ReplyPath> {
        self.reply.take()
    }
}

/// The way back to an asker, good for one answer. Dropped unused, it tells the asker that there will be none.
#[derive(Debug)]
pub struct ReplyPath {
    outbox: Arc<Outbox>,
    correlation: u64,
    departure: Departure,
    answered: bool,
}

impl ReplyPath {
    #[inline]
    pub(crate) fn new(outbox: Arc<Outbox>, correlation: u64, departure: Departure) -> ReplyPath {
        ReplyPath { outbox, correlation, departure, answered: false }
    }

    /// Says that the answer will be given at another time than at the end of the handler.
    pub fn deferred(mut self) -> ReplyPath {
        self.defer();
        self
    }

    pub(crate) fn defer(&mut self) {
        self.departure = Departure::Soon;
    }

    /// Answers. A reply is never held up by a full connection: the asker has bounded how many it waits for.
    ///
    /// # Errors
    /// [`SendError::Write`] if `write` fails; the asker is told that there is no reply then. That the asker is gone is no
    /// error.
    pub fn answer<E>(mut self, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<(), SendError<E>> {
        self.push(kind::REPLY, write)
    }

    /// Answers as [`answer`](ReplyPath::answer) does; if `write` fails, another answer can be given.
    ///
    /// # Errors
    /// [`SendError::Write`]: nothing was answered.
    pub fn try_answer<E>(&mut self, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<(), SendError<E>> {
        if self.answered { Ok(()) } else { self.push(kind::REPLY, write) }
    }

    /// Answers that the message could not be read.
    pub fn invalid(mut self, why: &str) {
        let text = &why.as_bytes()[..why.len().min(4096)];
        let _ = self.push(kind::INVALID, |body| body.write(text));
    }

    /// Answers that the actor does not take this message.
    pub fn not_accepted(mut self) {
        let _ = self.push(kind::NOT_ACCEPTED, |_| Ok::<_, Refusal>(()));
    }

    fn push<E>(&mut self, kind: u8, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<(), SendError<E>> {
        let header = Header { kind, correlation: self.correlation, ..Header::default() };
        self.outbox.push_reply(header, self.departure, write).map_err(SendError::Write)?;
        self.answered = true;
        Ok(())
    }
}

thread_local! {
    /// Whether this thread serves an actor: a panic that comes through to its loop ends the process.
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

thread_local! {
    /// Whether this thread's actor has come to its end, in a process that lives on.
    static LEFT: Cell<bool> = const { Cell::new(false) };
}

/// Notes that this thread's actor has come to its end.
pub(crate) fn note_thread_end() {
    let _ = LEFT.try_with(|left| left.set(true));
}

/// Notes that this thread serves an actor.
pub(crate) fn note_serving() {
    let _ = SERVES.try_with(|serves| serves.set(true));
}

/// Whether this process's actor has come to its end, and is about to be dropped with all that it owes.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Notes that this process's actor has come to its end.
pub(crate) fn note_end() {
    ENDED.store(true, Ordering::Relaxed);
}

/// Whether this process, or the actor of this thread, is about to end, by a panic or not: askers are told of the end then,
/// and how it came.
fn is_ending() -> bool {
    ENDED.load(Ordering::Relaxed)
        || LEFT.try_with(Cell::get).unwrap_or(false)
        || std::thread::panicking() && SERVES.try_with(Cell::get).unwrap_or(false)
}

impl Drop for ReplyPath {
    fn drop(&mut self) {
        // In the midst of a message that goes the same way there is no place for another.
        if !self.answered && !is_ending() && !self.outbox.is_written_here() {
            let _ = self.push(kind::NO_REPLY, |_| Ok::<_, Refusal>(()));
            self.answered = true;
        }
    }
}
