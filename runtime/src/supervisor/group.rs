//! What a supervisor in OTP's sense knows.

use rustc_hash::FxHashMap;

use super::record::Caller;
use crate::id::ProcessId;
use crate::supervision::{ChildKey, Intensity, Restart, Rules, Strategy};

/// A supervisor: its rules, and which of its children is which process.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) rules: Rules,
    pub(crate) children: FxHashMap<ChildKey, Member>,
    /// The children it was made with, in start order: those that it starts again when it is restarted itself.
    pub(crate) initial: Vec<ProcessId>,
    pub(crate) is_up: bool,
    /// It has said that it has ended.
    pub(crate) is_over: bool,
    /// Who waits for a child to start, or to be gone.
    pub(crate) starters: Vec<(ChildKey, Caller)>,
    pub(crate) terminators: Vec<(ChildKey, Caller)>,
}

/// One child.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) process: ProcessId,
    pub(crate) restart: Restart,
    pub(crate) is_group: bool,
}

impl Group {
    /// Finds a child by its name among its siblings.
    pub(crate) fn find(&self, name: &str) -> Option<ChildKey> {
        self.children.iter().find(|(_, member)| member.name == name).map(|(key, _)| *key)
    }

    /// Forgets callers at a station that has closed.
    pub(crate) fn forget_station(&mut self, station: usize) {
        self.starters.retain(|(_, caller)| caller.station != station);
        self.terminators.retain(|(_, caller)| caller.station != station);
    }
}
