//! 64 bytes there and back between two processes, each asleep in a mio poll.
//!
//! Both register READABLE only and stop at a short read: the next edge comes with the next bytes.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::ended;
use crate::pinning::Pinning;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Larger than a message, so that a read is short when it has taken everything.
const READ_BYTES: usize = 4096;

/// Starts the floor of a round trip.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let peer = Peer::start(Role::ECHO, pinning)?;
    let mut link = Link::new(peer.socket.try_clone()?)?;
    Ok(Box::new(move || {
        let _alive = &peer;
        link.write(&[7; MESSAGE_BYTES])?;
        if link.read_message()? { Ok(()) } else { Err(ended()) }
    }))
}

/// Echoes messages until the stream ends.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    let mut link = Link::new(socket)?;
    while link.read_message()? {
        link.write(&[8; MESSAGE_BYTES])?;
    }
    Ok(())
}

/// A stream with its poll.
struct Link {
    poll: Poll,
    events: Events,
    stream: UnixStream,
    buffer: [u8; READ_BYTES],
}

impl Link {
    fn new(stream: UnixStream) -> Result<Self, Failure> {
        stream.set_nonblocking(true)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), Token(0), Interest::READABLE)?;
        Ok(Link { poll, events: Events::with_capacity(16), stream, buffer: [0; READ_BYTES] })
    }

    /// One message always fits: there is never more than one on its way.
    fn write(&mut self, message: &[u8; MESSAGE_BYTES]) -> Result<(), Failure> {
        Ok(self.stream.write_all(message)?)
    }

    /// Waits for one message; false at the end of the stream.
    fn read_message(&mut self) -> Result<bool, Failure> {
        let mut missing = MESSAGE_BYTES;
        while missing > 0 {
            match self.poll.poll(&mut self.events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            if self.events.is_empty() {
                continue;
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => missing = missing.saturating_sub(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
