//! What is left to a flush.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use procession_transport::{Flushed, Watch};

use super::Outbox;
use crate::flusher;

/// The outboxes of one endpoint that hold something to send.
#[derive(Debug)]
pub(crate) struct Departures {
    list: Mutex<Vec<Arc<Outbox>>>,
    /// Whether there is something on the list, as the endpoint's thread knows it.
    is_any: AtomicBool,
    /// Those that have become busy.
    busy: Mutex<Vec<Watch>>,
    has_busy: AtomicBool,
    /// An outbox is busy once it has taken so many frames.
    pub(super) busy_after: u32,
    /// Whether the flusher looks at it.
    pub(crate) armed: AtomicBool,
}

impl Departures {
    /// Makes an empty list, for outboxes that are busy once they have taken `busy_after` frames; never, if that is 0.
    pub(crate) fn new(busy_after: u32) -> Departures {
        Departures {
            list: Mutex::default(),
            is_any: AtomicBool::new(false),
            busy: Mutex::default(),
            has_busy: AtomicBool::new(false),
            busy_after,
            armed: AtomicBool::new(false),
        }
    }

    /// Puts an outbox on the list.
    pub(super) fn add(&self, outbox: Arc<Outbox>) {
        let mut list = self.list();
        list.push(outbox);
        // While the list is locked, as where it is emptied.
        self.is_any.store(true, Ordering::Relaxed);
    }

    /// Whether something waits to be sent: what is sent now goes before it.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    pub(super) fn note_busy(&self, watch: Watch) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).push(watch);
        self.has_busy.store(true, Ordering::Release);
    }

    /// Whether an outbox has become busy.
    #[inline]
    pub(crate) fn has_busy(&self) -> bool {
        self.has_busy.load(Ordering::Relaxed)
    }

    /// Takes those that have become busy.
    pub(crate) fn take_busy(&self) -> Vec<Watch> {
        self.has_busy.store(false, Ordering::Release);
        std::mem::take(&mut *self.busy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends what can be sent. Those that cannot go on stay on the list, and are given to `stuck`.
    pub(crate) fn flush(&self, stuck: impl FnMut(&Arc<Outbox>, Flushed)) -> bool {
        let outboxes = std::mem::take(&mut *self.list());
        self.send(outboxes, stuck)
    }

    /// Sends what can be sent of that which nobody has touched for so long; see [`Departures::flush`]. What its own thread
    /// is busy with, it sends itself.
    pub(crate) fn flush_left_behind(&self, least: Duration, stuck: impl FnMut(&Arc<Outbox>, Flushed)) -> bool {
        let outboxes = self.list().extract_if(.., |outbox| outbox.is_left_behind(least)).collect();
        self.send(outboxes, stuck)
    }

    fn send(&self, mut outboxes: Vec<Arc<Outbox>>, mut stuck: impl FnMut(&Arc<Outbox>, Flushed)) -> bool {
        outboxes.retain(|outbox| {
            // Who is just writing there may take long; it is tried again.
            let Some(mut state) = outbox.state.try_lock() else { return true };
            let flushed = state.flush(&outbox.departed);
            state.listed = flushed != Flushed::Everything;
            drop(state);
            if flushed != Flushed::Everything {
                stuck(outbox, flushed);
            }
            flushed != Flushed::Everything
        });
        let mut list = self.list();
        if list.is_empty() {
            std::mem::swap(&mut *list, &mut outboxes);
        } else {
            list.append(&mut outboxes);
        }
        self.is_any.store(!list.is_empty(), Ordering::Relaxed);
        list.is_empty()
    }

    /// Drops what is left: the endpoint ends. An outbox and this list hold each other, so without it neither would go.
    pub(crate) fn abandon(&self) {
        for outbox in std::mem::take(&mut *self.list()) {
            outbox.close();
        }
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Has the flusher see to what is left, since the caller now does something else.
    pub(crate) fn leave_to_flusher(self: &Arc<Self>) {
        if !self.is_empty() {
            flusher::arm(self);
        }
    }

    /// Whether it was not armed before.
    pub(crate) fn set_armed(&self) -> bool {
        !self.armed.swap(true, Ordering::AcqRel)
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
