//! The machine of events: a flag, and those who wait for it.

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket, Waiters};
use super::super::users::Users;
use super::flag::Flag;
use crate::{Exit, data};

/// What can be asked of an event.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventDemand {
    /// To be answered when it is set, or if it was since the asker saw it and it had been set so often.
    Wait { seen: Option<u64> },
    /// To set it: all who wait are answered, whether it is cleared again or not.
    Set,
    /// To clear it.
    Clear,
    /// How it is.
    Status,
}

/// What an event grants.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventGrant {
    /// It has been set or cleared, or was set while somebody waited.
    Done,
    Status {
        is_set: bool,
        /// How many wait for it.
        waiting: u64,
    },
}

#[derive(Debug)]
pub(crate) struct EventMachine {
    /// As it is said in the word, but for whether somebody waits.
    flag: Flag,
    waiters: Waiters<()>,
}

impl Machine for EventMachine {
    type Settings = ();
    type Demand = EventDemand;
    type Grant = EventGrant;

    fn new((): ()) -> EventMachine {
        EventMachine { flag: Flag::of(0), waiters: Waiters::default() }
    }

    fn demand(&mut self, ticket: Ticket, demand: EventDemand, answers: &mut Answers<EventGrant>) {
        match demand {
            EventDemand::Wait { seen } if !self.flag.is_set && seen.is_none_or(|times| times == self.flag.times) => {
                return self.waiters.push(ticket, ());
            }
            EventDemand::Wait { .. } => {}
            EventDemand::Set => self.become_as(self.flag.changed(true), answers),
            EventDemand::Clear => self.become_as(self.flag.changed(false), answers),
            EventDemand::Status => {
                let (is_set, waiting) = (self.flag.is_set, self.waiters.len() as u64);
                return answers.grant(ticket, EventGrant::Status { is_set, waiting });
            }
        }
        answers.grant(ticket, EventGrant::Done);
    }

    fn expire(&mut self, ticket: Ticket, answers: &mut Answers<EventGrant>) {
        if self.waiters.remove(ticket).is_some() {
            answers.refuse(ticket, Refusal::Timeout);
        }
    }

    fn withdraw(&mut self, ticket: Ticket, _: &mut Answers<EventGrant>) {
        self.waiters.remove(ticket);
    }

    fn death(&mut self, party: Party, _: &Exit, _: &mut Answers<EventGrant>) {
        self.waiters.remove_party(party);
    }

    const WORDS: usize = 1;
    const PLACES: usize = 0;

    /// Lends the flag, also while somebody waits, and says so.
    fn lend(&mut self, contents: &mut Vec<u64>, _: &Users) {
        contents.push(Flag { is_awaited: !self.waiters.is_empty(), ..self.flag }.content());
    }

    fn take_back(&mut self, contents: &[u64], _: &Users, answers: &mut Answers<EventGrant>) {
        if let Some(content) = contents.first() {
            self.become_as(Flag::of(*content), answers);
        }
    }
}

impl EventMachine {
    /// Takes note of how it is now; whoever waits is woken if it is set, or has been.
    fn become_as(&mut self, flag: Flag, answers: &mut Answers<EventGrant>) {
        let was_set = flag.is_set || flag.times != self.flag.times;
        self.flag = flag;
        while was_set && let Some((waiter, ())) = self.waiters.pop() {
            answers.grant(waiter, EventGrant::Done);
        }
    }
}
