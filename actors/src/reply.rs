//! Answers that are given after the handler has returned.

use std::fmt;
use std::marker::PhantomData;

use procession_runtime::{ReplyPath, SendError};

use crate::data::Written;
use crate::{Data, PayloadError};

/// The way back to an asker, to be used any time later: this is how locks, conditions and barriers are built.
///
/// [`Context::reply_later`](crate::Context::reply_later) gives it for the message in hand. It may be kept in the actor,
/// or moved to a thread. Dropped without an answer, it tells the asker [`NoReply`](crate::AskError::NoReply); when the
/// actor ends, the asker is told [`Dead`](crate::AskError::Dead).
///
/// # Example
/// ```
/// use procession::prelude::*;
///
/// #[message(reply = Later<u64>)]
/// struct Await;
///
/// #[message]
/// struct Arrive { value: u64 }
///
/// #[derive(Default)]
/// struct Gate { waiting: Vec<ReplyTo<u64>> }
///
/// #[actor]
/// impl Actor for Gate {
///     type Messages = (Await, Arrive);
///
///     fn start(_: (), _: &mut Context<Self>) -> Result<Gate, Failure> {
///         Ok(Gate::default())
///     }
/// }
///
/// impl Handler<Await> for Gate {
///     fn handle(&mut self, _: Incoming<'_, Await>, context: &mut Context<Self>) -> Later<u64> {
///         let reply = context.reply_later();
///         let later = reply.later();
///         self.waiting.push(reply);
///         later
///     }
/// }
///
/// impl Handler<Arrive> for Gate {
///     fn handle(&mut self, arrival: Incoming<'_, Arrive>, _: &mut Context<Self>) {
///         for reply in self.waiting.drain(..) {
///             let _ = reply.send(arrival.value.to_native());
///         }
///     }
/// }
/// ```
#[must_use = "an asker whose `ReplyTo` is dropped gets no answer"]
pub struct ReplyTo<R> {
    /// None if the message was told, not asked.
    path: Option<ReplyPath>,
    reply: PhantomData<fn(R)>,
}

impl<R: Data> ReplyTo<R> {
    pub(crate) fn new(path: Option<ReplyPath>) -> ReplyTo<R> {
        ReplyTo { path, reply: PhantomData }
    }

    /// What the handler returns to say that the answer comes from here.
    pub fn later(&self) -> Later<R> {
        Later { reply: PhantomData }
    }

    /// Whether somebody waits for the answer: the message was asked, not told.
    pub fn is_wanted(&self) -> bool {
        self.path.is_some()
    }

    /// Sends what archives as the answer, unless one was sent. If this fails, another answer can be sent.
    ///
    /// # Errors
    /// [`PayloadError`] if it cannot be sent.
    #[inline]
    pub(crate) fn try_send(&mut self, reply: &impl Written) -> Result<(), PayloadError> {
        let Some(path) = &mut self.path else { return Ok(()) };
        match path.try_answer(|body| crate::payload::encode(reply, body)) {
            Err(SendError::Write(error)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sends the answer. That the asker is gone, or has stopped waiting, is no error; nor is an answer that nobody wants.
    ///
    /// # Errors
    /// [`PayloadError`] if the answer cannot be sent; the asker is told that there is none.
    pub fn send(self, reply: R) -> Result<(), PayloadError> {
        let Some(path) = self.path else { return Ok(()) };
        match path.answer(|body| crate::payload::encode(&reply, body)) {
            Err(SendError::Write(error)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReplyTo").field("wanted", &self.path.is_some()).finish_non_exhaustive()
    }
}

/// Says in a message's definition, and in what its handler returns, that the answer is given later.
///
/// It only comes from [`ReplyTo::later`], so a handler cannot promise an answer that it has no way to give.
#[must_use]
pub struct Later<R> {
    reply: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Later<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Later")
    }
}
