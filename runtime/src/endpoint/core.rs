//! The state of an endpoint, and one turn of its loop.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procession_transport::{
    Beside, Descriptors, Flushed, Header, Hub, Inlet, Link, Outlet, Readiness, Received, Refusal, Socket,
    Unsent as Undelivered, Watch,
};
use rustc_hash::FxHashMap;
use slab::Slab;

use super::backlog::Backlog;
use super::connection::{Connection, Direction, Inbox, Sorted};
use super::kind;
use super::line::Line;
use super::mailbox::{Item, Mailbox};
use super::route::{self, Route};
use super::spin::Spinner;
use super::upgrade::{self, Upgrade};
use crate::control::{Answer, Call};
use crate::error::{RuntimeError, WaitError};
use crate::fate::Fates;
use crate::id::{EndpointId, Incarnation, ProcessId};
use crate::letter::Letter;
use crate::membership::{Control, Membership};
use crate::outbox::{Departure, Departures, Outbox};
use crate::timers::{Timers, later};

/// Try again this soon where the system cannot say when.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// What a watched descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Control,
    Connection(usize),
}

/// The state of an endpoint.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: EndpointId,
    pub(crate) hub: Hub<Subject>,
    control: Inlet,
    pub(super) control_watch: Watch,
    /// The way up to the supervisor.
    pub(crate) upward: Arc<Control>,
    pub(crate) connections: Slab<Connection>,
    /// The connections to other processes.
    pub(crate) outgoing: FxHashMap<ProcessId, Rc<Route>>,
    pub(super) member: Arc<Membership>,
    pub(crate) inbox: Inbox,
    pub(crate) backlog: Backlog,
    /// Whether an actor is served, which takes requests straight from the receive buffers.
    pub(crate) is_serving: bool,
    pub(crate) timers: Timers,
    /// Questions to the supervisor, and their answers once they are there.
    pub(crate) calls: FxHashMap<Call, Option<(Answer, Descriptors)>>,
    /// Introductions that have been asked for.
    pub(crate) introducing: FxHashMap<ProcessId, Call>,
    pub(crate) next_call: Call,
    pub(crate) next_correlation: u64,
    pub(crate) next_monitor: u32,
    /// Whether somebody here has asked to be told of ends.
    pub(crate) watches_ends: bool,
    /// How the supervisor's voice was when it was listened to last.
    pub(super) heard: u64,
    /// The processes whose end somebody in this thread wants to know of without a `Down`.
    pub(crate) fates: Fates,
    pub(crate) departures: Arc<Departures>,
    /// Outboxes whose peers take no more: watched for being writable.
    blocked: Vec<Arc<Outbox>>,
    /// Ready watches, while they are looked at.
    ready: Vec<(Watch, Readiness<Subject>)>,
    message_limit_bytes: usize,
    /// Messages that a process's death has stopped on their way, until it is known whether it comes up again.
    pub(super) undelivered: FxHashMap<ProcessId, Vec<Undelivered>>,
    /// Whether the endpoint waits for something, and takes requests in meanwhile as far as its mailbox goes.
    pub(crate) is_blocked: bool,
    /// Items seen to since the last turn.
    pub(crate) items_since_turn: u32,
    /// Whether the last of them was a timer: then it is a message's turn.
    pub(crate) has_fired: bool,
    /// The supervisor has closed the control socket.
    pub(crate) is_lost: bool,
    pub(super) spinner: Spinner,
    /// The connection that was read last: what is waited for next may come there.
    pub(super) recent: Option<usize>,
    /// Whether what is waited for takes long, so that looking is of no use.
    pub(crate) waits_long: bool,
}

impl Core {
    pub(crate) fn new(id: EndpointId, line: Line, departures: Arc<Departures>, member: Arc<Membership>) -> Core {
        let options = &member.options;
        let inbox = Inbox {
            mailbox: Mailbox::new(usize::try_from(options.mailbox_limit_bytes).unwrap_or(usize::MAX)),
            waits: FxHashMap::default(),
            in_hand: None,
            tag_in_hand: None,
            probes: Vec::new(),
        };
        Core {
            id,
            hub: line.hub,
            control: line.inlet,
            control_watch: line.watch,
            upward: line.upward,
            connections: Slab::new(),
            outgoing: FxHashMap::default(),
            inbox,
            backlog: Backlog::default(),
            is_serving: false,
            timers: Timers::default(),
            calls: FxHashMap::default(),
            introducing: FxHashMap::default(),
            next_call: 0,
            next_correlation: 0,
            next_monitor: 0,
            watches_ends: false,
            heard: 0,
            fates: Fates::default(),
            departures,
            blocked: Vec::new(),
            ready: Vec::new(),
            message_limit_bytes: usize::try_from(options.message_limit_bytes).unwrap_or(usize::MAX),
            undelivered: FxHashMap::default(),
            is_blocked: false,
            items_since_turn: 0,
            has_fired: false,
            is_lost: false,
            spinner: Spinner::new(options.spins),
            recent: None,
            waits_long: false,
            member,
        }
    }

    /// Sends what is to be sent, waits until something has happened or the time has passed, and takes in what has come.
    pub(crate) fn turn(&mut self, timeout: Option<Duration>) -> Result<(), RuntimeError> {
        let timeout = self.begin_turn(timeout)?;
        let recent = self.recent;
        if !self.spin(timeout, recent, |hub| hub.wait(Some(Duration::ZERO)))? {
            self.hub.wait(timeout)?;
        }
        self.take_in()
    }

    /// Turns as [`turn`](Core::turn) does, and waits for what is beside the endpoint, too.
    pub(crate) fn turn_beside(
        &mut self,
        beside: &mut Beside<'_>,
        timeout: Option<Duration>,
    ) -> Result<(), RuntimeError> {
        let timeout = self.begin_turn(timeout)?;
        if !self.spin(timeout, None, |hub| hub.wait_beside(beside, Some(Duration::ZERO)))? {
            self.hub.wait_beside(beside, timeout)?;
        }
        if self.hub.has_ready() { self.take_in() } else { Ok(()) }
    }

    /// Sends what is to be sent. Gives how long may be waited at most.
    fn begin_turn(&mut self, timeout: Option<Duration>) -> Result<Option<Duration>, RuntimeError> {
        if self.is_lost {
            return Err(RuntimeError::SupervisorLost);
        }
        self.items_since_turn = 0;
        let mut is_busy = self.flush();
        if self.departures.has_busy() {
            // To reserve memory takes time, and where there is none, the kernel may kill for it: what was told has left before.
            self.offer_upgrades();
            is_busy |= self.flush();
        }
        let timeout = if self.has_work() {
            Some(Duration::ZERO)
        } else if is_busy {
            Some(timeout.map_or(BUSY_PAUSE, |timeout| timeout.min(BUSY_PAUSE)))
        } else {
            timeout
        };
        Ok(timeout)
    }

    /// Sends what the peers take; watches those that take no more. Gives whether some must be tried again soon.
    fn flush(&mut self) -> bool {
        if self.departures.is_empty() {
            return false;
        }
        let departures = self.departures.clone();
        let mut is_busy = false;
        departures.flush(|outbox, flushed| {
            is_busy |= flushed == Flushed::Busy || flushed == Flushed::Blocked && self.watch_for_room(outbox);
        });
        is_busy
    }

    /// Has the endpoint woken when the peer takes more. Gives whether it must try again soon instead.
    pub(super) fn watch_for_room(&mut self, outbox: &Arc<Outbox>) -> bool {
        if self.blocked.iter().any(|other| Arc::ptr_eq(other, outbox)) {
            return false;
        }
        self.blocked.push(outbox.clone());
        self.hub.want_writable(outbox.watch(), &*outbox.link(), true).is_err()
    }

    /// Whether something that is ready can be acted on now. A connection whose requests have no room waits.
    fn has_work(&self) -> bool {
        (0..self.hub.ready_count())
            .any(|index| self.hub.ready_at(index).is_some_and(|(_, readiness)| self.is_wanted(readiness)))
    }

    fn is_wanted(&self, readiness: Readiness<Subject>) -> bool {
        match readiness.subject {
            Subject::Control => true,
            Subject::Connection(key) => {
                readiness.writable
                    || readiness.beside
                    || readiness.readable && self.connections.get(key).is_some_and(|c| self.reads(c))
            }
        }
    }

    /// Whether a connection is read now. Requests have to fit in the mailbox, and are not taken from an asker that is
    /// owed more answers than it reads.
    pub(super) fn reads(&self, connection: &Connection) -> bool {
        match connection.direction {
            Direction::To(_) => true,
            Direction::From(_) => {
                !connection.is_put_off
                    && self.backlog.has_room()
                    && !self.inbox.mailbox.is_full(self.is_blocked)
                    && connection.outbox.has_room()
            }
        }
    }

    /// Takes in what is ready: one read of every connection, all that the supervisor has said.
    pub(crate) fn take_in(&mut self) -> Result<(), RuntimeError> {
        if self.watches_ends {
            self.hear_supervisor_first()?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.extend((0..self.hub.ready_count()).filter_map(|index| self.hub.ready_at(index)));
        let mut outcome = Ok(());
        for (watch, readiness) in ready.drain(..) {
            match readiness.subject {
                Subject::Control => outcome = outcome.and(self.read_control()),
                Subject::Connection(key) => {
                    if readiness.writable {
                        self.unblock(watch);
                    }
                    if readiness.beside {
                        self.attend(key);
                    }
                    if readiness.readable && self.connections.get(key).is_some_and(|c| self.reads(c)) {
                        self.read_connection(key);
                    }
                }
            }
        }
        self.ready = ready;
        self.pass_probes();
        outcome
    }

    fn unblock(&mut self, watch: Watch) {
        self.hub.written(watch);
        let Some(index) = self.blocked.iter().position(|outbox| outbox.watch() == watch) else { return };
        if self.blocked[index].flush() == Flushed::Everything {
            let outbox = self.blocked.swap_remove(index);
            let _ = self.hub.want_writable(watch, &*outbox.link(), false);
        }
    }

    /// Takes in what has come beside a connection's stream. That it has ended proves nothing.
    fn attend(&mut self, key: usize) {
        let Some(connection) = self.connections.get(key) else { return };
        self.hub.attended(connection.watch);
        if let Err(error) = connection.inlet.link().attend() {
            self.break_connection(key, error.desc());
        }
    }

    /// Takes in what the supervisor has said and that has been received with its first word.
    pub(super) fn hear_rest(&mut self) -> Result<(), RuntimeError> {
        if self.control.has_frame() { self.read_control() } else { Ok(()) }
    }

    pub(super) fn read_control(&mut self) -> Result<(), RuntimeError> {
        loop {
            let received = self.control.receive();
            while let Some(frame) = self.control.next_frame()? {
                self.take_notice(frame)?;
            }
            match received {
                Ok(Received::More) => {}
                Ok(Received::Drained | Received::Nothing) => {
                    self.hub.drained(self.control_watch);
                    if self.hub.readiness(self.control_watch).is_some_and(|readiness| !readiness.readable) {
                        return Ok(());
                    }
                }
                Ok(Received::End) | Err(_) => {
                    self.hub.ended(self.control_watch);
                    self.is_lost = true;
                    route::forget_recent_of(&self.departures);
                    return Ok(());
                }
            }
        }
    }

    /// Reads a connection once and sees to the frames that have become whole.
    #[inline]
    pub(crate) fn read_connection(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        match connection.inlet.receive() {
            Ok(Received::More) => self.recent = Some(key),
            Ok(Received::Drained) => {
                self.recent = Some(key);
                self.hub.drained(connection.watch);
            }
            Ok(Received::Nothing) => self.hub.drained(connection.watch),
            // That proves nothing: the connection stays until the supervisor has said what happened.
            Ok(Received::End) => self.hub.ended(connection.watch),
            Err(error) => {
                self.sort_connection(key);
                return self.break_connection(key, &error.to_string());
            }
        }
        if !self.put_off(key) {
            self.sort_connection(key);
        }
    }

    /// Sorts the frames of a connection that are whole.
    #[inline]
    pub(crate) fn sort_connection(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        match sort_frames(&mut self.inbox, &mut self.hub, key, connection) {
            Ok(false) => {}
            Ok(true) => self.remove_connection(key, &WaitError::NoReply),
            Err(error) => self.break_connection(key, &error.to_string()),
        }
    }

    /// Takes in exactly what a connection holds now, whatever the limits: its peer is gone.
    pub(crate) fn drain(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        loop {
            let link = connection.inlet.link().clone();
            link.lift_bound();
            let mut rest = connection.inlet.unread_bytes();
            while sort_frames(&mut self.inbox, &mut self.hub, key, connection).is_ok() && rest > 0 {
                let before = connection.inlet.buffered_bytes();
                match connection.inlet.receive() {
                    Ok(Received::More | Received::Drained) => {
                        rest = rest.saturating_sub(connection.inlet.buffered_bytes() - before);
                    }
                    Ok(Received::Nothing | Received::End) | Err(_) => rest = 0,
                }
            }
            // Its last word on the socket may have been that it goes on in shared memory.
            if Arc::ptr_eq(&link, connection.inlet.link()) {
                return;
            }
        }
    }

    /// Gives up a connection whose bytes make no sense. The peer lives; the next message makes a new connection.
    pub(crate) fn break_connection(&mut self, key: usize, why: &str) {
        if let Some(connection) = self.connections.get(key) {
            tracing::warn!(peer = %connection.peer(), why, "a connection was given up");
        }
        self.remove_connection(key, &WaitError::Runtime(RuntimeError::System(why.to_owned())));
    }

    /// Closes the connections of all who send to this endpoint, and drops what they have sent.
    pub(crate) fn turn_visitors_out(&mut self) {
        let visitors = self.connections.iter().filter(|(_, c)| matches!(c.direction, Direction::From(_)));
        let keys: Vec<usize> = visitors.map(|(key, _)| key).collect();
        for key in keys {
            self.remove_connection(key, &WaitError::NoReply);
        }
        self.inbox.mailbox.drop_letters();
    }

    /// Closes a connection; what waits for answers on it ends with `error`.
    pub(crate) fn remove_connection(&mut self, key: usize, error: &WaitError) {
        let Some(connection) = self.connections.try_remove(key) else { return };
        if let Direction::To(process) = connection.direction {
            self.outgoing.remove(&process);
            route::forget_recent(|route| Arc::ptr_eq(&route.outbox, &connection.outbox));
        }
        connection.outbox.close();
        self.backlog.forget(key);
        self.blocked.retain(|outbox| !Arc::ptr_eq(outbox, &connection.outbox));
        self.hub.forget(connection.watch, connection.inlet.link().descriptor());
        self.inbox.fail_waits(key, error);
    }

    /// Adds a connection to another process.
    pub(crate) fn add_outgoing(
        &mut self,
        process: ProcessId,
        incarnation: Incarnation,
        socket: OwnedFd,
    ) -> Result<(), RuntimeError> {
        if self.outgoing.contains_key(&process) {
            tracing::debug!(%process, "a second introduction was dropped");
            return Ok(());
        }
        let key = self.add(Direction::To(process), incarnation, socket)?;
        let outbox = self.connections[key].outbox.clone();
        self.outgoing.insert(process, Rc::new(Route { process, key, outbox, member: self.member.clone() }));
        self.redeliver(process, key);
        Ok(())
    }

    /// Adds a connection from another endpoint.
    pub(crate) fn add_visitor(&mut self, visitor: EndpointId, socket: OwnedFd) -> Result<(), RuntimeError> {
        self.add(Direction::From(visitor), visitor.incarnation, socket).map(drop)
    }

    fn add(&mut self, direction: Direction, incarnation: Incarnation, socket: OwnedFd) -> Result<usize, RuntimeError> {
        let link: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(socket));
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let watch = self.hub.watch(link.descriptor(), Subject::Connection(key))?;
        let outlet = Outlet::new(link.clone(), self.message_limit_bytes);
        let outbox = Outbox::new(outlet, watch, self.departures.clone());
        let inlet = Inlet::new(link, self.message_limit_bytes);
        let upgrade = Upgrade::default();
        entry.insert(Connection { direction, incarnation, inlet, outbox, watch, is_put_off: false, upgrade });
        Ok(key)
    }

    /// Sends what is left and says on every connection that nothing more comes.
    pub(crate) fn say_farewell(&mut self, limit: Duration) {
        let deadline = later(Instant::now(), limit);
        for (_, connection) in self.connections.iter().filter(|(_, c)| matches!(c.direction, Direction::To(_))) {
            let header = Header { kind: kind::CLOSE, ..Header::default() };
            let _ = connection.outbox.push_reply(header, Departure::WithFlush, |_| Ok::<_, Refusal>(()));
        }
        while !self.departures.flush(|_, _| {}) && Instant::now() < deadline {
            match self.turn(Some(BUSY_PAUSE)) {
                Ok(()) => {}
                Err(_) => return,
            }
        }
    }
}

/// Sorts the frames that have become whole. Gives whether the peer has said its last word.
#[inline]
fn sort_frames(inbox: &mut Inbox, hub: &mut Hub<Subject>, key: usize, connection: &mut Connection) -> io::Result<bool> {
    let mut is_closed = false;
    while let Some(placed) = connection.inlet.next_placed().map_err(io::Error::other)? {
        let mut letter = Letter::empty();
        match connection.sort(key, placed, inbox, &mut letter) {
            Sorted::Request(origin) => inbox.mailbox.push(Item::Letter { letter, origin }),
            Sorted::LastWord => is_closed = true,
            Sorted::Upgrade(frame) => upgrade::take(hub, connection, frame).map_err(io::Error::other)?,
            Sorted::Elsewhere => {}
        }
    }
    Ok(is_closed)
}
