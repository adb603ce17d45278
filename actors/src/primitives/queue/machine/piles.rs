//! Piles: what a consumer is handed beyond the item that it wants, for it to take without asking.
//!
//! It counts what it takes. So the queue knows what it has in hand, and can take the rest back at any instant for others; the
//! consumer finds that out when it counts.

use std::collections::BTreeMap;

use super::lending::{Lending, Tally, Words};
use super::{Asker, Grant, threads};

/// A pile has at most so many items.
pub(super) const PILE_ITEMS: usize = 128;

#[derive(Debug)]
struct Pile {
    /// Where its consumer counts.
    tally: Tally,
    /// The item that its consumer wanted; each further one has the next.
    wanted: Grant,
    /// How many are in the pile, and their bytes.
    items: usize,
    bytes: usize,
}

/// The piles of all consumers.
#[derive(Debug, Default)]
pub(super) struct Piles {
    piles: BTreeMap<Asker, Pile>,
    /// What they had together.
    items: usize,
    bytes: usize,
}

impl Piles {
    /// How many items there were in them, of which some may have been taken.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a pile of one who has none.
    pub(super) fn add(&mut self, asker: Asker, tally: Tally, wanted: Grant, items: usize, bytes: usize) {
        self.items += items;
        self.bytes += bytes;
        self.piles.insert(asker, Pile { tally, wanted, items, bytes });
    }

    /// Takes a pile back; gives the item that its consumer has in hand.
    pub(super) fn take_back(&mut self, lending: &mut Lending<impl Words>, asker: Asker) -> Option<Grant> {
        let Pile { tally, wanted, items, bytes } = self.piles.remove(&asker)?;
        self.items -= items;
        self.bytes -= bytes;
        Some(wanted + lending.keep(tally, items) as u64)
    }

    /// Somebody who has a pile, of a process or of all.
    pub(super) fn first(&self, process: Option<u64>) -> Option<Asker> {
        let first = match process {
            Some(process) => threads(process, &self.piles).next(),
            None => self.piles.iter().next(),
        };
        first.map(|(asker, _)| *asker)
    }

    /// How many items nobody has taken.
    pub(super) fn untaken(&self, lending: &Lending<impl Words>) -> usize {
        self.piles.values().map(|pile| pile.items - lending.peek(pile.tally, pile.items)).sum()
    }
}
