//! The way to a host.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::SharedError;
use super::host::{Act, Greet, Host, Object, Share};
use crate::{ActorRef, AskError, Home, ProcessId, data};

/// Longer than anybody waits. Whoever waits is told of the host's end.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The way to one life of a host: plain data.
#[data]
pub(crate) struct Remote<O: Object> {
    host: ActorRef<Host<O>>,
    epoch: u64,
}

/// What a host gives to be used in place.
pub(super) enum Shared {
    Word(OwnedFd),
    /// It has nothing, or it could not be sent or received.
    Nothing,
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

    /// Asks for the memory that the object is in.
    pub(super) fn share(&self) -> Result<Shared, SharedError> {
        match self.host.ask_within(&Share { epoch: self.epoch }, FOREVER) {
            Ok(Some(descriptor)) => Ok(descriptor.into_owned().map_or(Shared::Nothing, Shared::Word)),
            // One of the two sides has no descriptors left.
            Ok(None) | Err(AskError::Invalid(_) | AskError::NoReply) => Ok(Shared::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Names the host's life.
    #[inline]
    pub(super) fn life(&self) -> (ProcessId, u64) {
        (self.host.id(), self.epoch)
    }

    pub(super) fn host(&self) -> ProcessId {
        self.host.id()
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
