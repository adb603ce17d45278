//! Locks and conditions beside a model.

use procession_runtime::WordClosed;
use proptest::prelude::*;

use super::machine::{LockDemand, LockGrant, LockMachine, LockSettings};
use super::note;
use crate::Exit;
use crate::primitives::exit_data::ExitData;
use crate::primitives::locks::machine::{Answers, Machine, Party, Refusal, Ticket};
use crate::primitives::locks::taking::{self, Taken};
use crate::primitives::locks::trial::{self, Deed, House, Model, Occurrence, Said};

/// Everybody who has the lock or wants it, with the time at which that began.
struct Register {
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

impl Register {
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

impl Model<LockMachine> for Register {
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
    }
}

/// A lock with two rooms, and three parties that use words, of which each can be named by its number.
struct Scene(House<LockMachine>);

impl Scene {
    const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

    fn new() -> Scene {
        let mut scene = Scene(House::new(LockMachine::new(LockSettings { reentrant: false })));
        for number in 0..2 {
            assert_eq!(scene.ask(1, number, LockDemand::NewRoom), [(1, LockGrant::Room(number))]);
        }
        scene
    }

    /// Gives who is granted what then.
    fn ask(&mut self, party: u64, number: u64, demand: LockDemand) -> Vec<(u64, LockGrant)> {
        self.happen(&Occurrence::Demand(Ticket { party: Party(party), number }, demand))
    }

    fn happen(&mut self, occurrence: &Occurrence<LockDemand>) -> Vec<(u64, LockGrant)> {
        let said = self.0.act(occurrence).into_iter();
        said.map(|(ticket, answer)| (ticket.party.0, answer.expect("it makes sense"))).collect()
    }

    /// Has a party acquire the lock, and wait in a room under the next number.
    fn wait(&mut self, party: u64, number: u64, room: u64) {
        assert_eq!(self.ask(party, number, LockDemand::Acquire { thread: 0 }), [(party, HELD)]);
        assert_eq!(self.ask(party, number + 1, LockDemand::Wait { room, number }), []);
    }

    fn leave(&self, party: u64, room: u64) -> Result<bool, WordClosed> {
        note::leave(&self.0.lent, self.0.user(Party(party)).expect("it uses words"), room, 1)
    }
}

const HELD: LockGrant = LockGrant::Held { owner_died: None, timed_out: false };

#[test]
fn what_a_holder_has_left_is_done_before_anything_else() {
    let mut scene = Scene::new();
    scene.wait(1, 10, 0);
    scene.wait(2, 20, 1);
    assert_eq!(scene.ask(4, 40, LockDemand::Acquire { thread: 0 }), [(4, HELD)]);
    assert_eq!((scene.leave(4, 0), scene.leave(4, 0), scene.leave(4, 1)), (Ok(true), Ok(true), Ok(false)));
    let user = scene.0.user(Party(4)).expect("it uses words");
    assert_eq!(taking::give_back(&scene.0.lent, LockMachine::PLACES, user, 40), Ok(false), "the host must know");
    assert_eq!(taking::give_back_first(&scene.0.lent, user), Ok(false));
    assert_eq!(scene.ask(4, 41, LockDemand::Count), [(4, LockGrant::Waiting(1))]);
    assert_eq!(scene.leave(4, 1), Err(WordClosed::Kept), "somebody waits");
    assert_eq!(scene.ask(4, 42, LockDemand::Release { number: 40 }), [(4, LockGrant::Done), (1, HELD)]);
    assert_eq!(scene.leave(4, 1), Ok(false), "it is not the holder");
    // Who holds it again after a wait can leave something, too. What the dead have left is done.
    assert_eq!(scene.leave(1, 1), Ok(true));
    let told = LockGrant::Held { owner_died: Some(ExitData::from(&Scene::KILLED)), timed_out: false };
    assert_eq!(scene.happen(&Occurrence::Death(Party(1), Scene::KILLED)), [(2, told)]);
}

#[test]
fn who_has_left_something_has_used_what_woke_it() {
    for leaves in [false, true] {
        let mut scene = Scene::new();
        scene.wait(1, 10, 0);
        scene.wait(2, 20, 0);
        assert_eq!(scene.ask(4, 40, LockDemand::Acquire { thread: 0 }), [(4, HELD)]);
        assert_eq!(scene.leave(4, 0), Ok(true));
        assert_eq!(scene.ask(4, 41, LockDemand::Release { number: 40 }), [(4, LockGrant::Done), (1, HELD)]);
        if leaves {
            assert_eq!(scene.leave(1, 1), Ok(true));
        }
        // What woke it goes on to the other only if it has done nothing with the lock.
        let woken = scene.happen(&Occurrence::Death(Party(1), Scene::KILLED));
        assert_eq!(woken.len(), usize::from(!leaves), "{woken:?}");
    }
}

proptest! {
    #[test]
    fn a_lock_is_as_its_model(seeds in trial::seeds(), reentrant: bool) {
        let register = Register { reentrant, entries: Vec::new(), rooms: 2, now: 0, owner_died: None };
        let mut machine = LockMachine::new(LockSettings { reentrant });
        for number in 0..2 {
            let ticket = Ticket { party: Party(u64::MAX), number };
            machine.demand(ticket, LockDemand::NewRoom, &mut Answers::default());
        }
        let demand = |pick: u16, numbers: &[u64]| {
            let (thread, room) = (u64::from(pick >> 4) % 2, u64::from(pick >> 5) % 8 / 4);
            match pick % 16 {
                0 if pick > 60_000 => LockDemand::NewRoom,
                0 => LockDemand::Count,
                1..4 => LockDemand::Release { number: trial::number(pick, numbers) },
                4 => LockDemand::ReleaseLast { thread },
                5..9 => LockDemand::Wait { room, number: trial::number(pick, numbers) },
                9..12 => LockDemand::Notify { room, count: u64::from(pick >> 10) % 3 },
                _ => LockDemand::Acquire { thread },
            }
        };
        trial::run(machine, register, &seeds, demand, |words, (user, Ticket { number, .. }), demand| {
 let grant = match demand {
            // Which thread has taken a reentrant lock without asking, only that process knows.
            LockDemand::Acquire { .. } if !reentrant => {
                let taken = taking::take(words, LockMachine::PLACES, user, number);
                (taken == Ok(Taken::Now)).then_some(LockGrant::Held { owner_died: None, timed_out: false })
            }
            LockDemand::Release { number } => {
                let given = taking::give_back(words, LockMachine::PLACES, user, *number);
                (given == Ok(true)).then_some(LockGrant::Done)
            }
            LockDemand::Notify { room, count } => {
                (note::leave(words, user, *room, *count) == Ok(true)).then_some(LockGrant::Done)
            }
            LockDemand::ReleaseLast { .. } if !reentrant => {
                (taking::give_back_first(words, user) == Ok(true)).then_some(LockGrant::Done)
            }
            _ => None,
        };
 grant.map(Deed::quiet)
 })?;
    }
}
