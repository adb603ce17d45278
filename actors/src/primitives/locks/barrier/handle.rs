//! Barriers.

use std::time::{Duration, Instant};

use super::machine::{BarrierDemand, BarrierGrant, BarrierMachine, BarrierSettings};
use super::seats::{self, Arrived};
use crate::primitives::locks::remote::Remote;
use crate::primitives::near::Near;
use crate::{Home, LockError, data};

/// A place where a fixed number of parties wait for each other, again and again.
///
/// The handle is plain data: cloned, sent in messages and arguments, used from any process and thread.
///
/// # Protocol
/// The host is an actor that is asked to wait, and answers all when enough have arrived; if some of them brought an action,
/// the last of these is told to run it first. A barrier that is broken answers so at once, until it is reset. It is broken by
/// [`abort`](Barrier::abort), by a time-out, by an action that panics, and by deaths. A process that has waited before arrives
/// without an action in shared memory, and looks there for some 50 µs whether all have, if such looks have been worth it, before it
/// asks. At a barrier of more than 63 parties all ask.
///
/// # When somebody dies
/// * A party that waits, or runs the action: the barrier is broken, and the others are told at once.
/// * A party that has [registered](Barrier::register): the same, however it ends and whether it has arrived or not, unless it
///   has [left](Barrier::leave).
/// * A party that has waited before: the same if it fails. Its normal end is no harm: it may have done its part. A process that
///   has done neither is unknown to the barrier.
/// * The host: as with [`Lock`](crate::Lock).
///
/// # Example
/// ```no_run
/// # use procession::prelude::*;
/// # use procession::{Barrier, LockError};
/// fn run(barrier: Barrier) -> Result<(), String> {
///     barrier.wait().map_err(|error| error.to_string())?;
///     println!("all are here");
///     Ok(())
/// }
///
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let barrier = Barrier::new(&system, 2)?;
/// system.try_process(run, barrier.clone()).start()?;
/// barrier.wait_with(|| println!("once per round, before anybody goes on"))?;
/// # Ok(()) }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Barrier {
    remote: Remote<BarrierMachine>,
    parties: u32,
}

impl Barrier {
    /// Makes a barrier for this many parties, hosted by a process of its own.
    ///
    /// # Errors
    /// [`LockError::Invalid`] for no parties, [`LockError::Spawn`].
    pub fn new(home: &impl Home, parties: u32) -> Result<Barrier, LockError> {
        if parties == 0 {
            return Err(LockError::Invalid("a barrier needs a party".to_owned()));
        }
        Ok(Barrier { remote: Remote::start(home, BarrierSettings { parties }, "barrier")?, parties })
    }

    /// Waits until all parties have arrived; gives as which one this did: each number below that of the parties once.
    ///
    /// # Errors
    /// [`LockError::Broken`] if the barrier is broken, or is while this waits.
    pub fn wait(&self) -> Result<u32, LockError> {
        self.wait_in(None, None::<fn()>)
    }

    /// Waits for up to `timeout`. When that is over, the barrier is broken.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if not all have arrived in time; the others get [`LockError::Broken`].
    pub fn wait_within(&self, timeout: Duration) -> Result<u32, LockError> {
        self.wait_in(Some(timeout), None::<fn()>)
    }

    /// Waits, and runs the action when all have arrived and before anybody goes on, if this is the last of those who have
    /// brought one. So it is run once per round.
    ///
    /// # Errors
    /// As [`wait`](Barrier::wait).
    ///
    /// # Panics
    /// If the action does; the barrier is broken then.
    pub fn wait_with(&self, action: impl FnOnce()) -> Result<u32, LockError> {
        self.wait_in(None, Some(action))
    }

    /// Waits for up to `timeout`, with an action; see [`wait_with`](Barrier::wait_with). The action's own time does not count
    /// for whoever runs it, but for the others.
    ///
    /// # Errors
    /// As [`wait_within`](Barrier::wait_within).
    ///
    /// # Panics
    /// As [`wait_with`](Barrier::wait_with).
    pub fn wait_with_within(&self, timeout: Duration, action: impl FnOnce()) -> Result<u32, LockError> {
        self.wait_in(Some(timeout), Some(action))
    }

    /// Makes this process known as a party: if it ends before it has arrived, the others do not wait for it in vain.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn register(&self) -> Result<(), LockError> {
        self.remote.do_now(BarrierDemand::Register).map(drop)
    }

    /// Undoes [`register`](Barrier::register): this process may end without harm, as long as it does not wait again.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn leave(&self) -> Result<(), LockError> {
        // Should it wait again, the host is to know.
        self.remote.forget_words();
        self.remote.do_now(BarrierDemand::Leave).map(drop)
    }

    /// Breaks the barrier.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn abort(&self) -> Result<(), LockError> {
        self.remote.do_now(BarrierDemand::Abort).map(drop)
    }

    /// Makes the barrier whole and empty; those who wait get [`LockError::Broken`].
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn reset(&self) -> Result<(), LockError> {
        self.remote.do_now(BarrierDemand::Reset).map(drop)
    }

    /// Whether it is broken.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn broken(&self) -> Result<bool, LockError> {
        self.status().map(|(broken, _)| broken)
    }

    /// Says how many have arrived and wait.
    ///
    /// # Errors
    /// [`LockError`] if the host does not live.
    pub fn n_waiting(&self) -> Result<u32, LockError> {
        self.status().map(|(_, waiting)| waiting)
    }

    /// Says for how many parties it is.
    pub fn parties(&self) -> u32 {
        self.parties
    }

    fn wait_in(&self, within: Option<Duration>, action: Option<impl FnOnce()>) -> Result<u32, LockError> {
        let start = within.map(|_| Instant::now());
        let mut demand = BarrierDemand::Wait { can_act: action.is_some() };
        if action.is_none()
            && let Some(arrived) =
                self.remote.near(within, |near| seats::arrive(&near.words, self.parties, near.user))?
        {
            if self.is_complete(within, &arrived)? {
                return Ok(arrived.seat.index);
            }
            demand = BarrierDemand::WaitSeated(arrived.seat);
        }
        let within = within.zip(start).map(|(within, start)| within.saturating_sub(start.elapsed()));
        let (number, grant) = self.remote.call(demand, within)?;
        let grant = match (grant, action) {
            (BarrierGrant::Act, Some(action)) => {
                let unfinished = Unfinished { remote: &self.remote, number };
                action();
                std::mem::forget(unfinished);
                self.remote.do_now(BarrierDemand::Acted { number })?
            }
            (grant, _) => grant,
        };
        match grant {
            BarrierGrant::Passed { index } => Ok(index),
            other => Err(LockError::Unanswered(format!("{other:?} for a wait"))),
        }
    }

    /// Looks for a while whether the round is complete in which this has arrived; who completes it sees to those who wait at the host.
    fn is_complete(&self, within: Option<Duration>, arrived: &Arrived) -> Result<bool, LockError> {
        if arrived.is_awaited && !self.remote.have_looked_at() {
            self.status()?;
        }
        let look = |near: &Near| Ok(seats::is_complete(&near.words, self.parties, arrived)?.then_some(()));
        Ok(arrived.is_last || self.remote.look_out(within, look).is_some())
    }

    fn status(&self) -> Result<(bool, u32), LockError> {
        match self.remote.do_now(BarrierDemand::Status)? {
            BarrierGrant::Status { broken, waiting } => Ok((broken, waiting)),
            other => Err(LockError::Unanswered(format!("{other:?} for the status"))),
        }
    }
}

/// An action that has been begun. Dropped, it has panicked.
struct Unfinished<'a> {
    remote: &'a Remote<BarrierMachine>,
    number: u64,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.remote.withdraw(self.number);
    }
}

impl ArchivedBarrier {
    /// Gives the handle.
    pub fn to_native(&self) -> Barrier {
        Barrier { remote: self.remote.to_native(), parties: self.parties.to_native() }
    }
}
