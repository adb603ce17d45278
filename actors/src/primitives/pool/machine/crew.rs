//! Workers start, are ready, die.

use std::collections::VecDeque;

use super::lending::{Tenure, Turn};
use super::{ATTEMPTS, Action, Assignment, LAST_NUMBER, LEAST_FAILED_STARTS, Machine, Refusal, Share, Slot, Verdict};

/// What is known of a worker.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) stage: Stage,
    pub(super) tenure: Tenure,
    /// What it has, in the order in which it does it.
    pub(super) assigned: VecDeque<Assignment>,
    /// What the arguments of these take together.
    pub(super) bytes: usize,
    /// What was taken back and it may not have passed yet.
    pub(super) recalled: Vec<u32>,
    pub(super) last_number: u32,
    /// Items that it may still be given; `None`: any number.
    pub(super) life_left: Option<u64>,
    /// Whether it is noted as having room for its first assignment, and for one ahead.
    pub(super) listed: [bool; super::WINDOW],
    /// The last assignment that could not be taken back whole: it has begun.
    pub(super) begun: u32,
    /// The last assignment of which nothing could be taken back: its last chunk has begun.
    pub(super) used_up: u32,
    /// Which item of which assignment it ends for.
    condemned: Option<(u32, Option<u32>)>,
    /// What it was seen at, and since when.
    seen: Option<((u32, u32), u64)>,
}

/// How far a worker is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    #[default]
    Absent,
    Starting,
    Ready,
    /// It gets nothing more, and ends when it has done what it has.
    Retiring,
    /// It has been killed, and its end is not known yet.
    Dying,
}

impl Worker {
    /// Number of tasks and assignments that it has.
    pub(super) fn load(&self) -> usize {
        self.assigned.len() + usize::from(matches!(self.tenure, Tenure::Busy(_)))
    }

    /// Whether it has begun with a turn's task, if `begun` is the turn whose task it has said last that it begins.
    pub(super) fn has_begun(&self, turn: Turn, begun: Option<u64>) -> bool {
        // One that was condemned has not gone on to anything else.
        begun == Some(turn.number) && self.condemned.is_none()
    }

    /// It ends for a task that is no assignment.
    pub(super) fn condemn_for_turn(&mut self) {
        self.condemned = Some((0, None));
        self.stage = Stage::Dying;
    }
}

impl Machine {
    pub(super) fn start(&mut self, slot: Slot) {
        self.workers[slot] =
            Worker { stage: Stage::Starting, life_left: self.lifetime, ..std::mem::take(&mut self.workers[slot]) };
        self.actions.push_back(Action::Start(slot));
    }

    /// A worker has run its initializer.
    pub(in super::super) fn prepared(&mut self, slot: Slot) {
        let Some(worker) = self.workers.get_mut(slot).filter(|worker| worker.stage == Stage::Starting) else { return };
        worker.stage = Stage::Ready;
        self.failed_starts = 0;
        self.note_room(slot);
        self.fill_places();
        self.go_on();
    }

    /// A worker's initializer has failed; its end will be reported, too.
    pub(in super::super) fn unprepared(&mut self, slot: Slot, why: String) {
        if self.workers.get(slot).is_some_and(|worker| worker.stage == Stage::Starting) {
            self.last_failure = why;
        }
    }

    /// A worker could not be started, or has ended before it was prepared; `why` unless it has said so itself.
    pub(in super::super) fn start_failed(&mut self, slot: Slot, why: Option<String>) {
        self.failed_starts += 1;
        self.last_failure = why.unwrap_or_else(|| std::mem::take(&mut self.last_failure));
        self.workers[slot] = Worker::default();
        self.replace();
    }

    /// A worker has ended, with this item of this assignment in hand, if it was at one at all, and this turn's task begun last.
    /// What it had settled has been told before, and it has been taken back.
    pub(in super::super) fn ended(&mut self, slot: Slot, in_hand: Option<(u32, u32)>, begun: Option<u64>, why: &str) {
        let Some(worker) = self.workers.get_mut(slot) else { return };
        if worker.stage == Stage::Starting {
            let known = std::mem::take(&mut self.last_failure);
            let why = if known.is_empty() { why.to_owned() } else { known };
            return self.start_failed(slot, Some(why));
        }
        let condemned = worker.condemned;
        if worker.has_ahead() {
            self.ahead -= 1;
        }
        let worker = std::mem::take(&mut self.workers[slot]);
        self.workers[slot].listed = worker.listed;
        if let Tenure::Busy(turn) = worker.tenure {
            self.note_lost(slot, turn, worker.has_begun(turn, begun));
        }
        for Assignment { number, mut share } in worker.assigned.into_iter().rev() {
            let is_in_hand = in_hand == Some((number, share.first));
            // One that was condemned has not gone on to anything else.
            let is_meant =
                condemned.is_none_or(|(other, item)| other == number && item.is_none_or(|item| item == share.first));
            if is_in_hand && is_meant {
                self.lose(&mut share, condemned.is_some_and(|(_, item)| item.is_some()));
            }
            self.put_back(share);
        }
        self.replace();
    }

    /// The first item of a share was in the hands of a worker that has died.
    pub(super) fn lose(&mut self, share: &mut Share, is_late: bool) {
        let Some(batch) = self.batches.get(&share.batch).filter(|batch| !batch.is_cancelled) else { return };
        share.deaths += 1;
        if batch.request.repeatable && !is_late && share.deaths < ATTEMPTS {
            return;
        }
        let verdict = if is_late { Verdict::TimedOut } else { Verdict::Died };
        self.settle(share.batch, share.first, 1, verdict);
        (share.first, share.deaths) = (share.first + 1, 0);
    }

    /// A place is free.
    fn replace(&mut self) {
        self.fill_places();
        if self.is_broken() {
            self.refuse_all(&Refusal::Broken(self.last_failure.clone()));
        }
        self.go_on();
    }

    /// Starts workers where there are none, if they are needed, but no more at a time than may still fail.
    fn fill_places(&mut self) {
        let is_needed = !self.terminated && !self.nothing_comes();
        if !is_needed {
            return;
        }
        let starting = self.workers.iter().filter(|worker| worker.stage == Stage::Starting).count();
        let may_start = self.most_failed_starts().saturating_sub(self.failed_starts + starting);
        let absent = |(slot, worker): (Slot, &Worker)| (worker.stage == Stage::Absent).then_some(slot);
        let slots: Vec<Slot> = self.workers.iter().enumerate().filter_map(absent).take(may_start).collect();
        slots.into_iter().for_each(|slot| self.start(slot));
    }

    /// After so many failed starts in a row no worker is started any more.
    fn most_failed_starts(&self) -> usize {
        self.workers.len().max(LEAST_FAILED_STARTS)
    }

    /// Whether no worker is started any more, and none is left.
    pub(super) fn is_broken(&self) -> bool {
        self.failed_starts >= self.most_failed_starts()
            && self.workers.iter().all(|worker| worker.stage == Stage::Absent)
    }

    /// Something of an assignment was to be taken back: it was, from an item on, or all has begun.
    pub(in super::super) fn recalled(&mut self, slot: Slot, number: u32, or_condemn: bool, from: Option<u32>) {
        self.recalling = self.recalling.saturating_sub(1);
        let Some(worker) = self.workers.get_mut(slot) else { return };
        let Some(index) = worker.assigned.iter().position(|other| other.number == number) else { return };
        let share = &mut worker.assigned[index].share;
        let from = from.unwrap_or(share.end).clamp(share.first, share.end);
        let taken = Share { first: from, deaths: if from == share.first { share.deaths } else { 0 }, ..*share };
        share.end = from;
        let is_left = share.first < share.end;
        if let Some(life_left) = &mut worker.life_left {
            *life_left += u64::from(taken.end - taken.first);
        }
        if is_left {
            self.note_begun(slot, number, taken.first == taken.end);
        } else {
            worker.recalled.push(number);
            self.remove_assignment(slot, index);
        }
        self.put_back(taken);
        self.note_room(slot);
        if is_left && or_condemn {
            self.actions.push_back(Action::Condemn { slot, number, item: None });
        }
        self.go_on();
    }

    /// A worker has begun with an assignment, perhaps with all of it.
    fn note_begun(&mut self, slot: Slot, number: u32, is_used_up: bool) {
        let worker = &mut self.workers[slot];
        if worker.has_ahead() {
            self.ahead -= 1;
        }
        worker.begun = worker.begun.max(number);
        if is_used_up {
            worker.used_up = worker.used_up.max(number);
        }
        if worker.has_ahead() {
            self.ahead += 1;
        }
    }

    /// A worker was to be ended: it has been, or was at something else.
    pub(in super::super) fn condemned(&mut self, slot: Slot, number: u32, item: Option<u32>, was_it: bool) {
        let Some(worker) = self.workers.get_mut(slot) else { return };
        worker.seen = None;
        if was_it {
            worker.condemned = Some((number, item));
            worker.stage = Stage::Dying;
        }
    }

    /// A worker does not take what it is given, or all is to end.
    pub(in super::super) fn kill(&mut self, slot: Slot) {
        let Some(worker) = self.workers.get_mut(slot) else { return };
        if worker.stage != Stage::Absent && worker.stage != Stage::Dying {
            // While it is being started, its end is that of a start.
            if worker.stage != Stage::Starting {
                worker.stage = Stage::Dying;
            }
            self.actions.push_back(Action::Kill(slot));
        }
    }

    /// What a worker was seen at, at a time in milliseconds.
    pub(in super::super) fn observe(&mut self, slot: Slot, at: Option<(u32, u32)>, now: u64) {
        let Some(worker) = self.workers.get_mut(slot).filter(|worker| worker.stage != Stage::Dying) else { return };
        let timeout = at.and_then(|(number, _)| {
            let assignment = worker.assigned.iter().find(|other| other.number == number)?;
            self.batches.get(&assignment.share.batch)?.request.timeout
        });
        let (Some(at), Some(timeout)) = (at, timeout) else {
            worker.seen = None;
            return;
        };
        match worker.seen {
            Some((before, since)) if before == at => {
                if now.saturating_sub(since) >= timeout {
                    self.actions.push_back(Action::Condemn { slot, number: at.0, item: Some(at.1) });
                }
            }
            _ => worker.seen = Some((at, now)),
        }
    }

    /// The shortest time that an item which is assigned may take, in milliseconds.
    pub(in super::super) fn shortest_timeout(&self) -> Option<u64> {
        let assigned = self.workers.iter().flat_map(|worker| &worker.assigned);
        assigned.filter_map(|assignment| self.batches.get(&assignment.share.batch)?.request.timeout).min()
    }

    /// Number of workers, of those that are ready, and of those that have work.
    pub(in super::super) fn counts(&self) -> (usize, usize, usize) {
        let is_ready = |worker: &&Worker| matches!(worker.stage, Stage::Ready | Stage::Retiring);
        let busy = self.workers.iter().filter(|worker| worker.load() > 0).count();
        (self.workers.len(), self.workers.iter().filter(is_ready).count(), busy)
    }

    /// What a worker has.
    pub(in super::super) fn assigned(&self, slot: Slot) -> Vec<Assignment> {
        self.workers.get(slot).map(|worker| worker.assigned.iter().copied().collect()).unwrap_or_default()
    }

    /// Lets workers end that have done all that they may, and all of them when there is nothing more to come.
    pub(super) fn retire_the_old(&mut self) {
        let nothing_comes = self.nothing_comes();
        if self.lifetime.is_none() && !self.has_worn_out && !nothing_comes {
            return;
        }
        for (slot, worker) in self.workers.iter_mut().enumerate() {
            let is_at_end = worker.life_left == Some(0) || worker.last_number == LAST_NUMBER;
            let is_free = worker.tenure == Tenure::Kept && worker.assigned.is_empty();
            if worker.stage == Stage::Ready && is_free && (is_at_end || nothing_comes) {
                worker.stage = Stage::Retiring;
                self.actions.push_back(Action::Retire(slot));
            }
        }
    }

    /// Whether all is done, apart from what clients have their turns for.
    fn nothing_comes(&self) -> bool {
        self.closed && self.batches.is_empty() && self.lost.is_empty()
    }

    pub(super) fn end_if_over(&mut self) {
        let is_over = self.nothing_comes() && self.workers.iter().all(|worker| worker.stage == Stage::Absent);
        if is_over && !self.is_over {
            self.is_over = true;
            self.actions.push_back(Action::Over);
        }
    }
}
