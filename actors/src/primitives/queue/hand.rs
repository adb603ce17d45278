//! What a thread has taken from queues: told to the host with the next request, so that taking needs no message of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::door::Key;
use super::host::Host;
use super::messages::{GiveUp, Origin};
use crate::ActorRef;

/// Numbers the threads of this process.
static LAST_THREAD: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HAND: Hand = Hand {
        thread: LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1,
        is_main: Cell::new(false),
        taken: RefCell::default(),
    };
}

/// One thread's memory of what it took.
struct Hand {
    thread: u64,
    /// Whether it is the thread whose end is the process's: that says itself whether it ends in order.
    is_main: Cell<bool>,
    /// The last grant from each queue, by host and epoch.
    taken: RefCell<BTreeMap<Key, u64>>,
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

/// Notes that an item has reached this thread.
pub(super) fn note_taken(key: Key, grant: u64) {
    let _ = HAND.try_with(|hand| hand.taken.borrow_mut().insert(key, grant));
}

/// Forgets a queue that is no more.
pub(super) fn forget(key: Key) {
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
