//! The locks: what processes wait at for each other.
//!
//! Each is a pure machine, an actor that hosts it and a handle; host and way there are the same for all.
//!
//! | file | noun |
//! |---|---|
//! | `machine.rs` | what a machine is: demands in, answers out, deaths and time-outs told; pure |
//! | `host.rs` | the actor around a machine, and the protocol |
//! | `remote.rs` | the way to a host |
//! | `lending.rs` | what a host lends of its machine, for others to change without asking |
//! | `users.rs` | what parties are called in lent words; pure |
//! | `taking.rs` | how a process takes a lent word and gives it back |
//! | `number.rs` | numbers of threads and calls |
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
mod lending;
mod lock;
mod machine;
mod number;
mod remote;
mod semaphore;
mod taking;
#[cfg(test)]
mod trial;
pub(super) mod users;

pub use barrier::{ArchivedBarrier, Barrier};
pub use error::LockError;
pub use event::{ArchivedEvent, Event};
pub use lock::condition::{ArchivedCondition, Condition};
pub use lock::reentrant::{ArchivedRLock, RLock, RLockGuard};
pub use lock::{ArchivedLock, Lock, LockGuard};
pub(super) use machine::Party;
pub use semaphore::{ArchivedBoundedSemaphore, ArchivedSemaphore, BoundedSemaphore, Semaphore, SemaphoreGuard};
pub(super) use users::Users;
