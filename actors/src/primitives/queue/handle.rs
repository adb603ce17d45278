//! The handle on a queue.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use rkyv::{Archive, Deserialize, Serialize};

use super::batch::Batch;
use super::door::{Door, Request, done, refusal};
use super::host::{Host, Settings};
use super::iter::Iter;
use super::messages::{Close, Confirm, Count, Get, Origin, Outcome, Put, Register};
use super::producer::Producer;
use super::room::{self, Try};
use super::{
    DEFAULT_QUEUE_LIMIT_BYTES, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES, PutAllError, PutError, QueueError, hand, passing,
};
use crate::primitives::blob::Blob;
use crate::{Accepts, Data, Home, ProcessId};

/// A queue of items between processes: any number put items in, any number take them out, each item goes to one.
///
/// The handle is plain data: clone it, use it from any thread, send it in messages and arguments. The items are in a
/// process of their own, which ends with the process that made the queue, whoever else has a handle.
///
/// * [`put`](Queue::put) returns when the queue *has* the item: whatever becomes of the producer then, it will be handed
///   out, and whoever looks for it finds it. An item that has not come whole when its producer dies is never seen.
/// * Items of one thread come out in the order in which it put them. Those of several come out as they reach the queue, which
///   can be another order than that in which their `put`s returned.
/// * An item that was handed out is *in the hand* of the thread that got it, until that thread gets again from this queue,
///   or ends; if it is the main thread, until its process ends by returning from its function or by stopping in order. If the
///   process ends before, by a signal, a panic or a failure, the item is handed out again, before all that came after it. So it
///   may be seen twice if somebody dies, never not at all.
/// * The queue ends at [`close`](Queue::close), or when all registered producers are gone: what is in it is handed out,
///   then everybody gets [`Closed`](QueueError::Closed). As long as somebody has an item in hand that might come back, those
///   who wait go on waiting.
///
/// # Example
/// ```no_run
/// use procession::Queue;
/// use procession::prelude::*;
///
/// fn produce(queue: Queue<u64>) -> Result<(), String> {
///     (0..5).try_for_each(|number| queue.put(number)).map_err(|error| error.to_string())
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let queue = Queue::bounded(&system, 10)?;
///     let producer = system.try_process(produce, queue.clone()).start()?;
///     queue.register_producer(&producer)?; // when it is gone, nothing more comes
///     for item in &queue {
///         println!("{}", item?);
///     }
///     producer.join()?;
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Queue<T> {
    pub(super) door: Door,
    item: PhantomData<fn() -> T>,
}

impl<T: Data> Queue<T> {
    /// Makes a queue that holds up to `limit_items` items, at least one, of up to
    /// [`DEFAULT_QUEUE_LIMIT_BYTES`] together.
    ///
    /// # Errors
    /// [`QueueError::Spawn`]; nothing is left of it then.
    pub fn bounded(home: &impl Home, limit_items: usize) -> Result<Queue<T>, QueueError> {
        Queue::with_limits(home, limit_items, DEFAULT_QUEUE_LIMIT_BYTES)
    }

    /// Makes a queue that holds any number of items, of up to [`DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES`] together.
    ///
    /// # Errors
    /// As [`bounded`](Queue::bounded).
    pub fn unbounded(home: &impl Home) -> Result<Queue<T>, QueueError> {
        Queue::with_limits(home, usize::MAX, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES)
    }

    /// Makes a queue with limits of its own. One item is taken whatever its size, if there is no other.
    ///
    /// The host's memory holds, beside that, one item for each thread that waits to put one and for each that has one in
    /// hand.
    ///
    /// # Errors
    /// As [`bounded`](Queue::bounded).
    pub fn with_limits(home: &impl Home, limit_items: usize, limit_bytes: usize) -> Result<Queue<T>, QueueError> {
        Queue::start(home, Settings { limit_items, limit_bytes, joinable: false })
    }

    pub(super) fn start(home: &impl Home, settings: Settings) -> Result<Queue<T>, QueueError> {
        let name = if settings.joinable { "joinable-queue" } else { "queue" };
        Ok(Queue { door: Door::open(home.host::<Host>(settings, name)?)?, item: PhantomData })
    }

    /// Puts an item in, and waits for room as long as it takes.
    ///
    /// # Errors
    /// [`PutError`], with the item.
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.bring(item, None)
    }

    /// Puts an item in if there is room.
    ///
    /// # Errors
    /// As [`put`](Queue::put), and [`PutError::Full`].
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.bring(item, Some(Duration::ZERO))
    }

    /// Puts an item in, and waits for room for up to `timeout`.
    ///
    /// # Errors
    /// As [`put`](Queue::put), and [`PutError::Timeout`].
    pub fn put_within(&self, item: T, timeout: Duration) -> Result<(), PutError<T>> {
        self.bring(item, Some(timeout)).map_err(|error| match error {
            PutError::Full(item) => PutError::Timeout(item),
            error => error,
        })
    }

    /// Puts items in, many with one message, and waits for room as long as it takes. Gives how many they were.
    ///
    /// When it returns the queue has them all. Each is an item of its own, and others' may come between them.
    ///
    /// # Errors
    /// [`PutAllError`], with how many items the queue has taken, and those that it has not. What the iterator had not given
    /// yet stays in it: pass `&mut iterator` to go on with it.
    pub fn put_all(&self, items: impl IntoIterator<Item = T>) -> Result<usize, PutAllError<T>> {
        let mut items = items.into_iter();
        let mut taken = 0;
        loop {
            let (batch, refused) = Batch::fill(&mut items);
            let is_last = batch.is_empty();
            if !is_last {
                taken += self.bring_batch(batch, taken)?;
            }
            match refused {
                Some((item, error)) => return Err(PutAllError { taken, rest: vec![item], error }),
                None if is_last => return Ok(taken),
                None => {}
            }
        }
    }

    /// Takes the first item, and waits for one as long as it takes.
    ///
    /// # Errors
    /// [`QueueError::Closed`] when nothing more comes; other [`QueueError`]s.
    pub fn get(&self) -> Result<T, QueueError> {
        self.fetch(None, 1)
    }

    /// Takes what is there, up to `most` items, with one message, and waits for one as long as it takes.
    ///
    /// They are in this thread's hand together: if the process dies before this thread gets again, all of them are handed
    /// out again.
    ///
    /// # Errors
    /// As [`get`](Queue::get).
    pub fn get_many(&self, most: usize) -> Result<Vec<T>, QueueError> {
        let key = self.door.key();
        let mut items = vec![self.fetch(None, most)?];
        // One that cannot be read ends them, and is the next call's error: those before it are not lost for it.
        while items.len() < most.max(1)
            && let Some(item) = hand::peek(key).and_then(|item| open(&item).ok())
        {
            hand::take(key);
            items.push(item);
        }
        Ok(items)
    }

    /// Takes the first item if there is one.
    ///
    /// # Errors
    /// As [`get`](Queue::get), and [`QueueError::Empty`].
    pub fn try_get(&self) -> Result<T, QueueError> {
        self.fetch(Some(Duration::ZERO), 1)
    }

    /// Takes the first item, and waits for one for up to `timeout`.
    ///
    /// # Errors
    /// As [`get`](Queue::get), and [`QueueError::Timeout`].
    pub fn get_within(&self, timeout: Duration) -> Result<T, QueueError> {
        self.fetch(Some(timeout), 1).map_err(|error| match error {
            QueueError::Empty => QueueError::Timeout,
            error => error,
        })
    }

    /// Takes items until nothing more comes. An error other than that is the last that it gives.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self, 1)
    }

    /// Takes items as [`iter`](Queue::iter) does, and has up to `most` of them handed over with one message: many small
    /// items come much faster so.
    ///
    /// Those that it holds and has not given are nobody else's meanwhile, however long the loop takes for one; they go
    /// back when it is dropped, or when the process dies. If the process dies, the items of the last message that the loop
    /// has dealt with are handed out again, too.
    pub fn iter_many(&self, most: usize) -> Iter<'_, T> {
        Iter::new(self, most)
    }

    /// Number of items that nobody has. It may have changed when this returns.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn len(&self) -> Result<usize, QueueError> {
        let count = self.door.number(|from| Count { from })?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Whether nobody could take an item now. It may have changed when this returns.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn is_empty(&self) -> Result<bool, QueueError> {
        Ok(self.len()? == 0)
    }

    /// Closes the queue, for everybody and for good: nothing more is taken, and those who wait to put something get
    /// [`Closed`](PutError::Closed). What is in it can be taken. That it is closed already is no error.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn close(&self) -> Result<(), QueueError> {
        let from = self.door.present()?;
        self.door.ask(&Close { from }, None).and_then(done)
    }

    /// Registers the caller as a producer until the guard is dropped, or this process ends.
    ///
    /// When the last registered producer is gone, the queue is closed. Who puts something in need not be registered.
    ///
    /// # Errors
    /// [`QueueError::Closed`] if the queue is closed.
    pub fn producer(&self) -> Result<Producer<T>, QueueError> {
        let process = procession_runtime::Endpoint::of(self.host().system)?.process();
        let registration = self.register(process)?;
        Ok(Producer::new(self.clone(), registration))
    }

    /// Registers a process as a producer until it ends, in whatever way; see [`producer`](Queue::producer).
    ///
    /// A process that has ended already counts as a producer that is gone.
    ///
    /// # Errors
    /// As [`producer`](Queue::producer).
    pub fn register_producer(&self, process: impl Into<ProcessId>) -> Result<(), QueueError> {
        self.register(process.into()).map(drop)
    }
}

impl<T> Queue<T> {
    /// Gives the process that hosts the queue.
    pub fn host(&self) -> ProcessId {
        self.door.host()
    }

    fn register(&self, process: ProcessId) -> Result<u64, QueueError> {
        self.door.number(|from| Register { from, process })
    }
}

impl<T: Data> Queue<T> {
    fn bring(&self, item: T, within: Option<Duration>) -> Result<(), PutError<T>> {
        match self.bring_blob(&item, within) {
            Ok(()) => Ok(()),
            Err(error) => Err(PutError::new(item, error)),
        }
    }

    fn bring_blob(&self, item: &T, within: Option<Duration>) -> Result<(), QueueError> {
        let item = Blob::pack(item)?;
        if passing::put(self.door.key(), &item) {
            return Ok(());
        }
        let outcome = match room::put(&self.door, &item) {
            Try::Done => return Ok(()),
            Try::Unsure => self.wait_for_room(within, |from| Confirm { from, within })?,
            Try::NoRoom => {
                let wants_room = room::can_count(&self.door, within)?;
                self.bring_blobs(vec![item], within, wants_room)?
            }
        };
        match outcome {
            Outcome::Room(room) => {
                hand::enter_room(self.door.key(), room);
                Ok(())
            }
            outcome => done(outcome),
        }
    }

    /// Brings a batch, after so many others; gives how many it has.
    fn bring_batch(&self, batch: Batch<T>, before: usize) -> Result<usize, PutAllError<T>> {
        let Batch { mut items, blobs, .. } = batch;
        let (taken, error) = match self.bring_blobs(blobs, None, false) {
            Ok(Outcome::Done) => return Ok(items.len()),
            Ok(Outcome::Partly(taken, why)) => (taken.min(items.len()), why.into()),
            Ok(outcome) => (0, refusal(&outcome)),
            Err(error) => (0, error),
        };
        Err(PutAllError { taken: before + taken, rest: items.split_off(taken), error })
    }

    fn bring_blobs(&self, items: Vec<Blob>, within: Option<Duration>, wants_room: bool) -> Result<Outcome, QueueError> {
        self.wait_for_room(within, |from| Put { from, within, items, wants_room })
    }

    fn wait_for_room<M: Request>(
        &self,
        within: Option<Duration>,
        request: impl FnOnce(Origin) -> M,
    ) -> Result<Outcome, QueueError>
    where
        Host: Accepts<M>,
    {
        let from = self.door.present()?;
        let outcome = self.door.ask(&request(from), within);
        if matches!(outcome, Err(QueueError::Unresponsive)) {
            self.door.give_up(from, false);
        }
        outcome
    }

    /// Takes an item, of those that this thread was handed or else of up to `most` that it is handed now.
    pub(super) fn fetch(&self, within: Option<Duration>, most: usize) -> Result<T, QueueError> {
        let key = self.door.key();
        if let Some(item) = hand::take(key) {
            return open(&item);
        }
        let is_known = most == 1 && room::can_count(&self.door, within)?;
        let start = within.map(|_| Instant::now());
        if let Some(item) = is_known.then(|| passing::take(&self.door, within)).flatten() {
            return open(&item);
        }
        let within = within.zip(start).map(|(within, start)| within.saturating_sub(start.elapsed()));
        let from = self.door.present()?;
        match self.door.ask(&Get { from, most, with_pile: is_known, within }, within) {
            Ok(outcome) => {
                passing::forget_taken(key);
                let Outcome::Items { grant, items, pile } = outcome else { return Err(refusal(&outcome)) };
                let item = hand::take_first(key, grant, items, pile);
                item.map_or_else(|| Err(refusal(&Outcome::Empty)), |item| open(&item))
            }
            Err(error) => {
                if error == QueueError::Unresponsive {
                    self.door.give_up(from, true);
                }
                Err(error)
            }
        }
    }
}

impl<T> Queue<T> {
    /// Gives back what this thread was handed and has not taken.
    pub(super) fn return_waiting(&self) {
        if hand::drop_waiting(self.door.key()) {
            self.door.give_back();
        }
    }
}

fn open<T: Data>(item: &Blob) -> Result<T, QueueError> {
    item.open().map_err(|error| QueueError::Unreadable(error.to_string()))
}

impl<T> ArchivedQueue<T> {
    /// Gives the handle.
    pub fn to_native(&self) -> Queue<T> {
        Queue { door: self.door.to_native(), item: PhantomData }
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue { door: self.door.clone(), item: PhantomData }
    }
}

impl<T> PartialEq for Queue<T> {
    fn eq(&self, other: &Queue<T>) -> bool {
        self.door == other.door
    }
}

impl<T> Eq for Queue<T> {}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Queue<{}>({})", std::any::type_name::<T>(), self.host())
    }
}

impl<T> fmt::Debug for ArchivedQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

impl<'a, T: Data> IntoIterator for &'a Queue<T> {
    type Item = Result<T, QueueError>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
