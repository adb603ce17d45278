//! Locks that their holder may acquire again.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use super::guard::LockGuard;
use super::machine::{LockDemand, LockMachine, LockSettings};
use super::nest::{self, Released};
use crate::primitives::locks::number::{next_number, thread_number};
use crate::primitives::locks::remote::Remote;
use crate::primitives::near::Lender;
use crate::{Exit, Home, LockError, data};

/// A lock that the thread which holds it may acquire again; it is free when it has been released as often.
///
/// The protocol, and what happens when somebody dies, is that of [`Lock`](crate::Lock), but the holder is one thread of one
/// process. A process that dies with the lock gives it up, however often it has acquired it.
///
/// # Example
/// ```no_run
/// # use procession::prelude::*;
/// # use procession::RLock;
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let lock = RLock::new(&system)?;
/// let outer = lock.acquire()?;
/// let inner = lock.acquire()?; // does not wait
/// drop((outer, inner));
/// # Ok(()) }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct RLock {
    remote: Remote<LockMachine>,
}

impl RLock {
    /// Makes a lock, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home) -> Result<RLock, LockError> {
        Ok(RLock { remote: Remote::start(home, LockSettings { reentrant: true }, "rlock")? })
    }

    /// Waits until the lock is free, or held by this thread, and takes it.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn acquire(&self) -> Result<RLockGuard, LockError> {
        self.acquire_in(None)
    }

    /// Takes the lock if it is free or held by this thread.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it is not.
    pub fn try_acquire(&self) -> Result<RLockGuard, LockError> {
        self.acquire_in(Some(Duration::ZERO))
    }

    /// Waits for up to `timeout` until the lock is free, or held by this thread, and takes it.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it was not.
    pub fn acquire_within(&self, timeout: Duration) -> Result<RLockGuard, LockError> {
        self.acquire_in(Some(timeout))
    }

    /// Releases what this thread acquired last. Its guard is void then.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if this thread does not hold it.
    pub fn release(&self) -> Result<(), LockError> {
        match nest::leave_last(self.remote.life()) {
            Released::Last(number) => return release(&self.remote, number),
            Released::Inner => return check(&self.remote),
            Released::NotHere => {}
        }
        self.remote.do_now(LockDemand::ReleaseLast { thread: thread_number() }).map(drop)
    }

    fn acquire_in(&self, within: Option<Duration>) -> Result<RLockGuard, LockError> {
        let life = self.remote.life();
        if nest::holds(life) {
            check(&self.remote)?;
            let number = next_number();
            nest::enter(life, number);
            return Ok(RLockGuard::over(LockGuard::new(&self.remote, number, None)));
        }
        let (number, grant) = self.remote.acquire(LockDemand::Acquire { thread: thread_number() }, within)?;
        if grant.is_none() {
            nest::begin(life, number);
        }
        Ok(RLockGuard::over(LockGuard::new(&self.remote, number, grant)))
    }
}

/// Checks that the host lives, so that what this thread holds is held.
fn check(remote: &Remote<LockMachine>) -> Result<(), LockError> {
    match remote.near_if_known(|near| near.words.peek(0)) {
        Some(_) => Ok(()),
        None => remote.do_now(LockDemand::Count).map(drop),
    }
}

/// Releases the word that is held under a number, and says whether it still was.
fn release(remote: &Remote<LockMachine>, number: u64) -> Result<(), LockError> {
    if remote.give_back(number) { Ok(()) } else { remote.do_now(LockDemand::Release { number }).map(drop) }
}

impl ArchivedRLock {
    /// Gives the handle.
    pub fn to_native(&self) -> RLock {
        RLock { remote: self.remote.to_native() }
    }
}

/// An [`RLock`] that is held by this thread. Dropped, it releases what it acquired.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard {
    guard: LockGuard,
    /// It belongs to its thread.
    thread: PhantomData<Rc<()>>,
}

impl RLockGuard {
    #[inline]
    fn over(guard: LockGuard) -> RLockGuard {
        RLockGuard { guard, thread: PhantomData }
    }

    /// Gives how the last holder ended, if it died while it held the lock. Only the next holder is told.
    pub fn owner_died(&self) -> Option<&Exit> {
        self.guard.owner_died()
    }

    /// Releases what this guard acquired, and says whether it was still held.
    ///
    /// # Errors
    /// As [`LockGuard::release`](crate::LockGuard::release).
    pub fn release(mut self) -> Result<(), LockError> {
        match self.leave() {
            Released::Last(number) => release(&self.guard.remote, number),
            Released::Inner => check(&self.guard.remote),
            Released::NotHere => {
                let number = self.guard.number.take();
                number.map_or(Ok(()), |number| release(&self.guard.remote, number))
            }
        }
    }

    /// Takes the guard's number out of what this thread holds. What is left to the guard inside is what the host has granted.
    fn leave(&mut self) -> Released {
        let left = self.guard.number.map_or(Released::Inner, |number| nest::leave(self.guard.remote.life(), number));
        if left != Released::NotHere {
            self.guard.number = None;
        }
        left
    }
}

impl Drop for RLockGuard {
    fn drop(&mut self) {
        if let Released::Last(number) = self.leave()
            && !self.guard.remote.give_back(number)
        {
            self.guard.remote.withdraw(number);
        }
    }
}
