//! The ways to other processes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::id::ProcessId;
use crate::membership::Membership;
use crate::outbox::{Departures, Outbox};

/// A connection to another process, for the messages that go there.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) process: ProcessId,
    /// The connection's key.
    pub(crate) key: usize,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) member: Arc<Membership>,
}

thread_local! {
    /// The connection that this thread has used last, while it is not in use: a stream of messages to one process need not look
    /// up the endpoint, and in there the connection, each time.
    static RECENT: Cell<Option<Rc<Route>>> = const { Cell::new(None) };
}

/// Takes the connection that was used last, if it leads there.
#[inline]
pub(crate) fn take_recent(to: &ProcessId) -> Option<Rc<Route>> {
    RECENT.try_with(Cell::take).ok().flatten().filter(|route| route.process == *to)
}

/// Keeps a connection that has been used.
#[inline]
pub(crate) fn keep_recent(route: Rc<Route>) {
    let _ = RECENT.try_with(|recent| recent.set(Some(route)));
}

/// Lets the connection that was used last go, if it is one of these: they are removed.
pub(crate) fn forget_recent(are_removed: impl Fn(&Route) -> bool) {
    let _ = RECENT.try_with(|recent| recent.set(recent.take().filter(|route| !are_removed(route))));
}

/// Lets the connection that was used last go, if it is that endpoint's whose departures these are.
pub(crate) fn forget_recent_of(departures: &Arc<Departures>) {
    forget_recent(|route| route.outbox.is_of(departures));
}
