//! One connection, and what arrives on it.

use std::sync::Arc;

use procession_transport::{Frame, Inlet, Placed, Watch};
use rustc_hash::FxHashMap;

use super::deadlock::{self, Probe};
use super::kind;
use super::mailbox::{Mailbox, Origin};
use super::upgrade::Upgrade;
use super::wait::Wait;
use crate::error::WaitError;
use crate::id::{EndpointId, Incarnation, ProcessId};
use crate::letter::{Letter, ReplyPath};
use crate::outbox::{Departure, Outbox};

/// Which way requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From us to this process.
    To(ProcessId),
    /// From this endpoint to us.
    From(EndpointId),
}

/// A connection of this endpoint. Requests go one way, the answers to them come back on it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) direction: Direction,
    /// Which life of the peer it leads to.
    pub(crate) incarnation: Incarnation,
    pub(crate) inlet: Inlet,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) watch: Watch,
    /// Its receive buffer holds frames that are in the backlog.
    pub(crate) is_put_off: bool,
    /// How far it has come on its way to shared memory.
    pub(crate) upgrade: Upgrade,
}

impl Connection {
    /// The process at the other end.
    pub(crate) fn peer(&self) -> ProcessId {
        match self.direction {
            Direction::To(process) => process,
            Direction::From(endpoint) => endpoint.process,
        }
    }
}

/// What a frame was.
#[derive(Debug)]
pub(crate) enum Sorted {
    /// A message for the actor: it is in the letter now.
    Request(Origin),
    /// The peer's last word.
    LastWord,
    /// Something about the connection itself.
    Upgrade(Frame),
    /// Something that has been put where it belongs.
    Elsewhere,
}

/// Where arriving frames go.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) mailbox: Mailbox,
    /// The answers that are waited for, by correlation.
    pub(crate) waits: FxHashMap<u64, Wait>,
    /// The request in the handler's hands, while nobody has deferred its answer.
    pub(crate) in_hand: Option<Origin>,
    /// Tag of the message in the handler's hands.
    pub(crate) tag_in_hand: Option<u32>,
    /// Probes that have arrived and have not been looked at.
    pub(crate) probes: Vec<(Origin, Probe)>,
}

impl Connection {
    /// Puts the frame that was placed last where it belongs; a message, into `letter`.
    #[inline(always)]
    pub(crate) fn sort(&mut self, key: usize, placed: Placed, inbox: &mut Inbox, letter: &mut Letter) -> Sorted {
        match (self.direction, placed.header.kind) {
            (Direction::From(sender), kind::TELL | kind::REQUEST) => {
                letter.sender = sender.process;
                Sorted::Request(self.fill(key, &placed, letter))
            }
            _ => inbox.sort(key, self.direction, self.inlet.take(placed)),
        }
    }

    /// Puts a message into `letter`, which holds none.
    #[inline(always)]
    fn fill(&mut self, key: usize, placed: &Placed, letter: &mut Letter) -> Origin {
        let header = &placed.header;
        letter.tag = header.tag;
        letter.payload.point_at(&mut self.inlet, placed.start, header.length as usize);
        if header.descriptors > 0 {
            letter.arrived = self.inlet.descriptors(placed).into();
        }
        let mut origin = Origin { connection: key, correlation: 0 };
        if header.kind == kind::REQUEST {
            origin.correlation = header.correlation;
            // The answer waits for those to what has come with the request.
            let departure = if self.inlet.may_hold_frame() { Departure::WithFlush } else { Departure::Now };
            letter.reply = Some(ReplyPath::new(self.outbox.clone(), header.correlation, departure));
        }
        origin
    }
}

impl Inbox {
    /// Puts a frame that is no message where it belongs.
    fn sort(&mut self, key: usize, direction: Direction, frame: Frame) -> Sorted {
        let correlation = frame.header.correlation;
        match (direction, frame.header.kind) {
            (Direction::From(_), kind::PROBE) => {
                let origin = Origin { connection: key, correlation };
                self.probes.extend(deadlock::read(&frame.payload).map(|probe| (origin, probe)));
                Sorted::Elsewhere
            }
            (Direction::From(_), kind::CLOSE) => Sorted::LastWord,
            (Direction::To(_), kind::REPLY | kind::NO_REPLY | kind::INVALID | kind::NOT_ACCEPTED) => {
                // An answer that nobody waits for any more is late, and dropped.
                if let Some(wait) = self.waits.get_mut(&correlation) {
                    wait.outcome = Some(outcome(frame));
                }
                Sorted::Elsewhere
            }
            (Direction::From(_), kind::OFFER)
            | (Direction::To(_), kind::ACCEPT)
            | (_, kind::SWITCH | kind::DECLINE) => Sorted::Upgrade(frame),
            (_, kind) => {
                tracing::warn!(kind, "a frame of an unknown kind was dropped");
                Sorted::Elsewhere
            }
        }
    }

    /// Whether a request that came in there has no answer yet, and only this thread can give it.
    pub(crate) fn holds(&self, origin: Origin) -> bool {
        self.in_hand == Some(origin) || self.mailbox.holds(origin)
    }

    /// Ends the waits for answers from a connection that is gone.
    pub(crate) fn fail_waits(&mut self, key: usize, error: &WaitError) {
        for wait in self.waits.values_mut().filter(|wait| wait.connection == key && wait.outcome.is_none()) {
            wait.outcome = Some(Err(error.clone()));
        }
    }
}

fn outcome(frame: Frame) -> Result<super::Reply, WaitError> {
    match frame.header.kind {
        kind::REPLY => Ok(super::Reply { payload: frame.payload, descriptors: frame.descriptors }),
        kind::INVALID => Err(WaitError::Invalid(String::from_utf8_lossy(&frame.payload).into_owned())),
        kind::NOT_ACCEPTED => Err(WaitError::NotAccepted),
        _ => Err(WaitError::NoReply),
    }
}
