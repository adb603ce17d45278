//! Addresses as data.

use procession_runtime::ProcessId;
use rkyv::{Archive, Deserialize, Serialize};

/// A [`ProcessId`] as it travels in messages: the runtime does not know archives. In one's own messages, too:
/// `#[rkyv(with = procession::Address)] process: ProcessId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
#[rkyv(remote = ProcessId, derive(Debug, Clone, Copy, PartialEq, Eq))]
pub struct Address {
    /// Which system.
    pub system: u64,
    /// Which host.
    pub node: u32,
    /// Place in the system's process table.
    pub slot: u32,
    /// Which user of that place.
    pub generation: u32,
}

impl From<Address> for ProcessId {
    fn from(address: Address) -> ProcessId {
        let Address { system, node, slot, generation } = address;
        ProcessId { system, node, slot, generation }
    }
}

impl ArchivedAddress {
    /// Gives the address.
    pub fn to_native(&self) -> ProcessId {
        ProcessId {
            system: self.system.to_native(),
            node: self.node.to_native(),
            slot: self.slot.to_native(),
            generation: self.generation.to_native(),
        }
    }
}
