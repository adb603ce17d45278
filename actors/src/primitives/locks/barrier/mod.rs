//! Barriers.

mod handle;
mod machine;
mod seats;
#[cfg(test)]
mod tests;

pub use handle::{ArchivedBarrier, Barrier};
