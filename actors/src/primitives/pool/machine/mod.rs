//! The decisions of a pool: which worker does what, and what becomes of it when a worker dies. Pure: no process, no clock, no
//! message; it is told what has happened, and says what to do.
//!
//! A *batch* is some items that belong together. A worker gets a part of one, an *assignment*, and settles its items in order;
//! so a batch always has a first item that is not settled, and from there on it is queued or assigned. What an assigned worker
//! has begun, and whether what it has not begun can be taken back, the world outside finds out when it is told to.
//!
//! | file | what of it |
//! |---|---|
//! | `mod.rs` | its state; batches come, are done, are cancelled |
//! | `crew.rs` | workers start, are ready, die |
//! | `placing.rs` | who gets what |

mod crew;
mod placing;

use std::collections::{HashMap, VecDeque};

use self::crew::Worker;

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
    /// What its arguments take.
    pub(super) bytes: usize,
    /// How long one item may take, in milliseconds.
    pub(super) timeout: Option<u64>,
    /// Whether an item may be begun again.
    pub(super) repeatable: bool,
}

/// A part of a batch in the hands of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assignment {
    /// Which of the worker's assignments: counted from 1, and never back.
    pub(super) number: u32,
    pub(super) batch: BatchId,
    /// The first item that is not settled.
    pub(super) first: u32,
    /// Behind the last.
    pub(super) end: u32,
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
    Assign { slot: Slot, assignment: Assignment, timed: bool },
    /// Take an assignment back, unless the worker has begun with it; say whether that was done, and whether the worker is to
    /// end otherwise.
    Recall { slot: Slot, number: u32, or_condemn: bool },
    /// End a worker, provided that it has this assignment, and this item if one is named, in hand; say whether that was so.
    /// If it was, the worker does not go on to anything else.
    Condemn { slot: Slot, number: u32, item: Option<u32> },
    /// Let a worker end when it has done what it has.
    Retire(Slot),
    /// End a worker at once.
    Kill(Slot),
    /// Note what becomes of items of a batch: the next ones in order.
    Settle { batch: BatchId, count: u32, verdict: Verdict },
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
    /// The first item that is not settled.
    next: u32,
    /// How often that item has died in a worker's hands.
    deaths: u32,
    place: Place,
    /// Whether it is to be dropped: what is in hand, when its worker has ended.
    is_cancelled: bool,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Queued,
    Assigned(Slot),
}

/// The state of a pool.
#[derive(Debug)]
pub(super) struct Machine {
    workers: Vec<Worker>,
    batches: HashMap<BatchId, Batch>,
    queue: VecDeque<BatchId>,
    /// Workers that have room, by how much they have. An entry counts only if it is still so.
    roomy: [VecDeque<Slot>; WINDOW],
    /// Number of workers with work ahead that may be taken back.
    ahead: usize,
    /// Number of assignments that are to be taken back, and it is not known whether they were.
    recalling: usize,
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
        let batch = Batch { request, next: 0, deaths: 0, place: Place::Queued, is_cancelled: false };
        self.batches.insert(id, batch);
        self.queue.push_back(id);
        self.place_work();
    }

    /// A worker has settled some items of an assignment. Gives whether they were its to settle: the next ones of a batch that
    /// it has.
    pub(super) fn settled(&mut self, slot: Slot, number: u32, first: u32, count: u32) -> Option<BatchId> {
        let worker = self.workers.get_mut(slot)?;
        let index = worker.assigned.iter().position(|other| other.number == number && other.first == first)?;
        let assignment = &mut worker.assigned[index];
        if count == 0 || count > assignment.end - assignment.first {
            return None;
        }
        assignment.first += count;
        let Assignment { batch: id, end, .. } = *assignment;
        // Assignments are worked through in order: those before it that were taken back have been passed.
        worker.recalled.retain(|recalled| *recalled > number);
        let is_done = assignment.first == end;
        if let Some(batch) = self.batches.get_mut(&id) {
            (batch.next, batch.deaths) = (batch.next + count, 0);
        }
        if is_done {
            self.remove_assignment(slot, index);
            self.conclude(id);
            self.note_room(slot);
        }
        Some(id)
    }

    /// Everything that is due after [`Machine::settled`].
    pub(super) fn go_on(&mut self) {
        self.retire_the_old();
        self.place_work();
        self.end_if_over();
    }

    /// A job is of no interest any more. What is queued is dropped, and, if `running`, what is in hand, too.
    pub(super) fn cancel(&mut self, client: u64, job: (u64, u64), running: bool) {
        let ids = self.batches_of(|request| request.client == client && request.job == job);
        ids.into_iter().for_each(|id| self.cancel_batch(id, running));
        self.go_on();
    }

    /// A client has ended: all that it wanted is dropped.
    pub(super) fn client_ended(&mut self, client: u64) {
        let ids = self.batches_of(|request| request.client == client);
        ids.into_iter().for_each(|id| self.cancel_batch(id, true));
        self.go_on();
    }

    /// Nothing more is taken.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.go_on();
    }

    /// Everything ends at once.
    pub(super) fn terminate(&mut self) {
        (self.closed, self.terminated) = (true, true);
        self.refuse_all(&Refusal::Terminated);
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
        let ids = self.batches_of(|request| request.client == client && request.job == job);
        let find = |id: &BatchId| match self.batches.get(id)?.place {
            Place::Assigned(slot) => {
                let number = self.workers[slot].assigned.iter().find(|other| other.batch == *id)?.number;
                Some((slot, number))
            }
            Place::Queued => None,
        };
        ids.iter().filter_map(find).collect()
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
        match batch.place {
            Place::Queued => {
                self.queue.retain(|other| *other != id);
                self.drop_rest(id);
            }
            Place::Assigned(_) if batch.is_cancelled && !running => {}
            Place::Assigned(slot) => {
                batch.is_cancelled = true;
                let found = self.workers[slot].assigned.iter().find(|other| other.batch == id);
                if let Some(number) = found.map(|assignment| assignment.number) {
                    self.recall(slot, number, running);
                }
            }
        }
    }

    /// What is left of a batch is cancelled.
    fn drop_rest(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let count = batch.request.count - batch.next;
        batch.next = batch.request.count;
        self.actions.push_back(Action::Settle { batch: id, count, verdict: Verdict::Cancelled });
        self.batches.remove(&id);
        self.actions.push_back(Action::Finish(id));
    }

    /// No worker has a batch in hand any more: it is finished, or goes back to the front of the queue.
    fn conclude(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if batch.next == batch.request.count {
            self.batches.remove(&id);
            self.actions.push_back(Action::Finish(id));
        } else if batch.is_cancelled {
            self.drop_rest(id);
        } else {
            batch.place = Place::Queued;
            self.queue.push_front(id);
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
