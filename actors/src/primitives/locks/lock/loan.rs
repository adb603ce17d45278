//! What a lock lends of itself: the lock with its holder, and seats for those who wait for notifications.

use std::collections::HashSet;

use super::super::machine::{Answers, Ticket};
use super::super::users::{FREE, NOTED, Users};
use super::machine::{Holder, LockGrant, LockMachine, Notification, Queued, Reason, SOME_THREAD, Waiting};
use super::seats::{self, Seat, Stay};

impl LockMachine {
    /// Lends the lock itself, so that it can be taken if it is free and released if it is held, unless somebody waits who has not been
    /// notified. A lock with conditions is lent with seats, as long as all who wait fit there.
    pub(super) fn write(&mut self, contents: &mut Vec<u64>, users: &Users) {
        let Some(held) = self.held(users).filter(|_| self.owner_died.is_none()) else { return };
        if !self.reentrant && !self.rooms.is_empty() {
            self.era += 1;
            let noted = if self.queue.is_empty() { 0 } else { NOTED };
            let seats = self.seats(held, users);
            if seats.is_some_and(|seats| seats::write(held | noted, &seats, self.era, contents)) {
                return;
            }
        }
        if self.queue.is_empty() {
            contents.push(held);
        }
    }

    /// Gives what the first word is to say; `None` if it is not to be lent.
    fn held(&self, users: &Users) -> Option<u64> {
        match &self.holder {
            None => Some(FREE),
            // It can have decided to whom the lock goes when it gives that up.
            Some(Holder { was_noted: true, .. }) => None,
            Some(Holder { party, numbers, .. }) => match numbers[..] {
                [number] => users.content(Ticket { party: *party, number }),
                _ => None,
            },
        }
    }

    /// Gives those who are to have seats, with the holder if it owes the lock to a notification; `None` if they cannot have them all.
    fn seats(&self, held: u64, users: &Users) -> Option<Vec<Seat>> {
        let stay = |room, time| Stay { room, time, is_notified: true, is_served: false, asks: false };
        let mut seats = Vec::new();
        if let Some(Notification { room, at }) = self.holder.as_ref().and_then(|holder| holder.woken) {
            seats.push(Seat { sitter: held, stay: Stay { is_served: true, ..stay(room, at) } });
        }
        let mut seat = |ticket: Ticket, stay| {
            let asks = !self.looking.contains(&ticket);
            seats.push(Seat { sitter: users.content(ticket)?, stay: Stay { asks, ..stay } });
            Some(())
        };
        let mut last = 0;
        for (ticket, queued) in self.queue.iter() {
            let Reason::Woken(Notification { room, at }) = queued.reason else { return None };
            // Their order is said by their times.
            if at <= last {
                return None;
            }
            last = at;
            seat(ticket, stay(room, at))?;
        }
        for (room, waiting) in self.rooms.iter().flat_map(|(room, waiting)| waiting.iter().map(move |one| (room, one)))
        {
            seat(waiting.ticket, Stay { is_notified: false, ..stay(*room, waiting.since) })?;
        }
        Some(seats)
    }

    /// Takes back what was lent, as others have left it.
    pub(super) fn read(&mut self, contents: &[u64], users: &Users, answers: &mut Answers<LockGrant>) {
        let Some(held) = contents.first() else { return };
        let ticket = users.ticket(*held);
        let is_as_before = |holder: &Holder| {
            ticket.is_some_and(|ticket| (holder.party, &holder.numbers[..]) == (ticket.party, &[ticket.number]))
        };
        if !self.holder.as_ref().is_some_and(is_as_before) {
            self.holder = ticket.map(|Ticket { party, number }| Holder {
                party,
                thread: SOME_THREAD,
                numbers: vec![number],
                woken: None,
                was_noted: false,
            });
        }
        if let Some(holder) = &mut self.holder {
            holder.was_noted |= held & NOTED != 0;
        }
        if contents.len() > 1 {
            self.read_seats(ticket, contents, users, answers);
        }
    }

    /// Takes back the seats of those who wait, and answers those who have asked and wait no more.
    fn read_seats(&mut self, held: Option<Ticket>, contents: &[u64], users: &Users, answers: &mut Answers<LockGrant>) {
        let queued = std::mem::take(&mut self.queue);
        let queued = queued.iter().map(|(ticket, _)| ticket);
        let waiting = self.rooms.values_mut().flat_map(|room| room.drain(..)).map(|waiting| waiting.ticket);
        let asking: HashSet<Ticket> = queued.chain(waiting).filter(|ticket| !self.looking.contains(ticket)).collect();
        self.looking.clear();
        let mut seats: Vec<(Ticket, Stay)> =
            seats::read(contents).filter_map(|seat| Some((users.ticket(seat.sitter)?, seat.stay))).collect();
        seats.sort_by_key(|(_, stay)| stay.time);
        let mut woken = None;
        for (ticket, Stay { room, time, is_notified, is_served, .. }) in seats {
            self.now = self.now.max(time);
            let notification = Notification { room, at: time };
            let thread = SOME_THREAD;
            if Some(ticket) == held {
                woken = is_notified.then_some(notification);
                continue;
            } else if is_served {
                continue;
            } else if is_notified {
                self.queue.push(ticket, Queued { thread, reason: Reason::Woken(notification) });
            } else if let Some(room) = self.rooms.get_mut(&room) {
                room.push_back(Waiting { ticket, thread, since: time });
            } else {
                continue;
            }
            self.looking.insert(ticket);
        }
        for ticket in asking {
            // Who is there no more has had the lock.
            if !self.looking.remove(&ticket) {
                answers.grant(ticket, LockGrant::Held { owner_died: None, timed_out: false });
            }
        }
        if let Some(holder) = &mut self.holder {
            holder.woken = woken;
        }
        // It can have been given up before all was done that was to be done with it.
        self.hand_over(answers);
    }
}
