//! The words in which workers are lent.
//!
//! Each worker has a few of them: whose turn it is with it, how many turns there may be, and which process it is. A client
//! that finds nobody's turn makes it its own in one step, which counts: no number of a turn is used twice for a place, so
//! whoever comes late, for another worker or after a turn that it has not seen, changes nothing.

use std::io;

use procession_runtime::{WordClosed, WordOwner, WordShare};

use super::machine::{MOST_LENT, Slot, Turn};
use crate::primitives::locks::{Party, Users, users};
use crate::primitives::near::Loan;
use crate::{Descriptor, ProcessId};

/// Words of a worker, a cache line: what is written for one is not in the way of another.
const LINE: usize = 8;

/// Whose turn it is, and which; nobody's, and which is next.
const TURN: usize = 0;
/// From this number on there are no turns.
const END: usize = 1;
/// Which process it is, in two parts.
const PLACE: usize = 2;
const GENERATION: usize = 3;

/// What the bits of a number leave are a user's.
const NUMBERS_END: u64 = 1 << users::NUMBER_BITS;

/// The words of a pool, at its foreman.
pub(super) struct Lent {
    owner: WordOwner,
    users: Users,
    /// For each place, the number of the next turn; while it is lent, of the first that could be had.
    next: Vec<u64>,
}

impl Lent {
    /// Makes words; nobody is lent yet.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left.
    pub(super) fn new() -> io::Result<Lent> {
        Ok(Lent { owner: WordOwner::new(MOST_LENT * LINE)?, users: Users::default(), next: vec![1; MOST_LENT] })
    }

    /// Gives a client what it needs; `None` if there is not enough of something.
    pub(super) fn admit(&mut self, client: u64) -> Option<Loan> {
        let words = Descriptor::new(self.owner.descriptor().ok()?);
        Some(Loan { words, user: self.users.admit(Party(client))? })
    }

    /// Forgets a client that has ended. What is lent has been taken back.
    pub(super) fn leave(&mut self, client: u64) {
        self.users.leave(Party(client));
    }

    /// Lends a worker for so many turns at most.
    pub(super) fn lend(&mut self, slot: Slot, worker: ProcessId, most: Option<u64>) {
        let (line, next) = (slot * LINE, self.next[slot]);
        let end = most.map_or(NUMBERS_END, |most| next.saturating_add(most).min(NUMBERS_END));
        for (word, content) in [(END, end), (PLACE, worker.slot.into()), (GENERATION, worker.generation.into())] {
            self.owner.lend(line + word, content);
        }
        self.owner.lend(line + TURN, next);
    }

    /// Takes a worker back. Gives how many turns are over, and the one that is not.
    pub(super) fn take_back(&mut self, slot: Slot) -> (u64, Option<Turn>) {
        let (content, first) = (self.owner.keep(slot * LINE + TURN), self.next[slot]);
        let number = content % NUMBERS_END;
        // What nobody can have written says nothing.
        if number < first {
            return (0, None);
        }
        self.next[slot] = number + 1;
        let turn = self.users.ticket(content).map(|ticket| Turn { client: ticket.party.0, number: ticket.number });
        (number - first, turn)
    }
}

/// A turn, at the client whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) slot: Slot,
    pub(super) number: u64,
    user: u64,
    /// The worker, in a process table that the client knows.
    place: u32,
    generation: u32,
}

impl Own {
    /// Takes a turn with one of the first workers, `preferred` before others; `None` if nobody is free.
    pub(super) fn take(
        words: &WordShare,
        user: u64,
        workers: usize,
        preferred: Slot,
    ) -> Result<Option<Own>, WordClosed> {
        let workers = workers.min(MOST_LENT);
        for slot in (preferred..workers).chain(0..preferred.min(workers)) {
            match Own::try_take(words, user, slot) {
                Ok(None) | Err(WordClosed::Kept) => {}
                outcome => return outcome,
            }
        }
        Ok(None)
    }

    #[inline]
    fn try_take(words: &WordShare, user: u64, slot: Slot) -> Result<Option<Own>, WordClosed> {
        let line = slot * LINE;
        let number = words.load(line + TURN)?;
        if users::holder(number) != 0 || number >= words.load(line + END)? {
            return Ok(None);
        }
        // Should the worker be another by now, so is the number.
        let (place, generation) = (words.load(line + PLACE)? as u32, words.load(line + GENERATION)? as u32);
        let content = users::content(user, number).ok_or(WordClosed::Kept)?;
        let is_taken = words.exchange(line + TURN, number, content)?;
        Ok(is_taken.then_some(Own { slot, number, user, place, generation }))
    }

    /// Which process the worker is of a pool that this process hosts.
    pub(super) fn worker(&self, foreman: ProcessId) -> ProcessId {
        ProcessId { slot: self.place, generation: self.generation, ..foreman }
    }

    /// Ends the turn. Gives whether the foreman need not be told: if it keeps the worker, or no turn is left, it waits for that.
    #[inline]
    pub(super) fn end(&self, words: &WordShare) -> Result<bool, WordClosed> {
        let line = self.slot * LINE;
        let (content, next) = (users::content(self.user, self.number), self.number + 1);
        let is_last = next >= words.load(line + END)?;
        let content = content.ok_or(WordClosed::Kept)?;
        Ok(words.exchange(line + TURN, content, next)? && !is_last)
    }
}
