//! The locks: what processes wait at for each other.
//!
//! Each is a pure machine, an actor that hosts it and a handle; host and way there are the same for all.
//!
//! | file | noun |
//! |---|---|
//! | `machine.rs` | what a machine is: demands in, answers out, deaths and time-outs told; pure |
//! | `host.rs` | the actor around a machine, and the protocol |
//! | `remote.rs` | the way to a host |
//! | `error.rs` | [`LockError`] |
//! | `lock/` | [`Lock`], [`RLock`], [`Condition`] |
//! | `semaphore/` | [`Semaphore`], [`BoundedSemaphore`] |
//! | `event/` | [`Event`] |
//! | `barrier/` | [`Barrier`] |
//! | `trial.rs` | how machines are tried: random demands, time-outs, withdrawals and deaths |

mod barrier;
mod error;
mod event;
mod host;
mod lock;
mod machine;
mod remote;
mod semaphore;
#[cfg(test)]
mod trial;

use std::sync::atomic::{AtomicU64, Ordering};

pub use barrier::{ArchivedBarrier, Barrier};
pub use error::LockError;
pub use event::{ArchivedEvent, Event};
pub use lock::condition::{ArchivedCondition, Condition};
pub use lock::reentrant::{ArchivedRLock, RLock, RLockGuard};
pub use lock::{ArchivedLock, Lock, LockGuard};
pub use semaphore::{ArchivedBoundedSemaphore, ArchivedSemaphore, BoundedSemaphore, Semaphore, SemaphoreGuard};

/// Numbers this process's threads; a number is not used again.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // In a thread that is ending there is no number any more.
    NUMBER.try_with(|number| *number).unwrap_or(u64::MAX)
}
