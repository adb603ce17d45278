//! Telling, requesting, connecting.

use std::rc::Rc;
use std::time::{Duration, Instant};

use procession_transport::{Body, Flushed, Header};

use super::core::Core;
use super::route::Route;
use super::wait::{Ready, Ticket, Until, Wait};
use super::{Endpoint, kind};
use crate::control::{Answer, Call, Question, Request};
use crate::error::{RuntimeError, SendError, WaitError};
use crate::id::ProcessId;
use crate::outbox::{Departure, Unsent};

/// How long a first message with [`Patience::Try`] waits to be connected.
const TRY_CONNECT: Duration = Duration::from_millis(100);

/// A message to be.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Which of the receiver's message types it is.
    pub tag: u32,
    /// Whether there is to be an answer.
    pub wants_reply: bool,
    /// Whether the sender is about to wait or to send more: the message may leave with what comes then.
    pub is_followed: bool,
    /// How long to wait while the connection is full.
    pub patience: Patience,
}

/// How long to wait while a connection is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all.
    Try,
    /// Until then.
    Until(Instant),
    /// As long as the receiver lives.
    Forever,
}

impl Endpoint {
    /// Sends a message; `write` fills its payload. The ticket names the answer, if one is wanted.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then.
    #[inline]
    pub fn send<E>(
        &self,
        to: ProcessId,
        outgoing: Outgoing,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<Ticket, SendError<E>> {
        self.check()?;
        let mut write = Some(write);
        loop {
            let (route, correlation) = self.route(to, outgoing)?;
            let header = Header {
                tag: outgoing.tag,
                correlation,
                kind: if outgoing.wants_reply { kind::REQUEST } else { kind::TELL },
                ..Header::default()
            };
            let departure = if outgoing.is_followed { Departure::WithFlush } else { Departure::Soon };
            let outcome = route.outbox.push(header, departure, |body| match write.take() {
                Some(write) => write(body),
                None => Ok(()),
            });
            let Err(unsent) = outcome else {
                self.0.recent.keep(route);
                return Ok(Ticket { correlation });
            };
            self.core()?.inbox.waits.remove(&correlation);
            self.make_way(&route, outgoing.patience, unsent)?;
        }
    }

    /// Sends what is buffered for one process, as far as its connection takes it; gives whether all of it has left. What has
    /// left stays for the receiver, whatever becomes of this process.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn flush_to(&self, to: ProcessId) -> Result<bool, RuntimeError> {
        self.check()?;
        let route = match self.0.recent.take(to) {
            Some(route) => route,
            None => match self.core()?.outgoing.get(&to) {
                Some(route) => route.clone(),
                None => return Ok(false),
            },
        };
        let has_left = route.outbox.flush() == Flushed::Everything && !route.outbox.is_closed();
        self.0.recent.keep(route);
        Ok(has_left)
    }

    /// Finds the connection to a process, and registers the wait for an answer.
    #[inline]
    fn route<E>(&self, to: ProcessId, outgoing: Outgoing) -> Result<(Rc<Route>, u64), SendError<E>> {
        let route = match self.0.recent.take(to) {
            Some(route) => route,
            None => self.find_route(to, outgoing.patience)?,
        };
        let correlation = if outgoing.wants_reply { self.core()?.register_wait(route.key) } else { 0 };
        Ok((route, correlation))
    }

    /// Finds the connection to a process, or makes it.
    fn find_route<E>(&self, to: ProcessId, patience: Patience) -> Result<Rc<Route>, SendError<E>> {
        loop {
            if let Some(route) = self.core()?.outgoing.get(&to) {
                return Ok(route.clone());
            }
            self.connect(to, patience)?;
        }
    }

    /// Waits until a connection that did not take a message takes one, or is gone.
    fn make_way<E>(&self, route: &Route, patience: Patience, unsent: Unsent<E>) -> Result<(), SendError<E>> {
        let deadline = match (unsent, patience) {
            (Unsent::Write(error), _) => return Err(SendError::Write(error)),
            (Unsent::Full, Patience::Try) => return Err(SendError::Full),
            (Unsent::Closed, Patience::Try) => Some(Instant::now() + TRY_CONNECT),
            (_, Patience::Until(deadline)) => Some(deadline),
            (_, Patience::Forever) => None,
        };
        let waited = self.block(deadline, |core, _| {
            let Route { process, outbox, .. } = route;
            let is_there = core.outgoing.get(process).is_some_and(|other| std::ptr::eq(&raw const **other, route));
            if !is_there || !outbox.is_closed() && outbox.has_room() { Ready(Ok(())) } else { Until(None) }
        });
        match waited {
            Ok(()) => Ok(()),
            Err(WaitError::Runtime(error)) => Err(error.into()),
            Err(_) => Err(SendError::Full),
        }
    }

    /// Has the supervisor connect this endpoint with a process. Waits while the process is being restarted.
    fn connect<E>(&self, to: ProcessId, patience: Patience) -> Result<(), SendError<E>> {
        let deadline = match patience {
            Patience::Try => Some(Instant::now() + TRY_CONNECT),
            Patience::Until(deadline) => Some(deadline),
            Patience::Forever => None,
        };
        let call = self.introduce(to)?;
        let answer = self.block_long(deadline, |core, _| {
            if core.outgoing.contains_key(&to) {
                return Ready(Ok(None));
            }
            core.take_answer(call).map_or(Until(None), |(answer, _)| Ready(Ok(Some(answer))))
        });
        if !matches!(answer, Err(WaitError::Timeout)) {
            let mut core = self.core()?;
            core.introducing.remove(&to);
            core.calls.remove(&call);
        }
        match answer {
            Ok(None | Some(Answer::Connection { .. })) => Ok(()),
            Ok(Some(Answer::Gone(Some(exit)))) => Err(SendError::Dead(exit)),
            Ok(Some(Answer::Refused(error))) => Err(error.into()),
            Ok(Some(_)) => Err(SendError::NoActor),
            Err(WaitError::Runtime(error)) => Err(error.into()),
            Err(_) => Err(SendError::Full),
        }
    }

    /// Asks for an introduction, unless one has been asked for.
    fn introduce(&self, to: ProcessId) -> Result<Call, RuntimeError> {
        let mut core = self.core()?;
        if let Some(call) = core.introducing.get(&to).copied() {
            core.calls.entry(call).or_insert(None);
            return Ok(call);
        }
        let call = core.register_call();
        core.introducing.insert(to, call);
        drop(core);
        self.request(&Request::Ask { call, question: Question::Introduce(to) }, Vec::new())?;
        Ok(call)
    }
}

impl Core {
    fn register_wait(&mut self, key: usize) -> u64 {
        self.next_correlation += 1;
        let wait = Wait { connection: key, outcome: None, serial: 0, is_current: false };
        self.inbox.waits.insert(self.next_correlation, wait);
        self.next_correlation
    }
}
