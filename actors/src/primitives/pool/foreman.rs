//! The actor that hosts a pool: it owns the workers, feeds the machine, and does what the machine says.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use procession_runtime::{Arrived, Endpoint, RecordFile};

use super::answers::{Answers, Lane, send};
use super::crew::Crew;
use super::lent::Lent;
use super::machine::{Action, Assignment, BatchId, Machine, Refusal, Request, Verdict};
use super::messages::{
    Answer, Batch, Cancel, Close, Collect, Enrol, EvenOut, Inquire, IsRunning, Join, Look, Lost, Outcome, Piece,
    Portion, Prepared, Results, Return, Share, Stale, Unprepared, Work,
};
use super::worker::Initializer;
use crate::primitives::blob::Blob;
use crate::primitives::epoch::new_epoch;
use crate::primitives::exit_data::ExitData;
use crate::routine::Routine;
use crate::{
    Actor, Context, Down, DownReason, Exit, Failure, Handler, Incoming, Later, MonitorId, ProcessId, ReplyTo, actor,
    data, payload,
};

/// Most workers of a pool: what is reserved for their records is 2 GiB then.
pub(super) const MOST_WORKERS: usize = 16 << 10;

/// What each worker's record holds, in bytes.
const RECORD_BYTES: usize = 128 << 10;

/// How long a worker has nothing to do before it gets something of what another has in hand.
const EVEN_OUT_AFTER: Duration = Duration::from_millis(1);

/// What takes long is looked at so many times in the shortest time that an item may take.
const LOOKS_PER_TIMEOUT: u32 = 4;

/// What a pool is like.
#[data]
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(super) workers: usize,
    pub(super) name: String,
    pub(super) initializer: Option<Initializer>,
    /// Items that a worker does in its life.
    pub(super) lifetime: Option<u64>,
}

/// Hosts one pool.
pub(crate) struct Foreman {
    pub(super) machine: Machine,
    /// Differs from one life of the foreman to the next.
    pub(super) epoch: u64,
    pub(super) crew: Crew,
    /// Since somebody wanted to have turns.
    pub(super) lent: Option<Lent>,
    pub(super) clients: HashMap<ProcessId, u64>,
    monitors: HashMap<MonitorId, ProcessId>,
    last_client: u64,
    pub(super) last_batch: BatchId,
    batches: HashMap<BatchId, Held>,
    answers: Answers,
    /// Who waits for the end.
    joining: Vec<ReplyTo<Result<bool, Stale>>>,
    /// How the worker ended whose end is being dealt with.
    pub(super) last_exit: ExitData,
    is_looking: bool,
    is_to_even_out: bool,
    begin: Instant,
}

/// What the machine need not know of a batch.
struct Held {
    lane: Lane,
    job: u64,
    index: u64,
    routine: Routine,
    items: Blob,
    /// What has become of its items, by the first of some in a row.
    pieces: Vec<(u32, Piece)>,
    /// Whether it was not cancelled.
    is_wanted: bool,
}

#[actor]
impl Actor for Foreman {
    type Args = Settings;
    #[rustfmt::skip]
    type Messages = (
        Batch, Results, Cancel, Collect, IsRunning, Close, Join, Inquire, Prepared, Unprepared, Look, EvenOut, Enrol, Share,
        Return,
    );

    fn start(settings: Settings, context: &mut Context<Self>) -> Result<Self, Failure> {
        let workers = settings.workers.clamp(1, MOST_WORKERS);
        let records = RecordFile::new(workers, RECORD_BYTES)?;
        let machine = Machine::new(workers, settings.lifetime);
        let limit_bytes = Endpoint::of(context.this().id().system)?.message_limit_bytes();
        let mut foreman = Foreman {
            machine,
            epoch: new_epoch(context.this().id()),
            crew: Crew::new(workers, records, settings),
            lent: None,
            clients: HashMap::new(),
            monitors: HashMap::new(),
            last_client: 0,
            last_batch: 0,
            batches: HashMap::new(),
            answers: Answers::new(limit_bytes),
            joining: Vec::new(),
            last_exit: ExitData::Normal,
            is_looking: false,
            is_to_even_out: false,
            begin: Instant::now(),
        };
        foreman.act(context);
        Ok(foreman)
    }

    fn down(&mut self, down: Down, context: &mut Context<Self>) {
        if let Some(slot) = self.crew.leave(down.monitor) {
            let exit = match down.reason {
                DownReason::Ended(exit) => exit,
                _ => Exit::Killed,
            };
            self.last_exit = ExitData::from(&exit);
            let in_hand = self.recover(slot);
            self.take_back(slot);
            self.machine.ended(slot, in_hand, self.crew.alone(slot), &format!("the worker {exit}"));
        } else if let Some(client) = self.monitors.remove(&down.monitor).and_then(|id| self.clients.remove(&id)) {
            self.answers.forget_client(client);
            self.take_all_back();
            self.lent.iter_mut().for_each(|lent| lent.leave(client));
            self.machine.client_ended(client);
        }
        self.act(context);
    }
}

impl Foreman {
    /// Takes over what a dead worker had finished and not told. Gives what it had in hand.
    fn recover(&mut self, slot: usize) -> Option<(u32, u32)> {
        for (assignment, count, results) in self.crew.recover(slot, &self.machine.assigned(slot)) {
            let first = assignment.share.first;
            if let Some(id) = self.machine.settled(slot, assignment.number, first, count) {
                self.add_piece(id, first, Piece::Results { count, results });
            }
        }
        self.crew.at(slot)
    }

    /// The number of a client, whose end is watched from now on.
    pub(super) fn client(&mut self, process: ProcessId, context: &Context<Self>) -> u64 {
        if let Some(client) = self.clients.get(&process) {
            return *client;
        }
        self.last_client += 1;
        self.clients.insert(process, self.last_client);
        match context.monitor(process) {
            Ok(monitor) => drop(self.monitors.insert(monitor, process)),
            Err(error) => tracing::error!(%error, "a client of a pool cannot be watched"),
        }
        self.last_client
    }

    fn add_piece(&mut self, id: BatchId, first: u32, piece: Piece) {
        if let Some(held) = self.batches.get_mut(&id) {
            held.pieces.push((first, piece));
        }
    }

    /// Does what the machine says.
    pub(super) fn act(&mut self, context: &mut Context<Self>) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Start(slot) => self.start_workers(slot, context),
                Action::Assign { slot, assignment, chunk, timed } => {
                    self.assign(slot, assignment, chunk, timed, context);
                }
                Action::Recall { slot, assignment, chunk, take, or_condemn } => {
                    let from = self.crew.recall(slot, assignment, chunk, take);
                    self.machine.recalled(slot, assignment.number, or_condemn, from);
                }
                Action::Condemn { slot, number, item } => {
                    let was_it = self.crew.condemn(slot, number, item, context);
                    self.machine.condemned(slot, number, item, was_it);
                }
                Action::Lend { slot, most } => self.lend(slot, most),
                Action::TakeBack(slot) => {
                    self.take_back(slot);
                    self.machine.go_on();
                }
                Action::Revoke { slot, number } => {
                    let was_it = self.crew.revoke(slot, number, context);
                    self.machine.revoked(slot, number, was_it);
                }
                Action::Retire(slot) => {
                    if !self.crew.retire(slot) {
                        self.machine.kill(slot);
                    }
                }
                Action::Kill(slot) => self.crew.kill(slot, context),
                Action::Settle { batch, first, count, verdict } => self.settle(batch, first, count, verdict),
                Action::Finish(id) => {
                    if let Some(mut held) = self.batches.remove(&id) {
                        held.pieces.sort_by_key(|(first, _)| *first);
                        let pieces = held.pieces.into_iter().map(|(_, piece)| piece).collect();
                        self.answers.give_pieces(held.lane, held.job, held.index, pieces, held.is_wanted);
                    }
                }
                Action::Refuse(id, refusal) => {
                    if let Some(held) = self.batches.remove(&id) {
                        self.answers.give(held.lane, held.job, held.index, refusal.into());
                    }
                }
                Action::Over => {
                    self.joining.drain(..).for_each(|reply| send(reply, Ok(true)));
                    context.stop();
                }
            }
        }
        self.even_out_later(context);
    }

    /// Starts a worker, and all those that are to be started next, many at a time.
    fn start_workers(&mut self, first: usize, context: &mut Context<Self>) {
        let mut slots = vec![first];
        slots.extend(self.machine.more_starts());
        for (slot, started) in self.crew.start(&slots, context) {
            if let Err(why) = started {
                self.machine.start_failed(slot, Some(why));
            }
        }
    }

    fn assign(&mut self, slot: usize, assignment: Assignment, chunk: u32, timed: bool, context: &mut Context<Self>) {
        let Assignment { number, share } = assignment;
        let Some(held) = self.batches.get(&share.batch) else { return };
        let (routine, items) = (held.routine, held.items.clone());
        let (first, end) = (share.first, share.end);
        let work = Work { assignment: number, first, end, chunk, timed, routine, items };
        if !self.crew.tell(slot, &work) {
            self.machine.kill(slot);
        }
        if timed {
            self.look_later(context);
        }
    }

    fn settle(&mut self, batch: BatchId, first: u32, count: u32, verdict: Verdict) {
        let piece = match verdict {
            Verdict::Died => Piece::Died(self.last_exit.clone()),
            Verdict::TimedOut => Piece::TimedOut,
            Verdict::Cancelled => Piece::Cancelled { count },
        };
        self.add_piece(batch, first, piece);
    }

    /// Refuses a handle that is for an earlier life.
    pub(super) fn check(&self, epoch: u64) -> Result<(), Stale> {
        if epoch == self.epoch { Ok(()) } else { Err(Stale) }
    }

    /// Has work evened out among the workers, if it still has to be in a while.
    fn even_out_later(&mut self, context: &mut Context<Self>) {
        if self.is_to_even_out || !self.machine.is_uneven() {
            return;
        }
        match context.send_after(EVEN_OUT_AFTER, EvenOut) {
            Ok(_) => self.is_to_even_out = true,
            Err(error) => tracing::error!(%error, "nobody evens out who has what to do"),
        }
    }

    /// Has what takes long looked at.
    fn look_later(&mut self, context: &mut Context<Self>) {
        if self.is_looking {
            return;
        }
        let Some(shortest) = self.machine.shortest_timeout() else { return };
        let delay = (Duration::from_millis(shortest) / LOOKS_PER_TIMEOUT).max(Duration::from_millis(1));
        match context.send_after(delay, Look) {
            Ok(_) => self.is_looking = true,
            Err(error) => tracing::error!(%error, "nobody looks at what takes long"),
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Outcome {
        match refusal {
            Refusal::Closed => Outcome::Closed,
            Refusal::Terminated => Outcome::Terminated,
            Refusal::Broken(why) => Outcome::Broken(why),
        }
    }
}

impl Handler<Batch> for Foreman {
    fn handle(&mut self, batch: Incoming<'_, Batch>, context: &mut Context<Self>) -> Later<Answer> {
        let reply = context.reply_later();
        let later = reply.later();
        let (lane, job, index) = (batch.lane.to_native(), batch.job.to_native(), batch.index.to_native());
        if batch.epoch != self.epoch {
            send(reply, Answer { job, index, outcome: Outcome::Restarted });
            return later;
        }
        // Dropped unused, the way back tells the asker that there will be no answer.
        let Ok(routine) = payload::open::<Routine>(&batch.routine, &Arrived::default()) else { return later };
        let client = self.client(batch.sender(), context);
        self.answers.owe((client, lane), reply);
        let items = Blob::keep(batch.items.as_slice(), batch.lot());
        let request = Request {
            client,
            job: (lane, job),
            count: batch.count.to_native(),
            chunk: batch.chunk.to_native().max(1),
            bytes: items.len(),
            timeout: batch.timeout.as_ref().map(|timeout| {
                timeout.as_secs().saturating_mul(1000).saturating_add(u64::from(timeout.subsec_millis())).max(1)
            }),
            repeatable: batch.repeatable,
        };
        self.last_batch += 1;
        let held = Held { lane: (client, lane), job, index, routine, items, pieces: Vec::new(), is_wanted: true };
        self.batches.insert(self.last_batch, held);
        match batch.lost.as_ref() {
            None => self.machine.submit(self.last_batch, request),
            Some(lost) => match payload::open::<Lost>(lost, &Arrived::default()) {
                Ok(lost) => self.submit_lost(request, lost),
                Err(_) => drop(self.batches.remove(&self.last_batch)),
            },
        }
        self.act(context);
        later
    }
}

impl Handler<Results> for Foreman {
    fn handle(&mut self, results: Incoming<'_, Results>, context: &mut Context<Self>) {
        let Some(slot) = self.crew.slot(results.sender()) else { return };
        let (number, first) = (results.assignment.to_native(), results.first.to_native());
        let count = results.count.to_native();
        if let Some(id) = self.machine.settled(slot, number, first, count) {
            let frame = results.lot();
            let results = Blob::of_bytes(frame.slice_ref(results.results.as_slice()));
            self.add_piece(id, first, Piece::Results { count, results });
            self.machine.go_on();
            self.act(context);
            self.unpin(id, frame);
        }
    }
}

impl Foreman {
    /// What was taken over in place, and is to stay for a while, is copied out of the receive buffer.
    fn unpin(&mut self, id: BatchId, frame: &Bytes) {
        let last = self.batches.get_mut(&id).and_then(|held| held.pieces.last_mut());
        if let Some((_, Piece::Results { results, .. })) = last {
            *results = Blob::keep(&frame.slice_ref(results.bytes()), frame);
        }
    }
}

impl Handler<Cancel> for Foreman {
    fn handle(&mut self, cancel: Incoming<'_, Cancel>, context: &mut Context<Self>) {
        let Some(client) = self.clients.get(&cancel.sender()).copied() else { return };
        let (lane, job) = ((client, cancel.lane.to_native()), cancel.job.to_native());
        self.answers.forget_job(lane, job);
        let batches = self.batches.values_mut().filter(|held| (held.lane, held.job) == (lane, job));
        batches.for_each(|held| held.is_wanted = false);
        self.machine.cancel(client, (lane.1, job), cancel.running);
        self.act(context);
    }
}

impl Handler<Collect> for Foreman {
    fn handle(&mut self, collect: Incoming<'_, Collect>, _: &mut Context<Self>) -> Portion {
        let client = self.clients.get(&collect.sender()).copied().unwrap_or_default();
        self.answers.more((client, collect.lane.to_native()), collect.job.to_native(), collect.index.to_native())
    }
}

impl Handler<IsRunning> for Foreman {
    fn handle(&mut self, question: Incoming<'_, IsRunning>, _: &mut Context<Self>) -> Result<bool, Stale> {
        self.check(question.epoch.to_native())?;
        let Some(client) = self.clients.get(&question.sender()).copied() else { return Ok(false) };
        let assigned = self.machine.assignments(client, (question.lane.to_native(), question.job.to_native()));
        Ok(assigned.into_iter().any(|(slot, number)| self.crew.at(slot).is_some_and(|(at, _)| at >= number)))
    }
}

impl Handler<Close> for Foreman {
    fn handle(&mut self, close: Incoming<'_, Close>, context: &mut Context<Self>) -> Result<(), Stale> {
        self.check(close.epoch.to_native())?;
        if close.terminate {
            self.machine.terminate();
        } else {
            self.machine.close();
        }
        self.act(context);
        Ok(())
    }
}

impl Handler<Join> for Foreman {
    fn handle(&mut self, join: Incoming<'_, Join>, context: &mut Context<Self>) -> Later<Result<bool, Stale>> {
        let reply = context.reply_later();
        let later = reply.later();
        if let Err(stale) = self.check(join.epoch.to_native()) {
            send(reply, Err(stale));
        } else if self.machine.is_closed() && !self.machine.is_over() {
            self.joining.push(reply);
        } else {
            send(reply, Ok(self.machine.is_closed()));
        }
        later
    }
}

impl Handler<Enrol> for Foreman {
    fn handle(&mut self, _: Incoming<'_, Enrol>, _: &mut Context<Self>) -> u64 {
        self.epoch
    }
}

impl Handler<Prepared> for Foreman {
    fn handle(&mut self, prepared: Incoming<'_, Prepared>, context: &mut Context<Self>) {
        if let Some(slot) = self.crew.slot(prepared.sender()) {
            self.crew.note_pid(slot, prepared.pid.to_native());
            self.machine.prepared(slot);
            self.act(context);
        }
    }
}

impl Handler<Unprepared> for Foreman {
    fn handle(&mut self, unprepared: Incoming<'_, Unprepared>, _: &mut Context<Self>) {
        if let Some(slot) = self.crew.slot(unprepared.sender()) {
            self.machine.unprepared(slot, unprepared.why.as_str().to_owned());
        }
    }
}

impl Handler<Look> for Foreman {
    fn handle(&mut self, _: Incoming<'_, Look>, context: &mut Context<Self>) {
        self.is_looking = false;
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        for slot in 0..self.crew.len() {
            self.machine.observe(slot, self.crew.at(slot), now);
        }
        self.act(context);
        self.look_later(context);
    }
}

impl Handler<EvenOut> for Foreman {
    fn handle(&mut self, _: Incoming<'_, EvenOut>, context: &mut Context<Self>) {
        self.is_to_even_out = false;
        self.machine.even_out();
        self.act(context);
    }
}
