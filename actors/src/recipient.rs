//! Addresses for one message, whatever takes it.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use procession_runtime::{Endpoint, Outgoing, Patience, ProcessId, Ticket};
use rkyv::{Archive, Archived, Deserialize, Serialize};

use crate::address::Address;
use crate::data::Written;
use crate::{ASK_TIMEOUT, Accepts, ActorRef, AskError, Message, Pending, Reply, TELL_PATIENCE, TellError, payload};

/// The address of anything that takes the message `M`: an actor of any type, or a [`Mailbox`](crate::Mailbox).
///
/// It is made of an [`ActorRef`] with `into()`. It is plain data as that is; in a received message it is an
/// [`ArchivedRecipient`], whose `to_native()` gives this.
///
/// # Example
/// ```
/// use procession::prelude::*;
/// use procession::TellError;
///
/// #[message]
/// struct Finished { task: u64 }
///
/// #[message]
/// struct Start { task: u64, tell: Recipient<Finished> }
///
/// fn report(start: &Start) -> Result<(), TellError> {
///     start.tell.tell(&Finished { task: start.task })
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Recipient<M> {
    #[rkyv(with = Address)]
    id: ProcessId,
    tag: u32,
    message: PhantomData<fn(M)>,
}

impl<M> Recipient<M> {
    #[inline]
    pub(crate) fn new(id: ProcessId, tag: u32) -> Recipient<M> {
        Recipient { id, tag, message: PhantomData }
    }

    /// Gives the address without the message.
    pub fn id(&self) -> ProcessId {
        self.id
    }
}

impl<M: Message> Recipient<M> {
    /// Sends a message; see [`ActorRef::tell`].
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then.
    #[inline]
    pub fn tell(&self, message: &M) -> Result<(), TellError> {
        tell::<M, false>(&self.id, self.tag, Some(TELL_PATIENCE), message)
    }

    /// Sends a message if the connection takes it at once.
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then. [`TellError::Full`] if it would have to wait.
    #[inline]
    pub fn try_tell(&self, message: &M) -> Result<(), TellError> {
        tell::<M, false>(&self.id, self.tag, None, message)
    }

    /// Sends a message at once, without others and whatever it costs; gives whether it has left whole. Then it stays for the
    /// receiver, whatever becomes of this process.
    pub(crate) fn tell_now(&self, message: &M) -> Result<bool, TellError> {
        tell::<M, true>(&self.id, self.tag, None, message)?;
        Ok(Endpoint::flush_to(&self.id).unwrap_or(false))
    }

    /// Sends messages one after the other; see [`ActorRef::tell_all`].
    ///
    /// # Errors
    /// [`TellError`] of the first message that was not sent. Those before it were sent, those after it were not.
    pub fn tell_all(&self, messages: impl IntoIterator<Item = M>) -> Result<(), TellError> {
        let wait = Some(TELL_PATIENCE);
        let outcome = messages.into_iter().try_for_each(|message| tell::<M, true>(&self.id, self.tag, wait, &message));
        Endpoint::of(self.id.system)?.flush();
        outcome
    }

    /// Sends a message and waits for the answer, for up to 5 s; see [`ActorRef::ask`].
    ///
    /// # Errors
    /// [`AskError`].
    #[inline]
    pub fn ask(&self, message: &M) -> Result<M::Value, AskError<M::Refusal>> {
        self.ask_within(message, ASK_TIMEOUT)
    }

    /// Sends a message and waits for the answer, for up to `timeout`.
    ///
    /// # Errors
    /// [`AskError`].
    #[inline]
    pub fn ask_within(&self, message: &M, timeout: Duration) -> Result<M::Value, AskError<M::Refusal>> {
        let deadline = Instant::now().checked_add(timeout);
        let patience = deadline.map_or(Patience::Forever, Patience::Until);
        let outgoing = Outgoing { is_awaited: true, patience, ..self.outgoing() };
        let endpoint = Endpoint::of(self.id.system)?;
        match self.send(&endpoint, message, outgoing) {
            Ok(ticket) => Pending::<M>::new(endpoint, ticket).wait_until(deadline),
            // There was no room until the time was over.
            Err(TellError::Full) => Err(AskError::Timeout),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what archives as a message, waits for the answer however long that takes, and has it read where it is.
    ///
    /// # Errors
    /// [`AskError`], but no refusal: that is an answer like others here.
    #[inline]
    pub(crate) fn ask_in_place<R, E>(
        &self,
        message: &impl Written,
        read: impl FnOnce(&Archived<<M::Reply as Reply>::Data>) -> R,
    ) -> Result<R, AskError<E>> {
        let outgoing = Outgoing { is_awaited: true, patience: Patience::Forever, ..self.outgoing() };
        let endpoint = Endpoint::of(self.id.system)?;
        let ticket = self.send(&endpoint, message, outgoing)?;
        let answer = endpoint.wait(&ticket, None)?;
        let answer = payload::access::<<M::Reply as Reply>::Data>(&answer.payload);
        answer.map(read).map_err(|error| AskError::Invalid(error.to_string()))
    }

    /// Sends a message whose answer is waited for later; see [`ActorRef::request`].
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then.
    #[inline]
    pub fn request(&self, message: &M) -> Result<Pending<M>, TellError> {
        let endpoint = Endpoint::of(self.id.system)?;
        let ticket = match self.send(&endpoint, message, self.outgoing()) {
            Err(TellError::Full) => {
                let patience = Patience::Until(Instant::now() + TELL_PATIENCE);
                self.send(&endpoint, message, Outgoing { patience, ..self.outgoing() })?
            }
            outcome => outcome?,
        };
        Ok(Pending::new(endpoint, ticket))
    }

    #[inline]
    fn outgoing(&self) -> Outgoing {
        Outgoing { tag: self.tag, is_awaited: false, patience: Patience::Try }
    }

    #[inline]
    fn send(&self, endpoint: &Endpoint, message: &impl Written, outgoing: Outgoing) -> Result<Ticket, TellError> {
        Ok(endpoint.send(self.id, outgoing, |body| payload::encode(message, body))?)
    }
}

/// Sends a message; `IS_FOLLOWED`: the caller is about to send more, or to flush; `wait`: for so long while there is no room.
#[inline]
pub(crate) fn tell<M: Message, const IS_FOLLOWED: bool>(
    to: &ProcessId,
    tag: u32,
    wait: Option<Duration>,
    message: &M,
) -> Result<(), TellError> {
    // Each arm makes a result of its own: to hand on one that was made elsewhere would move all that an error may hold.
    match Endpoint::tell(to, tag, IS_FOLLOWED, wait, |body| payload::encode(message, body)) {
        Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl<M> ArchivedRecipient<M> {
    /// Gives the address.
    pub fn to_native(&self) -> Recipient<M> {
        Recipient::new(self.id.to_native(), self.tag.to_native())
    }
}

impl<A: Accepts<M>, M: Message> From<ActorRef<A>> for Recipient<M> {
    fn from(actor: ActorRef<A>) -> Recipient<M> {
        actor.recipient()
    }
}

impl<A: Accepts<M>, M: Message> From<&ActorRef<A>> for Recipient<M> {
    fn from(actor: &ActorRef<A>) -> Recipient<M> {
        actor.recipient()
    }
}

impl<M> Clone for Recipient<M> {
    fn clone(&self) -> Recipient<M> {
        Recipient::new(self.id, self.tag)
    }
}

impl<M> PartialEq for Recipient<M> {
    fn eq(&self, other: &Recipient<M>) -> bool {
        (self.id, self.tag) == (other.id, other.tag)
    }
}

impl<M> Eq for Recipient<M> {}

impl<M> Hash for Recipient<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.tag).hash(state);
    }
}

impl<M> fmt::Debug for Recipient<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Recipient<{}>({})", type_name::<M>(), self.id)
    }
}

impl<M> fmt::Debug for ArchivedRecipient<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

impl<M> From<&Recipient<M>> for ProcessId {
    fn from(recipient: &Recipient<M>) -> ProcessId {
        recipient.id
    }
}
