//! What an actor can do beside handling messages.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use procession_runtime::{Ending, Endpoint, Letter, MonitorId, ProcessId, ReplyPath, TimerId};

use crate::timers::Timers;
use crate::{
    Accepts, Actor, ActorBuilder, ActorRef, Data, Failure, Message, Reply, ReplyTo, RuntimeError, SpawnError, TellError,
};

/// An actor's way to itself and to the system: every method of [`Actor`] and [`Handler`](crate::Handler) gets it.
pub struct Context<A> {
    endpoint: Endpoint,
    /// The actor's address: its process's, or a thread's in a process that hosts several.
    this: ProcessId,
    /// The message in hand.
    request: Request,
    timers: Timers,
    /// Set once the actor wants to end.
    ending: Option<Ending>,
    actor: PhantomData<fn() -> A>,
}

/// What a handler owes.
struct Request {
    /// The way back, until it is taken.
    path: Option<ReplyPath>,
    /// The type of the answer.
    reply: TypeId,
}

/// The part that the machinery around the actor uses.
impl<A> Context<A> {
    pub(crate) fn new(endpoint: Endpoint, this: ProcessId) -> Context<A> {
        let request = Request { path: None, reply: TypeId::of::<()>() };
        let (timers, actor) = (Timers::default(), PhantomData);
        Context { endpoint, this, request, timers, ending: None, actor }
    }

    /// A handler is about to be called. For a message without an answer, which most are, nothing is moved.
    #[inline]
    pub(crate) fn begin<M: Message>(&mut self, letter: &mut Letter) {
        self.request.reply = TypeId::of::<<M::Reply as Reply>::Data>();
        if letter.wants_reply() {
            self.request.path = letter.take_reply();
        }
    }

    /// A handler has returned: gives the way back, unless the handler has taken it.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<ReplyPath> {
        if self.request.path.is_some() { self.request.path.take() } else { None }
    }

    /// What a timer that has fired is to deliver.
    pub(crate) fn due(&mut self, timer: TimerId) -> Option<Letter> {
        self.timers.due(timer)
    }

    pub(crate) fn take_ending(&mut self) -> Option<Ending> {
        self.ending.take()
    }
}

impl<A> Context<A> {
    /// Gives the actor's own address.
    pub fn this(&self) -> ActorRef<A> {
        ActorRef::new(self.this)
    }

    /// Takes the way back to the asker of the message in hand, to answer another time. See [`ReplyTo`].
    ///
    /// `R` is what the message's definition says inside `Later<R>`. For any other type, and when called a second time,
    /// the `ReplyTo` leads nowhere.
    pub fn reply_later<R: Data>(&mut self) -> ReplyTo<R> {
        if self.request.reply == TypeId::of::<R>() {
            self.endpoint.defer_in_hand();
            return ReplyTo::new(self.request.path.take().map(ReplyPath::deferred));
        }
        tracing::error!(
            asked_for = std::any::type_name::<R>(),
            "reply_later for another type than the message's reply"
        );
        ReplyTo::new(None)
    }

    /// Takes the way back to the asker as [`reply_later`](Context::reply_later) does, to answer before the handler returns.
    pub(crate) fn reply_now<R: Data>(&mut self) -> ReplyTo<R> {
        debug_assert_eq!(self.request.reply, TypeId::of::<R>());
        ReplyTo::new(self.request.path.take())
    }

    /// Sends everything that was told and answered so far on its way, before a handler that takes long goes on.
    ///
    /// Without it, what a handler sends leaves when the handler returns or waits, or after about a millisecond.
    pub fn flush(&self) {
        self.endpoint.flush();
    }

    /// Ends this actor once the handler has returned, with [`Exit::Normal`](crate::Exit::Normal).
    pub fn stop(&mut self) {
        self.ending.get_or_insert(Ending::Normal);
    }

    /// Ends this actor once the handler has returned, with [`Exit::Failed`](crate::Exit::Failed) and the texts of the
    /// error.
    pub fn fail(&mut self, error: impl Into<Failure>) {
        self.ending = Some(Ending::Failed(error.into().into_chain()));
    }

    /// Delivers a message to this actor once, after `delay`.
    ///
    /// The message is packed now and does not go over the wire; its sender is the actor itself.
    ///
    /// # Errors
    /// [`TellError`] if the message cannot be packed; there is no timer then.
    pub fn send_after<M: Message>(&mut self, delay: Duration, message: M) -> Result<TimerId, TellError>
    where
        A: Accepts<M>,
    {
        self.set_timer(delay, None, message)
    }

    /// Delivers a message to this actor every `period`, at least 1 ms, for the first time after one.
    ///
    /// A handler that takes longer than the period delays the next message; what it has missed is not made up for.
    ///
    /// # Errors
    /// As [`send_after`](Context::send_after).
    pub fn interval<M: Message>(&mut self, period: Duration, message: M) -> Result<TimerId, TellError>
    where
        A: Accepts<M>,
    {
        self.set_timer(period, Some(period), message)
    }

    /// Cancels a timer. Its message is not delivered any more, not even if it is due.
    pub fn cancel(&mut self, timer: TimerId) {
        self.endpoint.cancel(timer);
        self.timers.cancel(timer);
    }

    /// Starts an actor that is stopped when this one ends.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
    pub fn spawn<B: Actor>(&self, args: B::Args) -> Result<ActorRef<B>, SpawnError> {
        self.actor::<B>(args).start()
    }

    /// Prepares an actor that is stopped when this one ends: the builder takes its name and other options.
    pub fn actor<B: Actor>(&self, args: B::Args) -> ActorBuilder<B> {
        ActorBuilder::new(self.system(), args)
    }

    /// Starts actors that are stopped when this one ends, many at a time, and gives them in order.
    pub(crate) fn start_each<B: Actor>(&self, builders: Vec<ActorBuilder<B>>) -> Vec<Result<ActorRef<B>, SpawnError>> {
        crate::builder::start_each(self.system(), builders)
    }

    /// Sends a process SIGKILL.
    pub(crate) fn kill(&self, process: ProcessId) -> Result<(), RuntimeError> {
        self.endpoint.kill(process)
    }

    /// Watches a process: when it has ended, [`Actor::down`] is called, once. If there is no such process it is called
    /// soon.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn monitor(&self, process: impl Into<ProcessId>) -> Result<MonitorId, RuntimeError> {
        self.endpoint.monitor(process.into())
    }

    /// Stops watching. [`Actor::down`] is not called for this monitor any more.
    pub fn demonitor(&self, monitor: MonitorId) {
        self.endpoint.demonitor(monitor);
    }

    /// Ties this actor and another together: when one of them fails, the other is stopped and fails, too.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn link(&self, process: impl Into<ProcessId>) -> Result<(), RuntimeError> {
        self.endpoint.link(process.into())
    }

    /// Undoes [`link`](Context::link).
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn unlink(&self, process: impl Into<ProcessId>) -> Result<(), RuntimeError> {
        self.endpoint.unlink(process.into())
    }

    fn system(&self) -> u64 {
        self.endpoint.process().system
    }

    fn set_timer<M: Message>(
        &mut self,
        delay: Duration,
        period: Option<Duration>,
        message: M,
    ) -> Result<TimerId, TellError>
    where
        A: Accepts<M>,
    {
        let letter = crate::payload::Packed::new(&message)?.into_letter(A::TAG, self.this);
        let timer = self.endpoint.after(delay, period)?;
        self.timers.set(timer, letter, period.is_some());
        Ok(timer)
    }
}

impl<A> fmt::Debug for Context<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("ending", &self.ending).finish_non_exhaustive()
    }
}
