//! Taking messages until nothing more comes.

use std::fmt;

use procession_runtime::Patience;

use super::PipeError;
use super::end::End;
use crate::Data;

/// Takes messages from an end until nothing more comes; its `iter` makes it.
pub struct Iter<'a, T> {
    end: &'a End<T>,
    is_over: bool,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(end: &'a End<T>) -> Iter<'a, T> {
        Iter { end, is_over: false }
    }
}

impl<T: Data> Iterator for Iter<'_, T> {
    type Item = Result<T, PipeError>;

    fn next(&mut self) -> Option<Result<T, PipeError>> {
        if self.is_over {
            return None;
        }
        let message = self.end.receive(Patience::Forever);
        self.is_over = !matches!(message, Ok(_) | Err(PipeError::Unreadable(_)));
        Some(message).filter(|message| !matches!(message, Err(PipeError::Closed)))
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Iter").field("end", &self.end).field("is_over", &self.is_over).finish()
    }
}
