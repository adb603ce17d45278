//! A lock that is held.

use super::machine::{LockDemand, LockGrant, LockMachine};
use super::seats::{self, GivenUp};
use crate::primitives::locks::remote::Remote;
use crate::{Exit, LockError};

/// A [`Lock`](crate::Lock) that is held. Dropped, it releases the lock.
///
/// It belongs to this process; any thread of it may release it. If the process ends without having released it, the next
/// holder is told.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct LockGuard {
    pub(super) remote: Remote<LockMachine>,
    /// What the lock was granted under; None once there is nothing to release.
    pub(super) number: Option<u64>,
    owner_died: Option<Box<Exit>>,
}

impl LockGuard {
    /// A lock that is held under a number; nobody has granted it if it was taken without asking.
    #[inline]
    pub(super) fn new(remote: &Remote<LockMachine>, number: u64, grant: Option<LockGrant>) -> LockGuard {
        let mut guard = LockGuard { remote: remote.clone(), number: Some(number), owner_died: None };
        if let Some(grant) = grant {
            guard.hold(number, grant);
        }
        guard
    }

    /// Notes a new grant; gives whether the time was over.
    pub(super) fn hold(&mut self, number: u64, grant: LockGrant) -> bool {
        self.number = Some(number);
        match grant {
            LockGrant::Held { owner_died, timed_out } => {
                self.owner_died = owner_died.map(|exit| Box::new(exit.into()));
                timed_out
            }
            LockGrant::Done | LockGrant::Room(_) | LockGrant::Waiting(_) => false,
        }
    }

    /// Gives how the last holder ended, if it died while it held the lock: what the lock protects may be half done. Only the
    /// next holder is told.
    pub fn owner_died(&self) -> Option<&Exit> {
        self.owner_died.as_deref()
    }

    /// Releases the lock, and says whether it was still held.
    ///
    /// # Errors
    /// [`LockError::Invalid`] if it has been released already, with [`Lock::release`](crate::Lock::release);
    /// [`LockError::HostRestarted`] and others if the host has not outlived it.
    pub fn release(mut self) -> Result<(), LockError> {
        match self.number.take() {
            Some(number) if give_up(&self.remote, Some(number)) => Ok(()),
            Some(number) => self.remote.do_now(LockDemand::Release { number }).map(drop),
            None => Err(LockError::Invalid("the lock was lost in a failed wait".to_owned())),
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(number) = self.number.take()
            && !give_up(&self.remote, Some(number))
        {
            self.remote.withdraw(number);
        }
    }
}

/// Gives up the lock that this process holds, under a number if there is one, without asking; gives whether that could be done.
#[inline]
pub(super) fn give_up(remote: &Remote<LockMachine>, number: Option<u64>) -> bool {
    match remote.near_if_known(|near| seats::give_up(&near.words, near.user, number)) {
        Some(GivenUp::Quietly) => true,
        Some(GivenUp::ToSleeper) => {
            if !remote.have_looked_at() {
                // That leaves later, and has the host look, too.
                remote.withdraw(number.unwrap_or_default());
            }
            true
        }
        Some(GivenUp::NotHeld) | None => false,
    }
}
