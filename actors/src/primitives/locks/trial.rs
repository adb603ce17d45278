//! How machines are tried: random demands, time-outs, withdrawals and deaths, side by side with a model. Some of what can be done
//! in the words that a machine lends is done there, and must come to the same.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::Debug;

use procession_runtime::WordClosed;

use proptest::collection::vec;
use proptest::prelude::*;

use super::machine::{Answers, Machine, Party, Refusal, Ticket};
use super::taking::{self, Words};
use super::users::Users;
use crate::Exit;

/// What a model says to one occurrence.
pub(super) type Said<G> = Vec<(Ticket, Result<G, Refusal>)>;

/// One thing that happens to a machine.
#[derive(Debug, Clone)]
pub(super) enum Occurrence<D> {
    Demand(Ticket, D),
    Expiry(Ticket),
    Withdrawal(Ticket),
    Death(Party, Exit),
}

/// What a machine is compared with: slow and plain.
pub(super) trait Model<M: Machine> {
    fn take(&mut self, occurrence: &Occurrence<M::Demand>, said: &mut Said<M::Grant>);

    /// Gives the numbers under which a party has something now.
    fn held(&self, party: Party) -> Vec<u64>;
}

/// A number from which one occurrence is made.
pub(super) type Seed = (u8, u8, u16);

/// Makes the seeds of one trial.
pub(super) fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    vec((0_u8..100, 0_u8..4, any::<u16>()), 1..200)
}

/// Tries a machine. `demand` makes a demand of a seed and of the numbers under which its party has something; `quick` does what
/// is demanded in the words that are lent, for a user under a number, if that can be.
pub(super) fn run<M, D, Q>(
    machine: M,
    mut model: impl Model<M>,
    seeds: &[Seed],
    demand: D,
    quick: Q,
) -> Result<(), TestCaseError>
where
    M: Machine<Demand: Debug + Clone, Grant: Debug + PartialEq>,
    D: Fn(u16, &[u64]) -> M::Demand,
    Q: Fn(&Lent, (u64, u64), &M::Demand) -> Option<M::Grant>,
{
    let mut crowd = Crowd::default();
    let mut house = House::new(machine);
    for seed in seeds {
        let Some(occurrence) = crowd.occurrence(*seed, &model, &demand) else { continue };
        let mut expected = Said::new();
        model.take(&occurrence, &mut expected);
        let done = if seed.2 % 3 == 0 { None } else { house.act_quickly(&occurrence, &quick) };
        let mut given = done.unwrap_or_else(|| house.act(&occurrence));
        crowd.note(&occurrence);
        for (ticket, _) in &given {
            prop_assert!(crowd.open.remove(ticket), "{ticket:?} is not open after {occurrence:?}");
        }
        for said in [&mut given, &mut expected] {
            said.sort_by_key(|(ticket, _)| *ticket);
            said.iter_mut().for_each(forget_text);
        }
        prop_assert_eq!(&given, &expected, "after {:?}", occurrence);
    }
    Ok(())
}

/// The words that are lent.
#[derive(Default)]
pub(super) struct Lent(Vec<Cell<u64>>);

impl Words for Lent {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        self.0.get(index).map(Cell::get).ok_or(WordClosed::Kept)
    }

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        let word = self.0.get(index).ok_or(WordClosed::Kept)?;
        let is_as_expected = word.get() == expected;
        if is_as_expected {
            word.set(content);
        }
        Ok(is_as_expected)
    }
}

/// A machine and what it has lent.
pub(super) struct House<M> {
    machine: M,
    users: Users,
    pub(super) lent: Lent,
}

impl<M: Machine<Demand: Clone>> House<M> {
    pub(super) fn new(machine: M) -> House<M> {
        House { machine, users: Users::default(), lent: Lent::default() }
    }

    /// Gives what a party is called in words.
    pub(super) fn user(&self, party: Party) -> Option<u64> {
        self.users.user(party)
    }

    /// Has the machine do something, as a host does.
    pub(super) fn act(&mut self, occurrence: &Occurrence<M::Demand>) -> Said<M::Grant> {
        let mut contents: Vec<u64> = self.lent.0.drain(..).map(Cell::into_inner).collect();
        if !contents.is_empty() {
            self.machine.take_back(&contents, &self.users);
            contents.clear();
        }
        let mut answers = Answers::default();
        match occurrence {
            Occurrence::Demand(ticket, demand) => {
                // Of three parties one uses no words.
                if ticket.party.0 % 3 != 0 {
                    self.users.admit(ticket.party).expect("they are few");
                }
                self.machine.demand(*ticket, demand.clone(), &mut answers);
            }
            Occurrence::Expiry(ticket) => self.machine.expire(*ticket, &mut answers),
            Occurrence::Withdrawal(ticket) => self.machine.withdraw(*ticket, &mut answers),
            Occurrence::Death(party, exit) => {
                self.machine.death(*party, exit, &mut answers);
                self.users.leave(*party);
            }
        }
        self.machine.lend(&mut contents, &self.users);
        assert!(contents.len() <= M::WORDS);
        self.lent.0.extend(contents.into_iter().map(Cell::new));
        std::iter::from_fn(|| answers.next()).collect()
    }

    /// Does something in the words, if that can be.
    fn act_quickly(
        &self,
        occurrence: &Occurrence<M::Demand>,
        quick: impl Fn(&Lent, (u64, u64), &M::Demand) -> Option<M::Grant>,
    ) -> Option<Said<M::Grant>> {
        let (Occurrence::Demand(ticket, _) | Occurrence::Withdrawal(ticket)) = occurrence else { return None };
        let user = self.users.user(ticket.party)?;
        match occurrence {
            Occurrence::Demand(_, demand) => {
                quick(&self.lent, (user, ticket.number), demand).map(|grant| vec![(*ticket, Ok(grant))])
            }
            _ => {
                let given = taking::give_back(&self.lent, M::PLACES, user, ticket.number);
                (given == Ok(true)).then(Vec::new)
            }
        }
    }
}

fn forget_text<G>((_, said): &mut (Ticket, Result<G, Refusal>)) {
    if let Err(Refusal::Invalid(why)) = said {
        why.clear();
    }
}

/// Those who take part in a trial, and what they wait for.
#[derive(Default)]
struct Crowd {
    /// How often each place has been left by a death.
    lives: [u64; 4],
    next_number: u64,
    issued: Vec<Ticket>,
    open: HashSet<Ticket>,
}

impl Crowd {
    fn occurrence<M: Machine>(
        &mut self,
        (kind, place, pick): Seed,
        model: &impl Model<M>,
        demand: &impl Fn(u16, &[u64]) -> M::Demand,
    ) -> Option<Occurrence<M::Demand>> {
        let party = |place: u8| Party(u64::from(place) + 4 * self.lives[usize::from(place)]);
        // Every other demand is of one who has something, so that not all wait in the end.
        let place = (0..4).find(|place| kind < 41 && !model.held(party(*place)).is_empty()).unwrap_or(place);
        let party = party(place);
        match kind {
            0..82 => {
                self.next_number += 1;
                let ticket = Ticket { party, number: self.next_number };
                Some(Occurrence::Demand(ticket, demand(pick, &model.held(party))))
            }
            82..86 => {
                let mut open: Vec<Ticket> = self.open.iter().copied().collect();
                open.sort();
                choose(&open, pick).map(Occurrence::Expiry)
            }
            86..92 => choose(&self.issued, pick).map(Occurrence::Withdrawal),
            _ => {
                let exit = if pick % 2 == 0 { Exit::Normal } else { Exit::Signal { signal: 9, core_dumped: false } };
                Some(Occurrence::Death(party, exit))
            }
        }
    }

    fn note<D>(&mut self, occurrence: &Occurrence<D>) {
        match occurrence {
            Occurrence::Demand(ticket, _) => {
                self.issued.push(*ticket);
                self.open.insert(*ticket);
            }
            Occurrence::Expiry(_) => {}
            Occurrence::Withdrawal(ticket) => {
                self.issued.retain(|other| other != ticket);
                self.open.remove(ticket);
            }
            Occurrence::Death(party, _) => {
                self.lives[(party.0 % 4) as usize] += 1;
                self.issued.retain(|ticket| ticket.party != *party);
                self.open.retain(|ticket| ticket.party != *party);
            }
        }
    }
}

fn choose<T: Copy>(from: &[T], pick: u16) -> Option<T> {
    from.get(usize::from(pick) % from.len().max(1)).copied()
}

/// Picks one of a party's numbers, or one that it has not.
pub(super) fn number(pick: u16, numbers: &[u64]) -> u64 {
    let place = usize::from(pick >> 8) % (numbers.len() * 8 + 1);
    if place == 0 { u64::MAX } else { numbers[place % numbers.len()] }
}
