//! What a thread has taken from queues: told to the host with the next request, so that taking needs no message of its own.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use super::door::Key;
use super::host::Host;
use super::messages::{GiveUp, Origin};
use crate::ActorRef;
use crate::primitives::blob::Blob;

/// Numbers the threads of this process.
static LAST_THREAD: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HAND: Hand = Hand {
        thread: LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1,
        is_main: Cell::new(false),
        taken: RefCell::default(),
        waiting: RefCell::default(),
    };
}

/// One thread's memory of what it took.
struct Hand {
    thread: u64,
    /// Whether it is the thread whose end is the process's: that says itself whether it ends in order.
    is_main: Cell<bool>,
    /// The last grant from each queue, by host and epoch.
    taken: RefCell<BTreeMap<Key, u64>>,
    /// What it was handed and has not taken, each with its grant.
    waiting: RefCell<BTreeMap<Key, VecDeque<(u64, Blob)>>>,
}

/// Says who asks. In a thread that is ending it is nobody in particular: what it takes is given back.
pub(super) fn present(key: Key) -> Origin {
    let (_, epoch) = key;
    let known = HAND.try_with(|hand| {
        let taken = hand.taken.borrow().get(&key).copied().unwrap_or(0);
        Origin { epoch, thread: hand.thread, taken }
    });
    known.unwrap_or(Origin { epoch, thread: 0, taken: 0 })
}

/// Notes what this thread was handed, the first under this grant, and the others under the next ones.
pub(super) fn lay_down(key: Key, grant: u64, items: Vec<Blob>) {
    let _ = HAND.try_with(|hand| hand.waiting.borrow_mut().entry(key).or_default().extend((grant..).zip(items)));
}

/// Takes the first item that this thread was handed and has not taken.
pub(super) fn take(key: Key) -> Option<Blob> {
    let take = |hand: &Hand| {
        let (grant, item) = hand.waiting.borrow_mut().get_mut(&key)?.pop_front()?;
        hand.taken.borrow_mut().insert(key, grant);
        Some(item)
    };
    HAND.try_with(take).ok().flatten()
}

/// Gives the first item that this thread was handed and has not taken, and leaves it there.
pub(super) fn peek(key: Key) -> Option<Blob> {
    HAND.try_with(|hand| hand.waiting.borrow().get(&key)?.front().map(|(_, item)| item.clone())).ok().flatten()
}

/// Drops what this thread was handed and has not taken; gives whether there was something.
pub(super) fn drop_waiting(key: Key) -> bool {
    let dropped = HAND.try_with(|hand| hand.waiting.borrow_mut().remove(&key));
    dropped.ok().flatten().is_some_and(|items| !items.is_empty())
}

/// Forgets a queue that is no more.
pub(super) fn forget(key: Key) {
    drop_waiting(key);
    let _ = HAND.try_with(|hand| hand.taken.borrow_mut().remove(&key));
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
        for ((host, epoch), taken) in self.taken.take() {
            let from = Origin { epoch, thread: self.thread, taken };
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
