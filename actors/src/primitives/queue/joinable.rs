//! A queue that knows when the work is done.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};

use super::door::done;
use super::host::Settings;
use super::messages::{Join, TaskDone};
use super::{DEFAULT_QUEUE_LIMIT_BYTES, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES, Iter, Queue, QueueError};
use crate::{Data, Home};

/// A [`Queue`] whose items are work: who takes one says when it is done, and others can wait until all is done.
///
/// It has all methods of a queue. An item is in the hand of the thread that got it until that thread, or another of its
/// process, says [`task_done`](JoinableQueue::task_done); a thread may have several. If the process ends before, in
/// whatever way, they are handed out again, in their order and before all that came after them.
#[derive(Archive, Serialize, Deserialize)]
pub struct JoinableQueue<T> {
    queue: Queue<T>,
}

impl<T: Data> JoinableQueue<T> {
    /// Makes a queue that holds up to `limit_items` items; see [`Queue::bounded`].
    ///
    /// # Errors
    /// As [`Queue::bounded`].
    pub fn bounded(home: &impl Home, limit_items: usize) -> Result<JoinableQueue<T>, QueueError> {
        JoinableQueue::with_limits(home, limit_items, DEFAULT_QUEUE_LIMIT_BYTES)
    }

    /// Makes a queue that holds any number of items; see [`Queue::unbounded`].
    ///
    /// # Errors
    /// As [`Queue::bounded`].
    pub fn unbounded(home: &impl Home) -> Result<JoinableQueue<T>, QueueError> {
        JoinableQueue::with_limits(home, usize::MAX, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES)
    }

    /// Makes a queue with limits of its own; see [`Queue::with_limits`].
    ///
    /// # Errors
    /// As [`Queue::bounded`].
    pub fn with_limits(
        home: &impl Home,
        limit_items: usize,
        limit_bytes: usize,
    ) -> Result<JoinableQueue<T>, QueueError> {
        let queue = Queue::start(home, Settings { limit_items, limit_bytes, joinable: true })?;
        Ok(JoinableQueue { queue })
    }
}

impl<T> JoinableQueue<T> {
    /// Says that an item is done: the first of those that this thread has in hand or, if it has none, of those that its
    /// process has.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] if there is none.
    pub fn task_done(&self) -> Result<(), QueueError> {
        let from = self.queue.door.present()?;
        self.queue.door.ask(&TaskDone { from }, None).and_then(done)
    }

    /// Waits until every item that was put has been done.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn join(&self) -> Result<(), QueueError> {
        self.wait(None)
    }

    /// Waits until every item that was put has been done, for up to `timeout`.
    ///
    /// # Errors
    /// [`QueueError::Timeout`], and others.
    pub fn join_within(&self, timeout: Duration) -> Result<(), QueueError> {
        self.wait(Some(timeout))
    }

    fn wait(&self, within: Option<Duration>) -> Result<(), QueueError> {
        let from = self.queue.door.present()?;
        let outcome = self.queue.door.ask(&Join { from, within }, within);
        if matches!(outcome, Err(QueueError::Unresponsive)) {
            self.queue.door.give_up(from, false);
        }
        outcome.and_then(done)
    }
}

impl<T> Deref for JoinableQueue<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T> ArchivedJoinableQueue<T> {
    /// Gives the handle.
    pub fn to_native(&self) -> JoinableQueue<T> {
        JoinableQueue { queue: self.queue.to_native() }
    }
}

impl<T> Clone for JoinableQueue<T> {
    fn clone(&self) -> JoinableQueue<T> {
        JoinableQueue { queue: self.queue.clone() }
    }
}

impl<T> PartialEq for JoinableQueue<T> {
    fn eq(&self, other: &JoinableQueue<T>) -> bool {
        self.queue == other.queue
    }
}

impl<T> Eq for JoinableQueue<T> {}

impl<T> fmt::Debug for JoinableQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Joinable{:?}", self.queue)
    }
}

impl<T> fmt::Debug for ArchivedJoinableQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

impl<'a, T: Data> IntoIterator for &'a JoinableQueue<T> {
    type Item = Result<T, QueueError>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.queue.iter()
    }
}
