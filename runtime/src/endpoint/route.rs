//! The ways to other processes.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::id::ProcessId;
use crate::outbox::Outbox;

/// A connection to another process, for the messages that go there.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) process: ProcessId,
    /// The connection's key.
    pub(crate) key: usize,
    pub(crate) outbox: Arc<Outbox>,
}

/// The connection that was used last, while it is not in use: a stream of messages to one process need not look it up each
/// time.
#[derive(Default)]
pub(crate) struct Recent(Cell<Option<Rc<Route>>>);

impl Recent {
    /// Takes the connection, if it leads there.
    #[inline]
    pub(crate) fn take(&self, to: ProcessId) -> Option<Rc<Route>> {
        self.0.take().filter(|route| route.process == to)
    }

    #[inline]
    pub(crate) fn keep(&self, route: Rc<Route>) {
        self.0.set(Some(route));
    }

    /// Lets a connection go that is removed.
    pub(crate) fn forget(&self, key: usize) {
        self.0.set(self.0.take().filter(|route| route.key != key));
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recent").finish_non_exhaustive()
    }
}
