//! What the owner of the rules is told.

use serde::{Deserialize, Serialize};

use super::ChildKey;

/// Tells the owner of a group what to do next, or what has come of a request.
///
/// Actions are carried out in the order in which they were handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start this child, which has no process. Answered by `started`, `start_failed` or `ended`.
    Start(ChildKey),
    /// Stop this child, whose `Start` was carried out or is under way. Answered by `ended` or `start_failed`; if the
    /// owner has already said one of them of that process, there is nothing to do.
    Stop(ChildKey),
    /// The child that `start_child` or `restart_child` was called for is up.
    Started(ChildKey),
    /// The child that `start_child` or `restart_child` was called for did not start, or its start was given up for a
    /// stop. After `start_child` its `Removed` follows.
    NotStarted(ChildKey),
    /// The child that `terminate_child` was called for has no process (any more).
    Terminated(ChildKey),
    /// This child has left the group; its key means nothing from now on.
    Removed(ChildKey),
    /// The initial start is complete: every child had its turn and nothing is left to do. Said at most once.
    Up,
    /// The group is over: no child has a process. Said once, and last: nothing but answers to `delete_child` and
    /// `terminate_child` can follow.
    Ended(Reason),
}

/// Says why a group has ended.
///
/// Where several apply it is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The group was told to stop.
    Stopped,
    /// This child failed to start in the initial start: the group as a whole has failed to start.
    StartFailed(ChildKey),
    /// This child failed once more than the [`Intensity`](super::Intensity) allows: the owner escalates to the group
    /// above.
    IntensityExceeded(ChildKey),
}
