//! An end as it travels to another process.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use procession_transport::{Batch, Link, Pipe, Rest, Socket};
use serde::{Deserialize, Serialize};

use super::companion::{self, Companion};
use super::peer::{Peer, Word};
use super::{Channel, ChannelError, Input, Parts, Way, this_life};
use crate::error::RuntimeError;

/// One end of a pipe, taken apart: bytes and descriptors, to be sent in a message.
#[derive(Debug, Default)]
pub struct Luggage {
    /// What is known of both ends.
    pub state: Vec<u8>,
    /// Bytes that have been received and not given out.
    pub incoming: Vec<u8>,
    /// Bytes of a message that has left in part.
    pub outgoing: Vec<u8>,
    /// The stream, the companion, the token of this move, and more.
    pub descriptors: Vec<OwnedFd>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    way: Way,
    serial: u32,
    peer: Peer,
    has_ended: bool,
    /// Whether the token of the other end's move is there.
    has_token: bool,
    /// Of the frames in `incoming` that have some: how many descriptors, and whether some were lost.
    incoming: Vec<(usize, bool)>,
    /// Of those in `outgoing`: where they start, and how many.
    outgoing: Vec<(usize, usize)>,
}

impl Channel {
    /// Makes the luggage of this end, which stays as it is: [`depart`](Channel::depart) ends it here.
    ///
    /// # Errors
    /// [`ChannelError::Departed`], [`ChannelError::Unheard`], [`ChannelError::Runtime`].
    pub fn pack(&mut self) -> Result<Luggage, ChannelError> {
        self.check()?;
        self.hear();
        if !self.settle() && !self.companion.has_room() {
            return Err(ChannelError::Unheard);
        }
        // What does not leave now travels along.
        let _ = self.outlet.flush();
        let (telling, held) = companion::token()?;
        let duplicate = |descriptor: std::os::fd::BorrowedFd<'_>| descriptor.try_clone_to_owned();
        let mut descriptors = vec![duplicate(self.link.descriptor())?, self.companion.duplicate()?, held];
        if let Some(token) = self.companion.token() {
            descriptors.push(duplicate(token)?);
        }
        let (incoming, outgoing) = (self.inlet.rest()?, self.outlet.rest()?);
        let mut state = State {
            way: self.way,
            serial: self.serial.wrapping_add(1),
            peer: self.peer,
            has_ended: self.input == Input::Ended,
            has_token: self.companion.token().is_some(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
        };
        for (_, batch) in incoming.batches {
            state.incoming.push((batch.descriptors.len(), batch.truncated));
            descriptors.extend(batch.descriptors);
        }
        for (start, batch) in outgoing.batches {
            state.outgoing.push((start, batch.descriptors.len()));
            descriptors.extend(batch.descriptors);
        }
        let state = postcard::to_stdvec(&state).map_err(|error| ChannelError::Broken(error.to_string()))?;
        self.token = Some(telling);
        Ok(Luggage { state, incoming: incoming.bytes, outgoing: outgoing.bytes, descriptors })
    }

    /// Tells the other end that this one is on its way, and gives it up here. Its luggage has been packed before.
    ///
    /// # Errors
    /// [`ChannelError::Runtime`] if the other end has not listened for too long; this end stays as it is then.
    pub fn depart(&mut self) -> Result<(), ChannelError> {
        let serial = self.serial.wrapping_add(1);
        if !self.peer.is_gone() {
            match self.companion.say(Word::Leaving { serial }, self.token.take()) {
                // Nobody is there to be told.
                Ok(()) => {}
                Err(_) if self.companion_has_ended() => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.has_departed = true;
        self.following = None;
        Ok(())
    }

    fn companion_has_ended(&mut self) -> bool {
        self.hear();
        self.peer.is_gone()
    }

    /// Puts an end together here, and tells the other end.
    ///
    /// # Errors
    /// [`ChannelError::Broken`] if the luggage is not what it should be.
    pub fn unpack(luggage: Luggage) -> Result<Channel, ChannelError> {
        let broken = |what: &str| ChannelError::Broken(what.to_owned());
        let state: State = postcard::from_bytes(&luggage.state).map_err(|_| broken("its state cannot be read"))?;
        let mut descriptors = luggage.descriptors.into_iter();
        let mut next = || descriptors.next().ok_or_else(|| broken("a descriptor is missing"));
        let (stream, socket, held) = (next()?, next()?, next()?);
        let token = if state.has_token { Some(next()?) } else { None };
        let link: Arc<dyn Link> = match state.way {
            Way::Both => Arc::new(Socket::new(stream)?),
            Way::Inward | Way::Outward => Arc::new(Pipe::new(stream)?),
        };
        let companion = Companion::new(socket, token);
        let (way, peer, serial) = (state.way, state.peer, state.serial);
        let mut channel = Channel::new(Parts { way, link, companion, peer, serial });
        let mut incoming = Rest { bytes: luggage.incoming, ..Rest::default() };
        for (count, truncated) in state.incoming {
            let descriptors = (0..count).map(|_| next()).collect::<Result<_, _>>()?;
            incoming.batches.push_back((0, Batch { descriptors, truncated }));
        }
        let mut outgoing = Rest { bytes: luggage.outgoing, ..Rest::default() };
        for (start, count) in state.outgoing {
            let descriptors = (0..count).map(|_| next()).collect::<Result<_, _>>()?;
            outgoing.batches.push_back((start, Batch { descriptors, truncated: false }));
        }
        channel.inlet.restore(incoming);
        channel.outlet.restore(outgoing);
        if state.has_ended {
            channel.input = Input::Ended;
        }
        if !channel.peer.is_gone() {
            match channel.companion.say(Word::Taken { serial, by: this_life() }, None) {
                Ok(()) => {}
                Err(_) if channel.companion_has_ended() => {}
                Err(error) => return Err(RuntimeError::System(error.to_string()).into()),
            }
        }
        drop(held);
        Ok(channel)
    }
}
