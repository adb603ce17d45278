//! Semaphores, bounded or not.

use std::time::Duration;

use super::guard::SemaphoreGuard;
use super::machine::{SemaphoreDemand, SemaphoreGrant, SemaphoreMachine, SemaphoreSettings};
use crate::primitives::locks::remote::Remote;
use crate::{Home, LockError, data};

/// The methods that both kinds have, for a type with a field `remote`.
macro_rules! semaphore_methods {
    () => {
        /// Waits until a permit is free and takes it.
        ///
        /// # Errors
        /// [`LockError`] if the host does not live.
        pub fn acquire(&self) -> Result<SemaphoreGuard, LockError> {
            acquire(&self.remote, None)
        }

        /// Takes a permit if one is free.
        ///
        /// # Errors
        /// [`LockError::Timeout`] if none is.
        pub fn try_acquire(&self) -> Result<SemaphoreGuard, LockError> {
            acquire(&self.remote, Some(Duration::ZERO))
        }

        /// Waits for up to `timeout` until a permit is free and takes it.
        ///
        /// # Errors
        /// [`LockError::Timeout`] if none was.
        pub fn acquire_within(&self, timeout: Duration) -> Result<SemaphoreGuard, LockError> {
            acquire(&self.remote, Some(timeout))
        }

        /// Says how many permits are free now.
        ///
        /// # Errors
        /// [`LockError`] if the host does not live.
        pub fn value(&self) -> Result<u64, LockError> {
            match self.remote.do_now(SemaphoreDemand::Value)? {
                SemaphoreGrant::Value(free) => Ok(free),
                other => Err(LockError::Unanswered(format!("{other:?} for a value"))),
            }
        }
    };
}

/// A number of permits that processes take and give back. Those who wait get them in the order in which they asked the host.
///
/// The handle is plain data: cloned, sent in messages and arguments, used from any process and thread.
///
/// # Protocol
/// The host is an actor that is asked for a permit, and answers when one is free for the asker. A guard's drop is told, not
/// asked. Each permit is free, held under a number by one process, or [kept](SemaphoreGuard::keep) by one. As long as nobody
/// waits, the host lends permits: a process that has used the semaphore before takes them and gives them back without asking. Whoever
/// finds none looks for one for up to some 50 µs, if such looks have been worth it, before it asks.
///
/// # When somebody dies
/// * Who holds or keeps permits: they return. What they allowed may be half done.
/// * One who waits: it is forgotten.
/// * The host: as with [`Lock`](crate::Lock).
///
/// # Example
/// ```no_run
/// # use procession::prelude::*;
/// # use procession::Semaphore;
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let semaphore = Semaphore::new(&system, 3)?;
/// let permit = semaphore.acquire()?;
/// assert_eq!(semaphore.value()?, 2);
/// drop(permit);
/// semaphore.release(2)?; // 5 permits from now on
/// # Ok(()) }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Semaphore {
    remote: Remote<SemaphoreMachine>,
}

impl Semaphore {
    /// Makes a semaphore with this many permits at first, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home, permits: u64) -> Result<Semaphore, LockError> {
        let settings = SemaphoreSettings { permits, bounded: false };
        Ok(Semaphore { remote: Remote::start(home, settings, "semaphore")? })
    }

    semaphore_methods!();

    /// Puts this many permits in: first those that processes [keep](SemaphoreGuard::keep), its own before those of others,
    /// then new ones.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if they are more than can be counted; none is put in then.
    pub fn release(&self, count: u64) -> Result<(), LockError> {
        self.remote.do_now(SemaphoreDemand::Put { count }).map(drop)
    }
}

/// A [`Semaphore`] that never has more permits than at first: to release more than were acquired is an error.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct BoundedSemaphore {
    remote: Remote<SemaphoreMachine>,
}

impl BoundedSemaphore {
    /// Makes a semaphore with this many permits, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home, permits: u64) -> Result<BoundedSemaphore, LockError> {
        let settings = SemaphoreSettings { permits, bounded: true };
        Ok(BoundedSemaphore { remote: Remote::start(home, settings, "semaphore")? })
    }

    semaphore_methods!();

    /// Puts back this many permits that processes [keep](SemaphoreGuard::keep), its own before those of others.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if fewer are kept; none is put back then.
    pub fn release(&self, count: u64) -> Result<(), LockError> {
        self.remote.do_now(SemaphoreDemand::Put { count }).map(drop)
    }
}

fn acquire(remote: &Remote<SemaphoreMachine>, within: Option<Duration>) -> Result<SemaphoreGuard, LockError> {
    let (number, _) = remote.acquire(SemaphoreDemand::Acquire, within)?;
    Ok(SemaphoreGuard::new(remote, number))
}

impl ArchivedSemaphore {
    /// Gives the handle.
    pub fn to_native(&self) -> Semaphore {
        Semaphore { remote: self.remote.to_native() }
    }
}

impl ArchivedBoundedSemaphore {
    /// Gives the handle.
    pub fn to_native(&self) -> BoundedSemaphore {
        BoundedSemaphore { remote: self.remote.to_native() }
    }
}
