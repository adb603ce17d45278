//! The machine of semaphores: permits that are free, held by guards, or kept by processes.

use std::collections::HashSet;

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket, Waiters};
use super::super::users::{FREE, Users};
use crate::{Exit, data};

/// What a semaphore is made of.
#[data]
#[derive(Debug, Clone, Copy)]
pub(crate) struct SemaphoreSettings {
    /// How many permits there are at first.
    pub(crate) permits: u64,
    /// Whether there may never be more.
    pub(crate) bounded: bool,
}

/// What can be asked of a semaphore.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SemaphoreDemand {
    /// A permit.
    Acquire,
    /// To give back the permit that was granted under this number.
    Release { number: u64 },
    /// To keep the permit that was granted under this number, until it is put back or the process ends.
    Keep { number: u64 },
    /// To put back this many kept permits, of whomever, and to add what is left of the number.
    Put { count: u64 },
    /// How many permits are free.
    Value,
}

/// What a semaphore grants.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SemaphoreGrant {
    /// A permit.
    Permit,
    /// It is done.
    Done,
    /// How many permits are free.
    Value(u64),
}

#[derive(Debug)]
pub(crate) struct SemaphoreMachine {
    bounded: bool,
    free: u64,
    /// Permits that guards hold.
    held: HashSet<Ticket>,
    /// Permits that processes keep, the oldest first.
    kept: Vec<Ticket>,
    queue: Waiters<()>,
}

impl Machine for SemaphoreMachine {
    type Settings = SemaphoreSettings;
    type Demand = SemaphoreDemand;
    type Grant = SemaphoreGrant;

    fn new(settings: SemaphoreSettings) -> SemaphoreMachine {
        SemaphoreMachine {
            bounded: settings.bounded,
            free: settings.permits,
            held: HashSet::new(),
            kept: Vec::new(),
            queue: Waiters::default(),
        }
    }

    fn demand(&mut self, ticket: Ticket, demand: SemaphoreDemand, answers: &mut Answers<SemaphoreGrant>) {
        const NOT_HELD: &str = "the permit is not held by the caller";
        match demand {
            SemaphoreDemand::Acquire => self.queue.push(ticket, ()),
            SemaphoreDemand::Release { number } => {
                if self.held.remove(&Ticket { number, ..ticket }) {
                    self.free += 1;
                    answers.grant(ticket, SemaphoreGrant::Done);
                } else {
                    answers.invalid(ticket, NOT_HELD);
                }
            }
            SemaphoreDemand::Keep { number } => match self.held.take(&Ticket { number, ..ticket }) {
                Some(held) => {
                    self.kept.push(held);
                    answers.grant(ticket, SemaphoreGrant::Done);
                }
                None => answers.invalid(ticket, NOT_HELD),
            },
            SemaphoreDemand::Put { count } => match self.put(ticket.party, count) {
                Ok(()) => answers.grant(ticket, SemaphoreGrant::Done),
                Err(why) => answers.invalid(ticket, why),
            },
            SemaphoreDemand::Value => answers.grant(ticket, SemaphoreGrant::Value(self.free)),
        }
        self.hand_out(answers);
    }

    fn expire(&mut self, ticket: Ticket, answers: &mut Answers<SemaphoreGrant>) {
        if self.queue.remove(ticket).is_some() {
            answers.refuse(ticket, Refusal::Timeout);
        }
    }

    fn withdraw(&mut self, ticket: Ticket, answers: &mut Answers<SemaphoreGrant>) {
        self.queue.remove(ticket);
        if self.held.remove(&ticket) {
            self.free += 1;
        }
        self.hand_out(answers);
    }

    fn death(&mut self, party: Party, _: &Exit, answers: &mut Answers<SemaphoreGrant>) {
        self.queue.remove_party(party);
        let before = self.held.len() + self.kept.len();
        self.held.retain(|ticket| ticket.party != party);
        self.kept.retain(|ticket| ticket.party != party);
        self.free += (before - self.held.len() - self.kept.len()) as u64;
        self.hand_out(answers);
    }

    const WORDS: usize = 64;

    /// Lends permits, free ones and such as guards hold, unless somebody waits.
    fn lend(&mut self, contents: &mut Vec<u64>, users: &Users) {
        if !self.queue.is_empty() {
            return;
        }
        // Some of each, if there are so many.
        let free = self.free.min(Self::WORDS as u64 / 2) as usize;
        let held = self.held.iter().filter_map(|ticket| Some((*ticket, users.content(*ticket)?)));
        let held: Vec<(Ticket, u64)> = held.take(Self::WORDS - free).collect();
        for (ticket, content) in held {
            self.held.remove(&ticket);
            contents.push(content);
        }
        let free = self.free.min((Self::WORDS - contents.len()) as u64);
        self.free -= free;
        contents.extend((0..free).map(|_| FREE));
    }

    fn take_back(&mut self, contents: &[u64], users: &Users, _: &mut Answers<SemaphoreGrant>) {
        for content in contents {
            match users.ticket(*content) {
                Some(ticket) => drop(self.held.insert(ticket)),
                None => self.free += 1,
            }
        }
    }
}

impl SemaphoreMachine {
    /// Puts back kept permits, the party's own first, then adds new ones.
    fn put(&mut self, party: Party, count: u64) -> Result<(), &'static str> {
        let kept = (self.kept.len() as u64).min(count);
        if self.bounded && kept < count {
            return Err("more permits are released than were acquired");
        }
        // All of them may be free one day.
        let out = (self.held.len() + self.kept.len()) as u64;
        if (self.free + out).checked_add(count - kept).is_none() {
            return Err("more permits than can be counted");
        }
        for _ in 0..kept {
            let own = self.kept.iter().position(|ticket| ticket.party == party);
            self.kept.remove(own.unwrap_or(0));
        }
        self.free += count;
        Ok(())
    }

    fn hand_out(&mut self, answers: &mut Answers<SemaphoreGrant>) {
        while self.free > 0
            && let Some((ticket, ())) = self.queue.pop()
        {
            self.free -= 1;
            self.held.insert(ticket);
            answers.grant(ticket, SemaphoreGrant::Permit);
        }
    }
}
