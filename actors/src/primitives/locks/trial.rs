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

/// What was done in the words that are lent.
pub(super) struct Deed<M: Machine> {
    pub(super) outcome: Outcome<M>,
    /// Whether the host is to look: some may be due an answer for it.
    pub(super) is_told: bool,
}

/// How one who waits sees in the words that are lent what was granted under its ticket.
pub(super) type Find<M> = fn(&Lent, (u64, Ticket)) -> Option<<M as Machine>::Grant>;

/// What follows from a deed for who has done it.
pub(super) enum Outcome<M: Machine> {
    Granted(M::Grant),
    /// It waits, and may ask so later for what has come of it, unless it has seen that in the words before.
    Waits(M::Demand, Find<M>),
    /// Nothing, and nothing is waited for.
    Nothing,
}

impl<M: Machine> Deed<M> {
    /// Gives one that is nobody's business.
    pub(super) fn quiet(grant: M::Grant) -> Deed<M> {
        Deed { outcome: Outcome::Granted(grant), is_told: false }
    }
}

/// Tries a machine. `demand` makes a demand of a seed and of the numbers under which its party has something; `quick` does what
/// is demanded in the words that are lent, for a user under a ticket, if that can be. Whether the host is told of it then, or
/// whoever did it is killed before, is left to chance: what is due is given at the latest when the machine does something else.
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
    Q: Fn(&Lent, (u64, Ticket), &M::Demand) -> Option<Deed<M>>,
{
    let mut crowd = Crowd::default();
    let mut house = House::new(machine);
    // What is due for what was done in the words; and who waits there.
    let mut due = Said::new();
    let mut waiting = Vec::<Waiter<M>>::new();
    for seed in seeds {
        let Some(occurrence) = crowd.occurrence(*seed, &model, &demand) else { continue };
        let concerns = |of: &Ticket| concerns(&occurrence, &model, of);
        if due.iter().any(|(ticket, _)| concerns(ticket)) {
            crowd.hear(house.look(), std::mem::take(&mut due), &occurrence)?;
        }
        if seed.2 % 4 != 0 {
            look_in_words(&house, &mut crowd, &mut waiting)?;
        }
        for Waiter { ticket, demand, said, .. } in
            waiting.extract_if(.., |waiter| seed.2 % 8 == 0 || concerns(&waiter.ticket))
        {
            crowd.hear(house.look(), std::mem::take(&mut due), &demand)?;
            let asks = Occurrence::Demand(ticket, demand);
            crowd.hear(house.act(&asks), said, &asks)?;
        }
        let done = if seed.2 % 3 == 0 { None } else { house.act_quickly(&occurrence, &quick) };
        if done.is_none() {
            crowd.hear(house.look(), std::mem::take(&mut due), &occurrence)?;
            if matches!(&occurrence, Occurrence::Expiry(ticket) if !crowd.open.contains(ticket)) {
                continue;
            }
        }
        let mut expected = Said::new();
        model.take(&occurrence, &mut expected);
        crowd.note(&occurrence);
        for Waiter { ticket, said, .. } in &mut waiting {
            said.extend(expected.extract_if(.., |(other, _)| other == ticket));
        }
        let Some(Deed { outcome, is_told }) = done else {
            if let Occurrence::Death(party, _) = &occurrence {
                waiting.retain(|waiter| waiter.ticket.party != *party);
            }
            crowd.hear(house.act(&occurrence), expected, &occurrence)?;
            continue;
        };
        if let Occurrence::Demand(ticket, _) = &occurrence {
            let own = expected.extract_if(.., |(other, _)| other == ticket).collect();
            match outcome {
                Outcome::Granted(grant) => crowd.hear(vec![(*ticket, Ok(grant))], own, &occurrence)?,
                Outcome::Waits(demand, find) => waiting.push(Waiter { ticket: *ticket, demand, find, said: own }),
                Outcome::Nothing => {}
            }
        }
        prop_assert!(is_told || expected.is_empty(), "nobody is told of {:?}", occurrence);
        due.extend(expected);
        if is_told && seed.2 % 2 == 0 {
            crowd.hear(house.look(), std::mem::take(&mut due), &occurrence)?;
        }
    }
    Ok(())
}

/// Whether somebody has been told what came of what it asked for, if that has come, when this happens.
fn concerns<M: Machine>(occurrence: &Occurrence<M::Demand>, model: &impl Model<M>, asked: &Ticket) -> bool {
    match occurrence {
        Occurrence::Expiry(ticket) | Occurrence::Withdrawal(ticket) => ticket == asked,
        // Who uses what it has been granted knows of it.
        Occurrence::Demand(Ticket { party, .. }, _) => {
            *party == asked.party && model.held(*party).contains(&asked.number)
        }
        Occurrence::Death(..) => false,
    }
}

/// One that waits in the words.
struct Waiter<M: Machine> {
    ticket: Ticket,
    /// What it would ask.
    demand: M::Demand,
    find: Find<M>,
    /// What it is to be told then.
    said: Said<M::Grant>,
}

/// Those who wait and have been granted something see that, if it is to be seen.
fn look_in_words<M>(house: &House<M>, crowd: &mut Crowd, waiting: &mut Vec<Waiter<M>>) -> Result<(), TestCaseError>
where
    M: Machine<Demand: Debug + Clone, Grant: Debug + PartialEq>,
{
    let find = |waiter: &Waiter<M>| {
        let user = house.user(waiter.ticket.party)?;
        (waiter.find)(&house.lent, (user, waiter.ticket))
    };
    let mut found = Vec::new();
    waiting.retain_mut(|waiter| {
        let grant = if waiter.said.is_empty() { None } else { find(waiter) };
        let waits = grant.is_none();
        found.extend(grant.map(|grant| ((waiter.ticket, Ok(grant)), std::mem::take(&mut waiter.said))));
        waits
    });
    found.into_iter().try_for_each(|(given, said)| crowd.hear(vec![given], said, &"it looked"))
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

/// Words of which so many are changed before the host takes them back.
pub(super) struct Few<'a>(&'a Lent, Cell<u64>);

impl<'a> Few<'a> {
    pub(super) fn of(words: &'a Lent, changes: u64) -> Few<'a> {
        Few(words, Cell::new(changes))
    }

    pub(super) fn all(&self) -> &'a Lent {
        self.0
    }
}

impl Words for Few<'_> {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        if self.1.get() == 0 { Err(WordClosed::Kept) } else { self.0.load(index) }
    }

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        let left = self.1.get().checked_sub(1).ok_or(WordClosed::Kept)?;
        self.1.set(left);
        self.0.exchange(index, expected, content)
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

    /// Takes back what is lent; gives what is due for what was done there.
    fn take_back(&mut self) -> Said<M::Grant> {
        let contents: Vec<u64> = self.lent.0.drain(..).map(Cell::into_inner).collect();
        let mut answers = Answers::default();
        if !contents.is_empty() {
            self.machine.take_back(&contents, &self.users, &mut answers);
        }
        said(answers)
    }

    fn lend(&mut self) {
        let mut contents = Vec::new();
        self.machine.lend(&mut contents, &self.users);
        assert!(contents.len() <= M::WORDS);
        self.lent.0.extend(contents.into_iter().map(Cell::new));
    }

    /// Has the machine look at what it has lent, as a host does.
    pub(super) fn look(&mut self) -> Said<M::Grant> {
        let said = self.take_back();
        self.lend();
        said
    }

    /// Has the machine do something, as a host does.
    pub(super) fn act(&mut self, occurrence: &Occurrence<M::Demand>) -> Said<M::Grant> {
        let mut said_first = self.take_back();
        let mut answers = Answers::default();
        match occurrence {
            Occurrence::Demand(ticket, demand) => {
                // Of seven parties one uses no words.
                if ticket.party.0 % 7 != 0 {
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
        self.lend();
        said_first.extend(said(answers));
        said_first
    }

    /// Does something in the words, if that can be; gives what follows.
    fn act_quickly(
        &self,
        occurrence: &Occurrence<M::Demand>,
        quick: impl Fn(&Lent, (u64, Ticket), &M::Demand) -> Option<Deed<M>>,
    ) -> Option<Deed<M>> {
        let (Occurrence::Demand(ticket, _) | Occurrence::Withdrawal(ticket)) = occurrence else { return None };
        let user = self.users.user(ticket.party)?;
        match occurrence {
            Occurrence::Demand(_, demand) => quick(&self.lent, (user, *ticket), demand),
            _ => {
                let given = taking::give_back(&self.lent, M::PLACES, user, ticket.number);
                (given == Ok(true)).then_some(Deed { outcome: Outcome::Nothing, is_told: false })
            }
        }
    }
}

fn said<G>(mut answers: Answers<G>) -> Said<G> {
    std::iter::from_fn(|| answers.next()).collect()
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

    /// Those who are answered wait no more; checks that they are answered as they should be.
    fn hear<G: Debug + PartialEq>(
        &mut self,
        mut given: Said<G>,
        mut expected: Said<G>,
        after: &impl Debug,
    ) -> Result<(), TestCaseError> {
        for (ticket, _) in &given {
            prop_assert!(self.open.remove(ticket), "{ticket:?} is not open after {after:?}");
        }
        for said in [&mut given, &mut expected] {
            said.sort_by_key(|(ticket, _)| *ticket);
            said.iter_mut().for_each(forget_text);
        }
        prop_assert_eq!(given, expected, "after {:?}", after);
        Ok(())
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
