//! One child of a group: its process, and what is wanted of it next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Action, ChildState, ChildStatus, Restart};

/// Names a child within its group.
///
/// Keys grow from left to right and are never used again, so that a late word about a child that has left the group
/// reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChildKey(pub(super) u64);

impl fmt::Display for ChildKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is known of a child's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// There is none.
    None,
    /// `Start` was said, and nothing has come of it yet.
    Starting,
    /// It is up.
    Running,
    /// Starting or up, but it has to go: `Stop` is said when its turn comes.
    Doomed,
    /// `Stop` was said.
    Stopping,
}

/// What becomes of a child when it has no process (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It stays in the group, down.
    Rest,
    /// It is started when its turn comes. Stands until the child is up.
    Start(Cause),
    /// It leaves the group.
    Remove,
}

/// Why a child is started; decides what a failure to start means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The group's initial start: the group fails.
    Group,
    /// `start_child`: the child leaves the group.
    Added,
    /// `restart_child`: the child stays down.
    Asked,
    /// A restart: one more failure, to be answered by one more restart.
    Failure,
}

/// A child as its group keeps it.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) key: ChildKey,
    pub(super) restart: Restart,
    pub(super) process: Process,
    pub(super) next: Next,
    /// Whether `Terminated` is owed once the process is gone.
    pub(super) terminating: bool,
}

impl Child {
    /// Creates a child without a process that is to be started.
    pub(super) fn new(key: ChildKey, restart: Restart, cause: Cause) -> Self {
        Child { key, restart, process: Process::None, next: Next::Start(cause), terminating: false }
    }

    /// Notes that the process is up.
    pub(super) fn started(&mut self, actions: &mut Vec<Action>) {
        self.process = Process::Running;
        if self.next == Next::Start(Cause::Added) || self.next == Next::Start(Cause::Asked) {
            actions.push(Action::Started(self.key));
        }
        self.next = self.rest();
    }

    /// Decides that the process, if there is one, has to go.
    pub(super) fn doom(&mut self) {
        if matches!(self.process, Process::Starting | Process::Running) {
            self.process = Process::Doomed;
        }
    }

    /// Takes part in a restart: whatever process there is has to go, then the child is started.
    ///
    /// A start that was already due keeps its cause, and with it what its failure means.
    pub(super) fn revive(&mut self) {
        self.doom();
        if self.next == Next::Rest {
            self.next = Next::Start(Cause::Failure);
        }
    }

    /// Gives up the start that was due or under way, if any.
    pub(super) fn abandon(&mut self, actions: &mut Vec<Action>) {
        let Next::Start(cause) = self.next else { return };
        if matches!(cause, Cause::Added | Cause::Asked) {
            actions.push(Action::NotStarted(self.key));
        }
        self.next = if cause == Cause::Added { Next::Remove } else { self.rest() };
    }

    /// Tells whether it is this child's turn as soon as one is to be started.
    pub(super) fn is_waiting(&self) -> bool {
        self.state() == ChildState::Waiting
    }

    /// Tells whether nothing keeps this child in the group any more.
    pub(super) fn is_removable(&self) -> bool {
        self.process == Process::None && self.next == Next::Remove
    }

    /// Says what the child is doing, to callers.
    pub(super) fn state(&self) -> ChildState {
        match self.process {
            Process::None if matches!(self.next, Next::Start(_)) => ChildState::Waiting,
            Process::None => ChildState::Down,
            Process::Starting => ChildState::Starting,
            Process::Running => ChildState::Running,
            Process::Doomed | Process::Stopping => ChildState::Stopping,
        }
    }

    /// Describes the child to callers.
    pub(super) fn status(&self) -> ChildStatus {
        ChildStatus { key: self.key, restart: self.restart, state: self.state() }
    }

    /// Gives what becomes of the child once it is down and not to be started.
    fn rest(&self) -> Next {
        if self.restart == Restart::Temporary { Next::Remove } else { Next::Rest }
    }
}
