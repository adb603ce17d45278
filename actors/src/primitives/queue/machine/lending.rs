//! Words that are lent, in which others count what they do without asking.

/// Words in memory that others see, each with a count.
pub(in super::super) trait Words {
    /// Lends one that is free, with this count; `None` if there is none.
    fn lend(&mut self, count: u64) -> Option<usize>;

    /// Reads a count.
    fn peek(&self, word: usize) -> u64;

    /// Takes a word back, which is free then; gives its count.
    fn keep(&mut self, word: usize) -> u64;
}

/// A word that is lent, and its count then.
///
/// No count is used twice: who has not noticed that a word is another's now cannot change it.
#[crate::data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(in super::super) word: usize,
    pub(in super::super) count: u64,
}

/// What lends words.
#[derive(Debug)]
pub(super) struct Lending<W> {
    pub(super) words: W,
    /// Greater than every count that anybody may reach.
    next_count: u64,
}

impl<W: Words> Lending<W> {
    pub(super) fn new(words: W) -> Lending<W> {
        Lending { words, next_count: 0 }
    }

    /// Lends a word to somebody who may count up to so many.
    pub(super) fn lend(&mut self, most: usize) -> Option<Tally> {
        let count = self.next_count;
        let word = self.words.lend(count)?;
        self.next_count += most as u64 + 1;
        Some(Tally { word, count })
    }

    /// How many have been counted since.
    pub(super) fn peek(&self, since: Tally, most: usize) -> usize {
        counted(since.count, self.words.peek(since.word), most)
    }

    /// Takes a word back; gives how many have been counted since.
    pub(super) fn keep(&mut self, since: Tally, most: usize) -> usize {
        counted(since.count, self.words.keep(since.word), most)
    }
}

/// How far somebody has counted. What nobody can have counted who may go so far is nonsense, and counts as nothing.
fn counted(before: u64, now: u64, most: usize) -> usize {
    let counted = now.checked_sub(before).and_then(|counted| usize::try_from(counted).ok());
    counted.filter(|counted| *counted <= most).unwrap_or(0)
}
