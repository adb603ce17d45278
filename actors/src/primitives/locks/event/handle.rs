//! Events.

use std::time::{Duration, Instant};

use procession_runtime::WordClosed;

use super::flag::{self, Flag};
use super::machine::{EventDemand, EventGrant, EventMachine};
use crate::primitives::locks::remote::Remote;
use crate::primitives::near::Near;
use crate::{Home, LockError, data};

/// A flag that processes wait for.
///
/// The handle is plain data: cloned, sent in messages and arguments, used from any process and thread.
///
/// # Protocol
/// The host is an actor that is asked to wait, and answers when the event is set, at once if it is. Whoever waits when it is
/// set is woken, also if it is cleared right after. A process that has used it before reads and changes the flag where it is,
/// in one step and without asking. If somebody waits at the host, who sets it also tells the host, with a message that has no
/// answer; [`set`](Event::set) returns when that has left, and so reaches the host whatever becomes of its sender. Who waits looks
/// at the flag for some 50 µs, if such looks have been worth it, before it asks the host to be woken.
///
/// # When somebody dies
/// * One who waits: it is forgotten.
/// * Who sets the event: it is set or it is not. If it is, who waited is woken, at the latest when the host is told of the end.
/// * The host: as with [`Lock`](crate::Lock).
///
/// # Example
/// ```no_run
/// # use procession::prelude::*;
/// # use procession::Event;
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let event = Event::new(&system)?;
/// let waiter = system.process(|event: Event| event.wait().is_ok(), event.clone()).start()?;
/// event.set()?;
/// assert!(waiter.join()?);
/// # Ok(()) }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Event {
    remote: Remote<EventMachine>,
}

impl Event {
    /// Makes an event that is not set, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home) -> Result<Event, LockError> {
        Ok(Event { remote: Remote::start(home, (), "event")? })
    }

    /// Sets it: all who wait go on.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn set(&self) -> Result<(), LockError> {
        self.change(true, EventDemand::Set)
    }

    /// Clears it: who waits from now on waits until it is set again.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn clear(&self) -> Result<(), LockError> {
        self.change(false, EventDemand::Clear)
    }

    /// Whether it is set.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn is_set(&self) -> Result<bool, LockError> {
        if let Some(flag) = self.remote.near(None, look)? {
            return Ok(flag.is_set);
        }
        self.status().map(|(is_set, _)| is_set)
    }

    /// Says how many wait for it at the host now: not those who have just begun to, and still look at the flag.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn n_waiting(&self) -> Result<u64, LockError> {
        self.status().map(|(_, waiting)| waiting)
    }

    /// Waits until it is set.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn wait(&self) -> Result<(), LockError> {
        self.wait_in(None)
    }

    /// Waits until it is set, for up to `timeout`.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it is not set in time.
    pub fn wait_within(&self, timeout: Duration) -> Result<(), LockError> {
        self.wait_in(Some(timeout))
    }

    /// Asks the host whether it is set, and how many wait there.
    fn status(&self) -> Result<(bool, u64), LockError> {
        match self.remote.do_now(EventDemand::Status)? {
            EventGrant::Status { is_set, waiting } => Ok((is_set, waiting)),
            EventGrant::Done => Err(LockError::Unanswered("the host has said no more than that it is done".to_owned())),
        }
    }

    fn change(&self, is_set: bool, demand: EventDemand) -> Result<(), LockError> {
        match self.remote.near(None, |near| flag::change(&near.words, is_set))? {
            None => self.remote.do_now(demand).map(drop),
            // Who waits there is woken when the host looks: if that is not certain yet, an answer makes it so.
            Some(before) if is_set && before.is_awaited && !self.remote.have_looked_at() => self.status().map(drop),
            Some(_) => Ok(()),
        }
    }

    fn wait_in(&self, within: Option<Duration>) -> Result<(), LockError> {
        let start = within.map(|_| Instant::now());
        let seen = match self.remote.near(within, look)? {
            Some(flag) if flag.is_set => return Ok(()),
            Some(_) if within == Some(Duration::ZERO) => return Err(LockError::Timeout),
            seen => seen.map(|flag| flag.times),
        };
        let is_set = |near: &Near| Ok((Some(look(near)?.times) != seen).then_some(()));
        if seen.is_some() && self.remote.look_out(within, is_set).is_some() {
            return Ok(());
        }
        let within = within.zip(start).map(|(within, start)| within.saturating_sub(start.elapsed()));
        self.remote.call(EventDemand::Wait { seen }, within).map(drop)
    }
}

/// Reads the flag. The host changes it before it answers anybody, and while it keeps it, it is as it was.
fn look(near: &Near) -> Result<Flag, WordClosed> {
    near.words.peek(0).map(Flag::of)
}

impl ArchivedEvent {
    /// Gives the handle.
    pub fn to_native(&self) -> Event {
        Event { remote: self.remote.to_native() }
    }
}
