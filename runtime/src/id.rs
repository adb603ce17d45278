//! Who is who: numbers that are never reused silently.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The node number that stands for this host; others are for hosts to come.
pub const THIS_HOST: u32 = 0;

/// Address of a process, of a mailbox or of a supervisor. Plain data.
///
/// It stays the same over restarts. A place in the process table is used again by later processes, each with a
/// generation of its own, so an old address never reaches a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// Which system: a random number, since one process may hold several.
    pub system: u64,
    /// Which host; [`THIS_HOST`].
    pub node: u32,
    /// Place in the system's process table; 0 is root.
    pub slot: u32,
    /// Which user of that place.
    pub generation: u32,
}

impl ProcessId {
    /// The process that started the system.
    pub const fn root(system: u64) -> ProcessId {
        ProcessId { system, node: THIS_HOST, slot: 0, generation: 0 }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.node, self.slot, self.generation)
    }
}

/// How often a process has been restarted under its address.
pub type Incarnation = u32;

/// Which thread of which process: every thread that talks has its own connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointId {
    /// Its process.
    pub process: ProcessId,
    /// Which life of the process.
    pub incarnation: Incarnation,
    /// Counts the process's endpoints; 0 is the main thread's.
    pub number: u32,
}

/// A monitor, as its owner numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MonitorId(pub u32);

/// A timer of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub(crate) u64);
