//! What callers are told about the children of a group.

use serde::{Deserialize, Serialize};

use super::{
    ChildKey, Restart, Rules,
    child::{Child, Process},
};

/// Says what a child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChildState {
    /// It has no process and is to have none.
    Down,
    /// It has no process and is to be started when its turn comes; OTP's `restarting`.
    Waiting,
    /// It has been told to start.
    Starting,
    /// It is up.
    Running,
    /// It has a process that has been told to stop, or will be when its turn comes.
    Stopping,
}

/// Describes a child to whoever asks for the children of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStatus {
    /// Which child.
    pub key: ChildKey,
    /// After which ends it is restarted.
    pub restart: Restart,
    /// What it is doing.
    pub state: ChildState,
}

/// Counts the children of a group, as OTP's `count_children` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All children, with or without a process.
    pub specs: usize,
    /// Children with a process: starting, running or stopping.
    pub active: usize,
    /// Children without a process that are about to be started.
    pub waiting: usize,
}

impl Rules {
    /// Describes all children, left to right.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = ChildStatus> + ExactSizeIterator + '_ {
        self.children.iter().map(Child::status)
    }

    /// Says what a child is doing; `None` if the group has no such child.
    pub fn state(&self, key: ChildKey) -> Option<ChildState> {
        self.position(key).map(|index| self.children[index].state())
    }

    /// Counts the children.
    pub fn counts(&self) -> Counts {
        let waiting = self.children.iter().filter(|child| child.is_waiting()).count();
        let active = self.children.iter().filter(|child| child.process != Process::None).count();
        Counts { specs: self.children.len(), active, waiting }
    }
}
