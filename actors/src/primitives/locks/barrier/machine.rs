//! The machine of barriers: arrivals, the action, and being broken.

use std::collections::HashMap;

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket};
use super::super::users::{NUMBER_MAX, Users};
use super::seats::{self, SEATS, Seat};
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
    /// The same, for one that has arrived in a seat.
    WaitSeated(Seat),
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
    /// Those who have arrived, in that order. Once they are enough, more of them are of the next round.
    arrived: Vec<Arrival>,
    acting: Option<Acting>,
    standing: HashMap<Party, Standing>,
    /// How many rounds there were before the one in hand, broken ones too.
    rounds: u64,
    /// How many of them were broken.
    broken_rounds: u64,
    /// Who arrived in a seat in a round that was broken, and has not asked for it since.
    untold: Vec<(Party, u64)>,
}

/// One that has arrived.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    party: Party,
    /// What is to be answered; if nothing, it has arrived in its seat and looks there.
    ticket: Option<Ticket>,
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
            arrived: Vec::new(),
            acting: None,
            standing: HashMap::new(),
            rounds: 0,
            broken_rounds: 0,
            untold: Vec::new(),
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
            BarrierDemand::WaitSeated(seat) => return self.wait_seated(ticket, seat, answers),
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
        if self.remove(ticket) {
            answers.refuse(ticket, Refusal::Timeout);
            self.break_up(answers);
        }
    }

    fn withdraw(&mut self, ticket: Ticket, answers: &mut Answers<BarrierGrant>) {
        if self.is_acting(ticket) || self.remove(ticket) {
            self.break_up(answers);
        }
    }

    fn death(&mut self, party: Party, exit: &Exit, answers: &mut Answers<BarrierGrant>) {
        self.untold.retain(|(other, _)| *other != party);
        let before = self.arrived.len();
        self.arrived.retain(|arrival| arrival.party != party);
        let was_inside = self.arrived.len() < before || self.acting.is_some_and(|acting| acting.ticket.party == party);
        let was_awaited = match self.standing.remove(&party) {
            Some(Standing::Registered) => true,
            Some(Standing::Used) => !exit.is_normal(),
            None => false,
        };
        if was_inside || was_awaited {
            self.break_up(answers);
        }
    }

    const WORDS: usize = 1 + SEATS;
    const PLACES: usize = 0;

    /// Lends the seats, of which those are taken in the round in hand whose parties have arrived, unless one of these can act.
    fn lend(&mut self, contents: &mut Vec<u64>, _: &Users) {
        let parties = self.parties as usize;
        let can_be_lent = parties <= SEATS && self.rounds < NUMBER_MAX && !self.broken && self.acting.is_none();
        if can_be_lent && !self.arrived.iter().any(|arrival| arrival.can_act) {
            let is_awaited = self.arrived.iter().any(|arrival| arrival.ticket.is_some());
            let round = |index| self.rounds + u64::from(index < self.arrived.len());
            contents.push(self.broken_rounds);
            contents.extend((0..parties).map(|index| seats::content(round(index), is_awaited && index + 1 == parties)));
        }
    }

    fn take_back(&mut self, contents: &[u64], users: &Users, answers: &mut Answers<BarrierGrant>) {
        let Some((_, seats)) = contents.split_first() else { return };
        let complete = seats.last().map_or(0, |seat| seats::round(*seat));
        if complete > self.rounds {
            // More than one, perhaps; those who are known here arrived in the first.
            self.pass(self.arrived.len(), None, answers);
            self.rounds = complete;
        }
        let taken = seats.iter().take_while(|seat| seats::round(**seat) == self.rounds + 1);
        for seat in taken.skip(self.arrived.len()) {
            let Some(Ticket { party, .. }) = users.ticket(*seat) else { break };
            self.standing.entry(party).or_insert(Standing::Used);
            self.arrived.push(Arrival { party, ticket: None, can_act: false });
        }
    }
}

impl BarrierMachine {
    fn wait(&mut self, ticket: Ticket, can_act: bool, answers: &mut Answers<BarrierGrant>) {
        self.standing.entry(ticket.party).or_insert(Standing::Used);
        if self.broken {
            return answers.refuse(ticket, Refusal::Broken);
        }
        self.arrived.push(Arrival { party: ticket.party, ticket: Some(ticket), can_act });
        self.open(answers);
    }

    /// Has one that has arrived in a seat be told what comes of it.
    fn wait_seated(&mut self, ticket: Ticket, Seat { round, index }: Seat, answers: &mut Answers<BarrierGrant>) {
        if let Some(place) = self.untold.iter().position(|untold| *untold == (ticket.party, round)) {
            self.untold.swap_remove(place);
            return answers.refuse(ticket, Refusal::Broken);
        }
        if round <= self.rounds {
            return answers.grant(ticket, BarrierGrant::Passed { index });
        }
        let is_its = |arrival: &&mut Arrival| arrival.party == ticket.party && arrival.ticket.is_none();
        match self.arrived.get_mut(index as usize).filter(is_its) {
            Some(arrival) if round == self.rounds + 1 => arrival.ticket = Some(ticket),
            _ => answers.invalid(ticket, "nobody has arrived there"),
        }
    }

    /// Lets a round pass if it is complete, or has its action run first.
    fn open(&mut self, answers: &mut Answers<BarrierGrant>) {
        let parties = self.parties as usize;
        while self.acting.is_none() && self.arrived.len() >= parties {
            let actor = self.arrived[..parties].iter().rposition(|arrival| arrival.can_act);
            match actor.and_then(|place| Some((place, self.arrived[place].ticket?))) {
                Some((place, ticket)) => {
                    self.acting = Some(Acting { ticket, index: place as u32 });
                    self.arrived.remove(place);
                    answers.grant(ticket, BarrierGrant::Act);
                }
                None => {
                    self.pass(parties, None, answers);
                    self.rounds += 1;
                }
            }
        }
    }

    /// Lets so many pass, those who arrived first, as each index but one perhaps.
    fn pass(&mut self, count: usize, except: Option<u32>, answers: &mut Answers<BarrierGrant>) {
        let indices = (0..).filter(|index| Some(*index) != except);
        for (arrival, index) in self.arrived.drain(..count).zip(indices) {
            if let Some(ticket) = arrival.ticket {
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
        self.pass(self.parties as usize - 1, Some(index), answers);
        self.rounds += 1;
        self.open(answers);
    }

    fn is_acting(&self, ticket: Ticket) -> bool {
        self.acting.is_some_and(|acting| acting.ticket == ticket)
    }

    /// Forgets one that has arrived; gives whether it had.
    fn remove(&mut self, ticket: Ticket) -> bool {
        let place = self.arrived.iter().position(|arrival| arrival.ticket == Some(ticket));
        place.map(|place| self.arrived.remove(place)).is_some()
    }

    /// Breaks the barrier: all who wait are told, and whoever acts when it has acted.
    fn break_up(&mut self, answers: &mut Answers<BarrierGrant>) {
        self.broken = true;
        self.acting = None;
        self.rounds += 1;
        self.broken_rounds += 1;
        for arrival in self.arrived.drain(..) {
            match arrival.ticket {
                Some(ticket) => answers.refuse(ticket, Refusal::Broken),
                None => self.untold.push((arrival.party, self.rounds)),
            }
        }
    }
}
