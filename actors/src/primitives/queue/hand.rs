//! What a thread has taken from queues: told to the host with the next request, so that taking needs no message of its own.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use super::door::Key;
use super::host::Host;
use super::machine::{Room, Tally};
use super::messages::{GiveUp, Origin};
use super::{lent, passing};
use crate::ActorRef;
use crate::primitives::blob::Blob;
use crate::primitives::near;

/// Numbers the threads of this process.
static LAST_THREAD: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HAND: Hand = Hand {
        thread: LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1,
        is_main: Cell::new(false),
        taken: RefCell::default(),
        waiting: RefCell::default(),
        rooms: RefCell::default(),
        shelves: RefCell::default(),
    };
}

/// One thread's memory of what it took.
struct Hand {
    thread: u64,
    /// Whether it is the thread whose end is the process's: that says itself whether it ends in order.
    is_main: Cell<bool>,
    /// The last grant from each queue, by host and epoch.
    taken: RefCell<BTreeMap<Key, u64>>,
    /// What it was handed and has not taken.
    waiting: RefCell<BTreeMap<Key, Waiting>>,
    /// What is left of the room that it was given.
    rooms: RefCell<BTreeMap<Key, Room>>,
    /// What it remembers of shelves.
    shelves: RefCell<BTreeMap<Key, passing::Memory>>,
}

/// What was handed to a thread.
struct Waiting {
    /// Each with its grant.
    items: VecDeque<(u64, Blob)>,
    /// Where it counts what it takes; `None`: all of them are in its hand already.
    pile: Option<Tally>,
}

/// Says who asks. In a thread that is ending it is nobody in particular: what it takes is given back.
pub(super) fn present(key: Key) -> Origin {
    let (_, epoch) = key;
    let known = HAND.try_with(|hand| {
        let taken = hand.taken.borrow().get(&key).copied().unwrap_or(0);
        let shelf = hand.shelves.borrow().get(&key).map_or(0, passing::Memory::number);
        Origin { epoch, thread: hand.thread, taken, shelf }
    });
    known.unwrap_or(Origin { epoch, thread: 0, taken: 0, shelf: 0 })
}

/// Gives what this thread remembers of a shelf; in a thread that is ending `None`.
pub(super) fn shelf(key: Key) -> Option<passing::Memory> {
    HAND.try_with(|hand| hand.shelves.borrow().get(&key).copied().unwrap_or_default()).ok()
}

/// Has this thread remember something of a shelf.
pub(super) fn remember(key: Key, memory: passing::Memory) {
    let _ = HAND.try_with(|hand| hand.shelves.borrow_mut().insert(key, memory));
}

/// Notes what this thread was handed, the first under this grant, and the others under the next ones; gives the first, which
/// it has taken.
pub(super) fn take_first(key: Key, grant: u64, items: Vec<Blob>, pile: Option<Tally>) -> Option<Blob> {
    let take = |hand: &Hand| {
        let mut items: VecDeque<(u64, Blob)> = (grant..).zip(items).collect();
        let (grant, item) = items.pop_front()?;
        hand.taken.borrow_mut().insert(key, grant);
        hand.waiting.borrow_mut().insert(key, Waiting { items, pile });
        Some(item)
    };
    HAND.try_with(take).ok().flatten()
}

/// Takes the first item that this thread was handed and has not taken, if it is still there.
pub(super) fn take(key: Key) -> Option<Blob> {
    let take = |hand: &Hand| {
        let mut waiting = hand.waiting.borrow_mut();
        let Waiting { items, pile } = waiting.get_mut(&key)?;
        let (grant, item) = items.pop_front()?;
        if let Some(tally) = pile {
            if !count(key, *tally) {
                waiting.remove(&key);
                return None;
            }
            tally.count += 1;
        }
        hand.taken.borrow_mut().insert(key, grant);
        Some(item)
    };
    HAND.try_with(take).ok().flatten()
}

/// Counts in a word that this thread was lent; gives whether it has it still.
pub(super) fn count(key: Key, tally: Tally) -> bool {
    let (place, count) = (lent::place(tally.word), tally.count);
    near::act_if_known(key, |near| near.words.exchange(place, count, count + 1)) == Some(true)
}

/// Gives the first item that this thread was handed together with the one before, and leaves it there.
pub(super) fn peek(key: Key) -> Option<Blob> {
    let peek = |hand: &Hand| {
        let waiting = hand.waiting.borrow();
        let Waiting { items, pile } = waiting.get(&key)?;
        items.front().filter(|_| pile.is_none()).map(|(_, item)| item.clone())
    };
    HAND.try_with(peek).ok().flatten()
}

/// Drops what this thread was handed and has not taken; gives whether there was something.
pub(super) fn drop_waiting(key: Key) -> bool {
    let dropped = HAND.try_with(|hand| hand.waiting.borrow_mut().remove(&key));
    dropped.ok().flatten().is_some_and(|waiting| !waiting.items.is_empty())
}

/// Notes that this thread was given room; in a thread that is ending it is of no use.
pub(super) fn enter_room(key: Key, room: Room) {
    let _ = HAND.try_with(|hand| hand.rooms.borrow_mut().insert(key, room));
}

/// Gives what is left of this thread's room.
pub(super) fn room(key: Key) -> Option<Room> {
    HAND.try_with(|hand| hand.rooms.borrow().get(&key).copied()).ok().flatten()
}

/// Notes that an item was put in this thread's room.
pub(super) fn use_room(key: Key, bytes: usize) {
    let _ = HAND.try_with(|hand| {
        if let Some(room) = hand.rooms.borrow_mut().get_mut(&key) {
            room.tally.count += 1;
            room.items -= 1;
            room.bytes -= bytes;
        }
    });
}

/// Notes that this thread has no room any more.
pub(super) fn leave_room(key: Key) {
    let _ = HAND.try_with(|hand| hand.rooms.borrow_mut().remove(&key));
}

/// Forgets a queue that is no more.
pub(super) fn forget(key: Key) {
    drop_waiting(key);
    leave_room(key);
    let _ = HAND.try_with(|hand| {
        hand.taken.borrow_mut().remove(&key);
        hand.shelves.borrow_mut().remove(&key)
    });
}

/// This thread is the main one of an actor or a process of a system.
pub(crate) fn note_main() {
    let _ = HAND.try_with(|hand| hand.is_main.set(true));
}

/// This process ends in order: its main thread has dealt with what it has taken.
pub(crate) fn end_process() {
    let _ = HAND.try_with(Hand::settle);
}

impl Hand {
    fn settle(&self) {
        let mut known = self.taken.take();
        let mut shelves = self.shelves.take();
        shelves.retain(|_, memory| memory.matters_at_end());
        for key in self.rooms.take().into_keys().chain(shelves.keys().copied()) {
            known.entry(key).or_default();
        }
        for ((host, epoch), taken) in known {
            let shelf = shelves.get(&(host, epoch)).map_or(0, passing::Memory::number);
            let from = Origin { epoch, thread: self.thread, taken, shelf };
            // If the host is gone, so is what it would be told of.
            let _ = ActorRef::<Host>::new(host).tell(&GiveUp { from, is_end: true });
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if !self.is_main.get() {
            self.settle();
        }
    }
}
