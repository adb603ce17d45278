//! Workers that are lent: a client gives such a worker a task itself, when it is its *turn* with it.
//!
//! A worker that has nothing to do is lent once clients want that. Which of them has its turn is decided outside, where this
//! is seen only when the worker is taken back: before it gets work from here, and before it is known what it does.

use super::crew::Stage;
use super::{Action, Batch, BatchId, Machine, Request, Share, Slot};

/// Most workers that are lent: the first ones.
pub(in super::super) const MOST_LENT: usize = 63;

/// A client's turn with a worker, for one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Turn {
    pub(in super::super) client: u64,
    /// Counts the turns with a worker of this place; never twice.
    pub(in super::super) number: u64,
}

/// Whose a worker is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenure {
    /// Nobody else gives it anything.
    #[default]
    Kept,
    /// Clients have their turns with it. It has nothing from here.
    Lent,
    /// Taken back while a client had its turn, whose task it does, has done, or will get.
    Busy(Turn),
}

impl Machine {
    /// Clients want to give workers tasks themselves: from now on those are lent that have nothing to do.
    pub(in super::super) fn begin_lending(&mut self) {
        if !std::mem::replace(&mut self.lends, true) {
            self.to_lend = (0..self.workers.len().min(MOST_LENT)).collect();
        }
        self.go_on();
    }

    /// Whether a worker is lent, so that it must be taken back before it is known what it does.
    pub(in super::super) fn is_lent(&self, slot: Slot) -> bool {
        self.workers.get(slot).is_some_and(|worker| worker.tenure == Tenure::Lent)
    }

    /// Lends workers that have nothing to do.
    pub(super) fn lend_idle(&mut self) {
        while let Some(slot) = self.to_lend.pop() {
            let worker = &self.workers[slot];
            if !self.closed && worker.has_room_above(0) {
                let most = worker.life_left;
                self.set_tenure(slot, Tenure::Lent);
                self.lent.push_back(slot);
                self.actions.push_back(Action::Lend { slot, most });
            }
        }
    }

    /// Has the worker taken back that has been lent longest, if there is one.
    pub(super) fn take_one_back(&mut self) -> bool {
        while let Some(slot) = self.lent.pop_front() {
            if self.is_lent(slot) {
                self.actions.push_back(Action::TakeBack(slot));
                return true;
            }
        }
        false
    }

    /// A worker is taken back: so many tasks have been done meanwhile, and this turn is not over. [`Machine::go_on`] is due.
    pub(in super::super) fn taken_back(&mut self, slot: Slot, done: u64, turn: Option<Turn>) {
        if !self.is_lent(slot) {
            return;
        }
        self.lent.retain(|other| *other != slot);
        if let Some(life_left) = &mut self.workers[slot].life_left {
            *life_left = life_left.saturating_sub(done + u64::from(turn.is_some()));
        }
        self.set_tenure(slot, turn.map_or(Tenure::Kept, Tenure::Busy));
        self.note_room(slot);
    }

    /// A turn with a worker that is not lent any more is over.
    pub(in super::super) fn turn_over(&mut self, slot: Slot, turn: Turn) {
        if self.workers.get(slot).is_some_and(|worker| worker.tenure == Tenure::Busy(turn)) {
            self.set_tenure(slot, Tenure::Kept);
            self.note_room(slot);
        }
        // Its worker may have died after the answer.
        self.lost.remove(&(slot, turn));
        self.go_on();
    }

    /// A client has ended, and so its turns have.
    pub(super) fn end_turns(&mut self, client: u64) {
        self.lost.retain(|(_, turn), _| turn.client != client);
        for (slot, worker) in self.workers.iter().enumerate() {
            if let Tenure::Busy(turn) = worker.tenure
                && turn.client == client
                && worker.stage != Stage::Dying
            {
                self.actions.push_back(Action::Revoke { slot, number: turn.number });
            }
        }
    }

    /// The task of a turn was to be ended, or never to begin: the worker has been ended if it had it in hand.
    pub(in super::super) fn revoked(&mut self, slot: Slot, number: u64, was_it: bool) {
        let Some(worker) = self.workers.get_mut(slot) else { return };
        if !matches!(worker.tenure, Tenure::Busy(turn) if turn.number == number) {
            return;
        }
        if was_it {
            worker.condemn_for_turn();
        }
        self.set_tenure(slot, Tenure::Kept);
        self.note_room(slot);
        self.go_on();
    }

    /// A worker has died during a turn, as far as is known here: its client will bring the task here, with word of that.
    pub(super) fn note_lost(&mut self, slot: Slot, turn: Turn, was_begun: bool) {
        if !self.terminated {
            self.lost.insert((slot, turn), was_begun);
        }
    }

    /// A batch of one item has come that was a turn's task, whose worker has died; `begun` is the turn whose task the worker at
    /// that place has begun last.
    pub(in super::super) fn submit_lost(
        &mut self,
        id: BatchId,
        request: Request,
        (slot, number): (Slot, u64),
        begun: Option<u64>,
    ) {
        let turn = Turn { client: request.client, number };
        let was_begun = self.lost.remove(&(slot, turn)).or_else(|| self.leave(slot, turn, begun));
        match self.refusal() {
            // It was taken before the pool was closed.
            Some(super::Refusal::Closed) if was_begun.is_some() => {}
            Some(refusal) => return self.actions.push_back(Action::Refuse(id, refusal)),
            None => {}
        }
        self.batches.insert(id, Batch { request, left: request.count, is_cancelled: false });
        let mut share = Share { batch: id, first: 0, end: request.count, deaths: 0 };
        // What nobody knows of here counts as begun: nothing is begun twice.
        if was_begun.unwrap_or(true) {
            self.lose(&mut share, false);
        }
        self.put_back(share);
        self.go_on();
    }

    /// A client says that the worker has died with which it has its turn: word of that is on its way. Gives whether the task
    /// was begun; `None` if it is not its turn.
    fn leave(&mut self, slot: Slot, turn: Turn, begun: Option<u64>) -> Option<bool> {
        let worker = self.workers.get_mut(slot).filter(|worker| worker.tenure == Tenure::Busy(turn))?;
        let was_begun = worker.has_begun(turn, begun);
        worker.stage = Stage::Dying;
        self.set_tenure(slot, Tenure::Kept);
        Some(was_begun)
    }

    fn set_tenure(&mut self, slot: Slot, tenure: Tenure) {
        let worker = &mut self.workers[slot];
        self.ahead -= usize::from(worker.has_ahead());
        worker.tenure = tenure;
        self.ahead += usize::from(worker.has_ahead());
    }
}
