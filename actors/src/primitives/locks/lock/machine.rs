//! The machine of locks: one holder, a queue, and the waiting rooms of conditions.
//!
//! A demand to acquire goes to the queue; whoever is first there becomes the holder when there is none. A condition's waiter
//! gives up the lock and goes to the condition's room; a notification, or the end of its time, moves it to the queue, and so
//! it is answered when it holds the lock again. A notification whose receiver dies before it has done anything with the
//! lock goes to another that waited already when it was given.
//!
//! `loan.rs` says what of it is lent, and `seats.rs` what others do there.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::super::machine::{Answers, Machine, Party, Refusal, Ticket, Waiters};
use super::super::users::Users;
use super::seats;
use crate::primitives::exit_data::ExitData;
use crate::{Exit, data};

/// What a lock is made of.
#[data]
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockSettings {
    /// Whether the thread that holds it may acquire it again.
    pub(crate) reentrant: bool,
}

/// What can be asked of a lock.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LockDemand {
    /// To hold it, in this thread of the process.
    Acquire { thread: u64 },
    /// To hold it no more: what was granted under this number.
    Release { number: u64 },
    /// The same, for whatever the process (or thread, if the lock is reentrant) acquired last.
    ReleaseLast { thread: u64 },
    /// A room for a new condition.
    NewRoom,
    /// To give up what was granted under this number, and to hold the lock again after a notification. Who has taken a seat under
    /// the demand's number has done the first part of that, or all of it, and asks for the rest.
    Wait { room: u64, number: u64 },
    /// To have up to `count` waiters of a room move on. Only for who holds the lock.
    Notify { room: u64, count: u64 },
    /// How many wait for the lock.
    Count,
}

/// What a lock grants.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LockGrant {
    /// The lock, and how its last holder ended if it died with it.
    Held { owner_died: Option<ExitData>, timed_out: bool },
    /// It is done.
    Done,
    /// A condition's room.
    Room(u64),
    /// How many wait for the lock.
    Waiting(u64),
}

#[derive(Debug)]
pub(crate) struct LockMachine {
    pub(super) reentrant: bool,
    pub(super) holder: Option<Holder>,
    pub(super) queue: Waiters<Queued>,
    pub(super) rooms: BTreeMap<u64, VecDeque<Waiting>>,
    next_room: u64,
    /// Those in rooms and in the queue who have not asked, but look in the words whether they hold the lock.
    pub(super) looking: HashSet<Ticket>,
    /// Counts waits and notifications, so that it is known which came first.
    pub(super) now: u64,
    /// How often seats have been lent.
    pub(super) era: u64,
    /// How a holder ended that died with the lock, until the next one is told.
    pub(super) owner_died: Option<Exit>,
}

/// A thread that is none, and holds what another process's thread, or another thread of this one, holds for all that is known.
pub(super) const SOME_THREAD: u64 = u64::MAX - 1;

#[derive(Debug)]
pub(super) struct Holder {
    pub(super) party: Party,
    pub(super) thread: u64,
    /// What it has acquired, the last one last. Never empty.
    pub(super) numbers: Vec<u64>,
    /// The notification that it owes the lock to, while it has done nothing with it.
    pub(super) woken: Option<Notification>,
    /// Whether it was found in a word that said that somebody was notified.
    pub(super) was_noted: bool,
}

/// Waits for the lock.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) thread: u64,
    pub(super) reason: Reason,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Acquires,
    Woken(Notification),
    TimedOut,
}

/// Waits for a notification.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) thread: u64,
    /// When it came.
    pub(super) since: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Notification {
    pub(super) room: u64,
    /// When it was given.
    pub(super) at: u64,
}

const NOT_HELD: &str = "the lock is not held by the caller";

impl Machine for LockMachine {
    type Settings = LockSettings;
    type Demand = LockDemand;
    type Grant = LockGrant;

    fn new(settings: LockSettings) -> LockMachine {
        LockMachine {
            reentrant: settings.reentrant,
            holder: None,
            queue: Waiters::default(),
            rooms: BTreeMap::new(),
            next_room: 0,
            looking: HashSet::new(),
            now: 0,
            era: 0,
            owner_died: None,
        }
    }

    fn demand(&mut self, ticket: Ticket, demand: LockDemand, answers: &mut Answers<LockGrant>) {
        match demand {
            LockDemand::Acquire { thread } => self.acquire(ticket, thread, answers),
            LockDemand::Release { number } => {
                let released = self.release(Ticket { number, ..ticket });
                self.answer(ticket, released, answers);
            }
            LockDemand::ReleaseLast { thread } => {
                let last = self.held_by(ticket.party).filter(|holder| !self.reentrant || holder.thread == thread);
                let last = last.and_then(|holder| holder.numbers.last().copied());
                let released = last.is_some_and(|number| self.release(Ticket { number, ..ticket }));
                self.answer(ticket, released, answers);
            }
            LockDemand::NewRoom => {
                self.rooms.insert(self.next_room, VecDeque::new());
                answers.grant(ticket, LockGrant::Room(self.next_room));
                self.next_room += 1;
            }
            LockDemand::Wait { room, number } => self.wait(ticket, room, number, answers),
            LockDemand::Notify { room, count } => self.notify(ticket, room, count, answers),
            LockDemand::Count => answers.grant(ticket, LockGrant::Waiting(self.queue.len() as u64)),
        }
        self.hand_over(answers);
    }

    fn expire(&mut self, ticket: Ticket, answers: &mut Answers<LockGrant>) {
        if self.queue.get(ticket).is_some_and(|queued| matches!(queued.reason, Reason::Acquires)) {
            self.queue.remove(ticket);
            answers.refuse(ticket, Refusal::Timeout);
        } else if let Some(waiting) = self.leave_room(ticket) {
            self.queue.push(ticket, Queued { thread: waiting.thread, reason: Reason::TimedOut });
        }
        self.hand_over(answers);
    }

    fn withdraw(&mut self, ticket: Ticket, answers: &mut Answers<LockGrant>) {
        self.looking.remove(&ticket);
        self.leave_room(ticket);
        if let Some(queued) = self.queue.remove(ticket) {
            self.pass_on_from(&queued);
        }
        self.release(ticket);
        self.hand_over(answers);
    }

    fn death(&mut self, party: Party, exit: &Exit, answers: &mut Answers<LockGrant>) {
        self.looking.retain(|ticket| ticket.party != party);
        for room in self.rooms.values_mut() {
            room.retain(|waiting| waiting.ticket.party != party);
        }
        for queued in self.queue.remove_party(party) {
            self.pass_on_from(&queued);
        }
        if let Some(holder) = self.holder.take_if(|holder| holder.party == party) {
            self.owner_died = Some(exit.clone());
            if let Some(notification) = holder.woken {
                self.pass_on(notification);
            }
        }
        self.hand_over(answers);
    }

    const WORDS: usize = seats::WORDS;
    const PLACES: usize = 1;

    fn lend(&mut self, contents: &mut Vec<u64>, users: &Users) {
        self.write(contents, users);
    }

    fn take_back(&mut self, contents: &[u64], users: &Users, answers: &mut Answers<LockGrant>) {
        self.read(contents, users, answers);
    }
}

impl LockMachine {
    fn acquire(&mut self, ticket: Ticket, thread: u64, answers: &mut Answers<LockGrant>) {
        let again = |holder: &&mut Holder| self.reentrant && (holder.party, holder.thread) == (ticket.party, thread);
        match self.holder.as_mut().filter(again) {
            Some(holder) => {
                holder.woken = None;
                holder.numbers.push(ticket.number);
                answers.grant(ticket, LockGrant::Held { owner_died: None, timed_out: false });
            }
            None => self.queue.push(ticket, Queued { thread, reason: Reason::Acquires }),
        }
    }

    /// Takes back what was granted; gives whether it was held.
    fn release(&mut self, ticket: Ticket) -> bool {
        let Some(holder) = self.holder.as_mut().filter(|holder| holder.party == ticket.party) else { return false };
        let Some(place) = holder.numbers.iter().position(|number| *number == ticket.number) else { return false };
        holder.woken = None;
        holder.numbers.remove(place);
        if holder.numbers.is_empty() {
            self.holder = None;
        }
        true
    }

    fn wait(&mut self, ticket: Ticket, room: u64, number: u64, answers: &mut Answers<LockGrant>) {
        let held = |number| self.held_by(ticket.party).filter(|holder| holder.numbers == [number]);
        if held(ticket.number).is_some() {
            // It has not found out by itself.
            return self.tell(ticket, false, answers);
        }
        let thread = held(number).map(|holder| holder.thread);
        if self.looking.remove(&ticket) {
            // It is answered when it holds the lock.
            self.holder.take_if(|_| thread.is_some());
            return;
        }
        let Some(thread) = thread else { return answers.invalid(ticket, NOT_HELD) };
        let Some(room) = self.rooms.get_mut(&room) else { return answers.invalid(ticket, "no such condition") };
        self.now += 1;
        room.push_back(Waiting { ticket, thread, since: self.now });
        self.holder = None;
    }

    fn notify(&mut self, ticket: Ticket, room: u64, count: u64, answers: &mut Answers<LockGrant>) {
        if self.held_by(ticket.party).is_none() {
            return answers.invalid(ticket, NOT_HELD);
        }
        self.wake(room, count);
        answers.grant(ticket, LockGrant::Done);
    }

    /// Has the holder move up to `count` waiters of a room to the queue.
    fn wake(&mut self, room: u64, count: u64) {
        if let Some(holder) = &mut self.holder {
            holder.woken = None;
        }
        let _ = (0..count).try_for_each(|_| {
            self.now += 1;
            self.pass_on(Notification { room, at: self.now }).then_some(())
        });
    }

    /// Moves the first waiter of a room that a notification is for to the queue.
    fn pass_on(&mut self, notification: Notification) -> bool {
        let Some(room) = self.rooms.get_mut(&notification.room) else { return false };
        if room.front().is_none_or(|waiting| waiting.since > notification.at) {
            return false;
        }
        let Some(waiting) = room.pop_front() else { return false };
        self.queue.push(waiting.ticket, Queued { thread: waiting.thread, reason: Reason::Woken(notification) });
        true
    }

    fn pass_on_from(&mut self, queued: &Queued) {
        if let Reason::Woken(notification) = queued.reason {
            self.pass_on(notification);
        }
    }

    fn leave_room(&mut self, ticket: Ticket) -> Option<Waiting> {
        self.rooms.values_mut().find_map(|room| {
            let place = room.iter().position(|waiting| waiting.ticket == ticket)?;
            room.remove(place)
        })
    }

    /// Gives the lock to the next, if nobody holds it.
    pub(super) fn hand_over(&mut self, answers: &mut Answers<LockGrant>) {
        if self.holder.is_some() {
            return;
        }
        let Some((ticket, queued)) = self.queue.pop() else { return };
        let (woken, timed_out) = match queued.reason {
            Reason::Acquires => (None, false),
            Reason::Woken(notification) => (Some(notification), false),
            Reason::TimedOut => (None, true),
        };
        let (thread, numbers) = (queued.thread, vec![ticket.number]);
        self.holder = Some(Holder { party: ticket.party, thread, numbers, woken, was_noted: false });
        // Who looks sees it, or asks.
        if !self.looking.remove(&ticket) {
            self.tell(ticket, timed_out, answers);
        }
    }

    /// Answers one who holds the lock now.
    fn tell(&mut self, ticket: Ticket, timed_out: bool, answers: &mut Answers<LockGrant>) {
        let owner_died = self.owner_died.take().as_ref().map(ExitData::from);
        answers.grant(ticket, LockGrant::Held { owner_died, timed_out });
    }

    fn held_by(&self, party: Party) -> Option<&Holder> {
        self.holder.as_ref().filter(|holder| holder.party == party)
    }

    fn answer(&self, ticket: Ticket, released: bool, answers: &mut Answers<LockGrant>) {
        if released {
            answers.grant(ticket, LockGrant::Done);
        } else {
            answers.invalid(ticket, NOT_HELD);
        }
    }
}
