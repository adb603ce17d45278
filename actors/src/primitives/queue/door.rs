//! The way to a queue's host.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};

use super::host::Host;
use super::messages::{Enrol, GiveUp, Origin, Outcome, Return};
use super::{QueueError, hand, passing};
use crate::{ASK_TIMEOUT, Accepts, ActorRef, Message, ProcessId};

/// Longer than anybody waits.
pub(super) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How late the host's own time-out may be before the asker gives up by itself.
const NET: Duration = Duration::from_millis(200);

/// The hosts, and their epochs, that know this process.
static ENROLLED: Mutex<Option<HashSet<Key>>> = Mutex::new(None);

/// Which life of which host.
pub(super) type Key = (ProcessId, u64);

/// The way to one life of a host.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Door {
    pub(super) host: ActorRef<Host>,
    epoch: u64,
}

impl Door {
    /// Makes this process known to a host.
    pub(super) fn open(host: ActorRef<Host>) -> Result<Door, QueueError> {
        let epoch = enrol(&host)?;
        Ok(Door { host, epoch })
    }

    pub(super) fn host(&self) -> ProcessId {
        self.host.id()
    }

    pub(super) fn key(&self) -> Key {
        (self.host.id(), self.epoch)
    }

    /// Asks for a number.
    pub(super) fn number<M: Request>(&self, request: impl FnOnce(Origin) -> M) -> Result<u64, QueueError>
    where
        Host: Accepts<M>,
    {
        let from = self.present()?;
        match self.ask(&request(from), None)? {
            Outcome::Number(number) => Ok(number),
            outcome => Err(refusal(&outcome)),
        }
    }

    /// Says who asks, in a process that the host knows.
    pub(super) fn present(&self) -> Result<Origin, QueueError> {
        if !enrolled().get_or_insert_default().contains(&self.key()) && enrol(&self.host)? != self.epoch {
            return Err(QueueError::HostRestarted);
        }
        Ok(hand::present(self.key()))
    }

    /// Asks, and waits as long as the host may take for it.
    pub(super) fn ask<M: Request>(&self, request: &M, within: Option<Duration>) -> Result<Outcome, QueueError>
    where
        Host: Accepts<M>,
    {
        let patience = match within {
            None => FOREVER,
            // What is answered at once may still have to wait for the host.
            Some(Duration::ZERO) => ASK_TIMEOUT,
            Some(within) => within.saturating_mul(2).saturating_add(NET).min(FOREVER),
        };
        let outcome = self.host.ask_within(request, patience).map_err(|error| self.note(error.into()))?;
        passing::note_answered(self.key());
        Ok(outcome)
    }

    /// Notes what follows from an error, and gives it.
    pub(super) fn note(&self, error: QueueError) -> QueueError {
        match error {
            QueueError::HostDied(_) | QueueError::NoHost => {
                enrolled().get_or_insert_default().remove(&self.key());
                hand::forget(self.key());
            }
            // What it puts now would come behind what it has given up.
            QueueError::Unresponsive => {
                hand::leave_room(self.key());
                passing::stay_away(self.key());
            }
            _ => {}
        }
        error
    }

    /// This thread does not want what it was handed and has not taken.
    pub(super) fn give_back(&self) {
        passing::stay_away(self.key());
        // If the host is gone, so is what it would be told of.
        let _ = self.host.tell(&Return { from: hand::present(self.key()) });
    }

    /// This thread has stopped waiting for the host: what it asked for is not to happen later.
    pub(super) fn give_up(&self, from: Origin, is_end: bool) {
        let _ = self.host.try_tell(&GiveUp { from, is_end });
    }
}

/// A message that is answered with an outcome.
pub(super) trait Request: Message<Value = Outcome, Refusal = std::convert::Infallible> {}

impl<M: Message<Value = Outcome, Refusal = std::convert::Infallible>> Request for M {}

/// Expects that something has been done.
pub(super) fn done(outcome: Outcome) -> Result<(), QueueError> {
    if matches!(outcome, Outcome::Done) { Ok(()) } else { Err(refusal(&outcome)) }
}

/// What an outcome means to those who wanted another.
pub(super) fn refusal(outcome: &Outcome) -> QueueError {
    match outcome {
        Outcome::Full => QueueError::Full,
        Outcome::Empty => QueueError::Empty,
        Outcome::TimedOut => QueueError::Timeout,
        Outcome::Closed => QueueError::Closed,
        Outcome::Invalid => QueueError::Invalid,
        Outcome::Restarted => QueueError::HostRestarted,
        other => QueueError::Unanswered(format!("{other:?} makes no sense here")),
    }
}

/// Makes this process known to a host; gives the host's epoch.
fn enrol(host: &ActorRef<Host>) -> Result<u64, QueueError> {
    let epoch = host.ask_within(&Enrol, FOREVER)?;
    enrolled().get_or_insert_default().insert((host.id(), epoch));
    Ok(epoch)
}

fn enrolled() -> MutexGuard<'static, Option<HashSet<(ProcessId, u64)>>> {
    ENROLLED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ArchivedDoor {
    pub(super) fn to_native(&self) -> Door {
        Door { host: self.host.to_native(), epoch: self.epoch.to_native() }
    }
}
