//! What every lock is inside: a machine without I/O, clock or processes.

use std::collections::VecDeque;

use super::users::Users;
use crate::{Data, Exit, data};

/// Who takes part: one life of one process, as its host numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Party(pub(crate) u64);

/// One demand: the name of its answer, and of what was granted for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket {
    /// Who asks.
    pub(crate) party: Party,
    /// As that process numbers it; never twice.
    pub(crate) number: u64,
}

/// A state machine that answers demands, some of them at once and some when others have acted.
///
/// After each call the caller gives the answers. Each demand is answered at most once, and never after it was withdrawn or
/// its party has died.
pub(crate) trait Machine: Sized + 'static {
    /// What a new one is made of.
    type Settings: Data;
    /// What can be asked for.
    type Demand: Data;
    /// What is given.
    type Grant: Data;

    fn new(settings: Self::Settings) -> Self;

    /// Somebody asks for something.
    fn demand(&mut self, ticket: Ticket, demand: Self::Demand, answers: &mut Answers<Self::Grant>);

    /// The time of a demand that has not been answered is over.
    fn expire(&mut self, ticket: Ticket, answers: &mut Answers<Self::Grant>);

    /// Nobody is interested in a demand any more: it is forgotten if it waits, and what was granted for it goes back.
    fn withdraw(&mut self, ticket: Ticket, answers: &mut Answers<Self::Grant>);

    /// A party has ended, and asks for nothing any more.
    fn death(&mut self, party: Party, exit: &Exit, answers: &mut Answers<Self::Grant>);

    /// How many words of it are lent at most.
    const WORDS: usize = 0;

    /// How many of them, from the first on, are there to be taken and given back.
    const PLACES: usize = Self::WORDS;

    /// Puts that in words which others may change without asking from now on: their contents, up to [`WORDS`](Machine::WORDS).
    /// None if somebody must be asked first. Nothing else is called before they are taken back.
    fn lend(&mut self, _contents: &mut Vec<u64>, _users: &Users) {}

    /// Takes back what was lent, as others have left it, and answers those for whom they have done something.
    fn take_back(&mut self, _contents: &[u64], _users: &Users, _answers: &mut Answers<Self::Grant>) {}
}

/// The answers that a machine gives.
#[derive(Debug)]
pub(crate) struct Answers<G>(VecDeque<(Ticket, Result<G, Refusal>)>);

impl<G> Default for Answers<G> {
    fn default() -> Answers<G> {
        Answers(VecDeque::new())
    }
}

impl<G> Answers<G> {
    pub(crate) fn grant(&mut self, ticket: Ticket, grant: G) {
        self.0.push_back((ticket, Ok(grant)));
    }

    pub(crate) fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        self.0.push_back((ticket, Err(refusal)));
    }

    pub(crate) fn invalid(&mut self, ticket: Ticket, why: &str) {
        self.refuse(ticket, Refusal::Invalid(why.to_owned()));
    }

    /// Gives the oldest answer.
    pub(crate) fn next(&mut self) -> Option<(Ticket, Result<G, Refusal>)> {
        self.0.pop_front()
    }
}

/// Why something is not granted.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not in time.
    Timeout,
    /// The barrier is broken.
    Broken,
    /// It makes no sense here and now; the text says what would.
    Invalid(String),
    /// The host has been restarted since the handle was made.
    Restarted,
}

/// Demands that wait, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Waiters<W>(VecDeque<(Ticket, W)>);

impl<W> Default for Waiters<W> {
    fn default() -> Waiters<W> {
        Waiters(VecDeque::new())
    }
}

impl<W> Waiters<W> {
    pub(crate) fn push(&mut self, ticket: Ticket, waiter: W) {
        self.0.push_back((ticket, waiter));
    }

    /// Takes the one that has waited longest.
    pub(crate) fn pop(&mut self) -> Option<(Ticket, W)> {
        self.0.pop_front()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, &W)> {
        self.0.iter().map(|(ticket, waiter)| (*ticket, waiter))
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&W> {
        self.0.iter().find(|(other, _)| *other == ticket).map(|(_, waiter)| waiter)
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<W> {
        let place = self.0.iter().position(|(other, _)| *other == ticket)?;
        self.0.remove(place).map(|(_, waiter)| waiter)
    }

    /// Takes all those of one party.
    pub(crate) fn remove_party(&mut self, party: Party) -> Vec<W> {
        let mut removed = Vec::new();
        for (ticket, waiter) in std::mem::take(&mut self.0) {
            if ticket.party == party {
                removed.push(waiter);
            } else {
                self.0.push_back((ticket, waiter));
            }
        }
        removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
