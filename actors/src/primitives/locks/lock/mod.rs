//! Locks, and conditions on them.

pub(crate) mod condition;
mod guard;
mod handle;
mod loan;
mod machine;
mod nest;
pub(crate) mod reentrant;
mod seats;
#[cfg(test)]
mod tests;

pub use guard::LockGuard;
pub use handle::{ArchivedLock, Lock};
