//! Queues: [`Queue`], and [`JoinableQueue`] whose items are work to be done.
//!
//! A queue is an actor in a process of its own, its host. It never looks into an item: that is bytes to it, whose type only
//! the handles know. One message puts items in, one takes items out; most of them carry one.
//!
//! # Protocol
//!
//! | request | answer |
//! |---|---|
//! | `Enrol`, once per process | the host's epoch; the process's end is watched from now on |
//! | `Put` of some items | done, now or when there is room, perhaps with room for more; full; not in time; closed; only so many, and why |
//! | `PutInRoom` of an item | none |
//! | `Confirm` | as of `Put`, for the item that was put in room last |
//! | `Get` of up to so many items | those that are there, now or when there is one, perhaps with a pile of more; empty; not in time; closed |
//! | `Share` | the words in which those count who have room or a pile, and the shelf |
//! | `TaskDone` | done; invalid |
//! | `Join` | done, now or when everything is; not in time |
//! | `Close`, `Count` | done; a number |
//! | `Register` | a registration; closed |
//! | `Deregister`, `GiveUp`, `Settled`, `Return` | none |
//!
//! Each request says from which thread it comes, and which item was the last that reached that thread: so taking an item
//! needs no acknowledgement of its own. Whose time is over is decided by the host alone, so that an item is never handed to
//! somebody who does not wait any more. An item is *ready*, then *in a hand*, then settled and forgotten.
//!
//! # Room and piles
//!
//! Who puts item after item need not wait for each answer. The host gives such a thread *room*: for so many items, which nobody
//! else can use meanwhile, and a word of shared memory to count in. An item is then on its way without an answer: it leaves whole,
//! for shared memory or for the system's buffers, where it stays whatever becomes of its producer; then the producer counts it, in
//! one atomic step, and is done. The host takes room back in one such step, too, that says what has been counted: when the queue is
//! closed, and when somebody waits for room. An item that could not be counted is not in the queue; its producer asks for it.
//!
//! So the host knows what is on its way. Nobody is told that the queue is empty, or at its end, while something is that was put
//! before, and [`len`](Queue::len) counts it.
//!
//! Who gets item after item is handed its share of what is ready with the one that it asks for: a *pile*, of which it counts what it
//! takes, in the same way. To take one is to be done with the one before. When somebody else waits for an item or for room, or the
//! consumer dies, the host takes piles back: what has not been taken is ready again, at its old place. There are no piles of
//! work that is to be settled one by one, and none while somebody waits for room.
//!
//! # The shelf
//!
//! While a queue has nothing to do (no item, nobody who waits, nothing on its way) its host lends a *shelf* in shared memory, with
//! places for 7 items of up to 488 bytes. A producer puts its item there, a consumer takes it from there, each with one atomic step at
//! the end, and the host knows of neither: a consumer that finds none looks out for one for some 50 µs, if such looks have been worth
//! it, before it asks. What a consumer has taken stays marked as its own until it gets again. Before the host does anything with the
//! queue it takes the shelf back, with what is there and what is marked: so an item is handed out again whichever way it went, and
//! those of one thread keep their order. A thread that has told the host something without waiting for an answer leaves the shelf alone
//! until the host has certainly heard it. A joinable queue has no shelf, nor one that is closed or has no room for so many items.
//!
//! A thread has room, piles and the shelf when it has asked the host some 16 times; room and piles up to 63 threads at a time. With the environment variable
//! `PROCESSION_WORDS` set to `off` in a process, it asks for each item.
//!
//! # Who dies
//!
//! | who | what happens |
//! |---|---|
//! | a producer, while an item is on its way | the item is never seen |
//! | a producer that waits for room | its item is dropped: it was never told that the queue has it |
//! | a producer that was told that the queue has the item, or that has counted it | nothing |
//! | the last registered producer | the queue is closed |
//! | a consumer that waits | nothing; nothing is handed to it |
//! | a consumer with items in hand, or a pile | they are ready again, each at its old place: before all that came later |
//! | who waits in `join` | nothing |
//! | the host | everybody gets [`HostDied`](QueueError::HostDied) at once; the items are gone |
//! | the host, and it is restarted | every handle gets [`HostRestarted`](QueueError::HostRestarted) |
//!
//! An item that kills whoever takes it is handed out again and again; who runs such work bounds the restarts.
//!
//! # Files
//!
//! | file | noun |
//! |---|---|
//! | `machine.rs` | the state of a queue; pure |
//! | `host.rs`, `messages.rs` | the actor around it, and its messages |
//! | `lent.rs`, `room.rs` | the words of those who need not ask; how these put something |
//! | `shelf.rs`, `shelf/`, `passing.rs` | where items go from hand to hand, pure; how a thread puts and takes something there |
//! | `handle.rs`, `joinable.rs` | [`Queue`], [`JoinableQueue`] |
//! | `producer.rs`, `iter.rs` | [`Producer`], [`Iter`] |
//! | `batch.rs` | items that travel together |
//! | `door.rs`, `hand.rs` | the way to the host; what a thread has taken |
//! | `error.rs` | [`QueueError`], [`PutError`], [`PutAllError`] |

mod batch;
mod door;
mod error;
mod hand;
mod handle;
mod host;
mod iter;
mod joinable;
mod lent;
mod machine;
mod messages;
mod passing;
mod producer;
mod room;
mod shelf;

pub use error::{PutAllError, PutError, QueueError};
pub use handle::{ArchivedQueue, Queue};
pub use iter::Iter;
pub use joinable::{ArchivedJoinableQueue, JoinableQueue};
pub use producer::Producer;

pub(crate) use hand::{end_process, note_main};

/// What the items of a bounded queue have together at most, in bytes.
pub const DEFAULT_QUEUE_LIMIT_BYTES: usize = 64 << 20;

/// What the items of an unbounded queue have together at most, in bytes.
pub const DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES: usize = 1 << 30;

/// Most items that travel together.
const BATCH_ITEMS: usize = 1024;

/// Items that have this much together travel without further ones, in bytes.
const BATCH_BYTES: usize = 64 << 10;
