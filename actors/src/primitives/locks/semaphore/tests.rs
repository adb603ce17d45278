//! Semaphores beside a model.

use proptest::prelude::*;

use super::machine::{SemaphoreDemand, SemaphoreGrant, SemaphoreMachine, SemaphoreSettings};
use crate::primitives::locks::machine::{Machine, Party, Refusal, Ticket};
use crate::primitives::locks::taking::{self, Taken};
use crate::primitives::locks::trial::{self, Deed, Model, Occurrence, Said};

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Held,
    Kept,
}

/// All permits, and all who have one or want one, in the order in which they asked or kept.
struct Ledger {
    bounded: bool,
    permits: u64,
    entries: Vec<(Ticket, State)>,
}

impl Ledger {
    fn count(&self, state: State) -> u64 {
        self.entries.iter().filter(|(_, other)| *other == state).count() as u64
    }

    fn free(&self) -> u64 {
        self.permits - self.count(State::Held) - self.count(State::Kept)
    }

    fn remove(&mut self, ticket: Ticket, states: &[State]) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(other, state)| *other != ticket || !states.contains(state));
        self.entries.len() < before
    }

    fn put(&mut self, ticket: Ticket, count: u64) -> bool {
        let missing = count.saturating_sub(self.count(State::Kept));
        if self.bounded && missing > 0 || self.permits.checked_add(missing).is_none() {
            return false;
        }
        for _ in 0..count - missing {
            let kept = |(_, state): &&(Ticket, State)| *state == State::Kept;
            let own = self.entries.iter().filter(kept).find(|(other, _)| other.party == ticket.party);
            let first = own.or_else(|| self.entries.iter().find(kept)).map(|(other, _)| *other);
            self.remove(first.expect("it was counted"), &[State::Kept]);
        }
        self.permits += missing;
        true
    }

    fn demand(&mut self, ticket: Ticket, demand: &SemaphoreDemand) -> Option<Result<SemaphoreGrant, Refusal>> {
        let done = match demand {
            SemaphoreDemand::Acquire => {
                self.entries.push((ticket, State::Waiting));
                return None;
            }
            SemaphoreDemand::Value => return Some(Ok(SemaphoreGrant::Value(self.free()))),
            SemaphoreDemand::Release { number } => self.remove(Ticket { number: *number, ..ticket }, &[State::Held]),
            SemaphoreDemand::Keep { number } => {
                let of = Ticket { number: *number, ..ticket };
                let was_held = self.remove(of, &[State::Held]);
                self.entries.extend(was_held.then_some((of, State::Kept)));
                was_held
            }
            SemaphoreDemand::Put { count } => self.put(ticket, *count),
        };
        Some(if done { Ok(SemaphoreGrant::Done) } else { Err(Refusal::Invalid(String::new())) })
    }
}

impl Model<SemaphoreMachine> for Ledger {
    fn held(&self, party: Party) -> Vec<u64> {
        let of_party = |(ticket, state): &&(Ticket, State)| ticket.party == party && *state != State::Waiting;
        self.entries.iter().filter(of_party).map(|(ticket, _)| ticket.number).collect()
    }

    fn take(&mut self, occurrence: &Occurrence<SemaphoreDemand>, said: &mut Said<SemaphoreGrant>) {
        match occurrence {
            Occurrence::Demand(ticket, demand) => {
                said.extend(self.demand(*ticket, demand).map(|answer| (*ticket, answer)));
            }
            Occurrence::Expiry(ticket) => {
                self.remove(*ticket, &[State::Waiting]);
                said.push((*ticket, Err(Refusal::Timeout)));
            }
            Occurrence::Withdrawal(ticket) => drop(self.remove(*ticket, &[State::Waiting, State::Held])),
            Occurrence::Death(party, _) => self.entries.retain(|(ticket, _)| ticket.party != *party),
        }
        while self.free() > 0
            && let Some((ticket, state)) = self.entries.iter_mut().find(|(_, state)| *state == State::Waiting)
        {
            *state = State::Held;
            said.push((*ticket, Ok(SemaphoreGrant::Permit)));
        }
    }
}

proptest! {
    #[test]
    fn a_semaphore_is_as_its_model(seeds in trial::seeds(), permits in prop_oneof![3 => 0_u64..4, 1 => 60_u64..70], bounded: bool) {
        let machine = SemaphoreMachine::new(SemaphoreSettings { permits, bounded });
        let ledger = Ledger { bounded, permits, entries: Vec::new() };
        let demand = |pick: u16, numbers: &[u64]| match pick % 10 {
            0 => SemaphoreDemand::Value,
            1 => SemaphoreDemand::Put { count: u64::from(pick >> 8) % 3 },
            2 if pick > 60_000 => SemaphoreDemand::Put { count: u64::MAX - 1 },
            2 | 3 => SemaphoreDemand::Release { number: trial::number(pick, numbers) },
            4 | 5 => SemaphoreDemand::Keep { number: trial::number(pick, numbers) },
            _ => SemaphoreDemand::Acquire,
        };
        trial::run(machine, ledger, &seeds, demand, |words, (user, Ticket { number, .. }), demand| {
 let grant = match demand {
            SemaphoreDemand::Acquire => {
                let taken = taking::take(words, SemaphoreMachine::PLACES, user, number);
                (taken == Ok(Taken::Now)).then_some(SemaphoreGrant::Permit)
            }
            SemaphoreDemand::Release { number } => {
                let given = taking::give_back(words, SemaphoreMachine::PLACES, user, *number);
                (given == Ok(true)).then_some(SemaphoreGrant::Done)
            }
            _ => None,
        };
 grant.map(Deed::quiet)
 })?;
    }
}
