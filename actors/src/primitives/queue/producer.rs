//! A registered producer.

use std::fmt;
use std::ops::Deref;

use super::messages::Deregister;
use super::{Queue, hand};

/// A queue's handle that counts as one of its producers; [`Queue::producer`] makes it.
///
/// When it is dropped, or its process ends in whatever way, that producer is gone; when the last one is, the queue is
/// closed.
pub struct Producer<T> {
    queue: Queue<T>,
    registration: u64,
}

impl<T> Producer<T> {
    pub(super) fn new(queue: Queue<T>, registration: u64) -> Producer<T> {
        Producer { queue, registration }
    }
}

impl<T> Deref for Producer<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        let from = hand::present(self.queue.door.key());
        // If the host is gone, so is the queue.
        let _ = self.queue.door.host.tell(&Deregister { from, registration: self.registration });
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Producer({:?})", self.queue)
    }
}
