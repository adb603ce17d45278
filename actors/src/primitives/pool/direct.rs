//! One task, given to a worker without the foreman.
//!
//! A thread that has used a pool a few times takes its turn with a worker that has nothing to do, asks it, and gives it back.
//! If there is none, or the worker dies, the task goes the way of all others: the foreman knows whether it was begun.

use std::cell::Cell;
use std::time::Duration;

use procession_runtime::Arrived;

use super::lent::Own;
use super::messages::{Failed, Lost, Return, Share, Stale, Task, TaskOf};
use super::worker::Worker;
use super::{FOREVER, Pool, PoolError, TaskError};
use crate::payload::{self, Within};
use crate::primitives::exit_data::ExitData;
use crate::primitives::near::{self, Lender, Life, Loan, Near};
use crate::routine::Routine;
use crate::{ActorRef, AskError, Data, Exit, TellError};

thread_local! {
    /// The place of the worker that this thread has had last: it knows the way there.
    static PREFERRED: Cell<usize> = const { Cell::new(0) };
}

/// A turn with a worker, which ends when this is dropped.
pub(super) struct Turn<'a> {
    pool: &'a Pool,
    own: Own,
    /// Whether the foreman sees to its end: the worker has died.
    is_left: bool,
}

impl<'a> Turn<'a> {
    /// Takes a turn with a worker, if this thread knows how and one has nothing to do.
    ///
    /// # Errors
    /// [`PoolError`], if the host has ended.
    pub(super) fn take(pool: &'a Pool) -> Result<Option<Turn<'a>>, PoolError> {
        let preferred = PREFERRED.try_with(Cell::get).unwrap_or(0);
        let taken =
            near::act(pool, Some(FOREVER), |near| Own::take(&near.words, near.user, pool.workers(), preferred))?;
        let Some(own) = taken.flatten() else { return Ok(None) };
        let _ = PREFERRED.try_with(|preferred| preferred.set(own.slot));
        Ok(Some(Turn { pool, own, is_left: false }))
    }

    /// Has the worker do a task. Gives what has come of it, or word for the foreman that the worker has died.
    ///
    /// # Errors
    /// [`PoolError`].
    pub(super) fn run<Arguments: Data, R: Data>(
        mut self,
        routine: Routine,
        arguments: &Arguments,
    ) -> Result<Result<Result<R, TaskError>, Lost>, PoolError> {
        let worker = ActorRef::<Worker>::new(self.own.worker(self.pool.host())).recipient::<Task>();
        let number = self.own.number;
        let answer = worker.ask_in_place(&TaskOf { number, routine, arguments: Within(arguments) }, |outcome| {
            let value = outcome.as_ref().map_err(|failed| payload::make::<Failed>(failed, &Arrived::default()))?;
            payload::open_within::<R>(value).map_err(|error| Failed::Unreadable(error.to_string()))
        });
        let exit = match answer {
            Ok(outcome) => return Ok(Ok(outcome.map_err(TaskError::from))),
            Err(AskError::Dead(exit)) => exit,
            Err(AskError::NoActor) => Exit::Killed,
            Err(error) => return Err(AskError::<Stale>::into(error)),
        };
        self.is_left = true;
        Ok(Err(Lost { slot: self.own.slot, number, exit: ExitData::from(&exit) }))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_left || near::act_if_known(self.pool.key(), |near| self.own.end(&near.words)) == Some(true) {
            return;
        }
        let Own { slot, number, .. } = self.own;
        // If the foreman is gone, so is the worker.
        while let Err(TellError::Full) = self.pool.foreman().tell(&Return { epoch: self.pool.epoch(), slot, number }) {}
    }
}

impl Lender for Pool {
    type Error = PoolError;

    const USES: u32 = 16;

    #[inline]
    fn life(&self) -> Life {
        self.key()
    }

    fn borrow_words(&self, patience: Duration) -> Result<Option<Near>, PoolError> {
        match self.foreman().ask_within(&Share { epoch: self.epoch() }, patience) {
            Ok(loan) => Ok(loan.and_then(Loan::open)),
            // One of the two sides has no descriptors left.
            Err(AskError::Invalid(_) | AskError::NoReply) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
