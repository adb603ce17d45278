//! Events beside a model.

use proptest::prelude::*;

use super::machine::{EventDemand, EventGrant, EventMachine};
use crate::primitives::locks::machine::{Machine, Party, Refusal, Ticket};
use crate::primitives::locks::taking::Words;
use crate::primitives::locks::trial::{self, Model, Occurrence, Said};

#[derive(Default)]
struct Flag {
    is_set: bool,
    waiting: Vec<Ticket>,
}

impl Model<EventMachine> for Flag {
    fn held(&self, _: Party) -> Vec<u64> {
        Vec::new()
    }

    fn take(&mut self, occurrence: &Occurrence<EventDemand>, said: &mut Said<EventGrant>) {
        match occurrence {
            Occurrence::Demand(ticket, EventDemand::Wait) => self.waiting.push(*ticket),
            Occurrence::Demand(ticket, demand) => {
                if *demand != EventDemand::Status {
                    self.is_set = *demand == EventDemand::Set;
                }
                let waiting = if self.is_set { 0 } else { self.waiting.len() as u64 };
                said.push((*ticket, Ok(EventGrant { is_set: self.is_set, waiting })));
            }
            Occurrence::Expiry(ticket) => {
                self.waiting.retain(|other| other != ticket);
                said.push((*ticket, Err(Refusal::Timeout)));
            }
            Occurrence::Withdrawal(ticket) => self.waiting.retain(|other| other != ticket),
            Occurrence::Death(party, _) => self.waiting.retain(|ticket| ticket.party != *party),
        }
        if self.is_set {
            said.extend(self.waiting.drain(..).map(|ticket| (ticket, Ok(EventGrant { is_set: true, waiting: 0 }))));
        }
    }
}

proptest! {
    #[test]
    fn an_event_is_as_its_model(seeds in trial::seeds()) {
        let demand = |pick, _: &[u64]| match pick % 6 {
            0 => EventDemand::Set,
            1 => EventDemand::Clear,
            2 => EventDemand::Status,
            _ => EventDemand::Wait,
        };
        trial::run(EventMachine::new(()), Flag::default(), &seeds, demand, |words, _, demand| {
            let before = words.load(0).ok()?;
            let after = match demand {
                EventDemand::Set => 1,
                EventDemand::Clear => 0,
                EventDemand::Wait if before == 0 => return None,
                EventDemand::Status | EventDemand::Wait => before,
            };
            let is_done = words.exchange(0, before, after) == Ok(true);
            is_done.then_some(EventGrant { is_set: after == 1, waiting: 0 })
        })?;
    }
}
