//! A host as its users see it.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use procession_runtime::{Endpoint, WordClosed};

use super::LockError;
use super::host::{Call, Host, Look, Register, Share, Withdraw};
use super::machine::{Machine, Refusal};
use super::number::next_number;
use super::taking::{self, Taken};
use crate::primitives::near::{self, Lender, Life, Loan, Near};
use crate::{ActorRef, AskError, Home, ProcessId, data};

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What the host's own time-out may be late before the asker gives up by itself.
const NET: Duration = Duration::from_millis(200);

/// How often a word that others hold is looked at again before the processor is given away to them: for about a microsecond.
const GLANCES: u32 = 32;

/// The hosts, and their epochs, that this process is registered with.
static REGISTERED: Mutex<Option<HashSet<(ProcessId, u64)>>> = Mutex::new(None);

/// The way to a host: plain data, bound to the host's present life.
#[data]
pub(crate) struct Remote<M: Machine> {
    host: ActorRef<Host<M>>,
    epoch: u64,
}

impl<M: Machine> Remote<M> {
    /// Starts a host.
    pub(crate) fn start(home: &impl Home, settings: M::Settings, name: &str) -> Result<Remote<M>, LockError> {
        let host = home.host::<Host<M>>(settings, name)?;
        let epoch = register(&host, FOREVER)?;
        Ok(Remote { host, epoch })
    }

    /// Asks for something and waits for it; gives the number under which it was granted.
    pub(crate) fn call(&self, demand: M::Demand, within: Option<Duration>) -> Result<(u64, M::Grant), LockError> {
        self.call_patiently(next_number(), demand, within, patience(within))
    }

    /// Asks under a number for something that may be granted long after its time-out.
    pub(crate) fn call_for_ever(
        &self,
        number: u64,
        demand: M::Demand,
        within: Option<Duration>,
    ) -> Result<M::Grant, LockError> {
        self.call_patiently(number, demand, within, FOREVER).map(|(_, grant)| grant)
    }

    fn call_patiently(
        &self,
        number: u64,
        demand: M::Demand,
        within: Option<Duration>,
        patience: Duration,
    ) -> Result<(u64, M::Grant), LockError> {
        let spent = self.join(patience)?;
        let patience = patience.saturating_sub(spent);
        let within = within.map(|within| within.saturating_sub(spent).min(FOREVER));
        let call = Call { epoch: self.epoch, number, within, demand, grant: PhantomData };
        let error = match self.host.ask_within(&call, patience) {
            Ok(grant) => return Ok((number, grant)),
            Err(error) => error,
        };
        match error {
            AskError::Refused(_) => {}
            AskError::Dead(_) | AskError::NoActor => self.part(),
            // It may be granted yet.
            _ => self.withdraw(number),
        }
        Err(error.into())
    }

    /// Asks for something that is answered at once.
    pub(crate) fn do_now(&self, demand: M::Demand) -> Result<M::Grant, LockError> {
        self.call(demand, None).map(|(_, grant)| grant)
    }

    /// Gives up a call and what was granted for it. If the host is gone, so is that.
    pub(crate) fn withdraw(&self, number: u64) {
        let _ = self.host.tell_all([Withdraw { epoch: self.epoch, number }]);
    }

    /// Has the host look at what was done in its words; gives whether it is certain that it will, whatever becomes of this process.
    pub(crate) fn have_looked_at(&self) -> bool {
        self.host.tell_now(&Look) == Ok(true)
    }

    /// Does something with the words that the host has lent; `None` if it must be asked. Who has but some time does not spend it
    /// on asking for words.
    #[inline]
    pub(crate) fn near<R>(
        &self,
        within: Option<Duration>,
        act: impl Fn(&Near) -> Result<R, WordClosed>,
    ) -> Result<Option<R>, LockError> {
        let patience = within.is_none_or(|within| within.is_zero()).then(|| patience(within));
        near::act(self, patience, act)
    }

    /// Does something with the words that the host has lent, if this thread has used them before.
    #[inline]
    pub(crate) fn near_if_known<R>(&self, act: impl Fn(&Near) -> Result<R, WordClosed>) -> Option<R> {
        near::act_if_known(self.life(), act)
    }

    /// Has this thread ask the host for what it does next.
    pub(crate) fn forget_words(&self) {
        near::forget(self.life());
    }

    /// Looks out for something in the words that the host has lent, before the host is asked to wake this thread for it.
    pub(crate) fn look_out<R>(
        &self,
        within: Option<Duration>,
        find: impl Fn(&Near) -> Result<Option<R>, WordClosed>,
    ) -> Option<R> {
        // What it waits for may be done by somebody who waits for what this thread has told.
        if let Ok(endpoint) = Endpoint::of(self.host.id().system) {
            endpoint.flush();
        }
        near::look_out(self.life(), within, find)
    }

    /// Acquires one of the words that the host has lent, or what the host grants for a demand; gives the number under which it is
    /// held, and what the host has said if it was asked.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if there is no time, and others hold the only word, or the host says so.
    #[inline]
    pub(crate) fn acquire(
        &self,
        demand: M::Demand,
        within: Option<Duration>,
    ) -> Result<(u64, Option<M::Grant>), LockError> {
        let number = next_number();
        match self.near(within, |near| taking::take(&near.words, M::PLACES, near.user, number))? {
            Some(Taken::Now) => Ok((number, None)),
            Some(Taken::ByOthers) => self.acquire_from_others(demand, number, within),
            Some(Taken::ByUs) | None => self.call(demand, within).map(granted),
        }
    }

    /// Who asks the host makes all others ask, too: it is worth a look whether the words are held for a moment only. Those who look
    /// have no order among them; who has not been lucky waits at the host, and nobody takes words while somebody waits there.
    #[cold]
    fn acquire_from_others(
        &self,
        demand: M::Demand,
        number: u64,
        within: Option<Duration>,
    ) -> Result<(u64, Option<M::Grant>), LockError> {
        if within == Some(Duration::ZERO) && M::PLACES == 1 {
            return Err(LockError::Timeout);
        }
        let start = Instant::now();
        let take = |near: &Near| {
            let taken = taking::take(&near.words, M::PLACES, near.user, number)?;
            Ok((taken == Taken::Now).then_some(()))
        };
        let glance = |near: &Near| {
            (0..GLANCES)
                .find_map(|_| {
                    std::hint::spin_loop();
                    take(near).transpose()
                })
                .transpose()
        };
        if self.near_if_known(glance).flatten().is_some() || self.look_out(within, take).is_some() {
            return Ok((number, None));
        }
        let within = within.map(|within| within.saturating_sub(start.elapsed()));
        self.call(demand, within).map(granted)
    }

    /// Gives back the word that is held under a number; gives whether that could be done without asking.
    #[inline]
    pub(crate) fn give_back(&self, number: u64) -> bool {
        let given = self.near_if_known(|near| taking::give_back(&near.words, M::PLACES, near.user, number));
        given == Some(true)
    }

    /// Registers this process, once; gives how long that took.
    fn join(&self, patience: Duration) -> Result<Duration, LockError> {
        let key = (self.host.id(), self.epoch);
        if registered().get_or_insert_default().contains(&key) {
            return Ok(Duration::ZERO);
        }
        let start = Instant::now();
        if register(&self.host, patience)? == self.epoch { Ok(start.elapsed()) } else { Err(LockError::HostRestarted) }
    }

    fn part(&self) {
        registered().get_or_insert_default().remove(&(self.host.id(), self.epoch));
    }
}

/// Says how long to wait for a host that is to answer within a time.
fn patience(within: Option<Duration>) -> Duration {
    match within {
        None => FOREVER,
        // What is answered at once may still have to wait for the host.
        Some(Duration::ZERO) => crate::ASK_TIMEOUT,
        Some(within) => within.saturating_add(within / 2).saturating_add(NET).min(FOREVER),
    }
}

fn granted<G>((number, grant): (u64, G)) -> (u64, Option<G>) {
    (number, Some(grant))
}

/// Makes this process a party of a host; gives the host's epoch.
fn register<M: Machine>(host: &ActorRef<Host<M>>, patience: Duration) -> Result<u64, LockError> {
    let epoch = host.ask_within(&Register, patience).map_err(|error| match error {
        AskError::Refused(why) => LockError::Unanswered(why),
        other => other.map_refusal(|_| Refusal::Timeout).into(),
    })?;
    registered().get_or_insert_default().insert((host.id(), epoch));
    Ok(epoch)
}

fn registered() -> MutexGuard<'static, Option<HashSet<(ProcessId, u64)>>> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: Machine> Lender for Remote<M> {
    type Error = LockError;

    const USES: u32 = 2;

    #[inline]
    fn life(&self) -> Life {
        (self.host.id(), self.epoch)
    }

    fn borrow_words(&self, patience: Duration) -> Result<Option<Near>, LockError> {
        self.join(patience)?;
        match self.host.ask_within(&Share { epoch: self.epoch }, patience) {
            Ok(loan) => Ok(loan.and_then(Loan::open)),
            // One of the two sides has no descriptors left.
            Err(AskError::Invalid(_) | AskError::NoReply) => Ok(None),
            Err(error) => {
                if matches!(error, AskError::Dead(_) | AskError::NoActor) {
                    self.part();
                }
                Err(error.into())
            }
        }
    }
}

impl<M: Machine> ArchivedRemote<M> {
    pub(crate) fn to_native(&self) -> Remote<M> {
        Remote { host: self.host.to_native(), epoch: self.epoch.to_native() }
    }
}

impl<M: Machine> Clone for Remote<M> {
    fn clone(&self) -> Remote<M> {
        Remote { host: self.host.clone(), epoch: self.epoch }
    }
}

impl<M: Machine> PartialEq for Remote<M> {
    fn eq(&self, other: &Remote<M>) -> bool {
        (&self.host, self.epoch) == (&other.host, other.epoch)
    }
}

impl<M: Machine> Eq for Remote<M> {}

impl<M: Machine> fmt::Debug for Remote<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.host.id())
    }
}

impl<M: Machine> fmt::Debug for ArchivedRemote<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}
