//! What the connections between processes go by.

use serde::{Deserialize, Serialize};

/// Sets what connections go by where a system's builder does not: `automatic`, `sockets` or `shared_memory`.
pub const LINKS_VARIABLE: &str = "PROCESSION_LINKS";

/// A connection is busy once its requests, or the answers it takes, are so many.
const BUSY_AFTER: u32 = 64;

/// What the connections between processes go by.
///
/// | | socket | shared memory |
/// |---|---|---|
/// | one small message and its answer, both awake, a core each | about 5 µs | about 0.6 µs |
/// | the same, both on one core | about 10 µs | about 4 µs |
/// | small messages without answers, in a second | some 20 to 35 M | some 25 to 50 M |
/// | 1 MiB | about 130 µs | about 80 µs |
/// | costs | two descriptors | in addition 516 KiB of memory, and one descriptor on each side |
/// | large messages | socket buffers | 1 MiB more for each direction, while they are sent |
/// | at most | as many as there are descriptors | 128 for each thread that sends or receives |
///
/// (`benches/results/peers.md` says on which machine, and beside what.) Sockets keep the buffers that the system gives them: with
/// buffers of 4 MiB, 1 MiB takes as long.
///
/// Every connection begins as a socket. Descriptors in messages go by the socket in any case, in order with the rest. Who has no
/// memory, descriptors or places left stays on the socket.
///
/// How to choose: leave it [`Automatic`](Links::Automatic). [`Sockets`](Links::Sockets) where very many connections are busy and memory
/// is dear, or processes may have no memory in common; [`SharedMemory`](Links::SharedMemory) where the first 64 messages of a connection
/// matter as much as all that come after, as in short-lived processes that talk a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Links {
    /// A connection goes by shared memory once it is busy: when 64 messages have been sent there.
    #[default]
    Automatic,
    /// Every connection stays a socket.
    Sockets,
    /// Every connection goes by shared memory from its first message on, as soon as both sides have it.
    SharedMemory,
}

impl Links {
    /// What the environment says; [`Automatic`](Links::Automatic) if it says nothing.
    pub(crate) fn from_environment() -> Links {
        match std::env::var(LINKS_VARIABLE).as_deref() {
            Ok("sockets") => Links::Sockets,
            Ok("shared_memory") => Links::SharedMemory,
            Ok("automatic") | Err(_) => Links::Automatic,
            Ok(other) => {
                tracing::warn!(other, "{LINKS_VARIABLE} is `automatic`, `sockets` or `shared_memory`");
                Links::Automatic
            }
        }
    }

    /// After how many messages a connection leaves its socket; 0 for never.
    pub(crate) fn busy_after(self) -> u32 {
        match self {
            Links::Automatic => BUSY_AFTER,
            Links::Sockets => 0,
            Links::SharedMemory => 1,
        }
    }
}
