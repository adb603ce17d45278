//! What carries our messages in this run.

use crate::goal::Goal;
use std::env;

/// The variable that the runtime reads.
const VARIABLE: &str = "PROCESSION_LINKS";

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
            Ok("sockets") => Link::Socket,
            Ok("shared_memory") => Link::Ring,
            _ => Link::Automatic,
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Link::Automatic => "automatic",
            Link::Socket => "sockets",
            Link::Ring => "shared_memory",
        }
    }

    /// Returns those of the goals that this run is held against: if the runtime chooses, all.
    pub(crate) fn goals(self, over_socket: &[Goal], over_ring: &[Goal]) -> Vec<Goal> {
        match self {
            Link::Automatic => [over_socket, over_ring].concat(),
            Link::Socket => over_socket.to_vec(),
            Link::Ring => over_ring.to_vec(),
        }
    }
}
