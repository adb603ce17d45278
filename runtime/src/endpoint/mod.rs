//! A thread's door to a system.
//!
//! Every thread that sends or waits has an endpoint of its own: its own control socket to the supervisor, its own
//! connections, its own poller. So handles need no lock on the way of a message. An actor's main thread has a mailbox too.
//!
//! | file | what of it |
//! |---|---|
//! | `core.rs` | its state, and one turn of its loop |
//! | `line.rs` | its line to the supervisor |
//! | `connection.rs` | one connection, and what arrives on it |
//! | `notices.rs` | what the supervisor says, deaths first |
//! | `route.rs` | the ways to other processes |
//! | `send.rs` | telling, requesting, connecting |
//! | `undelivered.rs` | messages that a death has stopped on their way |
//! | `wait.rs` | every wait: for answers, for room, for the supervisor |
//! | `upgrade.rs` | how a busy connection leaves its socket for shared memory |
//! | `spin.rs` | whether a wait looks before it sleeps; pure |
//! | `lookout.rs` | how it looks |
//! | `deadlock.rs` | probes along circles of asks |
//! | `beside.rs` | waits for what is beside the endpoint, and fates |
//! | `questions.rs` | what is asked of the supervisor |
//! | `serve.rs` | the loop of an actor |
//! | `mailbox.rs` | what waits for an actor's attention; pure |
//! | `backlog.rs` | what waits in the receive buffers |

mod backlog;
mod beside;
mod connection;
mod core;
mod deadlock;
mod line;
mod lookout;
mod mailbox;
mod notices;
mod questions;
mod route;
mod send;
mod serve;
mod spin;
mod undelivered;
mod upgrade;
mod wait;

use std::cell::{RefCell, RefMut};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use procession_transport::socket_pair;

use self::core::Core;
use crate::control::Request;
use crate::error::RuntimeError;
use crate::flusher;
use crate::id::{EndpointId, ProcessId};
use crate::links::Links;
use crate::membership::{Control, Membership};
use crate::outbox::{Departures, is_writing};

pub(crate) use self::line::{Line, wait_readable};
pub use self::lookout::Lookout;
use self::mailbox::Origin;
pub use self::mailbox::{Down, DownReason};
pub use self::send::{Outgoing, Patience};
pub use self::serve::Service;
pub use self::wait::{Reply, Ticket};

/// What a frame on a connection is.
pub(crate) mod kind {
    /// A message without an answer.
    pub(crate) const TELL: u8 = 2;
    /// A message with an answer.
    pub(crate) const REQUEST: u8 = 3;
    /// The answer.
    pub(crate) const REPLY: u8 = 4;
    /// There will be no answer.
    pub(crate) const NO_REPLY: u8 = 5;
    /// The request could not be read; the payload is a text.
    pub(crate) const INVALID: u8 = 6;
    /// The actor does not take the request.
    pub(crate) const NOT_ACCEPTED: u8 = 7;
    /// See `deadlock.rs`.
    pub(crate) const PROBE: u8 = 8;
    /// Nothing more comes from this side.
    pub(crate) const CLOSE: u8 = 9;
    /// These four: see `upgrade.rs`.
    pub(crate) const OFFER: u8 = 10;
    pub(crate) const ACCEPT: u8 = 11;
    pub(crate) const DECLINE: u8 = 12;
    pub(crate) const SWITCH: u8 = 13;
}

/// How long a thread's end waits for what it has told to leave.
const FAREWELL: Duration = Duration::from_secs(5);

thread_local! {
    static ENDPOINTS: RefCell<Vec<Endpoint>> = const { RefCell::new(Vec::new()) };
}

/// This thread's door to one system. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Endpoint(Rc<Station>);

#[derive(Debug)]
struct Station {
    member: Arc<Membership>,
    control: Arc<Control>,
    id: EndpointId,
    core: RefCell<Core>,
    departures: Arc<Departures>,
}

impl Endpoint {
    /// Gives this thread's endpoint of a system; makes it on first use. In a thread that is ending, it makes a temporary
    /// one.
    ///
    /// # Errors
    /// [`RuntimeError`] if the system does not run in this process, or there are no descriptors left.
    #[inline]
    pub fn of(system: u64) -> Result<Endpoint, RuntimeError> {
        let known = ENDPOINTS.try_with(|endpoints| {
            let endpoints = endpoints.borrow();
            endpoints.iter().find(|other| other.0.id.process.system == system && !other.is_cut_off()).cloned()
        });
        match known {
            Ok(Some(endpoint)) => endpoint.check().map(|()| endpoint),
            Ok(None) => Endpoint::first(system, true),
            Err(_) => Endpoint::first(system, false),
        }
    }

    /// Makes this thread's endpoint of a system, and keeps it unless the thread is ending.
    #[cold]
    fn first(system: u64, keep: bool) -> Result<Endpoint, RuntimeError> {
        let endpoint = Endpoint::attach(Membership::find(system)?)?;
        if keep {
            endpoint.keep();
        }
        Ok(endpoint)
    }

    /// Makes a further endpoint for this thread, over a new control socket.
    pub(crate) fn attach(member: Arc<Membership>) -> Result<Endpoint, RuntimeError> {
        member.check()?;
        let (ours, theirs) = socket_pair()?;
        let number = member.next_endpoint();
        let endpoint = Endpoint::new(member, Line::new(ours)?, number)?;
        let attached = endpoint.0.member.control.send(0, &Request::Attach { number }, vec![theirs]);
        judged(&endpoint.0.member, attached)?;
        Ok(endpoint)
    }

    /// Makes an endpoint over a line whose other end the supervisor has, or will have.
    pub(crate) fn new(member: Arc<Membership>, line: Line, number: u32) -> Result<Endpoint, RuntimeError> {
        let id = EndpointId { process: member.process, incarnation: member.incarnation, number };
        procession_transport::keep_spares(flusher::trim_spares_in_time);
        let departures = Arc::new(Departures::new(member.options.links.busy_after()));
        let control = line.upward.clone();
        let core = RefCell::new(Core::new(id, line, departures.clone(), member.clone()));
        Ok(Endpoint(Rc::new(Station { member, control, id, core, departures })))
    }

    /// Keeps the endpoint as this thread's own.
    pub(crate) fn keep(&self) {
        Endpoint::drop_spent();
        let _ = ENDPOINTS.try_with(|endpoints| endpoints.borrow_mut().push(self.clone()));
    }

    /// Closes this thread's endpoints that are of no use any more. They go after the list is free again: what their end
    /// runs may look at it.
    pub(crate) fn drop_spent() {
        let is_spent = |other: &mut Endpoint| other.check().is_err() || other.is_cut_off();
        let spent: Result<Vec<_>, _> =
            ENDPOINTS.try_with(|endpoints| endpoints.borrow_mut().extract_if(.., is_spent).collect());
        drop(spent);
    }

    /// The process that the endpoint belongs to.
    pub fn process(&self) -> ProcessId {
        self.0.id.process
    }

    /// Has so many waits sleep at once: what they wait for takes long, or the processor is wanted.
    pub(crate) fn sleep_at_once(&self, waits: u32) {
        if let Ok(mut core) = self.core() {
            core.spinner.skip(waits);
        }
    }

    /// Adopts a connection that came with the process's launch.
    pub(crate) fn adopt_visitor(&self, visitor: EndpointId, socket: OwnedFd) -> Result<(), RuntimeError> {
        self.core()?.add_visitor(visitor, socket)
    }

    /// Takes in what has come together with the launch, of which the poller knows nothing.
    pub(crate) fn hear_rest(&self) -> Result<(), RuntimeError> {
        self.core()?.hear_rest()
    }

    /// Sends what has been told, as far as the receivers take it.
    pub fn flush(&self) {
        self.0.departures.flush(|_, _| {});
    }

    /// Sends what has been told and waits until it has left, for at most `limit`.
    pub(crate) fn flush_until_gone(&self, limit: Duration) {
        if let Ok(mut core) = self.core() {
            core.say_farewell(limit);
        }
    }

    /// Largest message, in bytes.
    pub fn message_limit_bytes(&self) -> usize {
        usize::try_from(self.0.member.options.message_limit_bytes).unwrap_or(usize::MAX)
    }

    /// Makes a lookout for this thread.
    pub fn lookout(&self) -> Lookout {
        Lookout::new(self.spins())
    }

    /// Whether who waits in its system looks for a while before it sleeps.
    pub(crate) fn spins(&self) -> bool {
        self.0.member.options.spins
    }

    /// What its system's connections go by.
    pub(crate) fn links(&self) -> Links {
        self.0.member.options.links
    }

    #[inline]
    fn check(&self) -> Result<(), RuntimeError> {
        self.0.member.check()
    }

    /// As [`check`](Endpoint::check), for what waits: in the midst of a message nobody can.
    #[inline]
    fn check_may_wait(&self) -> Result<(), RuntimeError> {
        if is_writing() { Err(RuntimeError::Reentered) } else { self.check() }
    }

    /// Whether the supervisor has closed this endpoint's control socket.
    #[inline]
    fn is_cut_off(&self) -> bool {
        self.0.core.try_borrow().is_ok_and(|core| core.is_lost)
    }

    /// The state; borrowed never while code of the user runs.
    #[inline]
    fn core(&self) -> Result<RefMut<'_, Core>, RuntimeError> {
        self.0.core.try_borrow_mut().map_err(|_| RuntimeError::Reentered)
    }

    fn request(&self, request: &Request, descriptors: Vec<OwnedFd>) -> Result<(), RuntimeError> {
        judged(&self.0.member, self.0.control.send(0, request, descriptors))
    }
}

/// Finds out what it means that the supervisor takes nothing more from a thread.
fn judged(member: &Membership, outcome: Result<(), RuntimeError>) -> Result<(), RuntimeError> {
    outcome.map_err(|error| if error == RuntimeError::SupervisorLost { member.judge_end() } else { error })
}

impl Drop for Station {
    fn drop(&mut self) {
        if self.member.check().is_ok() {
            self.core.get_mut().say_farewell(FAREWELL);
        }
        route::forget_recent_of(&self.departures);
        self.departures.abandon();
    }
}
