//! Conditions.

use std::cell::Cell;
use std::time::{Duration, Instant};

use procession_runtime::WordClosed;

use super::guard::LockGuard;
use super::handle::Lock;
use super::machine::{LockDemand, LockGrant};
use super::seats::{self, GivenUp, Notified};
use crate::primitives::locks::number::next_number;
use crate::primitives::near::Near;
use crate::{Home, LockError, data};

/// A place to wait, without the lock, for what others bring about under it. Several conditions may share a lock.
///
/// # Protocol
/// The lock's host keeps a room for each condition. To wait is to ask: the host takes the lock back, and answers when the
/// waiter has been notified, or its time is over, *and* it holds the lock again. A notification is not kept: it moves those
/// who wait when it is given, the longest waiting first. As long as nobody else waits for the lock, all of this is done without
/// asking, in shared memory: who waits takes a seat there, who notifies marks it, and who releases the lock hands it to the one that was
/// notified first. Who waits looks for some 50 µs, if such looks have been worth it, whether it has the lock again, before it asks
/// the host to be woken; then whoever hands it the lock sends the host a message. Of more than 64 who wait at a lock, all ask.
///
/// # When somebody dies
/// * One who waits is never counted as woken: if it has been notified and dies before it has done anything with the lock, the
///   notification goes to another that was waiting when it was given.
/// * The holder: as with [`Lock`]. If it was about to notify several, some of them may have been.
/// * The host: as with [`Lock`].
///
/// # Example
/// ```no_run
/// # use procession::prelude::*;
/// # use procession::Condition;
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let condition = Condition::new(&system)?;
/// let mut guard = condition.acquire()?;
/// condition.wait_for(&mut guard, || true)?;
/// condition.notify(1)?;
/// # Ok(()) }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Condition {
    lock: Lock,
    room: u64,
}

impl Condition {
    /// Makes a condition with a lock of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home) -> Result<Condition, LockError> {
        Condition::with_lock(&Lock::new(home)?)
    }

    /// Makes a condition on a lock that there is.
    ///
    /// # Errors
    /// [`LockError`] if the lock's host does not live.
    pub fn with_lock(lock: &Lock) -> Result<Condition, LockError> {
        match lock.remote.do_now(LockDemand::NewRoom)? {
            LockGrant::Room(room) => Ok(Condition { lock: lock.clone(), room }),
            other => Err(LockError::Unanswered(format!("{other:?} for a new room"))),
        }
    }

    /// Gives its lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Acquires its lock; see [`Lock::acquire`].
    ///
    /// # Errors
    /// As that.
    pub fn acquire(&self) -> Result<LockGuard, LockError> {
        self.lock.acquire()
    }

    /// Releases the lock, waits to be notified, and takes the lock again.
    ///
    /// While it waited, a holder may have died: [`LockGuard::owner_died`] says so then. It may have been notified for nothing,
    /// too: see [`wait_for`](Condition::wait_for).
    ///
    /// # Errors
    /// [`LockError::Invalid`] if the guard does not hold this condition's lock. Otherwise the host does not live, and the
    /// guard is void.
    pub fn wait(&self, guard: &mut LockGuard) -> Result<(), LockError> {
        self.wait_in(guard, None)
    }

    /// Waits as [`wait`](Condition::wait) does, for up to `timeout`, and then as long as it takes to have the lock again.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it was not notified; the guard holds the lock all the same. Others as
    /// [`wait`](Condition::wait).
    pub fn wait_within(&self, guard: &mut LockGuard, timeout: Duration) -> Result<(), LockError> {
        self.wait_in(guard, Some(timeout))
    }

    /// Waits until something is so. It is looked at with the lock held, at once and after each notification.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    pub fn wait_for(&self, guard: &mut LockGuard, mut is_so: impl FnMut() -> bool) -> Result<(), LockError> {
        while !is_so() {
            self.wait(guard)?;
        }
        Ok(())
    }

    /// Waits as [`wait_for`](Condition::wait_for) does, for up to `timeout`.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it is not so when the time is over; the guard holds the lock all the same. Others as
    /// [`wait`](Condition::wait).
    pub fn wait_for_within(
        &self,
        guard: &mut LockGuard,
        timeout: Duration,
        mut is_so: impl FnMut() -> bool,
    ) -> Result<(), LockError> {
        let start = Instant::now();
        while !is_so() {
            match self.wait_within(guard, timeout.saturating_sub(start.elapsed())) {
                Err(LockError::Timeout) if is_so() => return Ok(()),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Has up to `count` of those who wait move on, as soon as each can have the lock.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if this process does not hold the lock.
    pub fn notify(&self, count: u64) -> Result<(), LockError> {
        let remote = &self.lock.remote;
        let demand = match remote.near(None, |near| seats::notify(&near.words, near.user, self.room, count))? {
            Some(Notified::Done) => return Ok(()),
            Some(Notified::Partly { left }) => LockDemand::Notify { room: self.room, count: left },
            // Whatever is asked, the host looks.
            Some(Notified::TooLate) => LockDemand::Count,
            None => LockDemand::Notify { room: self.room, count },
        };
        remote.do_now(demand).map(drop)
    }

    /// Has all those who wait move on, one after the other.
    ///
    /// # Errors
    /// As [`notify`](Condition::notify).
    pub fn notify_all(&self) -> Result<(), LockError> {
        self.notify(u64::MAX)
    }

    fn wait_in(&self, guard: &mut LockGuard, within: Option<Duration>) -> Result<(), LockError> {
        let held = guard.number.filter(|_| guard.remote == self.lock.remote);
        let Some(number) = held else {
            return Err(LockError::Invalid("the guard does not hold the condition's lock".to_owned()));
        };
        let start = within.map(|_| Instant::now());
        let wait = next_number();
        let seated = self.lock.remote.near(within, |near| self.sit(near, number, wait))?;
        if let Some(given_up) = seated
            && self.is_served(within, given_up, wait)
        {
            guard.hold(wait, LockGrant::Held { owner_died: None, timed_out: false });
            return Ok(());
        }
        let within = within.zip(start).map(|(within, start)| within.saturating_sub(start.elapsed()));
        match self.lock.remote.call_for_ever(wait, LockDemand::Wait { room: self.room, number }, within) {
            Ok(grant) => {
                let timed_out = guard.hold(wait, grant);
                if timed_out { Err(LockError::Timeout) } else { Ok(()) }
            }
            Err(error) => {
                // Nothing was given up if it made no sense to wait.
                if !matches!(error, LockError::Invalid(_)) {
                    guard.number = None;
                }
                Err(error)
            }
        }
    }

    /// Takes a seat under a number, and gives up the lock that is held under another.
    fn sit(&self, near: &Near, held: u64, number: u64) -> Result<GivenUp, WordClosed> {
        if !seats::sit(&near.words, near.user, held, self.room, number)? {
            return Ok(GivenUp::NotHeld);
        }
        seats::give_up(&near.words, near.user, Some(held))
    }

    /// Looks for a while whether this process has the lock again, under a number.
    fn is_served(&self, within: Option<Duration>, given_up: GivenUp, number: u64) -> bool {
        let remote = &self.lock.remote;
        let has_told = Cell::new(given_up == GivenUp::Quietly);
        let look = |near: &Near| {
            // Who does not look asks the host at once, so it looks, too.
            if !has_told.replace(true) && !remote.have_looked_at() {
                return Err(WordClosed::Kept);
            }
            Ok(seats::has_lock(near.words.peek(0)?, near.user, number).then_some(()))
        };
        given_up != GivenUp::NotHeld
            && remote.look_out(within, look).is_some()
            && remote.near_if_known(|near| seats::serve(&near.words, near.user, number)) == Some(true)
    }
}

impl ArchivedCondition {
    /// Gives the handle.
    pub fn to_native(&self) -> Condition {
        Condition { lock: self.lock.to_native(), room: self.room.to_native() }
    }
}
