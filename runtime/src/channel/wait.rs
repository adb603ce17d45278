//! Every wait of a channel.
//!
//! Who wakes a waiter if the other side is killed right now? The end of the stream or of the companion, if nobody else holds
//! the descriptors; the fate of the process that has the other end, if somebody does; the token, if it is on its way.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procession_transport::{Beside, Found, Interest, Received};

use super::{Channel, ChannelError, Input, Way, this_life};
use crate::endpoint::Endpoint;
use crate::error::RuntimeError;
use crate::fate::{Fate, Life};
use crate::id::EndpointId;

/// How long a sender that never waits goes without looking whether the other end is still there.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whose fate is followed, where.
#[derive(Debug)]
pub(super) struct Following {
    endpoint: EndpointId,
    life: Life,
    fate: Arc<Fate>,
}

/// Where a channel's descriptors stand among those that are waited for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    companion: Option<usize>,
    token: Option<usize>,
    stream: Option<usize>,
}

/// Adds descriptors and remembers how many there are.
#[derive(Debug, Default)]
pub(super) struct List<'a> {
    pub(super) beside: Beside<'a>,
    pub(super) count: usize,
}

impl<'a> List<'a> {
    fn add(&mut self, descriptor: std::os::fd::BorrowedFd<'a>, interest: Interest) -> Option<usize> {
        self.beside.add(descriptor, interest);
        self.count += 1;
        Some(self.count - 1)
    }
}

impl Channel {
    /// Waits once, at most until `deadline`, and acts on what it finds. It may return for no reason.
    pub(super) fn wait(&mut self, wants: Interest, deadline: Option<Instant>) -> Result<(), ChannelError> {
        let endpoint = self.endpoint()?;
        if self.settle() {
            return Ok(());
        }
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut list = List::default();
        let places = self.enlist(wants, &mut list);
        match &endpoint {
            Some(endpoint) => self.judge(endpoint.turn_beside(&mut list.beside, timeout))?,
            None => drop(list.beside.wait(None, timeout)?),
        }
        let found = list.beside.into_found();
        self.digest(places, &found)
    }

    /// Looks whether the other end is still there, unless that was done a short while ago.
    pub(super) fn look(&mut self) -> Result<(), ChannelError> {
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY) {
            return Ok(());
        }
        self.looked = Some(now);
        self.wait(Interest::default(), Some(now))
    }

    /// Gives the endpoint to wait with, which follows the fate of whoever has the other end.
    pub(super) fn endpoint(&mut self) -> Result<Option<Endpoint>, ChannelError> {
        let Some(life) = self.peer.holder().filter(|life| Some(*life) != this_life()) else {
            return Ok(Endpoint::of_any());
        };
        let endpoint = match Endpoint::of(life.process.system) {
            Ok(endpoint) => endpoint,
            // With the supervisor every process of the system goes, and with a system that was left.
            Err(RuntimeError::SupervisorLost) => return Ok(self.give_up(life)),
            Err(RuntimeError::NotRunning) if self.following.is_some() => return Ok(self.give_up(life)),
            // A process of a system that this one knows nothing of: its end shows in the stream.
            Err(RuntimeError::NotRunning) => return Ok(Endpoint::of_any()),
            Err(error) => return Err(error.into()),
        };
        let is_followed =
            self.following.as_ref().is_some_and(|known| known.endpoint == endpoint.id() && known.life == life);
        if !is_followed {
            let fate = endpoint.follow(life)?;
            self.following = Some(Following { endpoint: endpoint.id(), life, fate });
        }
        Ok(Some(endpoint))
    }

    fn give_up(&mut self, life: Life) -> Option<Endpoint> {
        self.peer.end(life);
        None
    }

    /// A system that ends during a wait takes the other end along.
    fn judge(&self, outcome: Result<(), RuntimeError>) -> Result<(), ChannelError> {
        match outcome {
            Err(RuntimeError::SupervisorLost) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds what this end waits for.
    pub(super) fn enlist<'a>(&'a self, wants: Interest, list: &mut List<'a>) -> Places {
        let read = Interest { read: true, write: false };
        let mut places = Places { companion: list.add(self.companion.as_fd(), read), ..Places::default() };
        if let Some(token) = self.companion.token() {
            places.token = list.add(token, read);
        }
        let write = wants.write || wants.read && self.outlet.buffered_bytes() > 0;
        let wants = Interest { read: wants.read && self.input != Input::Ended, write };
        if wants.read || wants.write {
            places.stream = list.add(self.link.descriptor(), wants);
        }
        places
    }

    /// Acts on what a wait has found.
    pub(super) fn digest(&mut self, places: Places, found: &[Found]) -> Result<(), ChannelError> {
        let at = |place: Option<usize>| place.and_then(|place| found.get(place).copied()).unwrap_or_default();
        let (companion, token, stream) = (at(places.companion), at(places.token), at(places.stream));
        if stream.readable && self.input == Input::Drained {
            self.input = Input::Fresh;
        }
        if stream.writable && self.outlet.buffered_bytes() > 0 {
            // Whether the rest can leave at all shows at the next attempt to send.
            let _ = self.outlet.flush();
        }
        let awaited = self.peer.awaited();
        if companion.readable || token.readable {
            self.hear();
        }
        if let Some(lost) = awaited.filter(|_| token.readable) {
            self.peer.lose(lost);
        }
        self.settle();
        Ok(())
    }

    /// Acts on the fate of whoever has the other end. Gives whether that is gone; everything that came from there is here
    /// then.
    pub(super) fn settle(&mut self) -> bool {
        if let Some(following) = &self.following
            && following.fate.has_ended()
        {
            let life = following.life;
            // It may have passed its end on before.
            self.hear();
            self.peer.end(life);
            self.following = None;
        }
        if self.peer.is_gone() && self.input != Input::Ended {
            self.drain();
        }
        self.peer.is_gone()
    }

    /// Hears what the other end has said of itself. One that makes no sense is none.
    pub(super) fn hear(&mut self) {
        if let Err(error) = self.companion.hear(&mut self.peer) {
            tracing::warn!(%error, "the other end of a pipe makes no sense");
            self.peer.hang_up();
        }
    }

    /// Takes in exactly what the system holds: nothing more comes.
    fn drain(&mut self) {
        let mut rest = self.inlet.unread_bytes();
        while rest > 0 {
            let before = self.inlet.buffered_bytes();
            match self.inlet.receive() {
                Ok(Received::More | Received::Drained) => {
                    rest = rest.saturating_sub(self.inlet.buffered_bytes() - before);
                }
                Ok(Received::Nothing | Received::End) | Err(_) => rest = 0,
            }
        }
        self.input = Input::Ended;
    }

    pub(super) fn is_duplex(&self) -> bool {
        self.way == Way::Both
    }
}
