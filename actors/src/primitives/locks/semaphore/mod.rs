//! Semaphores.

mod guard;
mod handle;
mod machine;
#[cfg(test)]
mod tests;

pub use guard::SemaphoreGuard;
pub use handle::{ArchivedBoundedSemaphore, ArchivedSemaphore, BoundedSemaphore, Semaphore};
