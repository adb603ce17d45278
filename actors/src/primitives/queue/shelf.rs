//! The shelf: where small items go from thread to thread without their host.
//!
//! It is a few *places* in shared memory, each for one item of up to [`ITEM_BYTES`]. The host lends the shelf while it has nothing to
//! do itself: no item, nobody who waits, nothing on its way. Before it does anything else it takes the shelf back, with the items on
//! it and those that consumers have taken from it; so the items of one thread keep their order, whichever way they go.
//!
//! What is done is one atomic step each, so that whoever is killed has done it or has not:
//!
//! * A producer *claims* a place that is free, draws a *ticket*, writes the item, and makes the place full.
//! * A consumer finds the full place with the lowest ticket, copies the item, and makes the place its own under a number.
//!   If that fails, somebody else has the item, and the copy is worth nothing.
//! * When it gets again, it makes the place free. Until then the host sees who has the item, and hands it out again if need be.
//!
//! A producer that is stopped while it writes holds nobody up: until it goes on, or is killed, nobody else uses that one place.
//!
//! Pure: the memory belongs to the caller.

use procession_runtime::WordClosed;

use crate::primitives::locks::users::{self, FREE, NOTED, NUMBER_MAX};

pub(super) use self::owner::{Found, Memory, Shelf};

/// How many items it has room for.
pub(super) const PLACES: usize = 7;

/// The most bytes of an item.
pub(super) const ITEM_BYTES: usize = (PLACE_WORDS - BYTES) * size_of::<u64>();

/// Words of a cache line: what is written by some is not in the way of others.
const LINE: usize = 8;

/// Words of a place.
const PLACE_WORDS: usize = 8 * LINE;

/// How many words it has.
pub(super) const WORDS: usize = LINE + PLACES * PLACE_WORDS;

/// How often the shelf has been lent: its *generation*.
const GATE: usize = 0;
/// The next ticket.
const TAIL: usize = 1;

/// In a place: free, full, or a consumer's,
const STATE: usize = 0;
/// free, or a producer's; never the host's,
const WRITER: usize = 1;
/// the ticket and the length of the item,
const LABEL: usize = 2;
/// and its bytes.
const BYTES: usize = 3;

/// How many bits of a label are the length.
const LENGTH_BITS: u32 = 16;

/// Set in the state of a full place, beside the ticket. No user's content is like that.
const FULL: u64 = NOTED;

/// How often a consumer looks again if others are in its way.
const LOOKS: u32 = 16;

/// The memory as those see it to whom it is lent.
pub(super) trait Share {
    /// Reads a word that is lent.
    fn load(&self, index: usize) -> Result<u64, WordClosed>;

    /// Changes a word that is lent if it is as expected; gives whether it was.
    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed>;

    /// Reads a word that is lent or kept.
    fn peek(&self, index: usize) -> Result<u64, WordClosed>;

    /// Reads a word of data.
    fn data(&self, index: usize) -> u64;

    /// Writes a word of data.
    fn set_data(&self, index: usize, data: u64);
}

/// What a consumer has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) place: usize,
    pub(super) item: Vec<u8>,
}

/// Gives the generation in which a thread must put nothing there that has just counted what it has sent past it. In a later one
/// that is at the host: before the host lends the shelf, when it has been kept, it looks at what has been counted.
///
/// # Errors
/// [`WordClosed::Ended`].
pub(super) fn generation(memory: &impl Share) -> Result<u64, WordClosed> {
    let last = memory.peek(GATE)?;
    match memory.load(GATE) {
        // The host may have looked already, and not have lent it yet.
        Err(WordClosed::Kept) => Ok(last + 1),
        lent => lent,
    }
}

/// Puts an item on the shelf for a user, unless its generation is this one; gives whether it is there.
///
/// # Errors
/// [`WordClosed`]: the host must be asked. The item is not there.
pub(super) fn put(memory: &impl Share, user: u64, item: &[u8], except: u64) -> Result<bool, WordClosed> {
    let claim = users::content(user, 0).ok_or(WordClosed::Kept)?;
    if item.len() > ITEM_BYTES || memory.load(GATE)? == except {
        return Ok(false);
    }
    for place in (0..PLACES).map(base) {
        if memory.load(place + STATE)? == FREE && memory.exchange(place + WRITER, FREE, claim)? {
            let filled = fill(memory, place, item);
            // What it says has no bearing on what is there.
            let _ = memory.exchange(place + WRITER, claim, FREE);
            if filled? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Fills a place that has been claimed, if it is still free.
fn fill(memory: &impl Share, place: usize, item: &[u8]) -> Result<bool, WordClosed> {
    if memory.load(place + STATE)? != FREE {
        return Ok(false);
    }
    let ticket = draw(memory)?;
    memory.set_data(place + LABEL, ticket << LENGTH_BITS | item.len() as u64);
    for (index, chunk) in item.chunks(size_of::<u64>()).enumerate() {
        let mut bytes = [0; size_of::<u64>()];
        bytes[..chunk.len()].copy_from_slice(chunk);
        memory.set_data(place + BYTES + index, u64::from_le_bytes(bytes));
    }
    memory.exchange(place + STATE, FREE, FULL | ticket)
}

/// Draws a ticket, greater than all before.
fn draw(memory: &impl Share) -> Result<u64, WordClosed> {
    loop {
        let ticket = memory.load(TAIL)?;
        if ticket > NUMBER_MAX {
            return Err(WordClosed::Kept);
        }
        if memory.exchange(TAIL, ticket, ticket + 1)? {
            return Ok(ticket);
        }
    }
}

/// Takes the first item for a user under a number; `None` if there is none.
///
/// # Errors
/// [`WordClosed`]: the host must be asked. Nothing was taken.
pub(super) fn take(memory: &impl Share, user: u64, number: u64) -> Result<Option<Taken>, WordClosed> {
    let own = users::content(user, number).ok_or(WordClosed::Kept)?;
    let mut first = find_first(memory)?;
    for _ in 0..LOOKS {
        let Some((ticket, place)) = first else { return Ok(None) };
        // What was put before that one was there before that one: so a second look finds it.
        let again = find_first(memory)?;
        if again == first {
            let (_, item) = read(|index| memory.data(index), base(place));
            if memory.exchange(base(place) + STATE, FULL | ticket, own)? {
                return Ok(Some(Taken { place, item }));
            }
            first = find_first(memory)?;
        } else {
            first = again;
        }
    }
    Ok(None)
}

/// Finds the full place with the lowest ticket; gives both.
fn find_first(memory: &impl Share) -> Result<Option<(u64, usize)>, WordClosed> {
    let mut first = None;
    for place in 0..PLACES {
        let found = ticket(memory.load(base(place) + STATE)?).map(|ticket| (ticket, place));
        first = first.into_iter().chain(found).min();
    }
    Ok(first)
}

/// Is done with what a user has taken from a place under a number; gives whether it was still there.
///
/// # Errors
/// [`WordClosed`]: the host must be told.
pub(super) fn settle(memory: &impl Share, user: u64, number: u64, place: usize) -> Result<bool, WordClosed> {
    let own = users::content(user, number).ok_or(WordClosed::Kept)?;
    memory.exchange(base(place) + STATE, own, FREE)
}

/// Gives the ticket of a full place's state.
fn ticket(state: u64) -> Option<u64> {
    (users::holder(state) == 0 && state & FULL != 0).then_some(state & !FULL)
}

/// Reads the ticket and the item at a place. If somebody writes there now, it is nonsense.
fn read(data: impl Fn(usize) -> u64, place: usize) -> (u64, Vec<u8>) {
    let label = data(place + LABEL);
    let length = (label & ((1 << LENGTH_BITS) - 1)).min(ITEM_BYTES as u64) as usize;
    let mut item = Vec::with_capacity(length.next_multiple_of(size_of::<u64>()));
    for index in 0..length.div_ceil(size_of::<u64>()) {
        item.extend_from_slice(&data(place + BYTES + index).to_le_bytes());
    }
    item.truncate(length);
    (label >> LENGTH_BITS, item)
}

/// Where a place starts.
fn base(place: usize) -> usize {
    LINE + place * PLACE_WORDS
}

mod owner;
#[cfg(test)]
mod tests;
