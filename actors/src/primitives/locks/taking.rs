//! What a process does with words that can be taken, without asking their host.
//!
//! A word that can be taken is free, or held by a user under a number. To take it and to give it back is one step each, so
//! whoever is killed has it or has it not, and the host can see which.

use procession_runtime::WordClosed;

use super::number::next_number;
use super::users::{self, FREE};
use crate::primitives::near::Near;

/// What came of an attempt to take a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// One of them is held under this number.
    Under(u64),
    /// None is free, and others hold the first.
    ByOthers,
    /// None is free, and this process holds the first. It may have given that back already, by a message that is on its way.
    ByUs,
}

/// Takes a free word, among as many as there are.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn take(near: &Near, count: usize) -> Result<Taken, WordClosed> {
    let number = next_number();
    let content = users::content(near.user, number).ok_or(WordClosed::Kept)?;
    let mut first = FREE;
    for index in 0..count {
        let mut found = near.words.load(index)?;
        if found == FREE {
            if near.words.exchange(index, FREE, content)? {
                return Ok(Taken::Under(number));
            }
            found = near.words.load(index)?;
        }
        if index == 0 {
            first = found;
        }
    }
    Ok(if users::holder(first) == near.user { Taken::ByUs } else { Taken::ByOthers })
}

/// Gives back the word that is held under a number; gives whether there was one.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn give_back(near: &Near, count: usize, number: u64) -> Result<bool, WordClosed> {
    let content = users::content(near.user, number).ok_or(WordClosed::Kept)?;
    for index in 0..count {
        if near.words.load(index)? == content {
            return near.words.exchange(index, content, FREE);
        }
    }
    Ok(false)
}

/// Gives back the first word, if this process holds it; gives whether it did.
///
/// # Errors
/// As [`give_back`].
pub(super) fn give_back_first(near: &Near) -> Result<bool, WordClosed> {
    let found = near.words.load(0)?;
    if users::holder(found) == near.user { near.words.exchange(0, found, FREE) } else { Ok(false) }
}
