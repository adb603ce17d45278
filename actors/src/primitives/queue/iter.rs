//! Taking items until nothing more comes.

use std::fmt;

use super::{Queue, QueueError};
use crate::Data;

/// Takes items from a queue until nothing more comes; [`Queue::iter`] makes it.
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
    is_over: bool,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> Iter<'a, T> {
        Iter { queue, is_over: false }
    }
}

impl<T: Data> Iterator for Iter<'_, T> {
    type Item = Result<T, QueueError>;

    fn next(&mut self) -> Option<Result<T, QueueError>> {
        if self.is_over {
            return None;
        }
        let item = self.queue.get();
        self.is_over = item.is_err();
        Some(item).filter(|item| !matches!(item, Err(QueueError::Closed)))
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Iter").field("queue", &self.queue).field("is_over", &self.is_over).finish()
    }
}
