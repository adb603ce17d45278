//! The messages of a queue. Every request is answered with an [`Outcome`].

use std::time::Duration;

use super::machine::{Room, Tally, Why};
use crate::primitives::blob::Blob;
use crate::primitives::near::Loan;
use crate::{Later, ProcessId, data, message};

/// Makes the sender's process known, before it asks for anything: from then on its end is watched. Answered with the host's
/// epoch.
#[message(reply = Result<u64, String>)]
pub(crate) struct Enrol;

/// Who asks: every request carries it.
#[data]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// Which life of the host the handle is for.
    pub(super) epoch: u64,
    /// Which thread of the sender's process.
    pub(super) thread: u64,
    /// The last grant that this thread has received from this queue; 0 if none.
    pub(super) taken: u64,
    /// The number under which this thread has taken something from the shelf last; 0 if that is settled.
    pub(super) shelf: u64,
}

/// Brings items, at least one.
#[message(reply = Later<Outcome>)]
pub(crate) struct Put {
    pub(super) from: Origin,
    /// How long to wait for room; `None`: as long as it takes.
    pub(super) within: Option<Duration>,
    pub(super) items: Vec<Blob>,
    /// Whether the sender could put more without asking, if it is given room.
    pub(super) wants_room: bool,
}

/// Asks for the words of those who do something without asking.
#[message(reply = Result<Option<Loan>, String>)]
pub(crate) struct Share {
    /// Which life of the host the handle is for.
    pub(super) epoch: u64,
}

/// Brings an item for which the sending thread has room.
#[message]
pub(crate) struct PutInRoom {
    pub(super) from: Origin,
    pub(super) item: Blob,
}

/// Asks whether the item is there that was brought last, without asking; if there was no room for it, waits for that.
#[message(reply = Later<Outcome>)]
pub(crate) struct Confirm {
    pub(super) from: Origin,
    pub(super) within: Option<Duration>,
}

/// Wants items, at least one.
#[message(reply = Later<Outcome>)]
pub(crate) struct Get {
    pub(super) from: Origin,
    /// Most items.
    pub(super) most: usize,
    /// Whether the sender could count what it takes of more.
    pub(super) with_pile: bool,
    /// How long to wait for one; `None`: as long as it takes.
    pub(super) within: Option<Duration>,
}

/// Has dealt with an item of a joinable queue.
#[message(reply = Later<Outcome>)]
pub(crate) struct TaskDone {
    pub(super) from: Origin,
}

/// Waits until every item has been dealt with.
#[message(reply = Later<Outcome>)]
pub(crate) struct Join {
    pub(super) from: Origin,
    pub(super) within: Option<Duration>,
}

/// Closes the queue.
#[message(reply = Later<Outcome>)]
pub(crate) struct Close {
    pub(super) from: Origin,
}

/// Asks how many items nobody has.
#[message(reply = Later<Outcome>)]
pub(crate) struct Count {
    pub(super) from: Origin,
}

/// Registers a producer.
#[message(reply = Later<Outcome>)]
pub(crate) struct Register {
    pub(super) from: Origin,
    /// Whose end is the producer's.
    #[rkyv(with = crate::Address)]
    pub(super) process: ProcessId,
}

/// Says that a registered producer is done.
#[message]
pub(crate) struct Deregister {
    pub(super) from: Origin,
    pub(super) registration: u64,
}

/// Says that the sending thread waits no more.
#[message]
pub(crate) struct GiveUp {
    pub(super) from: Origin,
    /// Whether it is done with what it has taken, too.
    pub(super) is_end: bool,
}

/// Says that the sending thread has dealt with what it was handed last: it has taken something from the shelf since.
#[message]
pub(crate) struct Settled {
    pub(super) from: Origin,
}

/// Says that the sending thread does not want what it was handed after the last grant that it has taken.
#[message]
pub(crate) struct Return {
    pub(super) from: Origin,
}

/// The host's word to itself: the time of a request is over.
#[message]
pub(crate) struct Expire {
    pub(super) process: u64,
    pub(super) thread: u64,
    pub(super) ticket: u64,
}

/// What a request is answered with.
#[data]
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// Done, and there is room for more.
    Room(Room),
    Full,
    Empty,
    TimedOut,
    Closed,
    Invalid,
    /// The handle is for an earlier life of the host.
    Restarted,
    /// So many items were taken in, and not the others because of this.
    Partly(usize, Why),
    Items {
        /// Names the handing-over of the first; each further one has the next.
        grant: u64,
        items: Vec<Blob>,
        /// Where the thread counts what it takes after the first; `None`: it has taken them all.
        pile: Option<Tally>,
    },
    Number(u64),
}
