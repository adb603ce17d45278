//! Answers that are on their way.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use procession_runtime::{self as runtime, Arrived, Endpoint, Ticket};

use crate::{ASK_TIMEOUT, AskError, Message, Reply, payload};

/// The answer to one [`request`](crate::ActorRef::request), still to come.
///
/// It belongs to the thread that asked. Dropped, it forgets the answer; the message is handled all the same.
#[must_use = "the answer is forgotten when `Pending` is dropped; use `tell` if it does not matter"]
pub struct Pending<M: Message> {
    endpoint: Endpoint,
    /// None once the answer, or the word that there is none, has come.
    ticket: Option<Ticket>,
    message: PhantomData<fn() -> M>,
}

/// What a wait for the answer to `M` gives.
type Outcome<M> = Result<<M as Message>::Value, AskError<<M as Message>::Refusal>>;

impl<M: Message> Pending<M> {
    #[inline]
    pub(crate) fn new(endpoint: Endpoint, ticket: Ticket) -> Pending<M> {
        Pending { endpoint, ticket: Some(ticket), message: PhantomData }
    }

    /// Waits for the answer, for up to 5 s from now.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn wait(self) -> Result<M::Value, AskError<M::Refusal>> {
        self.wait_within(ASK_TIMEOUT)
    }

    /// Waits for the answer, for up to `timeout` from now.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn wait_within(self, timeout: Duration) -> Result<M::Value, AskError<M::Refusal>> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// Names the answer; `None` once it has come.
    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref()
    }

    #[inline]
    pub(crate) fn wait_until(mut self, deadline: Option<Instant>) -> Outcome<M> {
        let ticket = self.ticket.take().ok_or(AskError::NoReply)?;
        read::<M>(self.endpoint.wait(&ticket, deadline)?)
    }

    /// Gives the answer if it is here, or the word that there is none. Does not wait.
    ///
    /// `None` as long as neither has come, and once it has been given.
    pub fn try_wait(&mut self) -> Option<Result<M::Value, AskError<M::Refusal>>> {
        let answer = self.endpoint.poll_answer(self.ticket.as_ref()?).transpose()?;
        self.ticket = None;
        Some(answer.map_err(AskError::from).and_then(read::<M>))
    }
}

#[inline]
fn read<M: Message>(answer: runtime::Reply) -> Outcome<M> {
    let descriptors = answer.descriptors.arrived().map_err(|error| AskError::Invalid(error.to_string()))?;
    let arrived = Arrived::new(descriptors);
    let data = payload::access::<<M::Reply as Reply>::Data>(&answer.payload)
        .and_then(|archived| payload::open::<<M::Reply as Reply>::Data>(archived, &arrived))
        .map_err(|error| AskError::Invalid(error.to_string()))?;
    M::split(data).map_err(AskError::Refused)
}

impl<M: Message> Pending<M> {
    /// What is waited for, and where; none once it has come and been given.
    pub(crate) fn awaited(&self) -> Option<(&Endpoint, &Ticket)> {
        self.ticket.as_ref().map(|ticket| (&self.endpoint, ticket))
    }
}

impl<M: Message> Drop for Pending<M> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.endpoint.forget(&ticket);
        }
    }
}

impl<M: Message> fmt::Debug for Pending<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
