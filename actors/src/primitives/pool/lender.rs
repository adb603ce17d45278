//! The foreman as it lends workers.

use super::foreman::Foreman;
use super::lent::Lent;
use super::machine::{MOST_LENT, Request, Slot, Turn};
use super::messages::{Inquire, Lost, PoolStatus, Return, Share, Stale};
use crate::primitives::near::Loan;
use crate::{Context, Handler, Incoming};

impl Foreman {
    /// Lends a worker, for so many turns at most.
    pub(super) fn lend(&mut self, slot: Slot, most: Option<u64>) {
        if let (Some(lent), Some(worker)) = (&mut self.lent, self.crew.process(slot)) {
            lent.lend(slot, worker, most);
        }
    }

    /// Takes a worker back if it is lent.
    pub(super) fn take_back(&mut self, slot: Slot) {
        if let Some(lent) = self.lent.as_mut().filter(|_| self.machine.is_lent(slot)) {
            let (done, turn) = lent.take_back(slot);
            self.machine.taken_back(slot, done, turn);
        }
    }

    /// Takes all workers back.
    pub(super) fn take_all_back(&mut self) {
        (0..self.crew.len().min(MOST_LENT)).for_each(|slot| self.take_back(slot));
    }

    /// The last batch was a turn's task, and the worker has died.
    pub(super) fn submit_lost(&mut self, request: Request, lost: Lost) {
        let Lost { slot, number, exit } = lost;
        self.take_back(slot);
        self.last_exit = exit;
        self.machine.submit_lost(self.last_batch, request, (slot, number), self.crew.alone(slot));
    }
}

impl Handler<Share> for Foreman {
    fn handle(&mut self, share: Incoming<'_, Share>, context: &mut Context<Self>) -> Result<Option<Loan>, Stale> {
        self.check(share.epoch.to_native())?;
        if self.lent.is_none() {
            match Lent::new() {
                Ok(lent) => self.lent = Some(lent),
                Err(error) => tracing::debug!(%error, "no worker of a pool is lent"),
            }
        }
        let client = self.client(share.sender(), context);
        let loan = self.lent.as_mut().and_then(|lent| lent.admit(client));
        if loan.is_some() {
            self.machine.begin_lending();
            self.act(context);
        }
        Ok(loan)
    }
}

impl Handler<Return> for Foreman {
    fn handle(&mut self, turn: Incoming<'_, Return>, context: &mut Context<Self>) {
        let Some(client) = self.clients.get(&turn.sender()).copied() else { return };
        let (slot, number) = (turn.slot.to_native() as usize, turn.number.to_native());
        if turn.epoch == self.epoch {
            self.take_back(slot);
            self.machine.turn_over(slot, Turn { client, number });
            self.act(context);
        }
    }
}

impl Handler<Inquire> for Foreman {
    fn handle(&mut self, inquiry: Incoming<'_, Inquire>, context: &mut Context<Self>) -> Result<PoolStatus, Stale> {
        self.check(inquiry.epoch.to_native())?;
        self.take_all_back();
        let (workers, ready, busy) = self.machine.counts();
        let (started, pids) = (self.crew.started(), self.crew.pids());
        let status = PoolStatus { workers, ready, busy, queued: self.machine.queued(), started, pids };
        self.machine.go_on();
        self.act(context);
        Ok(status)
    }
}
