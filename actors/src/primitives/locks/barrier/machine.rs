//! The machine of barriers: arrivals, the action, and being broken.

use std::collections::HashMap;

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket, Waiters};
use crate::{Exit, data};

/// What a barrier is made of.
#[data]
#[derive(Debug, Clone, Copy)]
pub(crate) struct BarrierSettings {
    /// How many must arrive; at least 1.
    pub(crate) parties: u32,
}

/// What can be asked of a barrier.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BarrierDemand {
    /// To count as a party from now on: its end breaks the barrier.
    Register,
    /// Not to count any more.
    Leave,
    /// To be answered when all have arrived. Who can act may be told to before.
    Wait { can_act: bool },
    /// The action of the wait of this number is done. If it has failed, the wait is withdrawn.
    Acted { number: u64 },
    /// To break it.
    Abort,
    /// To make it whole; those who wait are told that it is broken.
    Reset,
    /// How it is.
    Status,
}

/// What a barrier grants.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BarrierGrant {
    /// All have arrived; as which one the asker did, from 0.
    Passed { index: u32 },
    /// All have arrived; the asker is to act, then says so.
    Act,
    /// It is done.
    Done,
    /// How it is.
    Status { broken: bool, waiting: u32 },
}

#[derive(Debug)]
pub(crate) struct BarrierMachine {
    parties: u32,
    broken: bool,
    /// Those who have arrived. Once they are enough, more of them are of the next round.
    arrived: Waiters<Arrival>,
    acting: Option<Acting>,
    standing: HashMap<Party, Standing>,
}

#[derive(Debug)]
struct Arrival {
    can_act: bool,
}

/// Who runs the action, while the others wait for that.
#[derive(Debug, Clone, Copy)]
struct Acting {
    ticket: Ticket,
    index: u32,
}

/// What a party's end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has waited before: that it comes to its end is no harm, that it fails is.
    Used,
    /// It has said that it will come.
    Registered,
}

impl Machine for BarrierMachine {
    type Settings = BarrierSettings;
    type Demand = BarrierDemand;
    type Grant = BarrierGrant;

    fn new(settings: BarrierSettings) -> BarrierMachine {
        BarrierMachine {
            parties: settings.parties.max(1),
            broken: false,
            arrived: Waiters::default(),
            acting: None,
            standing: HashMap::new(),
        }
    }

    fn demand(&mut self, ticket: Ticket, demand: BarrierDemand, answers: &mut Answers<BarrierGrant>) {
        match demand {
            BarrierDemand::Register => {
                self.standing.insert(ticket.party, Standing::Registered);
            }
            BarrierDemand::Leave => {
                self.standing.remove(&ticket.party);
            }
            BarrierDemand::Wait { can_act } => return self.wait(ticket, can_act, answers),
            BarrierDemand::Acted { number } => return self.acted(ticket, number, answers),
            BarrierDemand::Abort => self.break_up(answers),
            BarrierDemand::Reset => {
                self.break_up(answers);
                self.broken = false;
            }
            BarrierDemand::Status => {
                let arrived = self.arrived.len() + usize::from(self.acting.is_some());
                let waiting = u32::try_from(arrived).unwrap_or(u32::MAX).min(self.parties);
                return answers.grant(ticket, BarrierGrant::Status { broken: self.broken, waiting });
            }
        }
        answers.grant(ticket, BarrierGrant::Done);
    }

    fn expire(&mut self, ticket: Ticket, answers: &mut Answers<BarrierGrant>) {
        if self.arrived.remove(ticket).is_some() {
            answers.refuse(ticket, Refusal::Timeout);
            self.break_up(answers);
        }
    }

    fn withdraw(&mut self, ticket: Ticket, answers: &mut Answers<BarrierGrant>) {
        if self.is_acting(ticket) || self.arrived.remove(ticket).is_some() {
            self.break_up(answers);
        }
    }

    fn death(&mut self, party: Party, exit: &Exit, answers: &mut Answers<BarrierGrant>) {
        let was_inside = !self.arrived.remove_party(party).is_empty()
            || self.acting.is_some_and(|acting| acting.ticket.party == party);
        let was_awaited = match self.standing.remove(&party) {
            Some(Standing::Registered) => true,
            Some(Standing::Used) => !exit.is_normal(),
            None => false,
        };
        if was_inside || was_awaited {
            self.break_up(answers);
        }
    }
}

impl BarrierMachine {
    fn wait(&mut self, ticket: Ticket, can_act: bool, answers: &mut Answers<BarrierGrant>) {
        self.standing.entry(ticket.party).or_insert(Standing::Used);
        if self.broken {
            return answers.refuse(ticket, Refusal::Broken);
        }
        self.arrived.push(ticket, Arrival { can_act });
        self.open(answers);
    }

    /// Lets a round pass if it is complete, or has its action run first.
    fn open(&mut self, answers: &mut Answers<BarrierGrant>) {
        let parties = self.parties as usize;
        while self.acting.is_none() && self.arrived.len() >= parties {
            let actor =
                self.arrived.iter().take(parties).enumerate().filter(|(_, (_, arrival))| arrival.can_act).last();
            match actor.map(|(place, (ticket, _))| (place, *ticket)) {
                Some((place, ticket)) => {
                    self.acting = Some(Acting { ticket, index: place as u32 });
                    self.arrived.remove(ticket);
                    answers.grant(ticket, BarrierGrant::Act);
                }
                None => self.pass(0..self.parties, answers),
            }
        }
    }

    /// Lets those who arrived first pass, as these indices.
    fn pass(&mut self, indices: impl Iterator<Item = u32>, answers: &mut Answers<BarrierGrant>) {
        for index in indices {
            if let Some((ticket, _)) = self.arrived.pop() {
                answers.grant(ticket, BarrierGrant::Passed { index });
            }
        }
    }

    fn acted(&mut self, ticket: Ticket, number: u64, answers: &mut Answers<BarrierGrant>) {
        let of = Ticket { number, ..ticket };
        let Some(Acting { index, .. }) = self.acting.take_if(|acting| acting.ticket == of) else {
            return answers.refuse(ticket, Refusal::Broken);
        };
        answers.grant(ticket, BarrierGrant::Passed { index });
        self.pass((0..self.parties).filter(|other| *other != index), answers);
        self.open(answers);
    }

    fn is_acting(&self, ticket: Ticket) -> bool {
        self.acting.is_some_and(|acting| acting.ticket == ticket)
    }

    /// Breaks the barrier: all who wait are told, and whoever acts when it has acted.
    fn break_up(&mut self, answers: &mut Answers<BarrierGrant>) {
        self.broken = true;
        self.acting = None;
        while let Some((ticket, _)) = self.arrived.pop() {
            answers.refuse(ticket, Refusal::Broken);
        }
    }
}
