//! Locks.

use std::time::Duration;

use super::guard::{LockGuard, give_up};
use super::machine::{LockDemand, LockGrant, LockMachine, LockSettings};
use crate::primitives::locks::number::thread_number;
use crate::primitives::locks::remote::Remote;
use crate::{Home, LockError, data};

/// A lock between processes: at most one holds it at a time. Those who wait get it in the order in which they asked the host.
///
/// The handle is plain data: cloned, sent in messages and arguments, used from any process and thread. Whoever asks for the
/// lock a second time while holding it waits for itself; see [`RLock`](crate::RLock).
///
/// # Protocol
/// The host is an actor that is asked to acquire, and answers when the lock is free for the asker. A guard's drop is told, not
/// asked. The states: free, or held under one number by one process; and those who wait, in order. As long as nobody waits, the
/// host lends the lock: a process that has used it before takes it and releases it in shared memory, without asking. Whoever finds
/// it held looks at it for up to some 50 µs, if such looks have been worth it, and then asks; the host takes it back then, and
/// whoever holds it releases it by message. That a holder has died is seen there.
///
/// # When somebody dies
/// * The holder: the next holder gets the lock, and [`LockGuard::owner_died`] says once how the last one ended.
/// * One who waits: it is forgotten.
/// * The host: all who wait get [`LockError::HostDied`], all later calls that or [`LockError::NoHost`]. If it is restarted,
///   old handles and guards get [`LockError::HostRestarted`].
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
/// use procession::Lock;
///
/// fn work(lock: Lock, name: String) {
///     let _guard = lock.acquire().expect("the lock's host lives");
///     println!("{name} is alone");
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let lock = Lock::new(&system)?;
///     for name in ["one", "two"] {
///         system.process(work, (lock.clone(), name.to_owned())).start()?;
///     }
///     system.shutdown()
/// }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Lock {
    pub(super) remote: Remote<LockMachine>,
}

impl Lock {
    /// Makes a lock, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn new(home: &impl Home) -> Result<Lock, LockError> {
        Ok(Lock { remote: Remote::start(home, LockSettings { reentrant: false }, "lock")? })
    }

    /// Waits until the lock is free and takes it.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn acquire(&self) -> Result<LockGuard, LockError> {
        self.acquire_in(None)
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it is not.
    pub fn try_acquire(&self) -> Result<LockGuard, LockError> {
        self.acquire_in(Some(Duration::ZERO))
    }

    /// Waits for up to `timeout` until the lock is free and takes it.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if it was not.
    pub fn acquire_within(&self, timeout: Duration) -> Result<LockGuard, LockError> {
        self.acquire_in(Some(timeout))
    }

    /// Releases the lock, whichever thread of this process holds it. Its guard is void then.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if this process does not hold it.
    pub fn release(&self) -> Result<(), LockError> {
        if give_up(&self.remote, None) {
            return Ok(());
        }
        self.remote.do_now(LockDemand::ReleaseLast { thread: thread_number() }).map(drop)
    }

    /// Says how many wait for the lock now.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn n_waiting(&self) -> Result<u64, LockError> {
        match self.remote.do_now(LockDemand::Count)? {
            LockGrant::Waiting(waiting) => Ok(waiting),
            other => Err(LockError::Unanswered(format!("{other:?} for a count"))),
        }
    }

    fn acquire_in(&self, within: Option<Duration>) -> Result<LockGuard, LockError> {
        let (number, grant) = self.remote.acquire(LockDemand::Acquire { thread: thread_number() }, within)?;
        Ok(LockGuard::new(&self.remote, number, grant))
    }
}

impl ArchivedLock {
    /// Gives the handle.
    pub fn to_native(&self) -> Lock {
        Lock { remote: self.remote.to_native() }
    }
}
