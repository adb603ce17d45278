//! Barriers.

mod handle;
mod machine;
#[cfg(test)]
mod tests;

pub use handle::{ArchivedBarrier, Barrier};
