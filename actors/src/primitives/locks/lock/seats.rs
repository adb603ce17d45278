//! The words of a lock that has conditions, and what a process does there without asking the host.
//!
//! The first word is the lock: who holds it, and under which number. Behind it are seats, for those who wait for a notification or
//! have been notified and wait for the lock. All that is done there is done by who holds the lock, one step after the other:
//!
//! * to wait is to take a seat and then to give up the lock;
//! * to notify is to mark seats, those first that were taken first. The first word says from then on that somebody is notified;
//! * to give up the lock is to put the one in the first word who was notified first, under the number that is in its seat; or
//!   nobody. So who waits looks at the first word alone, and whoever has not been notified is never found there.
//!
//! A seat is two words: who sits there, and why and since when. Only a seat with somebody in it means anything, so the second word
//! is written before the first, and whoever is killed sits there or does not. Who holds the lock owing to a notification stays in its seat
//! until it has done something with the lock: if it dies before, the host knows what to pass on.
//!
//! The host lends the seats anew whenever it has looked. Then they can lie elsewhere, and a step that was decided upon before must not be
//! done. So a seat that nobody sits in says when it was lent, the second word of any other names its state by a time that there is
//! but once, and whoever reads all seats checks in the end that they have not been lent anew. Who was found to hold the lock while
//! somebody was notified is not lent it again under the same number: it can have decided to whom the lock goes.

use procession_runtime::WordClosed;

use crate::primitives::locks::taking::Words;
use crate::primitives::locks::users::{self, FREE, NOTED, NUMBER_MAX};

/// How many seats there are at most.
pub(super) const SEATS: usize = 64;

/// How many of them are lent that nobody sits in, if there are so many.
const SPARE: usize = 4;

/// How many words they take, with the first and all that is before them.
pub(super) const WORDS: usize = FIRST + 2 * SEATS;

/// Where it is said how many seats there are, and when they were lent.
const HEADING: usize = 1;

/// Where the seats start: in another cache line than the word that those who wait look at.
const FIRST: usize = 8;

/// How many bits say how many seats there are.
const COUNT_BITS: u32 = 8;

/// How many bits say since when somebody sits there.
const TIME_BITS: u32 = 46;

const ROOM_BITS: u32 = 14;

/// Rooms from this number on have no seats.
pub(super) const ROOMS: u64 = 1 << ROOM_BITS;

/// Set once it was notified.
const NOTIFIED: u64 = 1 << (TIME_BITS + ROOM_BITS);

/// Set once it has found the lock in its hands. When that is so no more, nobody sits there.
const SERVED: u64 = NOTIFIED << 1;

/// Set by the host if it has asked to be woken.
const ASKS: u64 = NOTIFIED << 2;

/// One seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    /// Who sits there, as the first word would say that it holds the lock; nobody if there is no user in it.
    pub(super) sitter: u64,
    pub(super) stay: Stay,
}

/// Why somebody sits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    /// The room that it waits in or was notified in.
    pub(super) room: u64,
    /// When it came, or was notified: there is no other such time.
    pub(super) time: u64,
    pub(super) is_notified: bool,
    /// Whether it has found the lock in its hands.
    pub(super) is_served: bool,
    /// Whether it has asked the host to be woken.
    pub(super) asks: bool,
}

impl Stay {
    fn of(content: u64) -> Stay {
        Stay {
            room: content >> TIME_BITS & (ROOMS - 1),
            time: content & ((1 << TIME_BITS) - 1),
            is_notified: content & NOTIFIED != 0,
            is_served: content & SERVED != 0,
            asks: content & ASKS != 0,
        }
    }

    /// Gives what the second word of a seat says; `None` if it cannot.
    fn content(self) -> Option<u64> {
        let flag = |is_so, flag| if is_so { flag } else { 0 };
        let flags = flag(self.is_notified, NOTIFIED) | flag(self.is_served, SERVED) | flag(self.asks, ASKS);
        (self.room < ROOMS && self.time >> TIME_BITS == 0).then_some(flags | self.room << TIME_BITS | self.time)
    }
}

/// What became of the lock when it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It is free, or who has it looks at the words.
    Quietly,
    /// Who has it is to be woken by the host.
    ToSleeper,
    /// It was not held.
    NotHeld,
}

/// Writes what is lent: the first word, seats in this order, and some for those who come.
///
/// `era` is greater each time. Gives whether they can be written.
pub(super) fn write(held: u64, seats: &[Seat], era: u64, contents: &mut Vec<u64>) -> bool {
    let count = (seats.len() + SPARE).min(SEATS);
    if seats.len() > SEATS || era > NUMBER_MAX || seats.iter().any(|seat| seat.stay.content().is_none()) {
        return false;
    }
    contents.extend([held, era << COUNT_BITS | count as u64]);
    contents.resize(FIRST, 0);
    contents.extend(seats.iter().flat_map(|seat| [seat.sitter, seat.stay.content().unwrap_or(0)]));
    contents.extend((seats.len()..count).flat_map(|_| [era, 0]));
    true
}

/// Reads the seats of what was lent; those that nobody can have taken, too.
pub(super) fn read(contents: &[u64]) -> impl Iterator<Item = Seat> {
    let seats = contents.get(FIRST..).unwrap_or_default().chunks_exact(2);
    seats.map(|words| Seat { sitter: words[0], stay: Stay::of(words[1]) })
}

/// Takes a seat in a room under a number, for a user that holds the lock under another.
///
/// # Errors
/// [`WordClosed`] if the host must be asked: it knows whether the seat was taken.
pub(super) fn sit(words: &impl Words, user: u64, held: u64, room: u64, number: u64) -> Result<bool, WordClosed> {
    let (held, sitter) = (name(user, held)?, name(user, number)?);
    if words.load(0)? & !NOTED != held {
        return Ok(false);
    }
    let (mut time, mut vacant) = (0, None);
    let is_vacant = |seat: &Seat| users::holder(seat.sitter) == 0 || seat.sitter == held || seat.stay.is_served;
    visit(words, |index, seat| {
        time = time.max(seat.stay.time);
        vacant = vacant.or_else(|| is_vacant(&seat).then_some((index, seat)));
    })?;
    let (index, Seat { sitter: mut before, stay }) = vacant.ok_or(WordClosed::Kept)?;
    if users::holder(before) != 0 {
        before = vacate(words, index, before)?;
    }
    let stay = stay.content().ok_or(WordClosed::Kept)?;
    let waits = Stay { room, time: time + 1, is_notified: false, is_served: false, asks: false };
    step(words, index + 1, stay, waits.content().ok_or(WordClosed::Kept)?)?;
    step(words, index, before, sitter)?;
    Ok(true)
}

/// Gives up the lock that a user holds, under a number if there is one; whoever was notified first has it then.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn give_up(words: &impl Words, user: u64, number: Option<u64>) -> Result<GivenUp, WordClosed> {
    loop {
        let held = words.load(0)?;
        let is_held = match number {
            Some(number) => held & !NOTED == name(user, number)?,
            None => users::holder(held) == user,
        };
        if !is_held {
            return Ok(GivenUp::NotHeld);
        }
        let (next, asks) = if held & NOTED == 0 { (FREE, false) } else { next(words, held & !NOTED)? };
        // Each time that it fails another thread of this process has notified somebody.
        if words.exchange(0, held, next)? {
            return Ok(if asks { GivenUp::ToSleeper } else { GivenUp::Quietly });
        }
    }
}

/// Says what the first word says when the lock is given up by who is in it; and whether the next asks to be woken.
#[cold]
fn next(words: &impl Words, held: u64) -> Result<(u64, bool), WordClosed> {
    let (mut first, mut count) = (None::<Seat>, 0);
    visit(words, |_, seat| {
        if is_notified(&seat, held) {
            count += 1;
            first = first.filter(|first| first.stay.time < seat.stay.time).or(Some(seat));
        }
    })?;
    let noted = if count > 1 { NOTED } else { 0 };
    Ok(first.map_or((FREE, false), |first| (first.sitter | noted, first.stay.asks)))
}

/// Whether somebody sits there who waits for the lock.
fn is_notified(seat: &Seat, held: u64) -> bool {
    users::holder(seat.sitter) != 0 && seat.sitter != held && seat.stay.is_notified && !seat.stay.is_served
}

/// What has come of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notified {
    Done,
    /// The host is to be asked for so many more.
    Partly {
        left: u64,
    },
    /// It is done, but the lock was given up meanwhile, by another thread: the host is to look to whom it goes.
    TooLate,
}

/// Notifies up to so many who wait in a room, those who came first, if a user holds the lock.
///
/// # Errors
/// [`WordClosed`] if the host must be asked; nobody was notified then.
pub(super) fn notify(words: &impl Words, user: u64, room: u64, count: u64) -> Result<Notified, WordClosed> {
    let mut held = words.load(0)?;
    if users::holder(held) != user || room >= ROOMS {
        return Ok(Notified::Partly { left: count });
    }
    let (mut waiting, mut own, mut time) = (Vec::new(), None, 0);
    visit(words, |index, Seat { sitter, stay }| {
        time = time.max(stay.time);
        if sitter == held & !NOTED {
            own = Some(index);
        } else if users::holder(sitter) != 0 && !stay.is_notified && stay.room == room {
            waiting.push((stay.time, index, stay));
        }
    })?;
    waiting.sort_unstable_by_key(|(time, ..)| *time);
    waiting.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    if !waiting.is_empty() && held & NOTED == 0 {
        step(words, 0, held, held | NOTED)?;
        held |= NOTED;
    }
    for (done, (_, index, stay)) in waiting.iter().enumerate() {
        time += 1;
        let notified = Stay { time, is_notified: true, ..*stay };
        let marked =
            stay.content().zip(notified.content()).map(|(before, after)| step(words, index + 1, before, after));
        if marked != Some(Ok(())) {
            return Ok(Notified::Partly { left: count - done as u64 });
        }
    }
    // Last: whoever is killed before has not used up what woke it.
    if let Some(own) = own {
        let _ = vacate(words, own, held & !NOTED);
    }
    let is_too_late = !waiting.is_empty() && words.load(0).is_ok_and(|now| now != held);
    Ok(if is_too_late { Notified::TooLate } else { Notified::Done })
}

/// Whether a user holds a lock under a number whose first word says this.
pub(super) fn has_lock(held: u64, user: u64, number: u64) -> bool {
    name(user, number) == Ok(held & !NOTED)
}

/// Notes that who sits somewhere under a number has found the lock in its hands; gives whether that is so.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
pub(super) fn serve(words: &impl Words, user: u64, number: u64) -> Result<bool, WordClosed> {
    let sitter = name(user, number)?;
    let mut own = None;
    visit(words, |index, seat| {
        if seat.sitter == sitter {
            own = Some((index, seat.stay));
        }
    })?;
    let Some((index, stay)) = own else { return Ok(false) };
    let served = Stay { is_served: true, ..stay };
    let (before, after) = stay.content().zip(served.content()).ok_or(WordClosed::Kept)?;
    step(words, index + 1, before, after)?;
    Ok(words.load(0)? & !NOTED == sitter)
}

/// Shows every seat that has been taken since they were lent, and the first that has not, with its place.
fn visit(words: &impl Words, mut see: impl FnMut(usize, Seat)) -> Result<(), WordClosed> {
    let heading = words.load(HEADING)?;
    let count = heading & ((1 << COUNT_BITS) - 1);
    for index in (FIRST..).step_by(2).take(count as usize) {
        let seat = Seat { sitter: words.load(index)?, stay: Stay::of(words.load(index + 1)?) };
        see(index, seat);
        if seat.sitter == heading >> COUNT_BITS {
            // Who comes takes the first that is vacant.
            break;
        }
    }
    if words.load(HEADING)? == heading { Ok(()) } else { Err(WordClosed::Kept) }
}

/// Has nobody sit in a seat any more; gives what says so.
fn vacate(words: &impl Words, index: usize, sitter: u64) -> Result<u64, WordClosed> {
    let nobody = sitter & NUMBER_MAX | NOTED;
    step(words, index, sitter, nobody)?;
    Ok(nobody)
}

/// Changes a word that is as expected.
fn step(words: &impl Words, index: usize, expected: u64, content: u64) -> Result<(), WordClosed> {
    if words.exchange(index, expected, content)? { Ok(()) } else { Err(WordClosed::Kept) }
}

/// Gives what the first word says if a user holds the lock under a number.
#[inline]
fn name(user: u64, number: u64) -> Result<u64, WordClosed> {
    users::content(user, number).ok_or(WordClosed::Kept)
}

#[cfg(test)]
mod tests;
