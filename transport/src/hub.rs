//! A slab of watched descriptors over one poller.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

/// Most events taken in one turn.
const EVENTS_PER_TURN: usize = 64;

/// Which watched descriptor: its place in the slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch(usize);

/// What is known of a watched descriptor. Readiness is edge-triggered: it stays until [`Hub::drained`] says that the
/// system had no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness<T> {
    /// What the watcher gave.
    pub subject: T,
    /// Reading may give something, or the end of the stream.
    pub readable: bool,
    /// Writing may take something. Reported only while [`Hub::want_writable`] asks for it.
    pub writable: bool,
}

/// Watches connections, pidfds and any other descriptors with one `mio::Poll`.
///
/// `T` says what a descriptor is to its owner. Only READABLE is registered, unless somebody waits to write: with both,
/// a round trip costs half as much again.
#[derive(Debug)]
pub struct Hub<T> {
    poll: Poll,
    events: Events,
    watched: Slab<Watched<T>>,
    /// Watches with unconsumed readiness, each at most once.
    ready: Vec<Watch>,
}

#[derive(Debug)]
struct Watched<T> {
    subject: T,
    readable: bool,
    /// The peer has closed: reading goes on until it gives the end.
    closed: bool,
    writable: bool,
    /// Whether it is in `ready`.
    listed: bool,
    /// Whether WRITABLE is registered.
    wants_writable: bool,
}

impl<T: Copy> Hub<T> {
    /// Makes a hub that watches nothing.
    ///
    /// # Errors
    /// The system's, if it has no descriptors left.
    pub fn new() -> io::Result<Hub<T>> {
        let events = Events::with_capacity(EVENTS_PER_TURN);
        Ok(Hub { poll: Poll::new()?, events, watched: Slab::new(), ready: Vec::new() })
    }

    /// Starts to watch a descriptor for reading. The caller keeps it open until [`Hub::forget`].
    ///
    /// # Errors
    /// The system's.
    pub fn watch(&mut self, descriptor: BorrowedFd<'_>, subject: T) -> io::Result<Watch> {
        let entry = self.watched.vacant_entry();
        let watch = Watch(entry.key());
        self.poll.registry().register(&mut SourceFd(&descriptor.as_raw_fd()), Token(watch.0), Interest::READABLE)?;
        entry.insert(Watched {
            subject,
            readable: false,
            closed: false,
            writable: false,
            listed: false,
            wants_writable: false,
        });
        Ok(watch)
    }

    /// Stops watching. Must be called before the descriptor is closed.
    pub fn forget(&mut self, watch: Watch, descriptor: BorrowedFd<'_>) {
        if self.watched.try_remove(watch.0).is_some() {
            self.ready.retain(|other| *other != watch);
            if let Err(error) = self.poll.registry().deregister(&mut SourceFd(&descriptor.as_raw_fd())) {
                tracing::debug!(%error, "a descriptor was not watched any more");
            }
        }
    }

    /// Asks, or no longer asks, to be told when the descriptor is writable.
    ///
    /// # Errors
    /// The system's.
    pub fn want_writable(&mut self, watch: Watch, descriptor: impl AsFd, want: bool) -> io::Result<()> {
        let Some(watched) = self.watched.get_mut(watch.0) else { return Ok(()) };
        if watched.wants_writable == want {
            return Ok(());
        }
        let interest = if want { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let raw = descriptor.as_fd().as_raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&raw), Token(watch.0), interest)?;
        watched.wants_writable = want;
        watched.writable = false;
        Ok(())
    }

    /// Waits until something becomes ready, or until the time has passed; `None` waits for ever. What is ready already
    /// does not end the wait: a caller that means to act on it gives a timeout of zero. Gives whether something has.
    ///
    /// # Errors
    /// The system's. An interrupting signal ends the wait without an error.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            outcome => outcome?,
        }
        for event in &self.events {
            let watch = Watch(event.token().0);
            let Some(watched) = self.watched.get_mut(watch.0) else { continue };
            watched.closed |= event.is_read_closed() || event.is_error();
            watched.readable |= event.is_readable() || watched.closed;
            watched.writable |= event.is_writable() || event.is_error();
            if !watched.listed {
                watched.listed = true;
                self.ready.push(watch);
            }
        }
        Ok(!self.events.is_empty())
    }

    /// Whether anything is ready.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Number of ready watches.
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// What the `index`-th ready watch is and can do.
    pub fn ready_at(&self, index: usize) -> Option<(Watch, Readiness<T>)> {
        let watch = *self.ready.get(index)?;
        self.readiness(watch).map(|readiness| (watch, readiness))
    }

    /// What a watch is and can do now.
    pub fn readiness(&self, watch: Watch) -> Option<Readiness<T>> {
        let watched = self.watched.get(watch.0)?;
        Some(Readiness { subject: watched.subject, readable: watched.readable, writable: watched.writable })
    }

    /// Notes that the system had no more to read. A peer that has closed stays readable until its end was read.
    pub fn drained(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            watched.readable = watched.closed;
        }
        self.unlist(watch);
    }

    /// Notes that the end of the stream was read.
    pub fn ended(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            (watched.readable, watched.closed) = (false, false);
        }
        self.unlist(watch);
    }

    /// Notes that writability was acted on.
    pub fn written(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            watched.writable = false;
        }
        self.unlist(watch);
    }

    /// The poller itself, which is readable while something watched is.
    pub(crate) fn poller(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }

    fn unlist(&mut self, watch: Watch) {
        let Some(watched) = self.watched.get_mut(watch.0) else { return };
        if watched.listed && !watched.readable && !watched.writable {
            watched.listed = false;
            if let Some(index) = self.ready.iter().position(|other| *other == watch) {
                self.ready.swap_remove(index);
            }
        }
    }
}
