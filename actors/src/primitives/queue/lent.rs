//! The words that a queue lends.

use procession_runtime::{WordClosed, WordOwner, WordShare};

use super::machine::Words;
use super::shelf::{self, Found, Memory, Share, Shelf};
use crate::Descriptor;
use crate::primitives::blob::Blob;
use crate::primitives::locks::{Party, Users};
use crate::primitives::near::Loan;

/// How many threads can have a word at a time, producers and consumers: with the shelf and the owner's lock these fit in two pages
/// of 4 KiB.
const WORDS: usize = 63;

/// Each word has a cache line of its own, of so many words: whoever has it writes it with every item.
const LINE: usize = 8;

/// Words, once somebody has asked for them.
#[derive(Debug, Default)]
pub(super) struct Lent {
    page: Option<Page>,
    free: Vec<usize>,
    users: Users,
}

#[derive(Debug)]
struct Page {
    owner: WordOwner,
    shelf: Shelf,
}

impl Lent {
    /// Gives a process what it needs to use the words; `None` if there is not enough of something.
    pub(super) fn admit(&mut self, process: u64) -> Option<Loan> {
        if self.page.is_none() {
            match WordOwner::new(WORDS * LINE + shelf::WORDS) {
                Ok(owner) => {
                    self.page = Some(Page { shelf: Shelf::new(&owner), owner });
                    self.free = (0..WORDS).rev().collect();
                }
                Err(error) => tracing::debug!(%error, "a queue has no words"),
            }
        }
        let words = Descriptor::new(self.page.as_ref()?.owner.descriptor().ok()?);
        Some(Loan { words, user: self.users.admit(Party(process))? })
    }

    /// Lends the shelf, if there is one.
    pub(super) fn lend_shelf(&mut self) {
        if let Some(Page { owner, shelf }) = self.page.as_mut().filter(|page| !page.shelf.is_lent()) {
            shelf.lend(owner);
        }
    }

    /// Takes the shelf back, if it is lent, with what is there and what was taken from there.
    pub(super) fn take_shelf_back(&mut self) -> Vec<Found<Blob>> {
        let found = self.page.as_mut().map(|Page { owner, shelf }| shelf.take_back(owner, &self.users));
        let blob = |Found { item, by }| Found { item: Blob::of_bytes(item), by };
        found.into_iter().flatten().map(blob).collect()
    }

    /// Forgets a process that has ended. The shelf has been taken back.
    pub(super) fn leave(&mut self, process: u64) {
        self.users.leave(Party(process));
        if let Some(Page { owner, .. }) = &self.page {
            Shelf::end_users(owner, &self.users);
        }
    }
}

impl Memory for WordOwner {
    fn lend(&self, index: usize, content: u64) {
        WordOwner::lend(self, WORDS * LINE + index, content);
    }

    fn keep(&self, index: usize) -> u64 {
        WordOwner::keep(self, WORDS * LINE + index)
    }

    fn peek(&self, index: usize) -> u64 {
        WordOwner::peek(self, WORDS * LINE + index)
    }

    fn data(&self, index: usize) -> u64 {
        WordOwner::data(self, WORDS * LINE + index)
    }
}

impl Share for WordShare {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        WordShare::load(self, WORDS * LINE + index)
    }

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        WordShare::exchange(self, WORDS * LINE + index, expected, content)
    }

    fn peek(&self, index: usize) -> Result<u64, WordClosed> {
        WordShare::peek(self, WORDS * LINE + index)
    }

    fn data(&self, index: usize) -> u64 {
        WordShare::data(self, WORDS * LINE + index)
    }

    fn set_data(&self, index: usize, data: u64) {
        WordShare::set_data(self, WORDS * LINE + index, data);
    }
}

/// Where a word is in the memory.
pub(super) fn place(word: usize) -> usize {
    word * LINE
}

impl Words for Lent {
    fn lend(&mut self, count: u64) -> Option<usize> {
        let word = self.free.pop()?;
        self.page.as_ref()?.owner.lend(place(word), count);
        Some(word)
    }

    fn peek(&self, word: usize) -> u64 {
        self.page.as_ref().map_or(0, |page| page.owner.peek(place(word)))
    }

    fn keep(&mut self, word: usize) -> u64 {
        self.free.push(word);
        self.page.as_ref().map_or(0, |page| page.owner.keep(place(word)))
    }
}
