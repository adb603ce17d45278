//! Events.

mod flag;
mod handle;
mod machine;
#[cfg(test)]
mod tests;

pub use handle::{ArchivedEvent, Event};
