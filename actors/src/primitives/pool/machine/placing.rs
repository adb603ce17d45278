//! Who gets what.

use super::crew::{Stage, Worker};
use super::{AHEAD, AHEAD_BYTES, Action, Assignment, LAST_NUMBER, Machine, Place, Slot, WINDOW};

impl Worker {
    /// Whether it has something ahead that may be taken back.
    pub(super) fn has_ahead(&self) -> bool {
        self.assigned.len() > 1 && self.assigned.back().is_some_and(|last| last.number > self.begun)
    }

    /// Whether it has exactly so much, and may get more.
    fn has_room_above(&self, level: usize) -> bool {
        self.stage == Stage::Ready
            && self.assigned.len() == level
            && self.assigned.len() + self.recalled.len() < AHEAD
            && self.life_left != Some(0)
            && self.last_number < LAST_NUMBER
    }
}

impl Machine {
    /// Gives what is queued to workers that have room; when nothing is queued and a worker has nothing, takes back half of what
    /// another has ahead.
    pub(super) fn place_work(&mut self) {
        while let Some(id) = self.queue.front().copied() {
            let Some(slot) = self.find_room(id) else { return };
            self.queue.pop_front();
            self.assign(slot, id);
        }
        if self.ahead == 0 || self.recalling > 0 {
            return;
        }
        let Some(idle) = self.take_listed(0) else { return };
        self.note_room(idle);
        let able =
            self.workers.iter().enumerate().filter(|(_, worker)| worker.stage == Stage::Ready && worker.has_ahead());
        let Some((slot, worker)) = able.max_by_key(|(_, worker)| worker.assigned.len()) else { return };
        let ahead = worker.assigned.iter().skip(1).map(|other| other.number).filter(|number| *number > worker.begun);
        let numbers: Vec<u32> = ahead.collect();
        for number in numbers.iter().rev().take(numbers.len().div_ceil(2)) {
            self.recall(slot, *number, false);
        }
    }

    /// Has an assignment taken back, if that is possible.
    pub(super) fn recall(&mut self, slot: Slot, number: u32, or_condemn: bool) {
        self.recalling += 1;
        self.actions.push_back(Action::Recall { slot, number, or_condemn });
    }

    /// Finds the worker for a batch: one that has nothing, or the one with the least that can take it ahead.
    fn find_room(&mut self, id: u64) -> Option<Slot> {
        if let Some(slot) = self.take_listed(0) {
            return Some(slot);
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

    fn assign(&mut self, slot: Slot, id: u64) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        let worker = &mut self.workers[slot];
        let most = worker.life_left.map_or(u32::MAX, |life_left| u32::try_from(life_left).unwrap_or(u32::MAX));
        let end = batch.request.count.min(batch.next.saturating_add(most));
        if let Some(life_left) = &mut worker.life_left {
            *life_left -= u64::from(end - batch.next);
        }
        worker.last_number += 1;
        self.has_worn_out |= worker.last_number == LAST_NUMBER;
        let assignment = Assignment { number: worker.last_number, batch: id, first: batch.next, end };
        batch.place = Place::Assigned(slot);
        let had_ahead = worker.has_ahead();
        worker.bytes += batch.request.bytes;
        worker.assigned.push_back(assignment);
        self.ahead += usize::from(worker.has_ahead());
        self.ahead -= usize::from(had_ahead);
        let timed = batch.request.timeout.is_some();
        self.actions.push_back(Action::Assign { slot, assignment, timed });
        self.note_room(slot);
    }

    /// Takes an assignment away from a worker.
    pub(super) fn remove_assignment(&mut self, slot: Slot, index: usize) {
        let worker = &mut self.workers[slot];
        self.ahead -= usize::from(worker.has_ahead());
        let removed = worker.assigned.remove(index).and_then(|other| self.batches.get(&other.batch));
        worker.bytes = worker.bytes.saturating_sub(removed.map_or(0, |batch| batch.request.bytes));
        self.ahead += usize::from(worker.has_ahead());
    }

    /// Notes that a worker has room, if it has.
    pub(super) fn note_room(&mut self, slot: Slot) {
        let worker = &mut self.workers[slot];
        let level = worker.assigned.len();
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
