//! The actor that hosts a machine, and its protocol.
//!
//! | message | answer |
//! |---|---|
//! | [`Register`] | the host's epoch; the process is watched from now on |
//! | [`Call`] | what the machine grants or refuses, now or later |
//! | [`Withdraw`] | none; what waits or was granted under the number is given up |
//! | [`Share`] | the words that the process may use from now on instead of asking, if there are any |
//! | [`Look`] | none; what somebody waits for may have been done in the words |
//!
//! A process registers before it asks for anything, so whatever it holds is held by a life of it whose end will be told, after
//! all that it has sent. Time-outs are decided here and nowhere else: a grant and a time-out cannot both happen.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::time::Duration;

use super::lending::Lending;
use super::machine::{Answers, Machine, Party, Refusal, Ticket};
use crate::primitives::epoch::new_epoch;
use crate::primitives::near::Loan;
use crate::{
    Actor, Context, Data, Down, DownReason, Exit, Failure, Handler, Incoming, Later, MonitorId, ProcessId, ReplyTo,
    TimerId, actor, message,
};

/// Makes the sender a party, and asks for the host's epoch.
#[message(reply = Result<u64, String>)]
pub(crate) struct Register;

/// Asks for something.
#[message(reply = Later<Result<G, Refusal>>)]
pub(crate) struct Call<D: Data, G: Data> {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    /// How long the answer may take. None: as long as it takes.
    pub(crate) within: Option<Duration>,
    pub(crate) demand: D,
    pub(crate) grant: PhantomData<fn() -> G>,
}

/// Gives up a call and what was granted for it.
#[message]
pub(crate) struct Withdraw {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
}

/// Asks for the words of what the host holds.
#[message(reply = Result<Option<Loan>, Refusal>)]
pub(crate) struct Share {
    pub(crate) epoch: u64,
}

/// Says that what somebody waits for may have been done in words of the host.
#[message]
pub(crate) struct Look;

/// The host's word to itself: the time of a call is over.
#[message]
pub(crate) struct Expire {
    party: u64,
    number: u64,
}

/// Hosts one machine.
pub(crate) struct Host<M: Machine> {
    machine: M,
    /// Differs from one life of the host to the next.
    epoch: u64,
    parties: HashMap<ProcessId, Party>,
    monitors: HashMap<MonitorId, ProcessId>,
    next_party: u64,
    calls: HashMap<Ticket, Open<M::Grant>>,
    /// Since somebody wanted to do without asking.
    lending: Option<Lending>,
}

/// A call that has not been answered.
struct Open<G> {
    reply: ReplyTo<Result<G, Refusal>>,
    timer: Option<TimerId>,
}

#[actor]
impl<M: Machine> Actor for Host<M> {
    type Args = M::Settings;
    type Messages = (Register, Call<M::Demand, M::Grant>, Withdraw, Share, Look, Expire);

    fn start(settings: M::Settings, context: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Host {
            machine: M::new(settings),
            epoch: new_epoch(context.this().id()),
            parties: HashMap::new(),
            monitors: HashMap::new(),
            next_party: 0,
            calls: HashMap::new(),
            lending: None,
        })
    }

    fn down(&mut self, down: Down, context: &mut Context<Self>) {
        let Some(process) = self.monitors.remove(&down.monitor) else { return };
        let Some(party) = self.parties.remove(&process) else { return };
        let exit = match down.reason {
            DownReason::Ended(exit) => exit,
            _ => Exit::Failed(vec!["it had ended before it could be watched".to_owned()]),
        };
        let open: Vec<Ticket> = self.calls.keys().filter(|ticket| ticket.party == party).copied().collect();
        for ticket in open {
            self.close(ticket, context);
        }
        self.act(context, |host, answers| {
            host.machine.death(party, &exit, answers);
            host.lending.iter_mut().for_each(|lending| lending.leave(party));
        });
    }
}

impl<M: Machine> Host<M> {
    /// Does something with the machine, and gives the answers to those who wait for them.
    fn act(&mut self, context: &mut Context<Self>, act: impl FnOnce(&mut Self, &mut Answers<M::Grant>)) {
        let mut answers = Answers::default();
        if let Some(lending) = &mut self.lending {
            lending.take_back(&mut self.machine, &mut answers);
        }
        act(self, &mut answers);
        let mut due = Vec::new();
        while let Some((ticket, answer)) = answers.next() {
            match self.close(ticket, context) {
                Some(reply) => due.push((reply, answer)),
                // What nobody waits for is not kept.
                None if answer.is_ok() => self.machine.withdraw(ticket, &mut answers),
                None => {}
            }
        }
        // Before anybody knows of it: who has been answered finds it done.
        if let Some(lending) = &mut self.lending {
            lending.lend(&mut self.machine);
        }
        for (reply, answer) in due {
            if let Err(error) = reply.send(answer) {
                tracing::error!(%error, "an answer of a lock cannot be sent");
            }
        }
    }

    /// Takes a call out of those that are open.
    fn close(&mut self, ticket: Ticket, context: &mut Context<Self>) -> Option<ReplyTo<Result<M::Grant, Refusal>>> {
        let Open { reply, timer } = self.calls.remove(&ticket)?;
        if let Some(timer) = timer {
            context.cancel(timer);
        }
        Some(reply)
    }

    fn expire(&mut self, ticket: Ticket, context: &mut Context<Self>) {
        if self.calls.contains_key(&ticket) {
            self.act(context, |host, answers| host.machine.expire(ticket, answers));
        }
    }

    /// Says why a call cannot be considered, or who makes it.
    fn caller(&self, process: ProcessId, epoch: u64) -> Result<Party, Refusal> {
        if epoch != self.epoch {
            return Err(Refusal::Restarted);
        }
        self.parties.get(&process).copied().ok_or_else(|| Refusal::Invalid("the process is not registered".to_owned()))
    }
}

impl<M: Machine> Handler<Register> for Host<M> {
    fn handle(&mut self, register: Incoming<'_, Register>, context: &mut Context<Self>) -> Result<u64, String> {
        let process = register.sender();
        if !self.parties.contains_key(&process) {
            let monitor = context.monitor(process).map_err(|error| error.to_string())?;
            self.monitors.insert(monitor, process);
            self.parties.insert(process, Party(self.next_party));
            self.next_party += 1;
        }
        Ok(self.epoch)
    }
}

impl<M: Machine> Handler<Call<M::Demand, M::Grant>> for Host<M> {
    fn handle(
        &mut self,
        call: Incoming<'_, Call<M::Demand, M::Grant>>,
        context: &mut Context<Self>,
    ) -> Later<Result<M::Grant, Refusal>> {
        let reply = context.reply_later();
        let later = reply.later();
        let process = call.sender();
        let Call { epoch, number, within, demand, .. } = call.open();
        let party = match self.caller(process, epoch) {
            Ok(party) => party,
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return later;
            }
        };
        let ticket = Ticket { party, number };
        self.calls.insert(ticket, Open { reply, timer: None });
        self.act(context, |host, answers| host.machine.demand(ticket, demand, answers));
        match (within, self.calls.get_mut(&ticket)) {
            (Some(Duration::ZERO), Some(_)) => self.expire(ticket, context),
            (Some(within), Some(open)) => match context.send_after(within, Expire { party: party.0, number }) {
                Ok(timer) => open.timer = Some(timer),
                Err(error) => {
                    tracing::error!(%error, "a time-out cannot be set");
                    self.expire(ticket, context);
                }
            },
            _ => {}
        }
        later
    }
}

impl<M: Machine> Handler<Withdraw> for Host<M> {
    fn handle(&mut self, withdrawal: Incoming<'_, Withdraw>, context: &mut Context<Self>) {
        if let Ok(party) = self.caller(withdrawal.sender(), withdrawal.epoch.to_native()) {
            let ticket = Ticket { party, number: withdrawal.number.to_native() };
            self.close(ticket, context);
            self.act(context, |host, answers| host.machine.withdraw(ticket, answers));
        }
    }
}

impl<M: Machine> Handler<Share> for Host<M> {
    fn handle(&mut self, share: Incoming<'_, Share>, context: &mut Context<Self>) -> Result<Option<Loan>, Refusal> {
        let party = self.caller(share.sender(), share.epoch.to_native())?;
        if self.lending.is_none() && M::WORDS > 0 {
            match Lending::new::<M>() {
                Ok(lending) => self.lending = Some(lending),
                Err(error) => tracing::debug!(%error, "nothing is lent; it is used by messages alone"),
            }
        }
        let mut loan = None;
        self.act(context, |host, _| loan = host.lending.as_mut().and_then(|lending| lending.admit(party)));
        Ok(loan)
    }
}

impl<M: Machine> Handler<Look> for Host<M> {
    fn handle(&mut self, _: Incoming<'_, Look>, context: &mut Context<Self>) {
        // To take the words back is to look.
        self.act(context, |_, _| {});
    }
}

impl<M: Machine> Handler<Expire> for Host<M> {
    fn handle(&mut self, expired: Incoming<'_, Expire>, context: &mut Context<Self>) {
        let ticket = Ticket { party: Party(expired.party.to_native()), number: expired.number.to_native() };
        // The timer is spent.
        if let Some(open) = self.calls.get_mut(&ticket) {
            open.timer = None;
        }
        self.expire(ticket, context);
    }
}
