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
//! | `Put` of some items | done, now or when there is room; full; not in time; closed; only so many, and why |
//! | `Get` of up to so many items | those that are there, now or when there is one; empty; not in time; closed |
//! | `TaskDone` | done; invalid |
//! | `Join` | done, now or when everything is; not in time |
//! | `Close`, `Count` | done; a number |
//! | `Register` | a registration; closed |
//! | `Deregister`, `GiveUp`, `Return` | none |
//!
//! Each request says from which thread it comes, and which item was the last that reached that thread: so taking an item
//! needs no acknowledgement of its own. Whose time is over is decided by the host alone, so that an item is never handed to
//! somebody who does not wait any more. An item is *ready*, then *in a hand*, then settled and forgotten.
//!
//! # Who dies
//!
//! | who | what happens |
//! |---|---|
//! | a producer, while an item is on its way | the item is never seen |
//! | a producer that waits for room | its item is dropped: it was never told that the queue has it |
//! | a producer that was told that the queue has the item | nothing |
//! | the last registered producer | the queue is closed |
//! | a consumer that waits | nothing; nothing is handed to it |
//! | a consumer with items in hand | they are ready again, each at its old place: before all that came later |
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
mod machine;
mod messages;
mod producer;

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
