//! Room that producers have been given: what they put into it needs no answer.
//!
//! Whoever has room counts what it has put there. So the queue knows what is on its way
//! to it, and can take room back at any instant: of what has been counted by then each item comes, since it had left its
//! producer before; what has not been counted is not in the queue, and its producer finds that out when it counts.

use std::collections::BTreeMap;

use super::lending::{Lending, Tally, Words};
use super::{Asker, threads};
use crate::data;

/// At most so much room is given at a time. It should cost few answers, and little of the queue's limits.
const ROOM_ITEMS: usize = 1024;
const ROOM_BYTES: usize = 1 << 20;

/// Nobody is given more than this part of the room that there is, so that there is some for others.
const PART: usize = 4;

/// Room for fewer items is not worth it.
const LEAST_ITEMS: usize = 8;

/// What a producer is told of its room.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Where it counts.
    pub(in super::super) tally: Tally,
    /// Room for so many items,
    pub(in super::super) items: usize,
    /// and so many bytes.
    pub(in super::super) bytes: usize,
}

/// What is left of one producer's room.
#[derive(Debug)]
struct Given {
    state: State,
    items: usize,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The producer counts; its count is this when all that was put has come.
    Lent(Tally),
    /// The word has been taken back.
    TakenBack,
}

/// The room of all producers.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    given: BTreeMap<Asker, Given>,
    /// What is left of them all.
    items: usize,
    bytes: usize,
}

impl Rooms {
    /// How many items there is room for that others cannot use.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Gives somebody room, of so much that is free; not to one of whom something still comes.
    pub(super) fn give(
        &mut self,
        lending: &mut Lending<impl Words>,
        asker: Asker,
        items: usize,
        bytes: usize,
    ) -> Option<Room> {
        let (items, bytes) = ((items / PART).min(ROOM_ITEMS), (bytes / PART).min(ROOM_BYTES));
        if items < LEAST_ITEMS || bytes == 0 || self.given.contains_key(&asker) {
            return None;
        }
        let tally = lending.lend(items)?;
        self.items += items;
        self.bytes += bytes;
        self.given.insert(asker, Given { state: State::Lent(tally), items, bytes });
        Some(Room { tally, items, bytes })
    }

    /// Something has come that was put without asking; gives whether there was room for it.
    pub(super) fn come(&mut self, asker: Asker, bytes: usize) -> bool {
        let Some(given) = self.given.get_mut(&asker) else { return false };
        if given.items == 0 {
            return false;
        }
        let bytes = bytes.min(given.bytes);
        given.items -= 1;
        given.bytes -= bytes;
        self.items -= 1;
        self.bytes -= bytes;
        match &mut given.state {
            State::Lent(tally) => tally.count += 1,
            State::TakenBack if given.items == 0 => drop(self.take(asker)),
            State::TakenBack => {}
        }
        true
    }

    /// Takes all room back that has not been used; gives whether there is more for others now.
    pub(super) fn take_back(&mut self, lending: &mut Lending<impl Words>) -> bool {
        let before = (self.items, self.bytes);
        let askers: Vec<Asker> = self.given.keys().copied().collect();
        askers.into_iter().for_each(|asker| self.take_back_from(lending, asker));
        (self.items, self.bytes) != before
    }

    /// Takes the room back that one has not used. What it has put there still comes.
    pub(super) fn take_back_from(&mut self, lending: &mut Lending<impl Words>, asker: Asker) {
        let Some(given) = self.given.get_mut(&asker) else { return };
        if let State::Lent(tally) = given.state {
            let coming = lending.keep(tally, given.items);
            self.items -= given.items - coming;
            given.items = coming;
            given.state = State::TakenBack;
        }
        if given.items == 0 {
            self.take(asker);
        }
    }

    /// Takes the room of all threads of a process back, of which nothing more comes.
    pub(super) fn end_process(&mut self, lending: &mut Lending<impl Words>, process: u64) {
        let askers: Vec<Asker> = threads(process, &self.given).map(|(asker, _)| *asker).collect();
        for asker in askers {
            if let Some(Given { state: State::Lent(tally), items, .. }) = self.take(asker) {
                lending.keep(tally, items);
            }
        }
    }

    /// How many items have been put, and have not come.
    pub(super) fn coming(&self, lending: &Lending<impl Words>) -> usize {
        let coming = self.given.values().map(|given| match given.state {
            State::Lent(tally) => lending.peek(tally, given.items),
            State::TakenBack => given.items,
        });
        coming.sum()
    }

    /// Whether items come for which room is kept that nobody else can have until then.
    pub(super) fn is_taken_back(&self) -> bool {
        self.given.values().any(|given| given.state == State::TakenBack)
    }

    fn take(&mut self, asker: Asker) -> Option<Given> {
        let given = self.given.remove(&asker)?;
        self.items -= given.items;
        self.bytes -= given.bytes;
        Some(given)
    }
}
