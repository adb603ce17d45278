//! What carries our messages in this run.

use std::env;

/// The variable that the runtime reads.
const VARIABLE: &str = "PROCESSION_LINK";

/// What carries our messages in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// What the runtime chooses.
    Automatic,
    /// Sockets.
    Socket,
    /// Rings in shared memory.
    Ring,
}

impl Link {
    /// Reads what the runtime is told by the environment.
    pub fn of_this_run() -> Link {
        match env::var(VARIABLE).as_deref() {
            Ok("socket") => Link::Socket,
            Ok("ring") => Link::Ring,
            _ => Link::Automatic,
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Link::Automatic => "auto",
            Link::Socket => "socket",
            Link::Ring => "ring",
        }
    }

    /// Whether busy connections may be rings, whose goals are higher.
    pub(crate) fn may_be_ring(self) -> bool {
        self != Link::Socket
    }
}
