//! Typed addresses of actors.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use procession_runtime::{Ended, Endpoint, ProcessId, Status};
use rkyv::{Archive, Deserialize, Serialize};

use crate::address::Address;
use crate::{
    Accepts, AskError, JoinError, Message, Monitor, Pending, Recipient, RuntimeError, TELL_PATIENCE, TellError,
    recipient, signal,
};

/// The address of an actor: how everybody else talks to it.
///
/// It is plain data, whatever the actor: it can be cloned, used from any thread, and sent in messages and arguments. It
/// stays the same when the actor is restarted. Every thread that uses it has connections of its own, so two threads of a
/// process are two senders.
///
/// In a received message it is an [`ArchivedActorRef`], whose `to_native()` gives this.
#[derive(Archive, Serialize, Deserialize)]
pub struct ActorRef<A> {
    #[rkyv(with = Address)]
    id: ProcessId,
    actor: PhantomData<fn() -> A>,
}

impl<A> ActorRef<A> {
    pub(crate) fn new(id: ProcessId) -> ActorRef<A> {
        ActorRef { id, actor: PhantomData }
    }

    /// Sends a message without waiting for anything but room on the connection, for up to 5 s.
    ///
    /// The message is handled once or, if the actor ends before, not at all. A refusal is logged where it is handled.
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then.
    #[inline]
    pub fn tell<M: Message>(&self, message: &M) -> Result<(), TellError>
    where
        A: Accepts<M>,
    {
        recipient::tell::<M, false>(&self.id, A::TAG, Some(TELL_PATIENCE), message)
    }

    /// Sends a message if the connection takes it at once.
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then. [`TellError::Full`] if it would have to wait.
    #[inline]
    pub fn try_tell<M: Message>(&self, message: &M) -> Result<(), TellError>
    where
        A: Accepts<M>,
    {
        recipient::tell::<M, false>(&self.id, A::TAG, None, message)
    }

    /// Sends a message at once; gives whether it has left whole.
    pub(crate) fn tell_now<M: Message>(&self, message: &M) -> Result<bool, TellError>
    where
        A: Accepts<M>,
    {
        self.takes::<M>().tell_now(message)
    }

    /// Sends messages one after the other and lets them travel together.
    ///
    /// # Errors
    /// [`TellError`] of the first message that was not sent. Those before it were sent, those after it were not.
    pub fn tell_all<M: Message>(&self, messages: impl IntoIterator<Item = M>) -> Result<(), TellError>
    where
        A: Accepts<M>,
    {
        self.takes::<M>().tell_all(messages)
    }

    /// Sends a message and waits for the answer, for up to 5 s.
    ///
    /// # Errors
    /// [`AskError`]: [`Refused`](AskError::Refused) if the handler returned an error, [`Dead`](AskError::Dead) as soon
    /// as the actor has ended.
    #[inline]
    pub fn ask<M: Message>(&self, message: &M) -> Result<M::Value, AskError<M::Refusal>>
    where
        A: Accepts<M>,
    {
        self.takes::<M>().ask(message)
    }

    /// Sends a message and waits for the answer, for up to `timeout`.
    ///
    /// # Errors
    /// As [`ask`](ActorRef::ask).
    pub fn ask_within<M: Message>(&self, message: &M, timeout: Duration) -> Result<M::Value, AskError<M::Refusal>>
    where
        A: Accepts<M>,
    {
        self.takes::<M>().ask_within(message, timeout)
    }

    /// Sends a message whose answer is waited for later: many can be on their way at a time.
    ///
    /// # Errors
    /// [`TellError`]; the message was not sent then.
    pub fn request<M: Message>(&self, message: &M) -> Result<Pending<M>, TellError>
    where
        A: Accepts<M>,
    {
        self.takes::<M>().request(message)
    }

    /// Gives the address as one for this message alone, whatever the type of the actor.
    pub fn recipient<M: Message>(&self) -> Recipient<M>
    where
        A: Accepts<M>,
    {
        self.takes()
    }

    /// Watches the actor. Inside an actor, [`Context::monitor`](crate::Context::monitor) tells it as an event.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn monitor(&self) -> Result<Monitor, RuntimeError> {
        Monitor::new(self.id)
    }

    /// Ties this process and the actor together: when one of them fails, the other is stopped and fails, too.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn link(&self) -> Result<(), RuntimeError> {
        self.endpoint()?.link(self.id)
    }

    /// Waits until the actor has ended, and what it had started too, and gives all that is known of its end.
    ///
    /// # Errors
    /// [`JoinError::NoProcess`] if it ended so long ago that nothing is known of it any more.
    pub fn join(&self) -> Result<Ended, JoinError> {
        Ok(self.endpoint()?.join(self.id, None)?.0)
    }

    /// Waits as [`join`](ActorRef::join) does, for up to `timeout`.
    ///
    /// # Errors
    /// As [`join`](ActorRef::join), and [`JoinError::Timeout`] if the actor goes on running.
    pub fn join_within(&self, timeout: Duration) -> Result<Ended, JoinError> {
        Ok(self.endpoint()?.join(self.id, Instant::now().checked_add(timeout))?.0)
    }

    /// Asks the actor to stop. It handles what it has received, then [`stopping`](crate::Actor::stopping) is called; if
    /// it has not ended by its stop deadline, it is killed. This returns at once.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn stop(&self) -> Result<(), RuntimeError> {
        self.endpoint()?.stop(self.id)
    }

    /// Sends the actor's process SIGTERM.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn terminate(&self) -> Result<(), RuntimeError> {
        signal::terminate(self.id)
    }

    /// Sends the actor's process SIGKILL: it ends wherever it is.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn kill(&self) -> Result<(), RuntimeError> {
        signal::kill(self.id)
    }

    /// Gives the actor's process id; `None` while it is restarted, and when it has ended.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn pid(&self) -> Result<Option<i32>, RuntimeError> {
        Ok(self.status()?.and_then(|status| status.pid))
    }

    /// Whether the actor runs.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn is_alive(&self) -> Result<bool, RuntimeError> {
        Ok(self.status()?.is_some_and(|status| status.alive))
    }

    /// Gives what is known of the actor's process; `None` if there is none.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn status(&self) -> Result<Option<Status>, RuntimeError> {
        self.endpoint()?.status(self.id)
    }

    /// Gives the address without the type.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    fn endpoint(&self) -> Result<Endpoint, RuntimeError> {
        Endpoint::of(self.id.system)
    }

    #[inline]
    fn takes<M: Message>(&self) -> Recipient<M>
    where
        A: Accepts<M>,
    {
        Recipient::new(self.id, A::TAG)
    }
}

impl<A> ArchivedActorRef<A> {
    /// Gives the address.
    pub fn to_native(&self) -> ActorRef<A> {
        ActorRef::new(self.id.to_native())
    }
}

impl<A> Clone for ActorRef<A> {
    fn clone(&self) -> ActorRef<A> {
        ActorRef::new(self.id)
    }
}

impl<A> PartialEq for ActorRef<A> {
    fn eq(&self, other: &ActorRef<A>) -> bool {
        self.id == other.id
    }
}

impl<A> Eq for ActorRef<A> {}

impl<A> Hash for ActorRef<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<A> fmt::Debug for ActorRef<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ActorRef<{}>({})", type_name::<A>(), self.id)
    }
}

impl<A> fmt::Debug for ArchivedActorRef<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

impl<A> From<&ActorRef<A>> for ProcessId {
    fn from(actor: &ActorRef<A>) -> ProcessId {
        actor.id
    }
}

impl<A> From<ActorRef<A>> for ProcessId {
    fn from(actor: ActorRef<A>) -> ProcessId {
        actor.id
    }
}
