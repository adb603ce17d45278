//! A message on its last steps: validated, handled, answered.

use std::any::type_name;

use procession_runtime::{Letter, ProcessId, ReplyPath, SendError};

use crate::parcel::{self, Parcel};
use crate::{Accepts, Context, Incoming, Message, Reply, payload};

/// A message that has reached its actor's process, for the actor's dispatch.
#[doc(hidden)]
#[derive(Debug)]
pub struct Delivery {
    tag: u32,
    parcel: Parcel,
    /// The way back, if the sender wants an answer.
    path: Option<ReplyPath>,
}

impl Delivery {
    /// Takes in a letter; `None` if it cannot be delivered, which the sender has been told then.
    #[inline(always)]
    pub(crate) fn receive(mut letter: Letter) -> Option<Delivery> {
        let path = letter.take_reply();
        match parcel::arrived(letter.descriptors) {
            Ok(descriptors) => {
                let parcel = Parcel::new(letter.payload, descriptors, letter.sender);
                Some(Delivery { tag: letter.tag, parcel, path })
            }
            Err(why) => {
                incomplete(letter.tag, letter.sender, path, &why);
                None
            }
        }
    }

    /// A message to oneself.
    pub(crate) fn local(tag: u32, parcel: Parcel) -> Delivery {
        Delivery { tag, parcel, path: None }
    }

    /// Which of the receiver's messages it is.
    #[inline]
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// Gives the message to its handler and the answer to the asker.
    #[inline]
    pub fn handle<A: Accepts<M>, M: Message>(self, actor: &mut A, context: &mut Context<A>) {
        let incoming = match Incoming::<M>::new(&self.parcel) {
            Ok(incoming) => incoming,
            Err(error) => return self.unreadable::<M>(&error.to_string()),
        };
        context.begin::<M>(self.path);
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
        tracing::warn!(actor = type_name::<A>(), tag = self.tag, sender = %self.parcel.sender, "a message is not accepted");
        if let Some(path) = self.path {
            path.not_accepted();
        }
    }

    #[cold]
    fn unreadable<M>(self, why: &str) {
        tracing::warn!(message = type_name::<M>(), sender = %self.parcel.sender, why, "a message cannot be read");
        invalid(self.path, why);
    }
}

#[cold]
fn incomplete(tag: u32, sender: ProcessId, path: Option<ReplyPath>, why: &str) {
    tracing::warn!(tag, %sender, why, "a message is dropped");
    invalid(path, why);
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
