//! The words of a barrier, and how a process arrives there without asking the host.
//!
//! Rounds are numbered. Each word but the first is a seat, which says by which user and in which round it was taken last: to arrive
//! is to take the first that has not been taken in this round, in one step. Who takes the last seat has completed the round: so the
//! round in hand is the one after that of the last seat. That seat also says whether somebody waits at the host for the round to be
//! complete: whoever completes it tells the host then. The first word changes when a round is broken: who waits asks the host.

use procession_runtime::{WordClosed, WordShare};

use crate::data;
use crate::primitives::locks::taking::Words;
use crate::primitives::locks::users::{self, NOTED, NUMBER_MAX};

/// How many parties can arrive without asking.
pub(super) const SEATS: usize = 63;

/// Set in the last seat if somebody waits at the host.
const AWAITED: u64 = NOTED;

/// Where one has arrived.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(super) round: u64,
    /// As which one, from 0.
    pub(super) index: u32,
}

/// Somebody has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) seat: Seat,
    /// What the first word said before.
    pub(super) era: u64,
    /// Whether this was the last.
    pub(super) is_last: bool,
    /// Whether the host is to look: the round is complete, and somebody waits there for that.
    pub(super) is_awaited: bool,
}

/// Gives the round in which a seat was taken last.
pub(super) fn round(content: u64) -> u64 {
    content & NUMBER_MAX
}

/// Gives the content of a seat that was taken in a round by whom the host knows.
pub(super) fn content(round: u64, is_awaited: bool) -> u64 {
    round | if is_awaited { AWAITED } else { 0 }
}

/// Arrives among so many parties, as a user.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
pub(super) fn arrive(words: &impl Words, parties: u32, user: u64) -> Result<Arrived, WordClosed> {
    let era = words.load(0)?;
    loop {
        let round = round(words.load(parties as usize)?) + 1;
        let content = users::content(user, round).ok_or(WordClosed::Kept)?;
        for index in 1..=parties {
            // No seat is passed over that is not taken.
            while let before = words.load(index as usize)?
                && self::round(before) < round
            {
                if words.exchange(index as usize, before, content | before & AWAITED)? {
                    let (seat, is_last) = (Seat { round, index: index - 1 }, index == parties);
                    return Ok(Arrived { seat, era, is_last, is_awaited: is_last && before & AWAITED != 0 });
                }
            }
        }
        // All were taken, so the round is complete.
    }
}

/// Says whether the round is complete in which somebody has arrived.
///
/// # Errors
/// [`WordClosed`] if the host must be asked: since a round was broken, perhaps this one.
pub(super) fn is_complete(words: &WordShare, parties: u32, arrived: &Arrived) -> Result<bool, WordClosed> {
    let is_complete = round(words.peek(parties as usize)?) >= arrived.seat.round;
    // Looked at last: it changes before the seats do.
    if words.peek(0)? == arrived.era { Ok(is_complete) } else { Err(WordClosed::Kept) }
}
