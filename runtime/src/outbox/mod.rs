//! The sending half of a connection, as several threads may use it.

mod departures;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::DerefMut;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use procession_transport::{Body, Flushed, Header, Link, LinkError, Outlet, Unsent as Undelivered, Watch};

pub(crate) use self::departures::Departures;
use crate::biased::{Biased, Held, Own};
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
const MESSAGES_PER_CLOCK: u32 = 32;

/// When a pushed frame is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// At once, or with others when they come thick and fast; within 1 ms whatever the caller does next.
    Soon,
    /// When the caller flushes, which it is about to do.
    WithFlush,
    /// At once, since nothing that the caller does before it flushes would go along; but not before what waits to be sent to others.
    Now,
}

/// Why an outbox takes no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// [`OUTBOX_LIMIT_BYTES`] are buffered and the peer takes no more.
    Full,
    /// The connection is closed.
    Closed,
    /// This thread is just writing a message there.
    Reentered,
}

/// The sending half of one connection. The lock is the endpoint's own nearly always: only the flusher and replies sent by
/// other threads contend for it.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Biased<State>,
    /// When a message last left that was not left to a flush.
    departed: Departed,
    departures: Arc<Departures>,
    /// How the endpoint's hub knows the connection.
    watch: Watch,
}

#[derive(Debug)]
pub(crate) struct State {
    outlet: Outlet,
    closed: bool,
    /// Whether it is on the list of departures.
    listed: bool,
    /// Messages that are not left to a flush, since the clock was last read.
    unclocked: u32,
    /// How many more messages and answers make it busy; 0 once it is, or never will be.
    left_until_busy: u32,
    /// Whether the flusher will ask it to give back what it does not need.
    is_trimmed: bool,
    /// What is buffered is sent when it is this much, in bytes: a batch, or, while the peer takes no more, one batch above
    /// what it left.
    due_bytes: usize,
}

/// An instant that other threads may look at: microseconds since some other instant, or 0 for none.
#[derive(Debug, Default)]
struct Departed(AtomicU64);

impl Outbox {
    pub(crate) fn new(outlet: Outlet, watch: Watch, departures: Arc<Departures>) -> Arc<Outbox> {
        let state = State {
            outlet,
            closed: false,
            listed: false,
            unclocked: 0,
            left_until_busy: departures.busy_after,
            is_trimmed: false,
            due_bytes: BATCH_BYTES,
        };
        Arc::new(Outbox { state: Biased::new(state), departed: Departed::default(), departures, watch })
    }

    /// Whether it is the endpoint's whose departures these are.
    pub(crate) fn is_of(&self, departures: &Arc<Departures>) -> bool {
        Arc::ptr_eq(&self.departures, departures)
    }

    pub(crate) fn watch(&self) -> Watch {
        self.watch
    }

    pub(crate) fn link(&self) -> Arc<dyn Link> {
        self.lock().outlet.link().clone()
    }

    /// Gives the place for a message to the endpoint's thread, if the limit allows one.
    #[inline(always)]
    pub(crate) fn open(self: &Arc<Self>) -> Result<Opening<'_, Own<'_, State>>, Shut> {
        let Some(mut state) = self.state.lock_own() else { return Err(Shut::Reentered) };
        let mut buffered_bytes = state.outlet.buffered_bytes();
        if buffered_bytes >= OUTBOX_LIMIT_BYTES {
            if !state.makes_room(&self.departed) && !state.closed {
                return Err(Shut::Full);
            }
            buffered_bytes = state.outlet.buffered_bytes();
        }
        // To make room may show that the peer is gone.
        if state.closed {
            return Err(Shut::Closed);
        }
        Ok(Opening { outbox: self, state, buffered_bytes })
    }

    /// Appends a reply, unless the connection is closed: nobody waits for it then. It does not count against the limit: while
    /// an asker is owed more than that, no further request of its is read.
    pub(crate) fn push_reply<E>(
        self: &Arc<Self>,
        header: Header,
        departure: Departure,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = self.lock();
        if state.closed {
            return Ok(());
        }
        let buffered_bytes = state.outlet.buffered_bytes();
        Opening { outbox: self, state, buffered_bytes }.push(header, departure, write)
    }

    /// Sees to what has been appended: whether it leaves now, and if not, who is to see to that.
    fn see_to(self: &Arc<Self>, mut state: impl DerefMut<Target = State>, departure: Departure, was_empty: bool) {
        if state.left_until_busy > 0 {
            self.count(&mut state);
        }
        let is_due = state.is_due(departure, was_empty, &self.departed);
        if is_due {
            let flushed = state.flush(&self.departed);
            if state.outlet.is_swollen() {
                self.note_swollen(&mut state);
            }
            if flushed == Flushed::Everything {
                return;
            }
        }
        self.list(state);
        if departure == Departure::Soon {
            flusher::arm(&self.departures);
        }
        if is_due {
            // The peer is behind, maybe because it waits for this processor. What it takes now is still in the cache.
            thread::yield_now();
        }
    }

    /// Counts a frame, until the outbox is busy.
    fn count(&self, state: &mut State) {
        state.left_until_busy -= 1;
        if state.left_until_busy == 0 {
            self.departures.note_busy(self.watch);
        }
    }

    /// Has the flusher give back in time what large frames have taken.
    #[cold]
    fn note_swollen(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.is_trimmed, true) {
            flusher::trim_in_time(Arc::downgrade(self));
        }
    }

    /// Gives back what large frames have taken, if none has been sent since the last time. Gives whether it is to be asked again.
    pub(crate) fn trim(&self) -> bool {
        // Or somebody is at it.
        let Some(mut state) = self.state.try_lock() else { return true };
        if !state.closed {
            state.outlet.trim();
        }
        state.is_trimmed = !state.closed && state.outlet.is_swollen();
        state.is_trimmed
    }

    /// Puts the outbox on the list of those that hold something to send.
    fn list(self: &Arc<Self>, mut state: impl DerefMut<Target = State>) {
        if !std::mem::replace(&mut state.listed, true) {
            self.departures.add(self.clone());
        }
    }

    /// Appends a last frame for the link that is in use, and sends what comes after it by another.
    pub(crate) fn switch(self: &Arc<Self>, header: Header, link: Arc<dyn Link>) {
        let mut state = self.lock();
        if !state.closed && state.outlet.push(header, |_| Ok::<_, Infallible>(())).is_ok() {
            state.outlet.switch(link);
            if state.flush(&self.departed) != Flushed::Everything {
                self.list(state);
            }
        }
    }

    /// Sends what the peer takes.
    pub(crate) fn flush(&self) -> Flushed {
        self.state.lock().map_or(Flushed::Busy, |mut state| state.flush(&self.departed))
    }

    /// Whether nothing has left for so long.
    fn is_left_behind(&self, least: Duration) -> bool {
        self.departed.is_past(least)
    }

    /// Whether the limit lets another message in.
    pub(crate) fn has_room(&self) -> bool {
        let Some(mut state) = self.state.lock() else { return false };
        state.closed || state.has_room() || state.makes_room(&self.departed)
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

    /// Whether this thread is just writing a message there.
    pub(crate) fn is_written_here(&self) -> bool {
        self.state.lock().is_none()
    }

    /// # Panics
    /// If this thread is just writing a message there: an implementation of `Serialize` gives an answer that goes the same way.
    #[inline]
    fn lock(&self) -> Held<'_, State> {
        let held = self.state.lock();
        held.unwrap_or_else(|| panic!("an answer was given by what writes a message that goes the same way"))
    }
}

impl Departed {
    /// It is now.
    fn note(&self) {
        self.0.store(Departed::now(), Ordering::Relaxed);
    }

    /// Whether it was so long ago, or never.
    fn is_past(&self, least: Duration) -> bool {
        let at = self.0.load(Ordering::Relaxed);
        at == 0 || u128::from(Departed::now().saturating_sub(at)) >= least.as_micros()
    }

    fn now() -> u64 {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        let beginning = BEGINNING.get_or_init(Instant::now);
        u64::try_from(beginning.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

thread_local! {
    /// How many messages this thread is just writing, one in the midst of another.
    static WRITING: Cell<u32> = const { Cell::new(0) };
}

/// A message is being written. What writes it may be the user's.
struct Writing;

impl Writing {
    #[inline(always)]
    fn begin() -> Writing {
        WRITING.set(WRITING.get() + 1);
        Writing
    }
}

impl Drop for Writing {
    #[inline(always)]
    fn drop(&mut self) {
        WRITING.set(WRITING.get() - 1);
    }
}

/// Whether this thread is just writing a message: then it cannot wait, nor be told anything.
#[inline]
pub(crate) fn is_writing() -> bool {
    WRITING.get() > 0
}

/// The place in an outbox where a frame is to be appended. Nobody else gets at the outbox meanwhile.
pub(crate) struct Opening<'a, S> {
    outbox: &'a Arc<Outbox>,
    state: S,
    buffered_bytes: usize,
}

impl<S: DerefMut<Target = State>> Opening<'_, S> {
    /// Appends a frame; `write` fills its payload. If that fails, nothing is appended.
    #[inline(always)]
    pub(crate) fn push<E>(
        self,
        header: Header,
        departure: Departure,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Opening { outbox, mut state, buffered_bytes } = self;
        let was_empty = buffered_bytes == 0;
        let writing = Writing::begin();
        let length = state.outlet.push(header, write)?;
        drop(writing);
        let departure = match departure {
            Departure::Now if outbox.departures.is_any() => Departure::WithFlush,
            departure => departure,
        };
        let is_known = state.listed && state.left_until_busy == 0;
        if !is_known || state.needs_look(departure, was_empty, buffered_bytes + length) {
            outbox.see_to(state, departure, was_empty);
            return Ok(());
        }
        drop(state);
        if departure == Departure::Soon {
            flusher::arm(&outbox.departures);
        }
        Ok(())
    }
}

impl State {
    #[inline]
    fn has_room(&self) -> bool {
        self.outlet.buffered_bytes() < OUTBOX_LIMIT_BYTES
    }

    /// Sends what the peer takes. Gives whether there is room then.
    fn makes_room(&mut self, departed: &Departed) -> bool {
        self.flush(departed);
        self.has_room()
    }

    /// Whether it is to be found out whether the bytes that are buffered now [are due](State::is_due), which is seldom. If not,
    /// what has been appended is counted.
    #[inline(always)]
    fn needs_look(&mut self, departure: Departure, was_empty: bool, buffered_bytes: usize) -> bool {
        let is_counted = departure == Departure::Soon;
        let is_clock_due = is_counted && (was_empty || (self.unclocked + 1).is_multiple_of(MESSAGES_PER_CLOCK));
        let needs_look = is_clock_due || departure == Departure::Now || buffered_bytes >= self.due_bytes;
        self.unclocked += u32::from(is_counted && !needs_look);
        needs_look
    }

    /// Whether what is buffered should leave now.
    fn is_due(&mut self, departure: Departure, was_empty: bool, departed: &Departed) -> bool {
        self.unclocked += u32::from(departure == Departure::Soon);
        if self.outlet.buffered_bytes() >= self.due_bytes {
            return true;
        }
        let is_blocked = self.due_bytes > BATCH_BYTES;
        if departure == Departure::WithFlush || is_blocked {
            return false;
        }
        if departure == Departure::Now {
            return true;
        }
        if !was_empty && !self.unclocked.is_multiple_of(MESSAGES_PER_CLOCK) {
            return false;
        }
        departed.is_past(if was_empty { COALESCE_WITHIN } else { COALESCE_AGE })
    }

    fn flush(&mut self, departed: &Departed) -> Flushed {
        if self.closed || self.outlet.buffered_bytes() == 0 {
            return Flushed::Everything;
        }
        match self.outlet.flush() {
            Ok(flushed) => {
                if self.unclocked > 0 {
                    departed.note();
                    self.unclocked = 0;
                }
                let is_blocked = flushed != Flushed::Everything;
                self.due_bytes = BATCH_BYTES + if is_blocked { self.outlet.buffered_bytes() } else { 0 };
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
