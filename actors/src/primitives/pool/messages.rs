//! The messages of a pool: between its users and the foreman, and between the foreman and its workers.

use std::time::Duration;

use rkyv::{Archive, Serialize};

use crate::payload::Within;
use crate::primitives::blob::Blob;
use crate::primitives::exit_data::ExitData;
use crate::primitives::near::Loan;
use crate::routine::Routine;
use crate::{Data, Later, data, message};

/// Brings work: some chunks of items. A worker does those of a chunk one after the other.
///
/// Each batch that is brought along one lane is a right to one answer: the answers come as batches are finished, not in the
/// order in which they were brought.
#[message(reply = Later<Answer>)]
pub(crate) struct Batch {
    /// Which life of the foreman the handle is for.
    pub(super) epoch: u64,
    /// Which of the sender's streams of batches and answers.
    pub(super) lane: u64,
    /// Which of the lane's jobs it belongs to.
    pub(super) job: u64,
    /// Which of the job's batches it is.
    pub(super) index: u64,
    /// Number of items.
    pub(super) count: u32,
    /// Number of items in a chunk: those stay together.
    pub(super) chunk: u32,
    /// How long one item may take.
    pub(super) timeout: Option<Duration>,
    /// Whether an item may be begun again by another worker.
    pub(super) repeatable: bool,
    /// What is done with each.
    pub(super) routine: Routine,
    /// The arguments.
    pub(super) items: Blob,
    /// Where it was given to a worker before, if it is a single item and was.
    pub(super) lost: Option<Box<Lost>>,
}

/// A turn whose worker has died.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(super) slot: usize,
    pub(super) number: u64,
    /// How the worker ended.
    pub(super) exit: ExitData,
}

/// What became of a batch.
#[data]
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) job: u64,
    pub(super) index: u64,
    pub(super) outcome: Outcome,
}

/// What became of a batch's items.
#[data]
#[derive(Debug)]
pub(crate) enum Outcome {
    Pieces(Portion),
    /// The pool takes nothing more.
    Closed,
    /// The pool has been terminated.
    Terminated,
    /// No worker can be started.
    Broken(String),
    /// The handle is for an earlier life of the foreman.
    Restarted,
}

/// What became of a batch's items, in order, as far as a message holds it.
#[data]
#[derive(Debug)]
pub(crate) struct Portion {
    pub(super) pieces: Vec<Piece>,
    /// Whether there is more to [`Collect`].
    pub(super) has_more: bool,
}

/// Asks for more of an answer.
#[message(reply = Portion)]
pub(crate) struct Collect {
    pub(super) lane: u64,
    pub(super) job: u64,
    pub(super) index: u64,
}

/// The handle is for an earlier life of the foreman.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stale;

/// Asks for the number of this life of the foreman.
#[message(reply = u64)]
pub(crate) struct Enrol;

/// What became of some items in a row.
#[data]
#[derive(Debug)]
pub(crate) enum Piece {
    /// A sequence of values and failures.
    Results { count: u32, results: Blob },
    /// The worker died with this one in its hands.
    Died(ExitData),
    /// This one took too long.
    TimedOut,
    /// These were cancelled.
    Cancelled { count: u32 },
}

/// Why an item has no value, as its worker says.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    Panicked {
        message: String,
        location: String,
        backtrace: String,
    },
    /// The value cannot be sent.
    Unsendable(String),
    /// The arguments, or the value, cannot be read.
    Unreadable(String),
}

/// Says that the results of a job are of no interest any more.
#[message]
pub(crate) struct Cancel {
    pub(super) lane: u64,
    pub(super) job: u64,
    /// Whether what a worker has begun is ended, too.
    pub(super) running: bool,
}

/// Asks whether a worker has begun with a job that has one batch.
#[message(reply = Result<bool, Stale>)]
pub(crate) struct IsRunning {
    pub(super) epoch: u64,
    pub(super) lane: u64,
    pub(super) job: u64,
}

/// Takes nothing more; or ends everything at once.
#[message(reply = Result<(), Stale>)]
pub(crate) struct Close {
    pub(super) epoch: u64,
    pub(super) terminate: bool,
}

/// Waits until a closed pool has no worker left. Answered with whether it is closed.
#[message(reply = Later<Result<bool, Stale>>)]
pub(crate) struct Join {
    pub(super) epoch: u64,
}

/// Asks how the pool is.
#[message(reply = Result<PoolStatus, Stale>)]
pub(crate) struct Inquire {
    pub(super) epoch: u64,
}

/// Asks for what it needs to have turns with workers, if there is any.
#[message(reply = Result<Option<Loan>, Stale>)]
pub(crate) struct Share {
    pub(super) epoch: u64,
}

/// Ends a turn with a worker that is not lent any more.
#[message]
pub(crate) struct Return {
    pub(super) epoch: u64,
    pub(super) slot: usize,
    pub(super) number: u64,
}

/// How a pool is, at one moment.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// How many workers it is to have.
    pub workers: usize,
    /// How many are ready to work, or work.
    pub ready: usize,
    /// How many have work in hand.
    pub busy: usize,
    /// How many batches wait for a worker.
    pub queued: usize,
    /// How many workers were started, all in all.
    pub started: u64,
    /// The process ids of those that are ready.
    pub pids: Vec<i32>,
}

/// A worker is ready.
#[message]
pub(crate) struct Prepared {
    pub(super) pid: i32,
}

/// A worker's initializer has failed.
#[message]
pub(crate) struct Unprepared {
    pub(super) why: String,
}

/// What became of some items of an assignment.
#[message]
pub(crate) struct Results {
    pub(super) assignment: u32,
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) results: Blob,
}

/// The foreman's word to itself: look at what takes long.
#[message]
pub(crate) struct Look;

/// The foreman's word to itself: see whether a worker has nothing to do while another has more than it has begun.
#[message]
pub(crate) struct EvenOut;

/// A worker's first message: run the initializer.
#[message]
pub(crate) struct Prepare;

/// Some items to do.
#[message]
pub(crate) struct Work {
    pub(super) assignment: u32,
    pub(super) first: u32,
    pub(super) end: u32,
    /// What has not begun may be taken back from the start of a chunk on. The chunks have so many items, and the first starts
    /// with the batch.
    pub(super) chunk: u32,
    /// Whether somebody looks at how long each item takes.
    pub(super) timed: bool,
    pub(super) routine: Routine,
    /// The arguments of the whole batch.
    pub(super) items: Blob,
}

/// A task of a client whose turn it is.
#[message(reply = Later<Result<Blob, Failed>>)]
pub(crate) struct Task {
    /// Which turn.
    pub(super) number: u64,
    pub(super) routine: Routine,
    pub(super) arguments: Blob,
}

/// A [`Task`], as it is sent: its arguments are written into the message straight away.
#[derive(Debug, Archive, Serialize)]
pub(super) struct TaskOf<'a, Arguments: Data> {
    pub(super) number: u64,
    pub(super) routine: Routine,
    pub(super) arguments: Within<'a, Arguments>,
}

/// A worker's last message: end.
#[message]
pub(crate) struct Retire;
