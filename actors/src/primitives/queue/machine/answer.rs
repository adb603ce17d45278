//! What a queue answers, and what bounds it.

use super::{Grant, Room, Tally};
use crate::data;

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Answer<I> {
    /// It is done.
    Done,
    /// It is done, and there is room for more, which can be put without asking.
    Room(Room),
    /// There is no room, and the asker does not wait.
    Full,
    /// There is no item, and the asker does not wait.
    Empty,
    /// The asker's time is over.
    TimedOut,
    /// Nothing more is taken, or nothing more comes.
    Closed,
    /// The asker has nothing to settle.
    Invalid,
    /// Only some of the items that the asker brings were taken in.
    Partly {
        /// How many.
        taken: usize,
        /// Why not the others.
        why: Why,
    },
    /// The first items that were ready.
    Items {
        /// Names the handing-over of the first; each further one has the next.
        grant: Grant,
        /// The items, at least one.
        items: Vec<I>,
        /// Where the thread counts what it takes after the first; `None`: it has taken them all.
        pile: Option<Tally>,
    },
}

/// Why the rest of several items was not taken in.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is no room, and the asker does not wait.
    Full,
    /// The asker's time is over.
    TimedOut,
    /// Nothing more is taken.
    Closed,
}

impl Why {
    /// What to say to somebody of whom so much was taken.
    pub(super) fn answer<I>(self, taken: usize) -> Answer<I> {
        match self {
            why if taken > 0 => Answer::Partly { taken, why },
            Why::Full => Answer::Full,
            Why::TimedOut => Answer::TimedOut,
            Why::Closed => Answer::Closed,
        }
    }
}

/// How much is handed over at a time: at least one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Most {
    /// Items.
    pub(in super::super) items: usize,
    /// Bytes that these have together, unless the first has more.
    pub(in super::super) bytes: usize,
    /// Whether there may be a pile of more, of which the thread counts what it takes.
    pub(in super::super) with_pile: bool,
}

/// How much a queue takes in. One item is taken whatever its size, if there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Limits {
    /// Most items that are ready.
    pub(in super::super) items: usize,
    /// Most bytes that these have together.
    pub(in super::super) bytes: usize,
}
