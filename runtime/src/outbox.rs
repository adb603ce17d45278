//! The sending half of a connection, as several threads may use it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use procession_transport::{Body, Flushed, Header, Link, LinkError, Outlet, Unsent as Undelivered, Watch};

use crate::endpoint::kind;
use crate::flusher;

/// A connection takes no more while this much is buffered, in bytes. One message may exceed it.
pub(crate) const OUTBOX_LIMIT_BYTES: usize = 1 << 20;

/// Frames coalesce up to this much, in bytes: enough for 67 million small messages a second.
const BATCH_BYTES: usize = 64 << 10;

/// A message leaves at once, unless the last one left less than this ago.
const COALESCE_WITHIN: Duration = Duration::from_micros(50);

/// Coalesced frames leave at the next message when the oldest is this old.
const COALESCE_AGE: Duration = Duration::from_micros(100);

/// The clock is read once in this many coalesced messages.
const MESSAGES_PER_CLOCK: u32 = 16;

/// When a pushed frame is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// At once, or with others when they come thick and fast; within 1 ms whatever the caller does next.
    Soon,
    /// When the caller flushes, which it is about to do.
    WithFlush,
}

/// Why a frame was not pushed.
#[derive(Debug)]
pub(crate) enum Unsent<E> {
    /// [`OUTBOX_LIMIT_BYTES`] are buffered and the peer takes no more.
    Full,
    /// The connection is closed.
    Closed,
    Write(E),
}

/// The sending half of one connection. The lock is the endpoint's own nearly always: only the flusher and replies sent by
/// other threads contend for it.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    departures: Arc<Departures>,
    /// How the endpoint's hub knows the connection.
    watch: Watch,
}

#[derive(Debug)]
struct State {
    outlet: Outlet,
    closed: bool,
    /// Whether it is on the list of departures.
    listed: bool,
    /// When something last left.
    departed: Instant,
    /// Messages since the clock was last read.
    unclocked: u32,
}

/// The outboxes of one endpoint that hold something to send.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    list: Mutex<Vec<Arc<Outbox>>>,
    /// Whether the flusher looks at it.
    pub(crate) armed: AtomicBool,
}

impl Outbox {
    pub(crate) fn new(outlet: Outlet, watch: Watch, departures: Arc<Departures>) -> Arc<Outbox> {
        let departed = Instant::now() - COALESCE_WITHIN;
        let state = State { outlet, closed: false, listed: false, departed, unclocked: 0 };
        Arc::new(Outbox { state: Mutex::new(state), departures, watch })
    }

    pub(crate) fn watch(&self) -> Watch {
        self.watch
    }

    pub(crate) fn link(&self) -> Arc<dyn Link> {
        self.lock().outlet.link().clone()
    }

    /// Appends a frame if the limit allows; `write` fills its payload.
    pub(crate) fn push<E>(
        self: &Arc<Self>,
        header: Header,
        departure: Departure,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), Unsent<E>> {
        let mut state = self.lock();
        if !state.makes_room() {
            return Err(Unsent::Full);
        }
        self.append(state, header, departure, write)
    }

    /// Appends a reply. It does not count against the limit: while an asker is owed more than that, no further request of
    /// its is read.
    pub(crate) fn push_reply<E>(
        self: &Arc<Self>,
        header: Header,
        departure: Departure,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), Unsent<E>> {
        self.append(self.lock(), header, departure, write)
    }

    fn append<E>(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        header: Header,
        departure: Departure,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), Unsent<E>> {
        if state.closed {
            return Err(Unsent::Closed);
        }
        let was_empty = state.outlet.buffered_bytes() == 0;
        state.outlet.push(header, write).map_err(Unsent::Write)?;
        let left = departure == Departure::Soon && state.is_due(was_empty) && state.flush() == Flushed::Everything;
        if left {
            return Ok(());
        }
        if !state.listed {
            state.listed = true;
            self.departures.list().push(self.clone());
        }
        drop(state);
        if departure == Departure::Soon {
            flusher::arm(&self.departures);
        }
        Ok(())
    }

    /// Sends what the peer takes.
    pub(crate) fn flush(&self) -> Flushed {
        self.lock().flush()
    }

    /// Whether the limit lets another message in.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        state.closed || state.makes_room()
    }

    /// Drops what is buffered and takes nothing more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Closes, and gives the messages without an answer that have not left whole.
    pub(crate) fn close_and_take_tells(&self) -> Vec<Undelivered> {
        let mut state = self.lock();
        state.closed = true;
        let mut unsent = state.outlet.take_unsent();
        unsent.retain(|frame| frame.header.kind == kind::TELL);
        unsent
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn makes_room(&mut self) -> bool {
        self.outlet.buffered_bytes() < OUTBOX_LIMIT_BYTES || {
            self.flush();
            self.outlet.buffered_bytes() < OUTBOX_LIMIT_BYTES
        }
    }

    /// Whether what is buffered should leave now.
    fn is_due(&mut self, was_empty: bool) -> bool {
        if self.outlet.buffered_bytes() >= BATCH_BYTES {
            return true;
        }
        self.unclocked += 1;
        if !was_empty && !self.unclocked.is_multiple_of(MESSAGES_PER_CLOCK) {
            return false;
        }
        self.departed.elapsed() >= if was_empty { COALESCE_WITHIN } else { COALESCE_AGE }
    }

    fn flush(&mut self) -> Flushed {
        if self.closed || self.outlet.buffered_bytes() == 0 {
            return Flushed::Everything;
        }
        match self.outlet.flush() {
            Ok(flushed) => {
                self.departed = Instant::now();
                flushed
            }
            // The peer is gone; the supervisor will say so, and how.
            Err(LinkError::Closed) => self.give_up(),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot send any more");
                self.give_up()
            }
        }
    }

    fn give_up(&mut self) -> Flushed {
        self.closed = true;
        Flushed::Everything
    }
}

impl Departures {
    /// Sends what can be sent. Those that cannot go on stay on the list, and are given to `stuck`.
    pub(crate) fn flush(&self, mut stuck: impl FnMut(&Arc<Outbox>, Flushed)) -> bool {
        let mut outboxes = std::mem::take(&mut *self.list());
        outboxes.retain(|outbox| {
            let mut state = outbox.lock();
            let flushed = state.flush();
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
