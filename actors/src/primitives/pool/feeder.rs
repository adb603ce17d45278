//! Items on their way out: packed into batches.

use std::time::{Duration, Instant};

use super::answers::MARGIN_BYTES;
use super::messages::{Batch, Lost};
use super::pace::Pace;
use super::sequence::Sequence;
use crate::routine::Routine;
use crate::{Data, PayloadError};

/// A batch is full at this size, whatever its number of items, in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// No further chunk joins others in a batch of this size, in bytes: what is taken back from a worker is sent again.
const JOINED_BYTES: usize = 64 << 10;

/// How many items are packed at once, or as many more as end a chunk.
const AT_ONCE: usize = 256;

/// Most items of one batch.
const BATCH_ITEMS: usize = 64 << 10;

/// Largest chunk that is chosen for items whose number is not known.
const BLIND_CHUNK: usize = 256;

/// How many chunks each worker gets, if nobody says how large they are.
const CHUNKS_PER_WORKER: usize = 4;

/// How items are to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// Items in a chunk; `None`: chosen by their number.
    pub(super) chunk: Option<usize>,
    /// How long one item may take.
    pub(super) timeout: Option<Duration>,
    /// Whether an item may be begun again.
    pub(super) repeatable: bool,
}

/// One stream of batches to a foreman, and of answers from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    /// Which life of the foreman.
    pub(super) epoch: u64,
    /// Which of this process's lanes.
    pub(super) number: u64,
}

/// Packs items into batches.
#[derive(Debug)]
pub(super) struct Feeder<I> {
    items: Option<I>,
    routine: Routine,
    manner: Manner,
    workers: usize,
    /// Items in a chunk, as far as it is known.
    chunk: Option<usize>,
    /// How many items are to travel together if chunks are small; `None`: each chunk alone.
    pace: Option<Pace>,
    /// What is packed for the next batch: between batches, one item at most.
    packed: Sequence,
    /// A batch takes no further item at this size.
    full_bytes: usize,
    /// More than one item takes no more than this.
    most_bytes: usize,
    next_index: u64,
    /// Items that were packed.
    count: usize,
    /// Where the first item was given to a worker before.
    lost: Option<Lost>,
}

impl<I> Feeder<I>
where
    I: Iterator,
    I::Item: Data,
{
    /// Makes batches for so many workers that each fit into a message of `limit_bytes`, unless a single item does not.
    pub(super) fn new(items: I, routine: Routine, manner: Manner, workers: usize, limit_bytes: usize) -> Feeder<I> {
        let chunk = manner.chunk.or_else(|| {
            let (least, most) = items.size_hint();
            (most == Some(least)).then(|| least.div_ceil(CHUNKS_PER_WORKER * workers.max(1)))
        });
        let chunk = chunk.map(|chunk| chunk.clamp(1, BATCH_ITEMS));
        let (items, packed) = (Some(items), Sequence::default());
        let most_bytes = limit_bytes.saturating_sub(MARGIN_BYTES);
        let full_bytes = BATCH_BYTES.min(most_bytes / 2);
        let (pace, next_index, count, lost) = (None, 0, 0, None);
        Feeder { items, routine, manner, workers, chunk, pace, packed, full_bytes, most_bytes, next_index, count, lost }
    }

    /// Has chunks whose size was given travel together, if they are little work: for results that are wanted all together.
    pub(super) fn joined(mut self) -> Feeder<I> {
        self.pace = self.manner.chunk.map(|_| Pace::new(self.workers));
        self
    }

    /// Says where the only item was given to a worker before.
    pub(super) fn instead_of(mut self, lost: Option<Lost>) -> Feeder<I> {
        self.lost = lost;
        self
    }

    /// Number of items in a chunk whose size was given.
    pub(super) fn chunk(&self) -> Option<usize> {
        self.manner.chunk.and(self.chunk)
    }

    /// Items are done that were packed here.
    pub(super) fn note_done(&mut self, items: usize) {
        if let Some(pace) = &mut self.pace {
            pace.note(items, Instant::now());
        }
    }

    /// How many items are to travel together.
    fn together(&mut self, chunk: usize) -> usize {
        let (Some(pace), Some(items)) = (&mut self.pace, &self.items) else { return chunk };
        pace.begin(Instant::now);
        let (least, most) = items.size_hint();
        let share =
            if most == Some(least) { least.div_ceil(CHUNKS_PER_WORKER * self.workers.max(1)) } else { usize::MAX };
        let items = pace.items().min(share).min(BATCH_ITEMS);
        (items - items % chunk).max(chunk)
    }

    /// Number of items that were packed, and whether those are all.
    pub(super) fn count(&self) -> (usize, bool) {
        (self.count, self.items.is_none() && self.packed.len() == 0)
    }

    /// Packs the next batch, for a lane of a life of the foreman; `None` when there are no more items.
    ///
    /// # Errors
    /// [`PayloadError`] if an item cannot be sent.
    pub(super) fn next(&mut self, lane: Lane, job: u64) -> Option<Result<Batch, PayloadError>> {
        let chunk = self.chunk.unwrap_or_else(|| {
            // It doubles each time that every worker has got its share.
            let rounds = self.next_index / (CHUNKS_PER_WORKER * self.workers.max(1)) as u64;
            BLIND_CHUNK.min(1 << rounds.min(16))
        });
        let together = self.together(chunk);
        let (mut values, mut held_back) = (Vec::new(), Sequence::default());
        while let Some(items) = &mut self.items
            && self.packed.len() < together
            && self.packed.len_bytes() < self.full_bytes
        {
            if self.packed.len().is_multiple_of(chunk) && self.packed.len_bytes() >= JOINED_BYTES {
                break;
            }
            // What they take is known before if they are plain.
            let room_bytes = self.full_bytes - self.packed.len_bytes();
            let most = Sequence::plain_bytes::<I::Item>().map_or(1, |bytes| room_bytes / bytes + 1);
            let to_chunk_end = AT_ONCE.next_multiple_of(chunk) - self.packed.len() % chunk;
            let most = most.min(to_chunk_end).min(together - self.packed.len());
            values.extend(items.take(most));
            if values.len() < most {
                self.items = None;
            }
            let packed = self.packed.push_all(&values);
            values.clear();
            if let Err(error) = packed {
                return Some(Err(error));
            }
        }
        if self.packed.len() > 1 && self.packed.len_bytes() > self.most_bytes {
            held_back = self.packed.split_last();
        }
        let count = self.packed.len();
        if count == 0 {
            return None;
        }
        self.count += count;
        let index = self.next_index;
        self.next_index += 1;
        let items = self.packed.finish();
        self.packed = held_back;
        Some(Ok(Batch {
            epoch: lane.epoch,
            lane: lane.number,
            job,
            index,
            count: count as u32,
            chunk: chunk as u32,
            timeout: self.manner.timeout,
            repeatable: self.manner.repeatable,
            routine: self.routine,
            items,
            lost: self.lost.take().map(Box::new),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routine::Routine;

    fn routine() -> Routine {
        Routine::of::<_, crate::primitives::pool::errand::Each<u64, crate::function::Unary>>(|number: u64| number)
            .expect("it is in the program")
    }

    const LANE: Lane = Lane { epoch: 0, number: 1 };

    fn counts(items: impl Iterator<Item = u64>, manner: &Manner, workers: usize) -> Vec<u32> {
        let mut feeder = Feeder::new(items, routine(), manner.clone(), workers, 1 << 30);
        std::iter::from_fn(|| feeder.next(LANE, 0)).map(|batch| batch.expect("it can be sent").count).collect()
    }

    #[test]
    fn chunks_are_chosen_by_the_number_of_items() {
        let automatic = Manner::default();
        assert!(counts(0..0, &automatic, 4).is_empty());
        assert_eq!(counts(0..5, &automatic, 4), [1; 5]);
        assert_eq!(counts(0..100, &automatic, 4), [vec![7; 14], vec![2]].concat());
        assert_eq!(counts(0..100_000, &automatic, 4), [6250; 16]);
        let given = Manner { chunk: Some(40), ..Manner::default() };
        assert_eq!(counts(0..100, &given, 4), [40, 40, 20]);
        let zero = Manner { chunk: Some(0), ..Manner::default() };
        assert_eq!(counts(0..3, &zero, 4), [1; 3]);
    }

    #[test]
    fn chunks_of_an_unknown_number_of_items_grow() {
        let chunks = counts((0..1000).filter(|_| true), &Manner::default(), 1);
        assert_eq!(chunks[..12], [1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4]);
        assert_eq!(chunks.iter().sum::<u32>(), 1000);
    }

    #[test]
    fn large_items_make_small_batches() {
        let items = (0..5).map(|_| "x".repeat(600 << 10));
        let manner = Manner { chunk: Some(5), ..Manner::default() };
        let mut feeder = Feeder::new(items, routine(), manner, 1, 1 << 30);
        let batches: Vec<Batch> =
            std::iter::from_fn(|| feeder.next(LANE, 2)).map(|batch| batch.expect("it can be sent")).collect();
        assert_eq!(batches.iter().map(|batch| batch.count).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(feeder.count(), (5, true));
        assert!(batches.iter().map(|batch| batch.index).eq(0..3));
    }

    #[test]
    fn batches_fit_into_small_messages() {
        let sizes = [100, 500, 700, 300, 10, 10, 990];
        let items = sizes.into_iter().map(|size| "x".repeat(size));
        let manner = Manner { chunk: Some(7), ..Manner::default() };
        let mut feeder = Feeder::new(items, routine(), manner, 1, 1000 + MARGIN_BYTES);
        let batches: Vec<Batch> =
            std::iter::from_fn(|| feeder.next(LANE, 2)).map(|batch| batch.expect("it can be sent")).collect();
        assert_eq!(batches.iter().map(|batch| batch.count).collect::<Vec<_>>(), [2, 1, 3, 1]);
        assert!(batches[..3].iter().all(|batch| batch.items.len() <= 1000));
        assert_eq!(feeder.count(), (7, true));
    }
}
