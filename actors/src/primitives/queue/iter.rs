//! Taking items until nothing more comes.

use std::fmt;

use super::{Queue, QueueError};
use crate::Data;

/// Takes items from a queue until nothing more comes; [`Queue::iter`] and [`Queue::iter_many`] make it.
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
    /// Most items to have handed over at a time.
    most: usize,
    is_over: bool,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>, most: usize) -> Iter<'a, T> {
        Iter { queue, most, is_over: false }
    }
}

impl<T: Data> Iterator for Iter<'_, T> {
    type Item = Result<T, QueueError>;

    fn next(&mut self) -> Option<Result<T, QueueError>> {
        if self.is_over {
            return None;
        }
        let item = self.queue.fetch(None, self.most);
        self.is_over = item.is_err();
        Some(item).filter(|item| !matches!(item, Err(QueueError::Closed)))
    }
}

/// What was handed over and not taken is ready for others again.
impl<T> Drop for Iter<'_, T> {
    fn drop(&mut self) {
        self.queue.return_waiting();
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Iter").field("queue", &self.queue).field("most", &self.most).finish_non_exhaustive()
    }
}
