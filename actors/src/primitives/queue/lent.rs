//! The words that a queue lends.

use std::os::fd::OwnedFd;

use procession_runtime::WordOwner;

use super::machine::Words;

/// How many threads can have a word at a time, producers and consumers: with the owner's lock these fill a page of 4 KiB.
const WORDS: usize = 63;

/// Each word has a cache line of its own, of so many words: whoever has it writes it with every item.
const LINE: usize = 8;

/// Words, once somebody has asked for them.
#[derive(Debug, Default)]
pub(super) struct Lent {
    owner: Option<WordOwner>,
    free: Vec<usize>,
}

impl Lent {
    /// Gives a descriptor for the words; `None` if there cannot be any.
    pub(super) fn share(&mut self) -> Option<OwnedFd> {
        if self.owner.is_none() {
            match WordOwner::new(WORDS * LINE) {
                Ok(owner) => (self.owner, self.free) = (Some(owner), (0..WORDS).rev().collect()),
                Err(error) => tracing::debug!(%error, "a queue has no words"),
            }
        }
        self.owner.as_ref()?.descriptor().ok()
    }
}

/// Where a word is in the memory.
pub(super) fn place(word: usize) -> usize {
    word * LINE
}

impl Words for Lent {
    fn lend(&mut self, count: u64) -> Option<usize> {
        let word = self.free.pop()?;
        self.owner.as_ref()?.lend(place(word), count);
        Some(word)
    }

    fn peek(&self, word: usize) -> u64 {
        self.owner.as_ref().map_or(0, |owner| owner.peek(place(word)))
    }

    fn keep(&mut self, word: usize) -> u64 {
        self.free.push(word);
        self.owner.as_ref().map_or(0, |owner| owner.keep(place(word)))
    }
}
