//! The decisions of a pool: which worker does what, and what becomes of it when a worker dies. Pure: no process, no clock, no
//! message; it is told what has happened, and says what to do.
//!
//! A *batch* is some items that belong together, in *chunks* that should stay together. What is not settled of it is in
//! *shares*: items in a row that are queued, or assigned to a worker, which settles them in order. A share is split where a
//! worker may not do all of it, or does it too slowly: what the worker has not begun is taken back then. What it has begun, the
//! world outside finds out when it is told to.
//!
//! | file | what of it |
//! |---|---|
//! | `mod.rs` | its state; batches come, are done, are cancelled |
//! | `crew.rs` | workers start, are ready, die |
//! | `lending.rs` | workers that clients give tasks to themselves |
//! | `placing.rs` | who gets what |

mod crew;
mod lending;
mod placing;

use std::collections::{HashMap, VecDeque};

use self::crew::Worker;
pub(super) use self::lending::{MOST_LENT, Turn};

/// Which of the workers.
pub(super) type Slot = usize;

/// Names a batch. Never used twice.
pub(super) type BatchId = u64;

/// Most assignments that a worker has at a time: one in hand and the others ahead. Small ones come and go many at a time then;
/// what is ahead of a worker that is busy for long, those take back for themselves that have nothing to do.
pub(super) const WINDOW: usize = 32;

/// Most assignments that a worker may still find in its mailbox, taken back or not.
pub(super) const AHEAD: usize = 64;

/// An assignment ahead is given only if what the worker has and gets takes no more than this, in bytes.
const AHEAD_BYTES: usize = 128 << 10;

/// How often an item is begun that kills its worker, if it may be begun again.
pub(super) const ATTEMPTS: u32 = 3;

/// Fewest failed starts in a row after which no worker is started any more. It is as many as there are workers if they are
/// more.
const LEAST_FAILED_STARTS: usize = 3;

/// A worker whose assignments have come to this number is replaced.
const LAST_NUMBER: u32 = u32::MAX;

/// Some items to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    /// Whose it is.
    pub(super) client: u64,
    /// Which of the client's jobs it belongs to.
    pub(super) job: (u64, u64),
    /// Number of items.
    pub(super) count: u32,
    /// Number of items in a chunk, at least one.
    pub(super) chunk: u32,
    /// What its arguments take.
    pub(super) bytes: usize,
    /// How long one item may take, in milliseconds.
    pub(super) timeout: Option<u64>,
    /// Whether an item may be begun again.
    pub(super) repeatable: bool,
}

/// Items of a batch in a row: those that are not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) batch: BatchId,
    pub(super) first: u32,
    /// Behind the last.
    pub(super) end: u32,
    /// How often the first item has died in a worker's hands.
    pub(super) deaths: u32,
}

/// A share in the hands of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assignment {
    /// Which of the worker's assignments: counted from 1, and never back.
    pub(super) number: u32,
    pub(super) share: Share,
}

/// How much of an assignment is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// All of it, provided that nothing is begun.
    Whole,
    /// The chunks that are not begun.
    Rest,
    /// Half of those chunks, and rather one more.
    Half,
}

/// Why a batch is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Closed,
    Terminated,
    /// No worker can be started: the text of the last failure.
    Broken(String),
}

/// What becomes of items that have no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The worker whose end was reported last died with it in hand.
    Died,
    TimedOut,
    Cancelled,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Start a worker; say whether it has.
    Start(Slot),
    /// Give a worker work.
    Assign { slot: Slot, assignment: Assignment, chunk: u32, timed: bool },
    /// Take chunks of an assignment back that the worker has not begun; say from which item on that was done, and whether the
    /// worker is to end if it keeps something.
    Recall { slot: Slot, assignment: Assignment, chunk: u32, take: Take, or_condemn: bool },
    /// End a worker, provided that it has this assignment, and this item if one is named, in hand; say whether that was so.
    /// If it was, the worker does not go on to anything else.
    Condemn { slot: Slot, number: u32, item: Option<u32> },
    /// Let clients give a worker tasks themselves, so many at most.
    Lend { slot: Slot, most: Option<u64> },
    /// Take a worker back that is lent; say what has come of that, and have it [go on](Machine::go_on).
    TakeBack(Slot),
    /// End a worker if it has the task of this turn in hand, or see to it that it never begins it; say which it was.
    Revoke { slot: Slot, number: u64 },
    /// Let a worker end when it has done what it has.
    Retire(Slot),
    /// End a worker at once.
    Kill(Slot),
    /// Note what becomes of items of a batch.
    Settle { batch: BatchId, first: u32, count: u32, verdict: Verdict },
    /// Every item of the batch is settled.
    Finish(BatchId),
    /// The batch is not done.
    Refuse(BatchId, Refusal),
    /// It is closed, and no worker is left.
    Over,
}

/// What is known of a batch.
#[derive(Debug)]
struct Batch {
    request: Request,
    /// Number of items that are not settled.
    left: u32,
    /// Whether it is to be dropped: what is in hand, when its worker has ended.
    is_cancelled: bool,
}

/// The state of a pool.
#[derive(Debug)]
pub(super) struct Machine {
    workers: Vec<Worker>,
    batches: HashMap<BatchId, Batch>,
    queue: VecDeque<Share>,
    /// Workers that have room, by how much they have. An entry counts only if it is still so.
    roomy: [VecDeque<Slot>; WINDOW],
    /// Number of workers with work ahead that may be taken back.
    ahead: usize,
    /// Number of assignments that are to be taken back, and it is not known whether they were.
    recalling: usize,
    /// Whether clients want workers lent.
    lends: bool,
    /// Workers that have come to have nothing to do, and may be lent if it is still so.
    to_lend: Vec<Slot>,
    /// Those that are lent, the one first that has been longest. An entry counts only if it is still so.
    lent: VecDeque<Slot>,
    /// Turns whose worker has died and whose client does not know it yet, as far as is known, and whether their task was begun.
    lost: HashMap<(Slot, Turn), bool>,
    /// Items that a worker does in its life.
    lifetime: Option<u64>,
    /// Whether some worker has come to the end of its numbers.
    has_worn_out: bool,
    failed_starts: usize,
    last_failure: String,
    closed: bool,
    terminated: bool,
    is_over: bool,
    actions: VecDeque<Action>,
}

impl Machine {
    /// Makes a pool of so many workers, which are to be started.
    pub(super) fn new(workers: usize, lifetime: Option<u64>) -> Machine {
        let mut machine = Machine {
            workers: (0..workers.max(1)).map(|_| Worker::default()).collect(),
            batches: HashMap::new(),
            queue: VecDeque::new(),
            roomy: Default::default(),
            ahead: 0,
            recalling: 0,
            lends: false,
            to_lend: Vec::new(),
            lent: VecDeque::new(),
            lost: HashMap::new(),
            lifetime: lifetime.map(|lifetime| lifetime.max(1)),
            has_worn_out: false,
            failed_starts: 0,
            last_failure: String::new(),
            closed: false,
            terminated: false,
            is_over: false,
            actions: VecDeque::new(),
        };
        (0..workers.max(1)).for_each(|slot| machine.start(slot));
        machine
    }

    /// The next thing to do. What comes of it is told before the next is asked for.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The workers to be started next, if that is what is to be done next.
    pub(super) fn more_starts(&mut self) -> Vec<Slot> {
        let mut slots = Vec::new();
        while let Some(Action::Start(slot)) = self.actions.front() {
            slots.push(*slot);
            self.actions.pop_front();
        }
        slots
    }

    /// A batch has come.
    pub(super) fn submit(&mut self, id: BatchId, request: Request) {
        if let Some(refusal) = self.refusal() {
            return self.actions.push_back(Action::Refuse(id, refusal));
        }
        if request.count == 0 {
            return self.actions.push_back(Action::Finish(id));
        }
        self.batches.insert(id, Batch { request, left: request.count, is_cancelled: false });
        self.queue.push_back(Share { batch: id, first: 0, end: request.count, deaths: 0 });
        self.place_work();
    }

    /// A worker has settled some items of an assignment. Gives the batch if they were its to settle: the next ones that it has.
    pub(super) fn settled(&mut self, slot: Slot, number: u32, first: u32, count: u32) -> Option<BatchId> {
        let worker = self.workers.get_mut(slot)?;
        let index = worker.assigned.iter().position(|other| other.number == number && other.share.first == first)?;
        let share = &mut worker.assigned[index].share;
        if count == 0 || count > share.end - share.first {
            return None;
        }
        (share.first, share.deaths) = (share.first + count, 0);
        let Share { batch, first, end, .. } = *share;
        // Assignments are worked through in order: those before it that were taken back have been passed.
        worker.recalled.retain(|recalled| *recalled > number);
        if first == end {
            self.remove_assignment(slot, index);
            self.note_room(slot);
        }
        self.count_settled(batch, count);
        Some(batch)
    }

    /// Everything that is due after [`Machine::settled`] and [`Machine::taken_back`].
    pub(super) fn go_on(&mut self) {
        self.retire_the_old();
        self.place_work();
        self.lend_idle();
        self.end_if_over();
    }

    /// A job is of no interest any more. What is queued is dropped, and, if `running`, what is in hand, too.
    pub(super) fn cancel(&mut self, client: u64, job: (u64, u64), running: bool) {
        let ids = self.batches_of(|request| request.client == client && request.job == job);
        ids.into_iter().for_each(|id| self.cancel_batch(id, running));
        self.go_on();
    }

    /// A client has ended: all that it wanted is dropped. Workers that were lent have been taken back before.
    pub(super) fn client_ended(&mut self, client: u64) {
        self.end_turns(client);
        let ids = self.batches_of(|request| request.client == client);
        ids.into_iter().for_each(|id| self.cancel_batch(id, true));
        self.go_on();
    }

    /// Nothing more is taken.
    pub(super) fn close(&mut self) {
        self.closed = true;
        while self.take_one_back() {}
        self.go_on();
    }

    /// Everything ends at once.
    pub(super) fn terminate(&mut self) {
        (self.closed, self.terminated) = (true, true);
        self.refuse_all(&Refusal::Terminated);
        self.lost.clear();
        while self.take_one_back() {}
        for slot in 0..self.workers.len() {
            self.kill(slot);
        }
        self.end_if_over();
    }

    /// Whether it takes nothing more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is closed, and no worker is left.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Number of batches that wait for a worker.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The assignments of a job's batches, with the worker that has each.
    pub(super) fn assignments(&self, client: u64, job: (u64, u64)) -> Vec<(Slot, u32)> {
        self.assigned_of(&self.batches_of(|request| request.client == client && request.job == job))
    }

    fn assigned_of(&self, ids: &[BatchId]) -> Vec<(Slot, u32)> {
        let of_worker = |(slot, worker): (Slot, &Worker)| {
            let meant = worker.assigned.iter().filter(|assignment| ids.contains(&assignment.share.batch));
            meant.map(|assignment| (slot, assignment.number)).collect::<Vec<_>>()
        };
        self.workers.iter().enumerate().flat_map(of_worker).collect()
    }

    /// Why nothing is taken, if that is so.
    fn refusal(&self) -> Option<Refusal> {
        if self.terminated {
            return Some(Refusal::Terminated);
        }
        if self.is_broken() {
            return Some(Refusal::Broken(self.last_failure.clone()));
        }
        self.closed.then_some(Refusal::Closed)
    }

    fn cancel_batch(&mut self, id: BatchId, running: bool) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let was_cancelled = std::mem::replace(&mut batch.is_cancelled, true);
        let queued: Vec<Share> = self.queue.iter().filter(|share| share.batch == id).copied().collect();
        if !queued.is_empty() {
            self.queue.retain(|share| share.batch != id);
        }
        queued.into_iter().for_each(|share| self.put_back(share));
        if was_cancelled && !running {
            return;
        }
        self.assigned_of(&[id]).into_iter().for_each(|(slot, number)| self.recall(slot, number, Take::Rest, running));
    }

    /// No worker has a share in hand any more: it goes to the front of the queue, unless nobody wants it.
    fn put_back(&mut self, share: Share) {
        let Some(batch) = self.batches.get(&share.batch).filter(|_| share.first < share.end) else { return };
        if batch.is_cancelled {
            self.settle(share.batch, share.first, share.end - share.first, Verdict::Cancelled);
        } else {
            self.queue.push_front(share);
        }
    }

    /// Items have no result.
    fn settle(&mut self, batch: BatchId, first: u32, count: u32, verdict: Verdict) {
        self.actions.push_back(Action::Settle { batch, first, count, verdict });
        self.count_settled(batch, count);
    }

    /// Items of a batch are settled: perhaps the last.
    fn count_settled(&mut self, id: BatchId, count: u32) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        batch.left -= count;
        if batch.left == 0 {
            self.batches.remove(&id);
            self.actions.push_back(Action::Finish(id));
        }
    }

    fn refuse_all(&mut self, refusal: &Refusal) {
        self.queue.clear();
        let mut ids: Vec<BatchId> = self.batches.drain().map(|(id, _)| id).collect();
        ids.sort_unstable();
        self.actions.extend(ids.into_iter().map(|id| Action::Refuse(id, refusal.clone())));
    }

    /// The batches of some requests, in the order in which they came. They are looked for one by one: this is for what is rare.
    fn batches_of(&self, is_meant: impl Fn(&Request) -> bool) -> Vec<BatchId> {
        let found = self.batches.iter().filter(|(_, batch)| is_meant(&batch.request));
        let mut ids: Vec<BatchId> = found.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests;
