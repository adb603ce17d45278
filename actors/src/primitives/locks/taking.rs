//! What a process does with words that can be taken, without asking their host.
//!
//! A word that can be taken is free, or held by a user under a number. To take it and to give it back is one step each, so
//! whoever is killed has it or has it not, and the host can see which.

use procession_runtime::{WordClosed, WordShare};

use super::users::{self, FREE};

/// Words as those see them to whom they are lent.
pub(super) trait Words {
    fn load(&self, index: usize) -> Result<u64, WordClosed>;

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed>;
}

impl Words for WordShare {
    #[inline]
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        WordShare::load(self, index)
    }

    #[inline]
    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        WordShare::exchange(self, index, expected, content)
    }
}

/// What came of an attempt to take a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// One of them is held under the number.
    Now,
    /// None is free, and others hold the first.
    ByOthers,
    /// None is free, and the user holds the first. It may have given that back already, by a message that is on its way.
    ByUs,
}

/// Takes a free word for a user under a number, among as many as there are.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn take(words: &impl Words, count: usize, user: u64, number: u64) -> Result<Taken, WordClosed> {
    let content = users::content(user, number).ok_or(WordClosed::Kept)?;
    let mut first = FREE;
    for index in 0..count {
        let mut found = words.load(index)?;
        if found == FREE {
            if words.exchange(index, FREE, content)? {
                return Ok(Taken::Now);
            }
            found = words.load(index)?;
        }
        if index == 0 {
            first = found;
        }
    }
    Ok(if users::holder(first) == user { Taken::ByUs } else { Taken::ByOthers })
}

/// Gives back the word that a user holds under a number; gives whether there was one.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn give_back(words: &impl Words, count: usize, user: u64, number: u64) -> Result<bool, WordClosed> {
    let content = users::content(user, number).ok_or(WordClosed::Kept)?;
    for index in 0..count {
        if words.load(index)? == content {
            return words.exchange(index, content, FREE);
        }
    }
    Ok(false)
}
