//! A slab of watched descriptors over one poller.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::Link;
use crate::ring::{BITS, Bell, BellShare};

/// Most events taken in one turn.
const EVENTS_PER_TURN: usize = 64;

/// The bell's token.
const BELL: Token = Token(usize::MAX - 1);

/// Whatever comes past it, the poller is asked when it was left for so long.
const LEFT_FOR: Duration = Duration::from_millis(1);

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
    /// Something has come beside the stream, where that does not come by the descriptor any more; see [`Hub::follow_bell`].
    pub beside: bool,
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
    bell: Option<Box<Belfry>>,
    /// When the poller was last asked.
    polled: Instant,
}

impl<T> Watched<T> {
    /// Puts it into the list of those that are ready.
    #[inline]
    fn list(&mut self, watch: Watch, ready: &mut Vec<Watch>) {
        if !std::mem::replace(&mut self.listed, true) {
            ready.push(watch);
        }
    }
}

/// The hub's bell, and who rings it.
#[derive(Debug)]
struct Belfry {
    bell: Bell,
    /// For each bit the watches that it is for.
    ringers: [Vec<Watch>; BITS],
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
    /// Whether somebody waits to write.
    wants_writable: bool,
    /// Whether WRITABLE is registered.
    polls_writable: bool,
    /// The bit of the bell that is for it.
    bit: Option<u8>,
    /// The bell says when there is something to read; what comes by the descriptor is beside that.
    follows_bell: bool,
    /// Something has come there.
    beside: bool,
}

impl<T: Copy> Hub<T> {
    /// Makes a hub that watches nothing.
    ///
    /// # Errors
    /// The system's, if it has no descriptors left.
    pub fn new() -> io::Result<Hub<T>> {
        let events = Events::with_capacity(EVENTS_PER_TURN);
        let (poll, polled) = (Poll::new()?, Instant::now());
        Ok(Hub { poll, events, watched: Slab::new(), ready: Vec::new(), bell: None, polled })
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
            polls_writable: false,
            bit: None,
            follows_bell: false,
            beside: false,
        });
        Ok(watch)
    }

    /// Stops watching. Must be called before the descriptor is closed.
    pub fn forget(&mut self, watch: Watch, descriptor: BorrowedFd<'_>) {
        self.take_bell_back(watch);
        if self.watched.try_remove(watch.0).is_some() {
            self.ready.retain(|other| *other != watch);
            if let Err(error) = self.poll.registry().deregister(&mut SourceFd(&descriptor.as_raw_fd())) {
                tracing::debug!(%error, "a descriptor was not watched any more");
            }
        }
    }

    /// Asks, or no longer asks, to be told when the link is writable.
    ///
    /// # Errors
    /// The system's.
    pub fn want_writable(&mut self, watch: Watch, link: &dyn Link, want: bool) -> io::Result<()> {
        let Some(watched) = self.watched.get_mut(watch.0) else { return Ok(()) };
        let polls = want && !link.rings_for_room();
        if watched.polls_writable != polls {
            let interest = if polls { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let raw = link.descriptor().as_raw_fd();
            self.poll.registry().reregister(&mut SourceFd(&raw), Token(watch.0), interest)?;
            watched.polls_writable = polls;
        }
        if watched.wants_writable != want {
            (watched.wants_writable, watched.writable) = (want, false);
        }
        Ok(())
    }

    /// Waits until something becomes ready, or until the time has passed; `None` waits for ever. What is ready already
    /// does not end the wait: a caller that means to act on it gives a timeout of zero. Gives whether something has.
    ///
    /// # Errors
    /// The system's. An interrupting signal ends the wait without an error.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let has_heard = self.hear_bell();
        if has_heard && !self.is_poll_due() {
            return Ok(true);
        }
        let has_come = self.poll(if has_heard { Some(Duration::ZERO) } else { timeout })?;
        Ok(self.hear_bell() || has_heard || has_come)
    }

    /// Asks the poller now, and leaves the bell.
    ///
    /// # Errors
    /// The system's.
    pub fn poll_now(&mut self) -> io::Result<()> {
        self.poll(Some(Duration::ZERO)).map(drop)
    }

    pub(crate) fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let sleeps = timeout != Some(Duration::ZERO) && self.fall_asleep();
        let outcome = self.poll.poll(&mut self.events, if sleeps { timeout } else { Some(Duration::ZERO) });
        self.wake();
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            outcome => outcome?,
        }
        for event in &self.events {
            let watch = Watch(event.token().0);
            let Some(watched) = self.watched.get_mut(watch.0) else { continue };
            watched.closed |= event.is_read_closed() || event.is_error();
            let has_come = event.is_readable() || watched.closed;
            watched.beside |= watched.follows_bell && has_come;
            watched.readable |= !watched.follows_bell && has_come;
            watched.writable |= event.is_writable() || event.is_error();
            watched.list(watch, &mut self.ready);
        }
        Ok(!self.events.is_empty())
    }

    /// Lets a peer ring for a watch: gives what it needs for that.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left;
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if there are [`MOST_RINGERS`](crate::MOST_RINGERS) who can ring.
    pub fn share_bell(&mut self, watch: Watch) -> io::Result<BellShare> {
        let belfry = match &mut self.bell {
            Some(belfry) => belfry,
            None => {
                let bell = Bell::new()?;
                self.poll.registry().register(&mut SourceFd(&bell.event().as_raw_fd()), BELL, Interest::READABLE)?;
                self.bell.insert(Box::new(Belfry { bell, ringers: [const { Vec::new() }; BITS] }))
            }
        };
        let share = belfry.bell.share()?;
        belfry.ringers[usize::from(share.bit)].push(watch);
        if let Some(watched) = self.watched.get_mut(watch.0) {
            watched.bit = Some(share.bit);
        }
        Ok(share)
    }

    /// From now on the bell says when there is something to read. It is looked once whether there is.
    pub fn follow_bell(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            (watched.follows_bell, watched.readable, watched.beside) = (true, true, true);
            watched.list(watch, &mut self.ready);
        }
    }

    /// No peer rings for a watch any more.
    pub fn take_bell_back(&mut self, watch: Watch) {
        let bit = self.watched.get_mut(watch.0).and_then(|watched| watched.bit.take());
        if let (Some(belfry), Some(bit)) = (&mut self.bell, bit) {
            belfry.bell.take_back(bit);
            belfry.ringers[usize::from(bit)].retain(|other| *other != watch);
        }
    }

    /// Notes for whom the bell has rung. Gives whether it has.
    #[inline]
    pub(crate) fn hear_bell(&mut self) -> bool {
        let Some(belfry) = &mut self.bell else { return false };
        let mut rung = belfry.bell.door().map_or(0, |door| door.take());
        if rung == 0 {
            return false;
        }
        while rung != 0 {
            let bit = rung.trailing_zeros();
            rung &= rung - 1;
            // Who has not rung is looked at in vain.
            for &watch in &belfry.ringers[bit as usize] {
                let Some(watched) = self.watched.get_mut(watch.0) else { continue };
                watched.readable |= watched.follows_bell;
                watched.writable |= watched.wants_writable;
                if watched.readable || watched.writable {
                    watched.list(watch, &mut self.ready);
                }
            }
        }
        true
    }

    /// Looks again and again, `times` over, whether the bell has rung: for who is awake anyway. Gives whether it has.
    #[inline]
    pub fn listen(&mut self, times: u32) -> bool {
        self.bell.is_some()
            && (0..times).any(|_| {
                std::hint::spin_loop();
                self.hear_bell()
            })
    }

    /// Takes it that there is something to read, which the poller has not said yet.
    #[inline]
    pub fn presume_readable(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            watched.readable = true;
            watched.list(watch, &mut self.ready);
        }
    }

    /// Whether there is a bell that peers can ring.
    #[inline]
    pub fn has_bell(&self) -> bool {
        self.bell.is_some()
    }

    /// Whether the poller is to be asked, however much comes past it: it has been left for long.
    pub fn is_poll_due(&self) -> bool {
        self.polled.elapsed() >= LEFT_FOR
    }

    /// Has whoever rings wake the poller. Gives whether nobody has rung.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.bell.as_ref().and_then(|belfry| belfry.bell.door()).is_none_or(|door| door.fall_asleep())
    }

    /// The poller has been asked.
    pub(crate) fn wake(&mut self) {
        self.polled = Instant::now();
        if let Some(door) = self.bell.as_ref().and_then(|belfry| belfry.bell.door()) {
            door.wake();
        }
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
        let Watched { subject, readable, writable, beside, .. } = *watched;
        Some(Readiness { subject, readable, writable, beside })
    }

    /// Notes that the system had no more to read. A peer that has closed stays readable until its end was read.
    pub fn drained(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            watched.readable = watched.closed && !watched.follows_bell;
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

    /// Notes that what has come beside the stream was taken in.
    pub fn attended(&mut self, watch: Watch) {
        if let Some(watched) = self.watched.get_mut(watch.0) {
            (watched.beside, watched.closed) = (false, false);
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
        if watched.listed && !watched.readable && !watched.writable && !watched.beside {
            watched.listed = false;
            if let Some(index) = self.ready.iter().position(|other| *other == watch) {
                self.ready.swap_remove(index);
            }
        }
    }
}
