//! Barriers beside a model.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;

use super::machine::{BarrierDemand, BarrierGrant, BarrierMachine, BarrierSettings};
use super::seats;
use crate::primitives::locks::machine::{Machine, Party, Refusal, Ticket};
use crate::primitives::locks::trial::{self, Deed, Model, Occurrence, Outcome, Said};

/// All who are inside, in the order in which they came; whoever acts stays among them.
struct Gate<'a> {
    parties: usize,
    broken: bool,
    inside: Vec<(Ticket, bool)>,
    acting: Option<usize>,
    /// Whom it knows, and whether they have registered.
    known: &'a RefCell<HashMap<Party, bool>>,
}

impl Gate<'_> {
    fn break_up(&mut self, said: &mut Said<BarrierGrant>) {
        self.broken = true;
        let acting = self.acting.take();
        let told = self.inside.drain(..).enumerate().filter(|(place, _)| Some(*place) != acting);
        said.extend(told.map(|(_, (ticket, _))| (ticket, Err(Refusal::Broken))));
    }

    fn let_pass(&mut self, acted: Option<Ticket>, said: &mut Said<BarrierGrant>) {
        for (index, (ticket, _)) in self.inside.drain(..self.parties).enumerate() {
            let ticket = acted.filter(|_| self.acting == Some(index)).unwrap_or(ticket);
            said.push((ticket, Ok(BarrierGrant::Passed { index: index as u32 })));
        }
        self.acting = None;
    }

    fn demand(&mut self, ticket: Ticket, demand: &BarrierDemand, said: &mut Said<BarrierGrant>) {
        match demand {
            BarrierDemand::Register => drop(self.known.borrow_mut().insert(ticket.party, true)),
            BarrierDemand::Leave => drop(self.known.borrow_mut().remove(&ticket.party)),
            BarrierDemand::Wait { can_act } => {
                self.known.borrow_mut().entry(ticket.party).or_insert(false);
                if self.broken {
                    said.push((ticket, Err(Refusal::Broken)));
                } else {
                    self.inside.push((ticket, *can_act));
                }
                return;
            }
            // Who has arrived in its seat and asks is inside.
            BarrierDemand::WaitSeated(_) => return,
            BarrierDemand::Acted { number } => {
                let of = Ticket { number: *number, ..ticket };
                if self.acting.is_some_and(|place| self.inside[place].0 == of) {
                    self.let_pass(Some(ticket), said);
                } else {
                    said.push((ticket, Err(Refusal::Broken)));
                }
                return;
            }
            BarrierDemand::Abort => self.break_up(said),
            BarrierDemand::Reset => {
                self.break_up(said);
                self.broken = false;
            }
            BarrierDemand::Status => {
                let waiting = self.inside.len().min(self.parties) as u32;
                return said.push((ticket, Ok(BarrierGrant::Status { broken: self.broken, waiting })));
            }
        }
        said.push((ticket, Ok(BarrierGrant::Done)));
    }
}

impl Model<BarrierMachine> for Gate<'_> {
    fn held(&self, party: Party) -> Vec<u64> {
        let acting = self.acting.map(|place| self.inside[place].0);
        acting.filter(|ticket| ticket.party == party).map(|ticket| ticket.number).into_iter().collect()
    }

    fn take(&mut self, occurrence: &Occurrence<BarrierDemand>, said: &mut Said<BarrierGrant>) {
        match occurrence {
            Occurrence::Demand(ticket, demand) => self.demand(*ticket, demand, said),
            Occurrence::Expiry(ticket) => {
                let place = self.inside.iter().position(|(other, _)| other == ticket).expect("who is open is inside");
                self.inside.remove(place);
                self.acting = self.acting.map(|acting| acting - usize::from(place < acting));
                said.push((*ticket, Err(Refusal::Timeout)));
                self.break_up(said);
            }
            Occurrence::Withdrawal(ticket) => {
                if self.inside.iter().any(|(other, _)| other == ticket) {
                    self.break_up(said);
                    said.retain(|(other, _)| other != ticket);
                }
            }
            Occurrence::Death(party, exit) => {
                let was_inside = self.inside.iter().any(|(ticket, _)| ticket.party == *party);
                let was_awaited =
                    self.known.borrow_mut().remove(party).is_some_and(|registered| registered || !exit.is_normal());
                if was_inside || was_awaited {
                    self.break_up(said);
                    said.retain(|(ticket, _)| ticket.party != *party);
                }
            }
        }
        while self.acting.is_none() && self.inside.len() >= self.parties {
            self.acting = self.inside[..self.parties].iter().rposition(|(_, can_act)| *can_act);
            match self.acting {
                Some(place) => said.push((self.inside[place].0, Ok(BarrierGrant::Act))),
                None => self.let_pass(None, said),
            }
        }
    }
}

proptest! {
    #[test]
    fn a_barrier_is_as_its_model(seeds in trial::seeds(), parties in 1_u32..5) {
        let known = RefCell::default();
        let gate = Gate {
            parties: parties as usize,
            broken: false,
            inside: Vec::new(),
            acting: None,
            known: &known,
        };
        let machine = BarrierMachine::new(BarrierSettings { parties });
        let demand = |pick: u16, numbers: &[u64]| match pick % 20 {
            0 => BarrierDemand::Register,
            1 => BarrierDemand::Leave,
            2 => BarrierDemand::Abort,
            3..6 => BarrierDemand::Reset,
            6 => BarrierDemand::Status,
            7..11 => BarrierDemand::Acted { number: trial::number(pick, numbers) },
            other => BarrierDemand::Wait { can_act: other % 3 == 0 },
        };
        trial::run(machine, gate, &seeds, demand, |words, (user, ticket), demand| {
            let BarrierDemand::Wait { can_act: false } = demand else { return None };
            // Who has not waited before, or has left since, has forgotten the words.
            if !known.borrow().contains_key(&ticket.party) {
                return None;
            }
            let arrived = seats::arrive(words, parties, user).ok()?;
            let outcome = if arrived.is_last {
                Outcome::Granted(BarrierGrant::Passed { index: arrived.seat.index })
            } else {
                Outcome::Waits(BarrierDemand::WaitSeated(arrived.seat), |_, _| None)
            };
            Some(Deed { outcome, is_told: arrived.is_awaited })
        })?;
    }
}
