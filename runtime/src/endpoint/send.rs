//! Telling, requesting, connecting.

use std::rc::Rc;
use std::time::{Duration, Instant};

use procession_transport::{Body, Flushed, Header};

use super::core::{BUSY_PAUSE, Core};
use super::route::{self, Route};
use super::wait::{Ready, Ticket, Until, Wait};
use super::{Endpoint, kind};
use crate::control::{Answer, Call, Question, Request};
use crate::error::{RuntimeError, SendError, WaitError};
use crate::id::ProcessId;
use crate::outbox::{Departure, Shut};

/// How long a first message with [`Patience::Try`] waits to be connected.
const TRY_CONNECT: Duration = Duration::from_millis(100);

/// A message to be.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Which of the receiver's message types it is.
    pub tag: u32,
    /// Whether the sender is about to wait: the message leaves at once, since nothing comes that it could leave with.
    pub is_awaited: bool,
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
    /// Sends a message without an answer from this thread; `write` fills its payload. While the connection is full it waits for so
    /// long, or not at all.
    ///
    /// # Errors
    /// As [`Endpoint::send`].
    #[inline]
    pub fn tell<E>(
        to: &ProcessId,
        tag: u32,
        is_followed: bool,
        wait: Option<Duration>,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), SendError<E>> {
        let mut recent = route::take_recent(to).filter(|route| route.member.check().is_ok());
        let mut search = None;
        loop {
            let route = match recent.take() {
                Some(route) => route,
                None => Search::begun(&mut search, to, wait)?.find_route()?,
            };
            let opening = match route.outbox.open() {
                Ok(opening) => opening,
                Err(shut) => {
                    Search::begun(&mut search, to, wait)?.make_way(&route, shut)?;
                    continue;
                }
            };
            let header = Header { tag, kind: kind::TELL, ..Header::default() };
            let departure = if is_followed { Departure::WithFlush } else { Departure::Soon };
            opening.push(header, departure, write).map_err(SendError::Write)?;
            route::keep_recent(route);
            return Ok(());
        }
    }

    /// Sends a message that is to be answered; `write` fills its payload. The ticket names the answer.
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
        self.check_may_wait()?;
        let mut recent = route::take_recent(&to);
        loop {
            let route = match recent.take() {
                Some(route) => route,
                None => self.find_route(to, outgoing.patience)?,
            };
            let opening = match route.outbox.open() {
                Ok(opening) => opening,
                Err(shut) => {
                    self.make_way(&route, outgoing.patience, shut)?;
                    continue;
                }
            };
            let correlation = self.core()?.register_wait(route.key);
            let header = Header { tag: outgoing.tag, correlation, kind: kind::REQUEST, ..Header::default() };
            let departure = if outgoing.is_awaited { Departure::Now } else { Departure::Soon };
            if let Err(error) = opening.push(header, departure, write) {
                self.core()?.inbox.waits.remove(&correlation);
                return Err(SendError::Write(error));
            }
            route::keep_recent(route);
            return Ok(Ticket { correlation });
        }
    }

    /// Sends what this thread has buffered for one process, as far as its connection takes it; gives whether all of it has left. What has
    /// left stays for the receiver, whatever becomes of this process.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn flush_to(to: &ProcessId) -> Result<bool, RuntimeError> {
        let route = match route::take_recent(to) {
            Some(route) => route,
            None => match Endpoint::of(to.system)?.core()?.outgoing.get(to) {
                Some(route) => route.clone(),
                None => return Ok(false),
            },
        };
        let has_left = route.outbox.flush() == Flushed::Everything && !route.outbox.is_closed();
        route::keep_recent(route);
        Ok(has_left)
    }

    /// Finds the connection to a process, or makes it.
    #[cold]
    fn find_route<E>(&self, to: ProcessId, patience: Patience) -> Result<Rc<Route>, SendError<E>> {
        loop {
            if let Some(route) = self.core()?.outgoing.get(&to) {
                return Ok(route.clone());
            }
            self.connect(to, patience)?;
        }
    }

    /// Waits until a connection that takes no message takes one, or is gone.
    #[cold]
    fn make_way<E>(&self, route: &Route, patience: Patience, shut: Shut) -> Result<(), SendError<E>> {
        let deadline = match (shut, patience) {
            (Shut::Reentered, _) => return Err(RuntimeError::Reentered.into()),
            (Shut::Full, Patience::Try) => return Err(SendError::Full),
            (Shut::Closed, Patience::Try) => Some(Instant::now() + TRY_CONNECT),
            (_, Patience::Until(deadline)) => Some(deadline),
            (_, Patience::Forever) => None,
        };
        let waited = self.block(deadline, |core, now| {
            let Route { process, outbox, .. } = route;
            let is_there = core.outgoing.get(process).is_some_and(|other| std::ptr::eq(&raw const **other, route));
            if !is_there || !outbox.is_closed() && outbox.has_room() {
                return Ready(Ok(()));
            }
            // What is sent before the wait begins may make that room, here or by the flusher: only a watch tells.
            Until(core.watch_for_room(outbox).then(|| now + BUSY_PAUSE))
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

/// The search for a way on which a message can be sent, once it has turned out to take more than a look.
struct Search {
    to: ProcessId,
    /// This thread's. A thread that is ending keeps none: it has this one, with its connections, until the message has been sent.
    endpoint: Endpoint,
    /// From the search's beginning on.
    patience: Patience,
}

impl Search {
    /// The search, which begins now if it has not.
    #[cold]
    fn begun<'a>(
        search: &'a mut Option<Search>,
        to: &ProcessId,
        wait: Option<Duration>,
    ) -> Result<&'a Search, RuntimeError> {
        match search {
            Some(search) => Ok(search),
            None => {
                let patience = wait.map_or(Patience::Try, |wait| Patience::Until(Instant::now() + wait));
                Ok(search.insert(Search { to: *to, endpoint: Endpoint::of(to.system)?, patience }))
            }
        }
    }

    fn find_route<E>(&self) -> Result<Rc<Route>, SendError<E>> {
        self.endpoint.find_route(self.to, self.patience)
    }

    fn make_way<E>(&self, route: &Route, shut: Shut) -> Result<(), SendError<E>> {
        self.endpoint.make_way(route, self.patience, shut)
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
