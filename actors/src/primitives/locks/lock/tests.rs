//! Locks and conditions beside a model.

use std::cell::Cell;

use proptest::prelude::*;

use super::machine::{LockDemand, LockGrant, LockMachine, LockSettings};
use super::seats::{self, GivenUp, Notified};
use crate::Exit;
use crate::primitives::exit_data::ExitData;
use crate::primitives::locks::machine::{Answers, Machine, Party, Refusal, Ticket};
use crate::primitives::locks::taking::{self, Taken, Words as _};
use crate::primitives::locks::trial::{self, Deed, Few, Lent, Model, Occurrence, Outcome, Said};

/// Everybody who has the lock or wants it, with the time at which that began.
struct Register<'a> {
    is_held: &'a Cell<bool>,
    reentrant: bool,
    entries: Vec<Entry>,
    rooms: u64,
    now: u64,
    owner_died: Option<Exit>,
}

#[derive(Debug, Clone)]
struct Entry {
    ticket: Ticket,
    thread: u64,
    since: u64,
    state: State,
    /// The room and time of a notification that it was woken by and has not used.
    woken: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Queued { timed_out: bool },
    InRoom(u64),
    Holds,
}

impl Register<'_> {
    fn holds(&self, party: Party) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.state == State::Holds && entry.ticket.party == party)
    }

    /// The holder has done something with the lock.
    fn use_up(&mut self) {
        self.entries.iter_mut().filter(|entry| entry.state == State::Holds).for_each(|entry| entry.woken = None);
    }

    fn release(&mut self, ticket: Ticket) -> bool {
        let held = self.holds(ticket.party).any(|entry| entry.ticket == ticket);
        if held {
            self.use_up();
            self.entries.retain(|entry| entry.ticket != ticket);
        }
        held
    }

    /// Moves the one that has waited longest in a room, and since before this time.
    fn wake(&mut self, room: u64, at: u64) -> bool {
        self.now += 1;
        let waiting = self.entries.iter_mut().filter(|entry| entry.state == State::InRoom(room) && entry.since < at);
        let Some(entry) = waiting.min_by_key(|entry| entry.since) else { return false };
        entry.since = self.now;
        entry.state = State::Queued { timed_out: false };
        entry.woken = Some((room, at));
        true
    }

    fn remove(&mut self, which: impl Fn(&Entry) -> bool) {
        let mut gone: Vec<Entry> = self.entries.extract_if(.., |entry| which(entry)).collect();
        // Those in the queue pass on what woke them before the holder does.
        gone.sort_by_key(|entry| (entry.state == State::Holds, entry.since));
        for (room, at) in gone.into_iter().filter_map(|entry| entry.woken) {
            self.wake(room, at);
        }
    }

    fn demand(&mut self, ticket: Ticket, demand: &LockDemand, said: &mut Said<LockGrant>) {
        self.now += 1;
        let mut entry =
            Entry { ticket, thread: 0, since: self.now, state: State::Queued { timed_out: false }, woken: None };
        let done = match demand {
            LockDemand::Acquire { thread } => {
                entry.thread = *thread;
                if self.reentrant && self.holds(ticket.party).any(|held| held.thread == *thread) {
                    self.use_up();
                    entry.state = State::Holds;
                    said.push((ticket, Ok(LockGrant::Held { owner_died: None, timed_out: false })));
                }
                return self.entries.push(entry);
            }
            LockDemand::Release { number } => self.release(Ticket { number: *number, ..ticket }),
            LockDemand::ReleaseLast { thread } => {
                let mine = self.holds(ticket.party).filter(|held| !self.reentrant || held.thread == *thread);
                let last = mine.max_by_key(|held| held.since).map(|held| held.ticket);
                last.is_some_and(|last| self.release(last))
            }
            LockDemand::NewRoom => {
                self.rooms += 1;
                return said.push((ticket, Ok(LockGrant::Room(self.rooms - 1))));
            }
            LockDemand::Count => {
                let queued = self.entries.iter().filter(|entry| matches!(entry.state, State::Queued { .. })).count();
                return said.push((ticket, Ok(LockGrant::Waiting(queued as u64))));
            }
            LockDemand::Wait { room, number } => {
                let held: Vec<&Entry> = self.holds(ticket.party).collect();
                let fits = held.len() == 1 && held[0].ticket.number == *number && *room < self.rooms;
                if fits {
                    entry.thread = held[0].thread;
                    entry.state = State::InRoom(*room);
                    self.entries.retain(|other| other.state != State::Holds);
                    return self.entries.push(entry);
                }
                false
            }
            LockDemand::Notify { room, count } => {
                let holds = self.holds(ticket.party).next().is_some();
                if holds {
                    self.use_up();
                    let at = self.now;
                    let _ = (0..*count).try_for_each(|_| self.wake(*room, at).then_some(()));
                }
                holds
            }
        };
        said.push((ticket, if done { Ok(LockGrant::Done) } else { Err(Refusal::Invalid(String::new())) }));
    }

    fn expire(&mut self, ticket: Ticket, said: &mut Said<LockGrant>) {
        self.now += 1;
        let now = self.now;
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.ticket == ticket) else { return };
        match entry.state {
            State::InRoom(_) => {
                entry.since = now;
                entry.state = State::Queued { timed_out: true };
            }
            State::Queued { timed_out: false } if entry.woken.is_none() => {
                self.entries.retain(|entry| entry.ticket != ticket);
                said.push((ticket, Err(Refusal::Timeout)));
            }
            State::Queued { .. } | State::Holds => {}
        }
    }
}

impl Model<LockMachine> for Register<'_> {
    fn held(&self, party: Party) -> Vec<u64> {
        self.holds(party).map(|entry| entry.ticket.number).collect()
    }

    fn take(&mut self, occurrence: &Occurrence<LockDemand>, said: &mut Said<LockGrant>) {
        match occurrence {
            Occurrence::Demand(ticket, demand) => self.demand(*ticket, demand, said),
            Occurrence::Expiry(ticket) => self.expire(*ticket, said),
            Occurrence::Withdrawal(ticket) => {
                if !self.release(*ticket) {
                    self.remove(|entry| entry.ticket == *ticket);
                }
            }
            Occurrence::Death(party, exit) => {
                if self.holds(*party).next().is_some() {
                    self.owner_died = Some(exit.clone());
                }
                self.remove(|entry| entry.ticket.party == *party);
            }
        }
        if self.entries.iter().all(|entry| entry.state != State::Holds) {
            let queued = self.entries.iter_mut().filter(|entry| matches!(entry.state, State::Queued { .. }));
            if let Some(next) = queued.min_by_key(|entry| entry.since) {
                let timed_out = next.state == State::Queued { timed_out: true };
                next.state = State::Holds;
                let owner_died = self.owner_died.take().as_ref().map(ExitData::from);
                said.push((next.ticket, Ok(LockGrant::Held { owner_died, timed_out })));
            }
        }
        self.is_held.set(self.entries.iter().any(|entry| entry.state == State::Holds));
    }
}

/// Does what is demanded in the words.
fn act_in_words(words: &Lent, user: u64, ticket: Ticket, demand: &LockDemand) -> Option<Deed<LockMachine>> {
    // Now and then the host takes them back in the middle, and is asked.
    let changes = if ticket.number.is_multiple_of(4) { ticket.number / 4 % 5 } else { u64::MAX };
    let words = &Few::of(words, changes);
    let given_up = |given_up, outcome| match given_up {
        Ok(GivenUp::Quietly) => Some(Deed { outcome, is_told: false }),
        Ok(GivenUp::ToSleeper) => Some(Deed { outcome, is_told: true }),
        Ok(GivenUp::NotHeld) | Err(_) => None,
    };
    let done = Outcome::Granted(LockGrant::Done);
    match demand {
        LockDemand::Acquire { .. } => {
            let taken = taking::take(words, LockMachine::PLACES, user, ticket.number);
            (taken == Ok(Taken::Now)).then_some(Deed::quiet(HELD))
        }
        LockDemand::Release { number } => given_up(seats::give_up(words, user, Some(*number)), done),
        LockDemand::ReleaseLast { .. } => given_up(seats::give_up(words, user, None), done),
        LockDemand::Wait { room, number } => {
            seats::sit(words, user, *number, *room, ticket.number).ok().filter(|is_seated| *is_seated)?;
            given_up(seats::give_up(words, user, Some(*number)), Outcome::Waits(demand.clone(), find))
        }
        // What has been done of it is not done again, so it is not cut short here.
        LockDemand::Notify { room, count } => {
            let notified = seats::notify(words.all(), user, *room, *count);
            (notified == Ok(Notified::Done)).then_some(Deed { outcome: done, is_told: false })
        }
        LockDemand::NewRoom | LockDemand::Count => None,
    }
}

/// Looks whether somebody who waits holds the lock again.
fn find(words: &Lent, (user, ticket): (u64, Ticket)) -> Option<LockGrant> {
    let has_lock = seats::has_lock(words.load(0).ok()?, user, ticket.number);
    (has_lock && seats::serve(words, user, ticket.number) == Ok(true)).then_some(HELD)
}

const HELD: LockGrant = LockGrant::Held { owner_died: None, timed_out: false };

proptest! {
    #[test]
    fn a_lock_is_as_its_model(seeds in trial::seeds(), kind in 0..4) {
        let (reentrant, crowded) = (kind == 0, kind == 1);
        let is_held = Cell::new(false);
        let register = Register { is_held: &is_held, reentrant, entries: Vec::new(), rooms: 2, now: 0, owner_died: None };
        let mut machine = LockMachine::new(LockSettings { reentrant });
        for number in 0..2 {
            let ticket = Ticket { party: Party(u64::MAX), number };
            machine.demand(ticket, LockDemand::NewRoom, &mut Answers::default());
        }
        let demand = |pick: u16, numbers: &[u64]| {
            let (thread, room) = (u64::from(pick >> 4) % 2, u64::from(pick >> 5) % 8 / 4);
            match pick % 16 {
                // As long as somebody asks for the lock, it is not lent.
                0..14 if !crowded && numbers.is_empty() && !is_held.get() => LockDemand::Acquire { thread },
                12..16 if !crowded && is_held.get() => LockDemand::Notify { room, count: 1 },
                0 if pick > 60_000 => LockDemand::NewRoom,
                0 => LockDemand::Count,
                1..4 => LockDemand::Release { number: trial::number(pick, numbers) },
                4 => LockDemand::ReleaseLast { thread },
                5..9 => LockDemand::Wait { room, number: trial::number(pick, numbers) },
                9..12 => LockDemand::Notify { room, count: u64::from(pick >> 10) % 3 },
                _ => LockDemand::Acquire { thread },
            }
        };
        trial::run(machine, register, &seeds, demand, |words, (user, ticket), demand| {
            // Which thread has taken a reentrant lock without asking, only that process knows.
            let is_for_words = !reentrant || matches!(demand, LockDemand::Release { .. });
            is_for_words.then(|| act_in_words(words, user, ticket, demand)).flatten()
        })?;
    }
}
