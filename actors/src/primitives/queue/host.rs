//! The actor that hosts a queue: it feeds the machine and gives the machine's answers to those who wait for them.

use std::collections::HashMap;
use std::time::Duration;

use rkyv::option::ArchivedOption;
use rkyv::time::ArchivedDuration;

use super::BATCH_BYTES;
use super::door::FOREVER;
use super::lent::Lent;
use super::machine::{Answer, Asker, Limits, Machine, Most, Ticket};
use super::messages::{
    ArchivedOrigin, Close, Confirm, Count, Deregister, Enrol, Expire, Get, GiveUp, Join, Outcome, Put, PutInRoom,
    Register, Return, Settled, Share, TaskDone,
};
use crate::primitives::blob::Blob;
use crate::primitives::epoch::new_epoch;
use crate::primitives::near::Loan;
use crate::{
    Actor, Context, Down, Failure, Handler, Incoming, Later, MonitorId, ProcessId, ReplyTo, RuntimeError, TimerId,
    actor, data,
};

/// What a queue is like.
#[data]
pub(crate) struct Settings {
    pub(super) limit_items: usize,
    pub(super) limit_bytes: usize,
    pub(super) joinable: bool,
}

/// Hosts one queue.
pub(crate) struct Host {
    machine: Machine<Blob, Lent>,
    /// Differs from one life of the host to the next.
    epoch: u64,
    /// The processes whose end is watched, and their numbers here.
    processes: HashMap<ProcessId, u64>,
    monitors: HashMap<MonitorId, ProcessId>,
    last_process: u64,
    last_ticket: Ticket,
    /// Requests that wait.
    owed: HashMap<Ticket, Owed>,
}

struct Owed {
    reply: ReplyTo<Outcome>,
    timer: Option<TimerId>,
}

#[actor]
impl Actor for Host {
    type Args = Settings;
    #[rustfmt::skip]
    type Messages = (Put, PutInRoom, Confirm, Share, Get, TaskDone, Join, Close, Count, Register, Deregister, GiveUp, Settled, Return, Enrol, Expire);

    fn start(settings: Settings, context: &mut Context<Self>) -> Result<Self, Failure> {
        let Settings { limit_items, limit_bytes, joinable } = settings;
        Ok(Host {
            machine: Machine::new(Limits { items: limit_items.max(1), bytes: limit_bytes }, joinable, Lent::default()),
            epoch: new_epoch(context.this().id()),
            processes: HashMap::new(),
            monitors: HashMap::new(),
            last_process: 0,
            last_ticket: 0,
            owed: HashMap::new(),
        })
    }

    fn down(&mut self, down: Down, context: &mut Context<Self>) {
        let Some(process) = self.monitors.remove(&down.monitor) else { return };
        if let Some(number) = self.processes.remove(&process) {
            self.recall().end_process(number);
            self.machine.words().leave(number);
            self.answer_all(context);
        }
    }
}

impl Host {
    /// Watches a process, if it is not watched already; gives its number.
    fn watch(&mut self, process: ProcessId, context: &Context<Self>) -> Result<u64, RuntimeError> {
        if let Some(number) = self.processes.get(&process) {
            return Ok(*number);
        }
        let monitor = context.monitor(process)?;
        self.last_process += 1;
        self.monitors.insert(monitor, process);
        self.processes.insert(process, self.last_process);
        Ok(self.last_process)
    }

    /// Takes the shelf back; gives the machine, which has all items then and knows who has which.
    fn recall(&mut self) -> &mut Machine<Blob, Lent> {
        let found = self.machine.words().take_shelf_back();
        self.machine.take_from_shelf(found, Blob::len);
        &mut self.machine
    }

    /// Says who asks; `None` if the handle is for an earlier life of the host, or the process has ended.
    fn asker(&self, process: ProcessId, from: &ArchivedOrigin) -> Option<Asker> {
        let process = *self.processes.get(&process)?;
        (from.epoch == self.epoch).then(|| Asker { process, thread: from.thread.to_native() })
    }

    /// Has the machine consider a request, and sees to its answer.
    fn consider(
        &mut self,
        (sender, from): (ProcessId, &ArchivedOrigin),
        within: Option<Duration>,
        context: &mut Context<Self>,
        act: impl FnOnce(&mut Machine<Blob, Lent>, Ticket, Asker),
    ) -> Later<Outcome> {
        let reply = context.reply_later();
        let later = reply.later();
        let Some(asker) = self.asker(sender, from) else {
            send(reply, Outcome::Restarted);
            return later;
        };
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        act(self.recall(), ticket, asker);
        let mut reply = Some(reply);
        self.give(context, |other| if other == ticket { reply.take() } else { None });
        if let Some(reply) = reply {
            // Who does not wait is answered when it is known what is on its way: that takes no time-out.
            let within = within.filter(|_| waits(within));
            let timer = within.and_then(|within| self.time(within, asker, ticket, context));
            self.owed.insert(ticket, Owed { reply, timer });
            if timer.is_none() && within.is_some() {
                self.recall().expire(asker, ticket);
                self.answer_all(context);
            }
        }
        later
    }

    fn time(&self, within: Duration, asker: Asker, ticket: Ticket, context: &mut Context<Self>) -> Option<TimerId> {
        let expire = Expire { process: asker.process, thread: asker.thread, ticket };
        let timer = context.send_after(within, expire);
        timer.inspect_err(|error| tracing::error!(%error, "a time-out cannot be set")).ok()
    }

    /// Answers a request whose answer is a number, with what `find` finds.
    fn number(
        &mut self,
        (sender, from): (ProcessId, &ArchivedOrigin),
        context: &mut Context<Self>,
        find: impl FnOnce(&mut Self, &mut Context<Self>) -> Outcome,
    ) -> Later<Outcome> {
        let reply = context.reply_later();
        let later = reply.later();
        let outcome = if self.asker(sender, from).is_some() { find(self, context) } else { Outcome::Restarted };
        self.answer_all(context);
        send(reply, outcome);
        later
    }

    /// Gives every answer that is due to who waits for it.
    fn answer_all(&mut self, context: &mut Context<Self>) {
        self.give(context, |_| None);
    }

    /// Gives every answer that is due; `present` knows the request in hand. Its answer is the last to leave: who waited goes
    /// on first, with an item perhaps, while the asker is only told that the queue has it.
    fn give(&mut self, context: &mut Context<Self>, mut present: impl FnMut(Ticket) -> Option<ReplyTo<Outcome>>) {
        if self.machine.is_idle() {
            self.machine.words().lend_shelf();
        }
        let mut answers = self.machine.take_answers();
        let mut last = None;
        for (ticket, answer) in answers.drain(..) {
            if let Some(reply) = present(ticket) {
                last = Some((reply, answer));
            } else if let Some(Owed { reply, timer }) = self.owed.remove(&ticket) {
                timer.into_iter().for_each(|timer| context.cancel(timer));
                send(reply, answer.into());
            }
        }
        self.machine.reuse(answers);
        if let Some((reply, answer)) = last {
            send(reply, answer.into());
        }
    }
}

fn send(reply: ReplyTo<Outcome>, outcome: Outcome) {
    if let Err(error) = reply.send(outcome) {
        tracing::error!(%error, "an answer of a queue cannot be sent");
    }
}

impl From<Answer<Blob>> for Outcome {
    fn from(answer: Answer<Blob>) -> Outcome {
        match answer {
            Answer::Done => Outcome::Done,
            Answer::Room(room) => Outcome::Room(room),
            Answer::Full => Outcome::Full,
            Answer::Empty => Outcome::Empty,
            Answer::TimedOut => Outcome::TimedOut,
            Answer::Closed => Outcome::Closed,
            Answer::Invalid => Outcome::Invalid,
            Answer::Partly { taken, why } => Outcome::Partly(taken, why),
            Answer::Items { grant, items, pile } => Outcome::Items { grant, items, pile },
        }
    }
}

/// How long a request may wait.
fn duration(within: &ArchivedOption<ArchivedDuration>) -> Option<Duration> {
    let bounded =
        |secs: u64, nanos: u32| Duration::from_secs(secs.min(FOREVER.as_secs())) + Duration::from_nanos(nanos.into());
    within.as_ref().map(|within| bounded(within.as_secs(), within.subsec_nanos()))
}

/// Whether a request waits at all.
fn waits(within: Option<Duration>) -> bool {
    within != Some(Duration::ZERO)
}

impl Handler<Enrol> for Host {
    fn handle(&mut self, enrol: Incoming<'_, Enrol>, context: &mut Context<Self>) -> Result<u64, String> {
        self.watch(enrol.sender(), context).map_err(|error| error.to_string())?;
        Ok(self.epoch)
    }
}

impl Handler<Put> for Host {
    fn handle(&mut self, put: Incoming<'_, Put>, context: &mut Context<Self>) -> Later<Outcome> {
        let within = duration(&put.within);
        self.consider((put.sender(), &put.from), within, context, |machine, ticket, asker| {
            let items = put.items.iter().map(|item| Blob::keep(item.as_slice(), put.lot()));
            let items = items.map(|item| (item.len(), item)).map(|(bytes, item)| (item, bytes)).collect();
            machine.put(ticket, asker, items, waits(within));
            if put.wants_room {
                machine.give_room(ticket, asker);
            }
        })
    }
}

impl Handler<PutInRoom> for Host {
    fn handle(&mut self, put: Incoming<'_, PutInRoom>, context: &mut Context<Self>) {
        if let Some(asker) = self.asker(put.sender(), &put.from) {
            let item = Blob::keep(put.item.as_slice(), put.lot());
            let bytes = item.len();
            self.recall().put_in_room(asker, item, bytes);
            self.answer_all(context);
        }
    }
}

impl Handler<Confirm> for Host {
    fn handle(&mut self, confirm: Incoming<'_, Confirm>, context: &mut Context<Self>) -> Later<Outcome> {
        let within = duration(&confirm.within);
        self.consider((confirm.sender(), &confirm.from), within, context, |machine, ticket, asker| {
            machine.confirm(ticket, asker, waits(within));
        })
    }
}

impl Handler<Share> for Host {
    fn handle(&mut self, share: Incoming<'_, Share>, _: &mut Context<Self>) -> Result<Option<Loan>, String> {
        let process = self.processes.get(&share.sender()).filter(|_| share.epoch == self.epoch);
        Ok(process.and_then(|process| self.machine.words().admit(*process)))
    }
}

impl Handler<Get> for Host {
    fn handle(&mut self, get: Incoming<'_, Get>, context: &mut Context<Self>) -> Later<Outcome> {
        let (within, taken) = (duration(&get.within), get.from.taken.to_native());
        let items = usize::try_from(get.most.to_native()).unwrap_or(usize::MAX);
        let most = Most { items, bytes: BATCH_BYTES, with_pile: get.with_pile };
        let shelf = get.from.shelf.to_native();
        self.consider((get.sender(), &get.from), within, context, |machine, ticket, asker| {
            machine.settle_from_shelf(asker.process, shelf);
            machine.get(ticket, asker, taken, most, waits(within));
        })
    }
}

impl Handler<TaskDone> for Host {
    fn handle(&mut self, done: Incoming<'_, TaskDone>, context: &mut Context<Self>) -> Later<Outcome> {
        self.consider((done.sender(), &done.from), None, context, Machine::settle_first)
    }
}

impl Handler<Join> for Host {
    fn handle(&mut self, join: Incoming<'_, Join>, context: &mut Context<Self>) -> Later<Outcome> {
        let within = duration(&join.within);
        self.consider((join.sender(), &join.from), within, context, |machine, ticket, asker| {
            machine.join(ticket, asker, waits(within));
        })
    }
}

impl Handler<Close> for Host {
    fn handle(&mut self, close: Incoming<'_, Close>, context: &mut Context<Self>) -> Later<Outcome> {
        self.number((close.sender(), &close.from), context, |host, _| {
            host.recall().close();
            Outcome::Done
        })
    }
}

impl Handler<Count> for Host {
    fn handle(&mut self, count: Incoming<'_, Count>, context: &mut Context<Self>) -> Later<Outcome> {
        self.number((count.sender(), &count.from), context, |host, _| Outcome::Number(host.recall().len() as u64))
    }
}

impl Handler<Register> for Host {
    fn handle(&mut self, register: Incoming<'_, Register>, context: &mut Context<Self>) -> Later<Outcome> {
        let process = register.process.to_native();
        self.number((register.sender(), &register.from), context, |host, context| match host.watch(process, context) {
            Ok(number) => host.recall().register(number).map_or(Outcome::Closed, Outcome::Number),
            Err(error) => {
                tracing::error!(%error, "a producer cannot be watched");
                Outcome::Invalid
            }
        })
    }
}

impl Handler<Deregister> for Host {
    fn handle(&mut self, done: Incoming<'_, Deregister>, context: &mut Context<Self>) {
        if self.asker(done.sender(), &done.from).is_some() {
            self.recall().deregister(done.registration.to_native());
            self.answer_all(context);
        }
    }
}

impl Handler<GiveUp> for Host {
    fn handle(&mut self, up: Incoming<'_, GiveUp>, context: &mut Context<Self>) {
        let Some(asker) = self.asker(up.sender(), &up.from) else { return };
        let machine = self.recall();
        if up.is_end {
            machine.settle_from_shelf(asker.process, up.from.shelf.to_native());
            machine.end_thread(asker, up.from.taken.to_native());
        } else {
            machine.give_up(asker);
        }
        self.answer_all(context);
    }
}

impl Handler<Settled> for Host {
    /// The shelf stays lent: who has told this uses it.
    fn handle(&mut self, settled: Incoming<'_, Settled>, context: &mut Context<Self>) {
        let Some(asker) = self.asker(settled.sender(), &settled.from) else { return };
        self.machine.settle_handed(asker, settled.from.taken.to_native());
        if !self.machine.is_idle() {
            self.recall();
            self.answer_all(context);
        }
    }
}

impl Handler<Return> for Host {
    fn handle(&mut self, back: Incoming<'_, Return>, context: &mut Context<Self>) {
        if let Some(asker) = self.asker(back.sender(), &back.from) {
            self.recall().return_after(asker, back.from.taken.to_native());
            self.answer_all(context);
        }
    }
}

impl Handler<Expire> for Host {
    fn handle(&mut self, expire: Incoming<'_, Expire>, context: &mut Context<Self>) {
        let (process, thread) = (expire.process.to_native(), expire.thread.to_native());
        self.recall().expire(Asker { process, thread }, expire.ticket.to_native());
        self.answer_all(context);
    }
}
