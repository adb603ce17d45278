//! Locks, and conditions on them.

pub(crate) mod condition;
mod guard;
mod handle;
mod machine;
mod nest;
mod note;
pub(crate) mod reentrant;
#[cfg(test)]
mod tests;

pub use guard::LockGuard;
pub use handle::{ArchivedLock, Lock};
