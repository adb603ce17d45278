//! Who gets what.

use super::crew::{Stage, Worker};
use super::lending::{MOST_LENT, Tenure};
use super::{AHEAD, AHEAD_BYTES, Action, Assignment, LAST_NUMBER, Machine, Share, Slot, Take, WINDOW};

impl Worker {
    /// Whether it has something ahead that may be taken back.
    pub(super) fn has_ahead(&self) -> bool {
        self.load() > 1 && self.assigned.back().is_some_and(|last| last.number > self.begun)
    }

    /// What it has in hand, if there may be chunks in that which it has not begun.
    fn divisible(&self, chunk_of: impl Fn(&Share) -> Option<u32>) -> Option<Assignment> {
        let in_hand = self.assigned.front().filter(|front| front.number > self.used_up)?;
        let chunk = chunk_of(&in_hand.share)?;
        (in_hand.share.end - in_hand.share.first > chunk).then_some(*in_hand)
    }

    /// Whether it has exactly so much, and may get more.
    pub(super) fn has_room_above(&self, level: usize) -> bool {
        self.stage == Stage::Ready
            && self.tenure != Tenure::Lent
            && self.load() == level
            && self.assigned.len() + self.recalled.len() < AHEAD
            && self.life_left != Some(0)
            && self.last_number < LAST_NUMBER
    }
}

impl Machine {
    /// Gives what is queued to workers that have room; when nothing is queued and a worker has nothing, takes back half of what
    /// another has ahead.
    pub(super) fn place_work(&mut self) {
        while let Some(share) = self.queue.front().copied() {
            let Some(slot) = self.find_room(share.batch) else { return };
            self.queue.pop_front();
            self.assign(slot, share);
        }
        if self.ahead == 0 || self.recalling > 0 {
            return;
        }
        let Some(idle) = self.take_listed(0) else { return };
        self.note_room(idle);
        let able =
            self.workers.iter().enumerate().filter(|(_, worker)| worker.stage == Stage::Ready && worker.has_ahead());
        let Some((slot, worker)) = able.max_by_key(|(_, worker)| worker.load()) else { return };
        let in_hand = worker.assigned.len() + 1 - worker.load();
        let ahead =
            worker.assigned.iter().skip(in_hand).map(|other| other.number).filter(|number| *number > worker.begun);
        let numbers: Vec<u32> = ahead.collect();
        for number in numbers.iter().rev().take(numbers.len().div_ceil(2)) {
            self.recall(slot, *number, Take::Whole, false);
        }
    }

    /// Whether a worker has nothing to do while another may have more in hand than it has begun. To be asked again after a
    /// while, and then [evened out](Machine::even_out): who does small items is at the end of them before that.
    pub(in super::super) fn is_uneven(&self) -> bool {
        self.queue.is_empty()
            && self.recalling == 0
            && (!self.lent.is_empty()
                || !self.roomy[0].is_empty() && self.workers.iter().any(|worker| worker.has_room_above(0)))
            && self.divisible().next().is_some()
    }

    /// Takes back half of what a worker has in hand and not begun, if another has nothing to do.
    pub(in super::super) fn even_out(&mut self) {
        if !self.is_uneven() {
            return;
        }
        let largest = self.divisible().max_by_key(|(_, assignment)| assignment.share.end - assignment.share.first);
        if let Some((slot, assignment)) = largest {
            self.recall(slot, assignment.number, Take::Half, false);
        }
    }

    fn divisible(&self) -> impl Iterator<Item = (Slot, Assignment)> {
        let chunk_of = |share: &Share| Some(self.batches.get(&share.batch)?.request.chunk);
        let able = self.workers.iter().enumerate().filter(|(_, worker)| worker.stage == Stage::Ready);
        able.filter_map(move |(slot, worker)| Some((slot, worker.divisible(chunk_of)?)))
    }

    /// Has something of an assignment taken back, if that is possible.
    pub(super) fn recall(&mut self, slot: Slot, number: u32, take: Take, or_condemn: bool) {
        let Some(assignment) = self.workers[slot].assigned.iter().find(|other| other.number == number).copied() else {
            return;
        };
        let Some(batch) = self.batches.get(&assignment.share.batch) else { return };
        self.recalling += 1;
        let chunk = batch.request.chunk;
        self.actions.push_back(Action::Recall { slot, assignment, chunk, take, or_condemn });
    }

    /// Finds the worker for a batch: one that has nothing, or the one with the least that can take it ahead. One that is lent
    /// is taken back first.
    fn find_room(&mut self, id: u64) -> Option<Slot> {
        if let Some(slot) = self.take_listed(0) {
            return Some(slot);
        }
        if self.take_one_back() {
            return None;
        }
        let bytes = self.batches.get(&id)?.request.bytes;
        if bytes > AHEAD_BYTES {
            return None;
        }
        for level in 1..WINDOW {
            if let Some(slot) = self.take_listed(level) {
                if self.workers[slot].bytes + bytes <= AHEAD_BYTES {
                    return Some(slot);
                }
                self.note_room(slot);
            }
        }
        None
    }

    fn assign(&mut self, slot: Slot, share: Share) {
        let Some(batch) = self.batches.get(&share.batch) else { return };
        let worker = &mut self.workers[slot];
        let most = worker.life_left.map_or(u32::MAX, |life_left| u32::try_from(life_left).unwrap_or(u32::MAX));
        let end = share.end.min(share.first.saturating_add(most));
        if let Some(life_left) = &mut worker.life_left {
            *life_left -= u64::from(end - share.first);
        }
        if end < share.end {
            self.queue.push_front(Share { first: end, deaths: 0, ..share });
        }
        worker.last_number += 1;
        self.has_worn_out |= worker.last_number == LAST_NUMBER;
        let assignment = Assignment { number: worker.last_number, share: Share { end, ..share } };
        let had_ahead = worker.has_ahead();
        worker.bytes += batch.request.bytes;
        worker.assigned.push_back(assignment);
        self.ahead += usize::from(worker.has_ahead());
        self.ahead -= usize::from(had_ahead);
        let (chunk, timed) = (batch.request.chunk, batch.request.timeout.is_some());
        self.actions.push_back(Action::Assign { slot, assignment, chunk, timed });
        self.note_room(slot);
    }

    /// Takes an assignment away from a worker.
    pub(super) fn remove_assignment(&mut self, slot: Slot, index: usize) {
        let worker = &mut self.workers[slot];
        self.ahead -= usize::from(worker.has_ahead());
        let removed = worker.assigned.remove(index).and_then(|other| self.batches.get(&other.share.batch));
        worker.bytes = worker.bytes.saturating_sub(removed.map_or(0, |batch| batch.request.bytes));
        self.ahead += usize::from(worker.has_ahead());
    }

    /// Notes that a worker has room, if it has.
    pub(super) fn note_room(&mut self, slot: Slot) {
        let worker = &mut self.workers[slot];
        let level = worker.load();
        if level == 0 && self.lends && slot < MOST_LENT {
            self.to_lend.push(slot);
        }
        if level < WINDOW && worker.has_room_above(level) && !worker.listed[level] {
            worker.listed[level] = true;
            self.roomy[level].push_back(slot);
        }
    }

    /// Takes a worker that has exactly so much and room for more.
    fn take_listed(&mut self, level: usize) -> Option<Slot> {
        while let Some(slot) = self.roomy[level].pop_front() {
            let worker = &mut self.workers[slot];
            worker.listed[level] = false;
            if worker.has_room_above(level) {
                return Some(slot);
            }
        }
        None
    }
}
