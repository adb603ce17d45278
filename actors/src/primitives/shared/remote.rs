//! The way to a host.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use procession_runtime::{WordClosed, WordShare};

use super::SharedError;
use super::host::{Act, Greet, Host, Object, Share};
use crate::primitives::near::{self, Lender, Life, Near};
use crate::{ActorRef, AskError, Home, ProcessId, data};

/// Longer than anybody waits. Whoever waits is told of the host's end.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The way to one life of a host: plain data.
#[data]
pub(crate) struct Remote<O: Object> {
    host: ActorRef<Host<O>>,
    epoch: u64,
}

impl<O: Object> Remote<O> {
    /// Starts a host.
    pub(super) fn start(home: &impl Home, initial: O::Initial, name: &str) -> Result<Remote<O>, SharedError> {
        Remote::bind(home.host::<Host<O>>(initial, name)?)
    }

    /// Gives the way to the host's present life.
    pub(super) fn renew(&self) -> Result<Remote<O>, SharedError> {
        Remote::bind(self.host.clone())
    }

    fn bind(host: ActorRef<Host<O>>) -> Result<Remote<O>, SharedError> {
        let epoch = host.ask_within(&Greet, FOREVER).map_err(|error: AskError<_>| {
            SharedError::from(error.map_refusal(|never: std::convert::Infallible| match never {}))
        })?;
        Ok(Remote { host, epoch })
    }

    /// Has the host do something, and waits for what comes of it.
    pub(super) fn act(&self, operation: O::Operation) -> Result<O::Answer, SharedError> {
        let act = Act { epoch: self.epoch, operation, answer: PhantomData };
        Ok(self.host.ask_within(&act, FOREVER)?)
    }

    /// Does something in the words that the object is in; `None` if the host must be asked.
    #[inline]
    pub(super) fn near<R>(&self, act: impl Fn(&WordShare) -> Result<R, WordClosed>) -> Result<Option<R>, SharedError> {
        near::act(self, Some(FOREVER), |near| act(&near.words))
    }

    pub(super) fn host(&self) -> ProcessId {
        self.host.id()
    }
}

impl<O: Object> Lender for Remote<O> {
    type Error = SharedError;

    const USES: u32 = 0;

    #[inline]
    fn life(&self) -> Life {
        (self.host.id(), self.epoch)
    }

    fn borrow_words(&self, patience: Duration) -> Result<Option<Near>, SharedError> {
        match self.host.ask_within(&Share { epoch: self.epoch }, patience) {
            Ok(Some(descriptor)) => Ok(descriptor.into_owned().ok().and_then(|descriptor| Near::open(descriptor, 0))),
            // One of the two sides has no descriptors left.
            Ok(None) | Err(AskError::Invalid(_) | AskError::NoReply) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl<O: Object> ArchivedRemote<O> {
    pub(super) fn to_native(&self) -> Remote<O> {
        Remote { host: self.host.to_native(), epoch: self.epoch.to_native() }
    }
}

impl<O: Object> Clone for Remote<O> {
    fn clone(&self) -> Remote<O> {
        Remote { host: self.host.clone(), epoch: self.epoch }
    }
}

impl<O: Object> PartialEq for Remote<O> {
    fn eq(&self, other: &Remote<O>) -> bool {
        (&self.host, self.epoch) == (&other.host, other.epoch)
    }
}

impl<O: Object> Eq for Remote<O> {}

impl<O: Object> fmt::Debug for Remote<O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.host.id())
    }
}
