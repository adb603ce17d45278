//! What a worker does with its items, one after the other.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use procession_runtime::{Call, Endpoint, RecordWriter, last_panic};

use super::answers::MARGIN_BYTES;
use super::foreman::Foreman;
use super::messages::{Failed, Results};
use super::sequence::Sequence;
use super::values::Values;
use crate::payload::{self, Within};
use crate::primitives::blob::Blob;
use crate::{ActorRef, Data, Failure, Function, ReplyTo, TellError};

/// Words of a worker's record: which item of which assignment it is at; whether it may go on to the next.
pub(super) const AT: usize = 0;
pub(super) const HALT: usize = 1;

/// The words that say where assignments end, of which something was taken back. Which of them, the assignment's number says.
const ENDS: usize = 2;

/// The word that says which turn's task it does, or has done last.
pub(super) const ALONE: usize = ENDS + super::machine::AHEAD;

/// The word that says up to which turn it is to pass over tasks.
pub(super) const VOID: usize = ALONE + 1;

/// A record's entries are sent off when they take this part of it.
const FULL_PARTS: (usize, usize) = (3, 4);

/// Results are sent before the end of an assignment when they take this much, or a third of what fits into a message.
const SPILL_BYTES: usize = 1 << 20;

/// A result larger than this, or than a third of a message, is sent alone: should it be too large, only it is lost.
const ALONE_BYTES: usize = 256 << 10;

/// How long to wait for the foreman to take something. Its end is this process's, too.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Names an item of an assignment, in the record.
pub(super) fn place(assignment: u32, item: u32) -> u64 {
    u64::from(assignment) << 32 | u64::from(item)
}

/// Names a turn, in the record, and whether its task is not done.
pub(super) fn alone(number: u64, is_in_hand: bool) -> u64 {
    number << 1 | u64::from(is_in_hand)
}

/// Where a worker keeps what it has done.
#[derive(Debug)]
pub(super) struct Desk {
    record: RecordWriter,
    record_bytes: usize,
    foreman: ActorRef<Foreman>,
    /// Most that the results in a message may take.
    most_bytes: usize,
    results: Sequence,
    /// The item that was begun last, of those that were not taken back.
    at: u64,
}

/// An assignment in hand.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) desk: Desk,
    pub(super) items: Bytes,
    pub(super) assignment: u32,
    pub(super) first: u32,
    pub(super) end: u32,
    pub(super) chunk: u32,
    pub(super) timed: bool,
}

/// Calls a function once for each item of an errand.
#[derive(Debug)]
pub(super) struct Each<Arguments, Shape>(PhantomData<fn(Arguments) -> Shape>);

impl<F, Arguments, Shape> Call<F> for Each<Arguments, Shape>
where
    F: Function<Arguments, Shape, Output: Data>,
    Arguments: Data,
    Shape: 'static,
{
    type Input = Errand;
    type Output = Desk;

    fn call(function: F, errand: Errand) -> Desk {
        let Errand { mut desk, items, assignment, first, mut end, chunk, timed } = errand;
        let mut values = Values::<Arguments>::new(items).ok();
        if let Some(values) = &mut values {
            values.pass_over(first as usize);
        }
        let mut start = first;
        let mut item = first;
        let mut next_chunk = first - first % chunk + chunk;
        let mut next = || {
            let arguments = values.as_mut().and_then(Iterator::next);
            let arguments = arguments.unwrap_or_else(|| Err(Failed::Unreadable("there are too few arguments".into())));
            arguments.and_then(|arguments| attempt(function, arguments))
        };
        while item < end {
            desk.note(next());
            start = desk.keep(assignment, item, start);
            item += 1;
            if item == next_chunk && item < end {
                next_chunk = next_chunk.saturating_add(chunk);
                end = desk.begin_chunk(assignment, item, end);
            } else if item < end {
                desk.begin(assignment, item, timed);
            }
        }
        desk.deliver(assignment, start);
        desk
    }
}

/// A task in hand that came alone.
#[derive(Debug)]
pub(super) struct Solo {
    pub(super) arguments: Bytes,
    pub(super) reply: ReplyTo<Result<Blob, Failed>>,
}

/// Calls a function once, for what it returns.
#[derive(Debug)]
pub(super) struct Alone<Arguments, Shape>(PhantomData<fn(Arguments) -> Shape>);

impl<F, Arguments, Shape> Call<F> for Alone<Arguments, Shape>
where
    F: Function<Arguments, Shape, Output: Data>,
    Arguments: Data,
    Shape: 'static,
{
    type Input = Solo;
    type Output = ();

    fn call(function: F, solo: Solo) {
        let Solo { arguments, mut reply } = solo;
        let arguments = payload::open_within::<Arguments>(&arguments);
        let arguments = arguments.map_err(|error| Failed::Unreadable(error.to_string()));
        let failed = match arguments.and_then(|arguments| attempt(function, arguments)) {
            Ok(value) => match reply.try_send(&Ok::<_, Failed>(Within(&value))) {
                Ok(()) => return,
                Err(error) => Failed::Unsendable(error.to_string()),
            },
            Err(failed) => failed,
        };
        // No failure is too large.
        let _ = reply.try_send(&Err::<Within<'_, F::Output>, _>(failed));
    }
}

/// Calls a function that may panic.
#[inline]
fn attempt<F, Arguments, Shape>(function: F, arguments: Arguments) -> Result<F::Output, Failed>
where
    F: Function<Arguments, Shape>,
{
    catch_unwind(AssertUnwindSafe(|| function.call(arguments))).map_err(|_| panicked())
}

/// Calls a function once, for what it does.
#[derive(Debug)]
pub(super) struct Once<Arguments, Shape>(PhantomData<fn(Arguments) -> Shape>);

impl<F, Arguments, Shape> Call<F> for Once<Arguments, Shape>
where
    F: Function<Arguments, Shape>,
    F::Output: Outcome,
    Arguments: Data,
    Shape: 'static,
{
    type Input = Blob;
    type Output = Result<(), String>;

    fn call(function: F, arguments: Blob) -> Result<(), String> {
        let arguments = arguments.open::<Arguments>().map_err(|error| error.to_string())?;
        match catch_unwind(AssertUnwindSafe(|| function.call(arguments))) {
            Ok(outcome) => outcome.into_result(),
            Err(_) => {
                let panic = last_panic();
                Err(format!("panicked at {}: {}", panic.location, panic.message))
            }
        }
    }
}

/// What an initializer may return.
pub trait Outcome {
    /// Its text, if it is a failure.
    #[doc(hidden)]
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl Outcome for Result<(), Failure> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|failure| failure.to_string())
    }
}

fn too_large() -> Failed {
    Failed::Unsendable("the result is larger than a message may be".into())
}

#[cold]
fn panicked() -> Failed {
    let panic = last_panic();
    Failed::Panicked { message: panic.message, location: panic.location, backtrace: panic.backtrace }
}

impl Desk {
    /// Makes a desk; `limit_bytes` is the largest message.
    pub(super) fn new(
        record: RecordWriter,
        record_bytes: usize,
        foreman: ActorRef<Foreman>,
        limit_bytes: usize,
    ) -> Desk {
        // What fits into a message to the foreman fits into its answer, too.
        let most_bytes = limit_bytes.saturating_sub(2 * MARGIN_BYTES);
        Desk { record, record_bytes, foreman, most_bytes, results: Sequence::default(), at: 0 }
    }

    /// Makes room for what is kept of the next assignment.
    pub(super) fn make_room(&mut self) {
        let (part, parts) = FULL_PARTS;
        if self.record.used_bytes() > self.record_bytes / parts * part {
            self.send_off();
        }
    }

    /// Begins a chunk at an item, unless that was taken back. Gives where the assignment ends now.
    #[inline]
    pub(super) fn begin_chunk(&mut self, assignment: u32, item: u32, end: u32) -> u32 {
        let before = self.at;
        self.begin(assignment, item, true);
        let word = self.record.word(end_word(assignment));
        if (word >> 32) as u32 != assignment {
            return end;
        }
        let end = end.min(word as u32);
        if item >= end {
            self.at = before;
            self.record.set_word(AT, before);
        }
        end
    }

    /// Notes that an item is begun. If somebody may be looking, it looks whether it may.
    #[inline]
    fn begin(&mut self, assignment: u32, item: u32, is_watched: bool) {
        self.at = place(assignment, item);
        if !is_watched {
            return self.record.set_word(AT, self.at);
        }
        self.record.set_word_in_order(AT, self.at);
        self.halt();
    }

    /// Waits while the foreman wants it.
    #[inline]
    fn halt(&self) {
        while self.record.word(HALT) != 0 {
            // The foreman is about to kill this process, or finds that it need not: either is a matter of microseconds.
            std::thread::yield_now();
        }
    }

    /// Begins the task of a turn. Gives whether it may.
    pub(super) fn begin_alone(&self, number: u64) -> bool {
        self.record.set_word_in_order(ALONE, alone(number, true));
        self.halt();
        let may_begin = self.record.word(VOID) < number;
        if !may_begin {
            self.end_alone(number);
        }
        may_begin
    }

    /// The task of a turn is done.
    pub(super) fn end_alone(&self, number: u64) {
        self.record.set_word(ALONE, alone(number, false));
    }

    /// Adds what a function has returned, or why it has not.
    #[inline]
    fn note<T: Data>(&mut self, outcome: Result<T, Failed>) {
        let failed = match outcome {
            Ok(value) => match self.results.push(&value) {
                Ok(()) => return,
                Err(error) => Failed::Unsendable(error.to_string()),
            },
            Err(failed) => failed,
        };
        self.results.push_failure(&failed);
    }

    /// Keeps the last result where the foreman finds it if this process dies. Gives the first item whose result is still here.
    #[inline]
    fn keep(&mut self, assignment: u32, item: u32, start: u32) -> u32 {
        let Some((flags, value)) = self.results.last() else { return start };
        let part_bytes = self.most_bytes / 3;
        let is_small = value.len() <= ALONE_BYTES.min(part_bytes);
        let is_kept = is_small && self.record.append(place(assignment, item), flags, value);
        if is_kept && self.results.len_bytes() < SPILL_BYTES.min(part_bytes) {
            start
        } else {
            self.spill(assignment, item, start)
        }
    }

    /// Sends the results so far to the foreman, before the next item is begun.
    #[cold]
    fn spill(&mut self, assignment: u32, item: u32, start: u32) -> u32 {
        let alone_bytes = ALONE_BYTES.min(self.most_bytes / 3);
        let is_large = self.results.last().is_some_and(|(_, value)| value.len() > alone_bytes);
        if is_large && self.results.len() > 1 {
            let mut last = self.results.split_last();
            self.send(assignment, start);
            std::mem::swap(&mut self.results, &mut last);
        }
        let start = if is_large { item } else { start };
        self.deliver(assignment, start);
        self.send_off();
        item + 1
    }

    /// Sends the results of the items from `first` on.
    fn deliver(&mut self, assignment: u32, first: u32) {
        if self.results.len() > 0 && !self.send(assignment, first) {
            // Only one that is alone can be that large.
            self.results.push_failure(&too_large());
            self.send(assignment, first);
        }
    }

    /// Sends what there is. Gives whether it can be sent.
    fn send(&mut self, assignment: u32, first: u32) -> bool {
        if self.results.len_bytes() > self.most_bytes {
            self.results = Sequence::default();
            return false;
        }
        let count = self.results.len() as u32;
        let results = Results { assignment, first, count, results: self.results.finish() };
        loop {
            match self.foreman.tell(&results) {
                Err(TellError::Full) => {}
                Err(TellError::TooLarge { .. } | TellError::TooDeep { .. } | TellError::Unsendable(_)) => return false,
                // If the foreman is gone, this process is about to be.
                Ok(()) | Err(_) => return true,
            }
        }
    }

    /// Sees to it that everything has left this process; then nothing needs to be kept.
    fn send_off(&mut self) {
        match Endpoint::of(self.foreman.id().system).map(|endpoint| endpoint.send_off(PATIENCE)) {
            Ok(Ok(true)) => self.record.empty(),
            _ => tracing::warn!("results have not left yet"),
        }
    }
}

/// Which word says where an assignment ends of which something was taken back.
pub(super) fn end_word(assignment: u32) -> usize {
    ENDS + assignment as usize % super::machine::AHEAD
}
