//! Passing items by the shelf, without the host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use procession_runtime::{Endpoint, WordClosed};

use super::door::{Door, Key};
use super::messages::Settled;
use super::shelf::Taken;
use super::{hand, shelf};
use crate::primitives::blob::Blob;
use crate::primitives::near::{self, Near};

/// Numbers what this process takes from shelves. None is used twice.
static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

/// What a thread remembers of a shelf.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    /// The shelf's generation when the thread sent something past it, without an answer: that is at its host when the next one comes.
    sent_in: u64,
    /// What the thread has taken, and where.
    taken: Option<Held>,
    /// The last grant of which the host has been told that it is dealt with, since something was taken from the shelf after it.
    settled: u64,
    /// Whether the thread has told the host something that is to be done before it takes or puts anything else.
    asks: bool,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    place: usize,
    number: u64,
}

impl Memory {
    /// The number under which the thread has taken something; 0 if it has not.
    pub(super) fn number(&self) -> u64 {
        self.taken.map_or(0, |held| held.number)
    }

    /// Whether the host is to be told of it when the thread ends: it has taken something, or told something that may not be known.
    pub(super) fn matters_at_end(&self) -> bool {
        self.taken.is_some() || self.asks
    }
}

/// Puts an item on the shelf; gives whether it is there.
pub(super) fn put(key: Key, item: &Blob) -> bool {
    let Some(Memory { sent_in, asks: false, .. }) = hand::shelf(key) else { return false };
    near::act_if_known(key, |near| shelf::put(&near.words, near.user, item.bytes(), sent_in)) == Some(true)
}

/// Notes that this thread has sent an item without an answer: what it puts next must not be there before.
pub(super) fn note_sent(key: Key) {
    let generation = near::act_if_known(key, |near| shelf::generation(&near.words));
    if let Some(generation) = generation {
        change(key, |memory| memory.sent_in = generation);
    }
}

/// Takes an item from the shelf, and looks out for one for as long as that may be quicker than to be woken. `None` says that the
/// host must be asked.
pub(super) fn take(door: &Door, within: Option<Duration>) -> Option<Blob> {
    let key = door.key();
    let memory = hand::shelf(key).filter(|memory| !memory.asks && settle(key, *memory))?;
    let number = LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
    let take = |near: &Near| shelf::take(&near.words, near.user, number);
    let Taken { place, item } = match near::act_if_known(key, take)? {
        Some(taken) => taken,
        None => look_out(door, within, take)?,
    };
    let settled = settle_handed(door, memory.settled);
    hand::remember(key, Memory { taken: Some(Held { place, number }), settled, ..memory });
    Some(Blob::of_bytes(item))
}

/// Tells the host that this thread has dealt with what it was handed, unless it was told; gives up to which grant it has been.
fn settle_handed(door: &Door, settled: u64) -> u64 {
    let from = hand::present(door.key());
    let is_news = from.taken > settled;
    // If that does not leave now, it does with the next item.
    if is_news && door.host.try_tell(&Settled { from }).is_ok() { from.taken } else { settled }
}

/// Is done with what this thread has taken before; gives whether the host need not be told.
fn settle(key: Key, memory: Memory) -> bool {
    let Some(Held { place, number }) = memory.taken else { return true };
    let settle = |near: &Near| shelf::settle(&near.words, near.user, number, place);
    let is_settled = near::act_if_known(key, settle) == Some(true);
    if is_settled {
        forget_taken(key);
    }
    is_settled
}

/// It is known that this thread has dealt with what it has taken.
pub(super) fn forget_taken(key: Key) {
    if hand::shelf(key).is_some_and(|memory| memory.taken.is_some()) {
        change(key, |memory| memory.taken = None);
    }
}

/// Has this thread ask the host for what it does next: it has told that something.
pub(super) fn stay_away(key: Key) {
    change(key, |memory| memory.asks = true);
}

/// The host has answered this thread: so it has done what it was told before.
pub(super) fn note_answered(key: Key) {
    if hand::shelf(key).is_some_and(|memory| memory.asks) {
        change(key, |memory| memory.asks = false);
    }
}

fn change(key: Key, act: impl FnOnce(&mut Memory)) {
    if let Some(mut memory) = hand::shelf(key) {
        act(&mut memory);
        hand::remember(key, memory);
    }
}

fn look_out(
    door: &Door,
    within: Option<Duration>,
    take: impl Fn(&Near) -> Result<Option<Taken>, WordClosed>,
) -> Option<Taken> {
    if within == Some(Duration::ZERO) {
        return None;
    }
    // What it waits for may be put by somebody who waits for what this thread has told.
    if let Ok(endpoint) = Endpoint::of(door.host().system) {
        endpoint.flush();
    }
    near::look_out(door.key(), within, take)
}
