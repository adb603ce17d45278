//! Every wait.
//!
//! Who wakes a waiter if the other side is killed right now? Always the supervisor's word, or its end: it arrives on the
//! control socket, which every wait watches.

use std::time::{Duration, Instant};

use bytes::Bytes;
use procession_transport::{Descriptors, Flushed};

use super::connection::Direction;
use super::core::Core;
use super::deadlock;
use super::mailbox::{Down, Item};
use super::{Endpoint, Origin};
use crate::error::{RuntimeError, WaitError};
use crate::id::MonitorId;
use crate::letter::Letter;
use crate::timers::later;

/// How often it is looked whether what was told has left.
const SEND_OFF_PAUSE: Duration = Duration::from_millis(1);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The archived reply, at an address aligned to 16 bytes. Not validated yet.
    pub payload: Bytes,
    /// Descriptors that came along.
    pub descriptors: Descriptors,
}

/// Names an answer that is waited for. It belongs to the endpoint that asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) correlation: u64,
}

/// An answer that is waited for.
#[derive(Debug)]
pub(crate) struct Wait {
    /// Where it will come from.
    pub(crate) connection: usize,
    pub(crate) outcome: Option<Result<Reply, WaitError>>,
    /// How many times this endpoint has blocked for it; tells a probe's wait from a later one.
    pub(crate) serial: u32,
    /// Whether this endpoint is blocked for it now.
    pub(crate) is_current: bool,
}

impl Endpoint {
    /// Waits for an answer, at most until `deadline`.
    ///
    /// # Errors
    /// [`WaitError`]; the answer is of no interest any more then, and dropped should it come.
    pub fn wait(&self, ticket: &Ticket, deadline: Option<Instant>) -> Result<Reply, WaitError> {
        let correlation = ticket.correlation;
        let mut probes = deadlock::Schedule::new(Instant::now());
        self.core()?.inbox.begin_wait(correlation);
        let outcome = self.block(deadline, |core, now| {
            if let Some(outcome) = core.inbox.take_outcome(correlation) {
                return Ready(outcome);
            }
            if probes.is_due(now) {
                core.send_probe(correlation);
            }
            Until(Some(probes.next))
        });
        if let Ok(mut core) = self.core() {
            core.inbox.waits.remove(&correlation);
        }
        outcome
    }

    /// Gives an answer if it has come, without waiting.
    ///
    /// # Errors
    /// As [`Endpoint::wait`].
    pub fn poll_answer(&self, ticket: &Ticket) -> Result<Option<Reply>, WaitError> {
        match self.block(Some(Instant::now()), |core, _| {
            core.inbox.take_outcome(ticket.correlation).map_or(Until(None), Ready)
        }) {
            Err(WaitError::Timeout) => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Says that an answer is of no interest any more.
    pub fn forget(&self, ticket: &Ticket) {
        if let Ok(mut core) = self.core() {
            core.inbox.waits.remove(&ticket.correlation);
        }
    }

    /// Waits for the end of a monitored process: for endpoints that have no loop which is told.
    ///
    /// # Errors
    /// [`WaitError::Timeout`], [`WaitError::Runtime`].
    pub fn wait_down(&self, monitor: MonitorId, deadline: Option<Instant>) -> Result<Down, WaitError> {
        self.block(deadline, |core, _| {
            let is_it = |item: &Item| matches!(item, Item::Down(down) if down.monitor == monitor);
            let found = core.inbox.mailbox.take_first(is_it, |item| match item {
                Item::Down(down) => Some(*down),
                _ => None,
            });
            found.flatten().map_or(Until(None), |down| Ready(Ok(down)))
        })
    }

    /// Waits for the next message: for a mailbox that is not an actor's.
    ///
    /// # Errors
    /// [`WaitError::Timeout`], [`WaitError::Runtime`].
    pub fn receive(&self, deadline: Option<Instant>) -> Result<Letter, WaitError> {
        self.block(deadline, |core, _| {
            let found = core.inbox.mailbox.take_first(
                |item| matches!(item, Item::Letter { .. }),
                |item| match item {
                    Item::Letter { letter, .. } => Some(letter.answered_any_time()),
                    _ => None,
                },
            );
            found.flatten().map_or(Until(None), |letter| Ready(Ok(letter)))
        })
    }

    /// Waits until an answer is there, to be taken with [`Endpoint::poll_answer`], or a message has come, which it gives: for
    /// threads that are woken by a message while they wait for answers.
    ///
    /// # Errors
    /// [`WaitError::Timeout`], [`WaitError::Runtime`].
    pub fn receive_or_answer(
        &self,
        ticket: Option<&Ticket>,
        deadline: Option<Instant>,
    ) -> Result<Option<Letter>, WaitError> {
        self.block(deadline, |core, _| {
            let is_letter = |item: &Item| matches!(item, Item::Letter { .. });
            let found = core.inbox.mailbox.take_first(is_letter, |item| match item {
                Item::Letter { letter, .. } => Some(letter.answered_any_time()),
                _ => None,
            });
            if let Some(letter) = found.flatten() {
                return Ready(Ok(Some(letter)));
            }
            let is_there =
                |ticket: &Ticket| core.inbox.waits.get(&ticket.correlation).is_none_or(|wait| wait.outcome.is_some());
            if ticket.is_some_and(is_there) { Ready(Ok(None)) } else { Until(None) }
        })
    }

    /// Sends everything that was told on its way, and waits until it has left, for at most `limit`. Gives whether it has.
    ///
    /// What has left reaches its receiver even if this process dies now.
    ///
    /// # Errors
    /// [`WaitError::Runtime`].
    pub fn send_off(&self, limit: Duration) -> Result<bool, WaitError> {
        let deadline = later(Instant::now(), limit);
        while !self.core()?.has_sent_all() {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            let pause = Instant::now() + SEND_OFF_PAUSE;
            match self.block(Some(pause), |_, _| Until::<()>(None)) {
                Ok(()) | Err(WaitError::Timeout) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Blocks as [`block`](Endpoint::block) does, for the supervisor's word: what it is asked for takes long.
    pub(super) fn block_long<T>(
        &self,
        deadline: Option<Instant>,
        check: impl FnMut(&mut Core, Instant) -> Check<T>,
    ) -> Result<T, WaitError> {
        self.core()?.waits_long = true;
        let outcome = self.block(deadline, check);
        self.core()?.waits_long = false;
        outcome
    }

    /// Turns the loop until `check` is ready or the deadline has passed. It looks once more after the last turn.
    pub(super) fn block<T>(
        &self,
        deadline: Option<Instant>,
        mut check: impl FnMut(&mut Core, Instant) -> Check<T>,
    ) -> Result<T, WaitError> {
        self.check_may_wait()?;
        let mut core = self.core()?;
        core.is_blocked = true;
        core.settle_backlog();
        let outcome = loop {
            let now = Instant::now();
            let wake = match check(&mut core, now) {
                Ready(outcome) => break outcome,
                Until(wake) => wake,
            };
            let next = match (wake, deadline) {
                (Some(wake), Some(deadline)) => Some(wake.min(deadline)),
                (wake, deadline) => wake.or(deadline),
            };
            let is_last = deadline.is_some_and(|deadline| now >= deadline);
            let timeout =
                if is_last { Some(Duration::ZERO) } else { next.map(|next| next.saturating_duration_since(now)) };
            if let Err(error) = core.turn(timeout) {
                break core.last_look(check, now, error, &self.0.member);
            }
            if is_last {
                break match check(&mut core, now) {
                    Ready(outcome) => outcome,
                    Until(_) => Err(WaitError::Timeout),
                };
            }
        };
        core.is_blocked = false;
        drop(core);
        self.0.departures.leave_to_flusher();
        outcome
    }
}

/// What a blocked endpoint finds when it looks.
pub(super) enum Check<T> {
    /// It is over.
    Ready(Result<T, WaitError>),
    /// Not yet; look again at this time at the latest.
    Until(Option<Instant>),
}
pub(super) use Check::{Ready, Until};

impl Core {
    /// Sends what the peers take. Gives whether that was everything; what another thread is sending right now is waited for.
    fn has_sent_all(&self) -> bool {
        let mut outgoing = self.connections.iter().filter(|(_, other)| matches!(other.direction, Direction::To(_)));
        outgoing.all(|(_, other)| other.outbox.flush() == Flushed::Everything)
    }

    /// The loop cannot go on; what has arrived before counts.
    fn last_look<T>(
        &mut self,
        mut check: impl FnMut(&mut Core, Instant) -> Check<T>,
        now: Instant,
        error: RuntimeError,
        member: &crate::membership::Membership,
    ) -> Result<T, WaitError> {
        let error = if error == RuntimeError::SupervisorLost { member.judge_end() } else { error };
        match check(self, now) {
            Ready(outcome) => outcome,
            Until(_) => Err(error.into()),
        }
    }
}

impl super::connection::Inbox {
    fn begin_wait(&mut self, correlation: u64) {
        if let Some(wait) = self.waits.get_mut(&correlation) {
            wait.serial += 1;
            wait.is_current = true;
        }
    }

    fn take_outcome(&mut self, correlation: u64) -> Option<Result<Reply, WaitError>> {
        match self.waits.get_mut(&correlation) {
            Some(wait) => wait.outcome.take(),
            None => Some(Err(WaitError::NoReply)),
        }
    }

    /// The answer that this endpoint is blocked for.
    pub(super) fn current_wait(&mut self) -> Option<(u64, &mut Wait)> {
        let found = self.waits.iter_mut().find(|(_, wait)| wait.is_current);
        found.map(|(correlation, wait)| (*correlation, wait))
    }

    /// Where a wait's request went.
    pub(super) fn awaited(&self, correlation: u64) -> Option<Origin> {
        self.waits.get(&correlation).map(|wait| Origin { connection: wait.connection, correlation })
    }
}
