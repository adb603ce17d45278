//! A permit that is held.

use super::machine::{SemaphoreDemand, SemaphoreMachine};
use crate::LockError;
use crate::primitives::locks::remote::Remote;

/// A permit of a [`Semaphore`](crate::Semaphore) or a [`BoundedSemaphore`](crate::BoundedSemaphore). Dropped, it gives the
/// permit back.
///
/// It belongs to this process; any thread of it may give it back. If the process ends before, the permit returns by itself.
#[must_use = "the permit goes back when the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    remote: Remote<SemaphoreMachine>,
    /// What it was granted under; None once it is given back or kept.
    number: Option<u64>,
}

impl SemaphoreGuard {
    pub(super) fn new(remote: &Remote<SemaphoreMachine>, number: u64) -> SemaphoreGuard {
        SemaphoreGuard { remote: remote.clone(), number: Some(number) }
    }

    /// Gives the permit back, and says whether the host has it.
    ///
    /// # Errors
    /// [`LockError::HostRestarted`] and others if the host has not outlived it.
    pub fn release(mut self) -> Result<(), LockError> {
        if self.number.is_some_and(|number| self.remote.give_back(number)) {
            self.number = None;
            return Ok(());
        }
        self.give(|number| SemaphoreDemand::Release { number })
    }

    /// Keeps the permit beyond the guard: until it is put back with `release(1)`, by this process or another, or until this
    /// process ends.
    ///
    /// # Errors
    /// As [`release`](SemaphoreGuard::release).
    pub fn keep(mut self) -> Result<(), LockError> {
        self.give(|number| SemaphoreDemand::Keep { number })
    }

    fn give(&mut self, demand: impl FnOnce(u64) -> SemaphoreDemand) -> Result<(), LockError> {
        // A guard has its number until it is consumed.
        self.number.take().map_or(Ok(()), |number| self.remote.do_now(demand(number)).map(drop))
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        if let Some(number) = self.number.take()
            && !self.remote.give_back(number)
        {
            self.remote.withdraw(number);
        }
    }
}
