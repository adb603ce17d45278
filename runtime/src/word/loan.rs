//! What is done to one word, by its owner and by others: each a single atomic step, so that nobody can be killed in the middle.
//!
//! The lowest bit says whether the word is lent: then everybody may change what the other bits say, its *content*. The owner
//! takes it back in one step that says what the content was: all that others had done is in it, and they do no more.
//! So at every instant it is clear who may change the content, whoever is stopped or killed.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many bits a word's content has.
pub const CONTENT_BITS: u32 = 63;

/// Set while the word is lent. A word of zeros is its owner's.
const LENT: u64 = 1;

/// A word in memory that others change, too.
pub(super) trait Place {
    fn load(&self) -> u64;

    fn store(&self, word: u64);

    /// Sets the word if it is as expected; otherwise gives what it is.
    fn exchange(&self, expected: u64, word: u64) -> Result<(), u64>;

    /// Clears bits; gives the word before.
    fn clear(&self, bits: u64) -> u64;
}

impl Place for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        AtomicU64::load(self, Ordering::SeqCst)
    }

    #[inline]
    fn store(&self, word: u64) {
        AtomicU64::store(self, word, Ordering::SeqCst);
    }

    #[inline]
    fn exchange(&self, expected: u64, word: u64) -> Result<(), u64> {
        self.compare_exchange(expected, word, Ordering::SeqCst, Ordering::SeqCst).map(drop)
    }

    #[inline]
    fn clear(&self, bits: u64) -> u64 {
        self.fetch_and(!bits, Ordering::SeqCst)
    }
}

/// The word is its owner's: only that may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept;

/// The owner takes the word back; gives its content.
#[inline]
pub(super) fn keep(place: &impl Place) -> u64 {
    place.clear(LENT) >> LENT.count_ones()
}

/// The owner lends the word, with this content.
#[inline]
pub(super) fn lend(place: &impl Place, content: u64) {
    place.store(lent(content));
}

/// Reads the content, whoever may change it.
#[inline]
pub(super) fn peek(place: &impl Place) -> u64 {
    place.load() >> LENT.count_ones()
}

/// Reads the content of a word that is lent.
#[inline]
pub(super) fn read(place: &impl Place) -> Result<u64, Kept> {
    content(place.load())
}

/// Changes the content of a word that is lent, if it is as expected; gives whether it was.
#[inline]
pub(super) fn exchange(place: &impl Place, expected: u64, new: u64) -> Result<bool, Kept> {
    match place.exchange(lent(expected), lent(new)) {
        Ok(()) => Ok(true),
        Err(found) => content(found).map(|_| false),
    }
}

#[inline]
fn lent(content: u64) -> u64 {
    content << LENT.count_ones() | LENT
}

#[inline]
fn content(word: u64) -> Result<u64, Kept> {
    if word & LENT == 0 { Err(Kept) } else { Ok(word >> LENT.count_ones()) }
}
