//! The answers to one call, as the thread that makes it gets them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{PoolError, TaskError, refusal};
use super::feeder::{Feeder, Lane};
use super::foreman::Foreman;
use super::messages::{Batch, Cancel, Collect, Outcome, Piece, Portion};
use super::values::Values;
use super::{FOREVER, Pool};
use crate::{ActorRef, Data, Pending};

/// How many batches are under way for each worker, whatever they take.
const BATCHES_PER_WORKER: usize = 4;

/// How many batches are under way at most, if nobody wants them to be few.
const MOST_BATCHES: usize = 1024;

/// More than a few batches are under way only if they take no more than this together, in bytes.
const MANY_BYTES: usize = 256 << 10;

/// Numbers the lanes of this process.
static LAST_LANE: AtomicU64 = AtomicU64::new(0);

/// Opens a lane to a life of a foreman.
pub(super) fn new_lane(epoch: u64) -> Lane {
    Lane { epoch, number: LAST_LANE.fetch_add(1, Ordering::Relaxed) + 1 }
}

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    few: usize,
    most: usize,
}

impl Window {
    /// A few batches for each worker: for items that are taken only as they are wanted.
    pub(super) fn few(pool: &Pool) -> Window {
        let few = BATCHES_PER_WORKER * pool.workers().max(1) + 1;
        Window { few, most: few }
    }

    /// Many, if they are small.
    pub(super) fn many(pool: &Pool) -> Window {
        let few = Window::few(pool).few;
        Window { few, most: few.max(MOST_BATCHES) }
    }

    /// Whether another batch may be sent beside so many, which take so much.
    pub(super) fn has_room(self, count: usize, bytes: usize) -> bool {
        count < self.few || count < self.most && bytes < MANY_BYTES
    }
}

/// Batches that are under way, each with what it takes.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pending: VecDeque<(Pending<Batch>, usize)>,
    bytes: usize,
}

impl UnderWay {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends a batch, and waits for room as long as it takes.
    pub(super) fn send(&mut self, foreman: &ActorRef<Foreman>, batch: &Batch) -> Result<(), PoolError> {
        let pending = loop {
            match foreman.request(batch) {
                Err(crate::TellError::Full) => {}
                outcome => break outcome?,
            }
        };
        self.bytes += batch.items.len();
        self.pending.push_back((pending, batch.items.len()));
        Ok(())
    }

    /// The answer that comes first.
    pub(super) fn front(&mut self) -> Option<&mut Pending<Batch>> {
        self.pending.front_mut().map(|(pending, _)| pending)
    }

    pub(super) fn pop(&mut self) -> Option<Pending<Batch>> {
        let (pending, bytes) = self.pending.pop_front()?;
        self.bytes -= bytes;
        Some(pending)
    }
}

/// Sends the batches of one call, a bounded number at a time, and gives their answers as they come.
#[derive(Debug)]
pub(super) struct Stream<I> {
    foreman: ActorRef<Foreman>,
    lane: Lane,
    feeder: Feeder<I>,
    under_way: UnderWay,
    window: Window,
    has_ended: bool,
}

/// What became of the items of a batch.
#[derive(Debug)]
pub(super) struct Done {
    /// Which batch.
    pub(super) index: u64,
    pub(super) pieces: Vec<Piece>,
}

impl<I> Stream<I>
where
    I: Iterator,
    I::Item: Data,
{
    pub(super) fn new(pool: &Pool, feeder: Feeder<I>) -> Stream<I> {
        let (foreman, lane, window) = (pool.foreman().clone(), new_lane(pool.epoch()), Window::few(pool));
        Stream { foreman, lane, feeder, under_way: UnderWay::default(), window, has_ended: false }
    }

    /// Number of items in a chunk whose size was given.
    pub(super) fn chunk(&self) -> Option<usize> {
        self.feeder.chunk()
    }

    /// Number of items that were sent, and whether those are all.
    pub(super) fn sent(&self) -> (usize, bool) {
        self.feeder.count()
    }

    /// Waits for the next answer; `None` when all are here. At most `held` answers less than the window are on their way: those
    /// that the caller holds.
    ///
    /// # Errors
    /// [`PoolError`]; the stream is over then.
    pub(super) fn next(&mut self, held: usize) -> Result<Option<Done>, PoolError> {
        if self.has_ended {
            return Ok(None);
        }
        let outcome = self.fetch(held);
        self.has_ended |= !matches!(outcome, Ok(Some(_)));
        outcome
    }

    fn fetch(&mut self, held: usize) -> Result<Option<Done>, PoolError> {
        while self.window.has_room(self.under_way.len() + held, self.under_way.bytes()) {
            let Some(batch) = self.feeder.next(self.lane, 0) else { break };
            self.under_way.send(&self.foreman, &batch?)?;
        }
        let Some(pending) = self.under_way.pop() else { return Ok(None) };
        let answer = pending.wait_within(FOREVER)?;
        match answer.outcome {
            Outcome::Pieces(portion) => {
                let pieces = collect(&self.foreman, self.lane, answer.job, answer.index, portion)?;
                self.feeder.note_done(count(&pieces));
                Ok(Some(Done { index: answer.index, pieces }))
            }
            outcome => Err(refusal(outcome)),
        }
    }
}

impl<I> Drop for Stream<I> {
    fn drop(&mut self) {
        if self.under_way.len() > 0 {
            // Nobody waits for it any more. If the foreman is gone, so is the work.
            let _ = self.foreman.tell(&Cancel { lane: self.lane.number, job: 0, running: false });
        }
    }
}

/// Fetches all of an answer.
pub(super) fn collect(
    foreman: &ActorRef<Foreman>,
    lane: Lane,
    job: u64,
    index: u64,
    portion: Portion,
) -> Result<Vec<Piece>, PoolError> {
    let Portion { mut pieces, mut has_more } = portion;
    while has_more {
        let more = foreman.ask_within(&Collect { lane: lane.number, job, index }, FOREVER)?;
        has_more = more.has_more && !more.pieces.is_empty();
        pieces.extend(more.pieces);
    }
    Ok(pieces)
}

/// Number of items that the pieces are about.
pub(super) fn count(pieces: &[Piece]) -> usize {
    let count = |piece: &Piece| match piece {
        Piece::Results { count, .. } | Piece::Cancelled { count } => *count as usize,
        Piece::Died(_) | Piece::TimedOut => 1,
    };
    pieces.iter().map(count).sum()
}

/// Reads what became of items in a row, and gives it to `take` one by one, until that wants no more.
pub(super) fn read<R: Data>(
    pieces: Vec<Piece>,
    mut take: impl FnMut(Result<R, TaskError>) -> bool,
) -> Result<bool, PoolError> {
    for piece in pieces {
        let goes_on = match piece {
            Piece::Results { results, .. } => {
                Values::<R>::new(results.bytes().clone())?.give(|value| take(value.map_err(TaskError::from)))
            }
            Piece::Died(exit) => take(Err(TaskError::WorkerDied { exit: exit.into() })),
            Piece::TimedOut => take(Err(TaskError::TimedOut)),
            Piece::Cancelled { count } => (0..count).all(|_| take(Err(TaskError::Cancelled))),
        };
        if !goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}
