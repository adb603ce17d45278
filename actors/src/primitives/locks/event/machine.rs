//! The machine of events: a flag, and those who wait for it.

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket, Waiters};
use super::super::users::Users;
use crate::{Exit, data};

/// What can be asked of an event.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventDemand {
    /// To be answered when it is set.
    Wait,
    /// To set it: all who wait are answered, whether it is cleared again or not.
    Set,
    /// To clear it.
    Clear,
    /// How it is.
    Status,
}

/// How an event is when it grants something.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventGrant {
    pub(crate) is_set: bool,
    /// How many wait for it.
    pub(crate) waiting: u64,
}

#[derive(Debug)]
pub(crate) struct EventMachine {
    is_set: bool,
    waiters: Waiters<()>,
}

impl Machine for EventMachine {
    type Settings = ();
    type Demand = EventDemand;
    type Grant = EventGrant;

    fn new((): ()) -> EventMachine {
        EventMachine { is_set: false, waiters: Waiters::default() }
    }

    fn demand(&mut self, ticket: Ticket, demand: EventDemand, answers: &mut Answers<EventGrant>) {
        match demand {
            EventDemand::Wait if !self.is_set => return self.waiters.push(ticket, ()),
            EventDemand::Set => {
                self.is_set = true;
                while let Some((waiter, ())) = self.waiters.pop() {
                    answers.grant(waiter, EventGrant { is_set: true, waiting: 0 });
                }
            }
            EventDemand::Clear => self.is_set = false,
            EventDemand::Wait | EventDemand::Status => {}
        }
        answers.grant(ticket, EventGrant { is_set: self.is_set, waiting: self.waiters.len() as u64 });
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

    /// Lends the flag, unless somebody waits, and so must be woken.
    fn lend(&mut self, contents: &mut Vec<u64>, _: &Users) {
        if self.waiters.is_empty() {
            contents.push(u64::from(self.is_set));
        }
    }

    fn take_back(&mut self, contents: &[u64], _: &Users) {
        self.is_set = contents.first().is_some_and(|content| *content != 0);
    }
}
