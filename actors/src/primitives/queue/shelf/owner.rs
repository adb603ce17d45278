//! The shelf at its host.

use super::{FREE, GATE, PLACES, STATE, TAIL, WRITER, base, read, ticket};
use crate::primitives::locks::Users;

/// The memory as its owner sees it.
pub(in super::super) trait Memory {
    /// Lends a word with a content.
    fn lend(&self, index: usize, content: u64);

    /// Takes a word back; gives its content.
    fn keep(&self, index: usize) -> u64;

    /// Reads a word that is lent or kept.
    fn peek(&self, index: usize) -> u64;

    /// Reads a word of data.
    fn data(&self, index: usize) -> u64;
}

/// An item that was on the shelf, or taken from it, when it was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Found<I> {
    pub(in super::super) item: I,
    /// The process that has taken it, and the number under which; `None` if nobody has.
    pub(in super::super) by: Option<(u64, u64)>,
}

/// What its owner knows of it.
#[derive(Debug, Default)]
pub(in super::super) struct Shelf {
    is_lent: bool,
    generation: u64,
}

impl Shelf {
    /// Lends the words that are never kept.
    pub(in super::super) fn new(memory: &impl Memory) -> Shelf {
        (0..PLACES).for_each(|place| memory.lend(base(place) + WRITER, FREE));
        Shelf::default()
    }

    pub(in super::super) fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// Lends it.
    pub(in super::super) fn lend(&mut self, memory: &impl Memory) {
        self.is_lent = true;
        self.generation += 1;
        (0..PLACES).for_each(|place| memory.lend(base(place) + STATE, FREE));
        memory.lend(TAIL, memory.peek(TAIL));
        memory.lend(GATE, self.generation);
    }

    /// Takes it back, if it is lent; gives what was on it and what was taken from it, the first to have been put there first.
    pub(in super::super) fn take_back(&mut self, memory: &impl Memory, users: &Users) -> Vec<Found<Vec<u8>>> {
        if !std::mem::take(&mut self.is_lent) {
            return Vec::new();
        }
        memory.keep(GATE);
        let keep = |place| {
            let state = memory.keep(place + STATE);
            (state != FREE).then(|| {
                let by = users.ticket(state).map(|holder| (holder.party.0, holder.number));
                let (label, item) = read(|index| memory.data(index), place);
                (ticket(state).unwrap_or(label), Found { item, by })
            })
        };
        let mut found: Vec<(u64, Found<Vec<u8>>)> = (0..PLACES).map(base).filter_map(keep).collect();
        memory.keep(TAIL);
        found.sort_by_key(|(ticket, _)| *ticket);
        found.into_iter().map(|(_, found)| found).collect()
    }

    /// Forgets what was begun to be written by those who have ended, and are users no more.
    pub(in super::super) fn end_users(memory: &impl Memory, users: &Users) {
        for writer in (0..PLACES).map(|place| base(place) + WRITER) {
            let claim = memory.peek(writer);
            if claim != FREE && users.ticket(claim).is_none() {
                memory.keep(writer);
                memory.lend(writer, FREE);
            }
        }
    }
}
