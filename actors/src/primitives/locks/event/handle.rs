//! Events.

use std::time::Duration;

use procession_runtime::WordClosed;

use super::machine::{EventDemand, EventMachine};
use crate::primitives::locks::remote::Remote;
use crate::primitives::near::Near;
use crate::{Home, LockError, data};

/// A flag that processes wait for.
///
/// The handle is plain data: cloned, sent in messages and arguments, used from any process and thread.
///
/// # Protocol
/// The host is an actor that is asked to wait, and answers when the event is set, at once if it is. Whoever waits when it is
/// set is woken, also if it is cleared right after. A process that has used it before reads the flag where it is, and changes
/// it there as long as nobody waits, without asking.
///
/// # When somebody dies
/// * One who waits: it is forgotten. Who set the event: nothing changes.
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
        if let Some(is_set) = self.remote.near(None, is_set)? {
            return Ok(is_set);
        }
        self.remote.do_now(EventDemand::Status).map(|event| event.is_set)
    }

    /// Says how many wait for it now.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn n_waiting(&self) -> Result<u64, LockError> {
        self.remote.do_now(EventDemand::Status).map(|event| event.waiting)
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

    fn change(&self, is_set: bool, demand: EventDemand) -> Result<(), LockError> {
        let (before, after) = (u64::from(!is_set), u64::from(is_set));
        let change = |near: &Near| Ok(near.words.exchange(0, before, after)? || near.words.exchange(0, after, after)?);
        if self.remote.near(None, change)? == Some(true) {
            return Ok(());
        }
        self.remote.do_now(demand).map(drop)
    }

    fn wait_in(&self, within: Option<Duration>) -> Result<(), LockError> {
        match self.remote.near(within, is_set)? {
            Some(true) => Ok(()),
            Some(false) if within == Some(Duration::ZERO) => Err(LockError::Timeout),
            _ => self.remote.call(EventDemand::Wait, within).map(drop),
        }
    }
}

/// Reads the flag. The host changes it before it answers anybody, and while it keeps it, it is as it was.
fn is_set(near: &Near) -> Result<bool, WordClosed> {
    near.words.peek(0).map(|content| content != 0)
}

impl ArchivedEvent {
    /// Gives the handle.
    pub fn to_native(&self) -> Event {
        Event { remote: self.remote.to_native() }
    }
}
