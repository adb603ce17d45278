//! Whom a failure takes along, and which ends are failures.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Says which children are restarted when one of them has failed.
///
/// The others among them are stopped first, right to left; then all of them are started, left to right. As in OTP that
/// includes children which were down, by [`terminate_child`](super::Rules::terminate_child) or after a normal end.
/// Temporary children are stopped with the others and never started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Only the failed one.
    #[default]
    OneForOne,
    /// All children of the group.
    OneForAll,
    /// The failed one and all to its right, which were started after it.
    RestForOne,
}

impl Strategy {
    /// Gives the places of the children that a failure at place `failed` restarts, of `count` children in all.
    pub(super) fn restarted(self, failed: usize, count: usize) -> Range<usize> {
        match self {
            Strategy::OneForOne => failed..failed + 1,
            Strategy::OneForAll => 0..count,
            Strategy::RestForOne => failed..count,
        }
    }
}

/// Says after which ends a child is restarted.
///
/// An end that the group asked for, by a stop, is never a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// Always, also after a normal end.
    #[default]
    Permanent,
    /// Only after an abnormal end; after a normal one the child stays in the group, down.
    Transient,
    /// Never: the child leaves the group when its process ends, however that came about.
    Temporary,
}

impl Restart {
    /// Tells whether an end that nobody asked for is a failure, to be answered by a restart.
    pub(super) fn is_failure(self, normal: bool) -> bool {
        match self {
            Restart::Permanent => true,
            Restart::Transient => !normal,
            Restart::Temporary => false,
        }
    }
}
