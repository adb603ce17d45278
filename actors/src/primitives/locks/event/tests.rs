//! Events beside a model.

use std::cell::Cell;

use proptest::prelude::*;

use super::flag::{self, Flag};
use super::machine::{EventDemand, EventGrant, EventMachine};
use crate::primitives::locks::machine::{Machine, Party, Refusal, Ticket};
use crate::primitives::locks::taking::Words;
use crate::primitives::locks::trial::{self, Deed, Model, Occurrence, Outcome, Said};

struct Plain<'a> {
    is_set: bool,
    /// How often it has been set.
    times: &'a Cell<u64>,
    waiting: Vec<Ticket>,
}

impl Model<EventMachine> for Plain<'_> {
    fn held(&self, _: Party) -> Vec<u64> {
        Vec::new()
    }

    fn take(&mut self, occurrence: &Occurrence<EventDemand>, said: &mut Said<EventGrant>) {
        match occurrence {
            Occurrence::Demand(ticket, EventDemand::Wait { seen }) => {
                if seen.is_none_or(|seen| seen == self.times.get()) {
                    self.waiting.push(*ticket);
                } else {
                    said.push((*ticket, Ok(EventGrant::Done)));
                }
            }
            Occurrence::Demand(ticket, EventDemand::Status) => {
                let (is_set, waiting) = (self.is_set, self.waiting.len() as u64);
                said.push((*ticket, Ok(EventGrant::Status { is_set, waiting })));
            }
            Occurrence::Demand(ticket, demand) => {
                let was_set = std::mem::replace(&mut self.is_set, *demand == EventDemand::Set);
                self.times.set(self.times.get() + u64::from(self.is_set && !was_set));
                said.push((*ticket, Ok(EventGrant::Done)));
            }
            Occurrence::Expiry(ticket) => {
                let over = self.waiting.extract_if(.., |other| other == ticket);
                said.extend(over.map(|ticket| (ticket, Err(Refusal::Timeout))));
            }
            Occurrence::Withdrawal(ticket) => self.waiting.retain(|other| other != ticket),
            Occurrence::Death(party, _) => self.waiting.retain(|ticket| ticket.party != *party),
        }
        if self.is_set {
            said.extend(self.waiting.drain(..).map(|ticket| (ticket, Ok(EventGrant::Done))));
        }
    }
}

proptest! {
    #[test]
    fn an_event_is_as_its_model(seeds in trial::seeds()) {
        let times = Cell::new(0_u64);
        let demand = |pick: u16, _: &[u64]| match pick % 6 {
            0 => EventDemand::Set,
            1 => EventDemand::Clear,
            2 => EventDemand::Status,
            3 => EventDemand::Wait { seen: None },
            // Some have seen it before it was set last.
            _ => EventDemand::Wait { seen: times.get().checked_sub(u64::from(pick % 16 == 4)) },
        };
        let model = Plain { is_set: false, times: &times, waiting: Vec::new() };
        trial::run(EventMachine::new(()), model, &seeds, demand, |words, _, demand| {
            let flag = Flag::of(words.load(0).ok()?);
            let is_set = match demand {
                EventDemand::Set => true,
                EventDemand::Clear => false,
                // Who waits looks at the word, too.
                EventDemand::Wait { seen } if flag.is_set || seen.is_some_and(|seen| seen != flag.times) => {
                    return Some(Deed::quiet(EventGrant::Done));
                }
                EventDemand::Wait { .. } | EventDemand::Status => return None,
            };
            assert_eq!(flag::change(words, is_set), Ok(flag));
            Some(Deed { outcome: Outcome::Granted(EventGrant::Done), is_told: flag.is_awaited && is_set })
        })?;
    }

    #[test]
    fn a_word_says_what_an_event_is(content in 0..1_u64 << 63, is_set: bool) {
        let flag = Flag::of(content);
        prop_assert_eq!(flag.content(), content);
        let after = flag.changed(is_set);
        prop_assert_eq!(Flag::of(after.content()), after);
        prop_assert_eq!(after.content() >> 63, 0);
        prop_assert_eq!((after.is_set, after.is_awaited), (is_set, flag.is_awaited));
        prop_assert_eq!(after.times != flag.times, is_set && !flag.is_set);
    }
}

#[test]
fn the_times_begin_anew_when_they_have_run_out() {
    let last = Flag { is_set: false, is_awaited: true, times: (1 << 61) - 1 };
    assert_eq!(last.changed(true), Flag { is_set: true, is_awaited: true, times: 0 });
}
