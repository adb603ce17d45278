//! What a queue remembers of items, and of those who ask.

use std::collections::VecDeque;

use super::Most;

/// Who asks: a thread of a process. One thread waits for one thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Asker {
    /// Its process, as the host numbers it.
    pub(in super::super) process: u64,
    /// Which thread of that.
    pub(in super::super) thread: u64,
}

/// Names a request that is owed an answer. The host never uses one twice.
pub(in super::super) type Ticket = u64;

/// Names one handing-over of an item. Later ones are greater; 0 is none.
pub(in super::super) type Grant = u64;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Put,
    Get,
    Join,
}

#[derive(Debug, Clone)]
pub(super) struct Entry<I> {
    /// Its place in the order of arrival.
    pub(super) number: u64,
    pub(super) bytes: usize,
    pub(super) item: I,
}

#[derive(Debug)]
pub(super) struct Held<I> {
    pub(super) asker: Asker,
    pub(super) entry: Entry<I>,
}

#[derive(Debug)]
pub(super) struct Putter<I> {
    pub(super) ticket: Ticket,
    pub(super) asker: Asker,
    /// What has not been taken in, each with its size in bytes.
    pub(super) rest: VecDeque<(I, usize)>,
    /// How many were.
    pub(super) taken: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Getter {
    pub(super) ticket: Ticket,
    pub(super) asker: Asker,
    pub(super) most: Most,
}
