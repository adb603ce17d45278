//! A message on its last steps: validated, handled, answered.

use std::any::type_name;

use procession_runtime::{Letter, ReplyPath, SendError, WireError};

use crate::{Accepts, Context, Incoming, Message, PayloadError, Reply, payload};

/// A message that has reached its actor's process, for the actor's dispatch.
#[doc(hidden)]
#[derive(Debug)]
pub struct Delivery<'a> {
    letter: &'a mut Letter,
}

impl<'a> Delivery<'a> {
    /// Takes in a letter; `None` if it cannot be delivered, which the sender has been told then.
    #[inline]
    pub(crate) fn receive(letter: &'a mut Letter) -> Option<Delivery<'a>> {
        if letter.arrived.are_lost() {
            incomplete(letter);
            return None;
        }
        Some(Delivery { letter })
    }

    /// Which of the receiver's messages it is.
    #[inline]
    pub fn tag(&self) -> u32 {
        self.letter.tag
    }

    /// Gives the message to its handler and the answer to the asker.
    #[inline]
    pub fn handle<A: Accepts<M>, M: Message>(self, actor: &mut A, context: &mut Context<A>) {
        context.begin::<M>(self.letter);
        let incoming = match Incoming::<M>::new(self.letter) {
            Ok(incoming) => incoming,
            Err(error) => return unreadable::<M>(self.letter, context.end(), &error),
        };
        let reply = actor.handle(incoming, context);
        let path = context.end();
        let Some(data) = reply.now() else { return };
        match path {
            Some(path) => answer::<M>(path, &data),
            None => note_refusal::<M>(data),
        }
    }

    /// Refuses a message that the actor does not take.
    #[cold]
    pub fn not_accepted<A>(self) {
        let Letter { tag, sender, .. } = *self.letter;
        tracing::warn!(actor = type_name::<A>(), tag, %sender, "a message is not accepted");
        if let Some(path) = self.letter.take_reply() {
            path.not_accepted();
        }
    }
}

#[cold]
fn unreadable<M>(letter: &Letter, path: Option<ReplyPath>, error: &PayloadError) {
    let why = error.to_string();
    tracing::warn!(message = type_name::<M>(), sender = %letter.sender, why, "a message cannot be read");
    invalid(path, &why);
}

#[cold]
fn incomplete(letter: &mut Letter) {
    let why = WireError::DescriptorsLost.to_string();
    tracing::warn!(tag = letter.tag, sender = %letter.sender, why, "a message is dropped");
    invalid(letter.take_reply(), &why);
}

fn invalid(path: Option<ReplyPath>, why: &str) {
    if let Some(path) = path {
        path.invalid(why);
    }
}

#[inline]
fn answer<M: Message>(path: ReplyPath, data: &<M::Reply as Reply>::Data) {
    match path.answer(|body| payload::encode(data, body)) {
        Ok(()) => {}
        Err(SendError::Write(error)) => tracing::error!(message = type_name::<M>(), %error, "a reply cannot be sent"),
        Err(error) => tracing::debug!(message = type_name::<M>(), %error, "a reply is not sent"),
    }
}

/// Nobody waits for the answer to a told message, so a refusal would be lost silently.
fn note_refusal<M: Message>(data: <M::Reply as Reply>::Data) {
    if M::split(data).is_err() {
        tracing::warn!(message = type_name::<M>(), "a told message is refused; nobody waits for the refusal");
    }
}
