//! 64 bytes there and back between two processes that read again and again without sleeping.
//!
//! The peer goes to sleep when nothing has come for a millisecond, so that it does not disturb the other side's rounds.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::ended;
use crate::pinning::Pinning;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long to spin before going to sleep.
const SPIN_LIMIT: Duration = Duration::from_millis(1);

/// The clock is read once in so many reads.
const READS_PER_CLOCK: u32 = 64;

/// Starts the floor of a round trip between spinning processes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let mut peer = Peer::start(Role::SPINNING_ECHO, pinning)?;
    peer.socket.set_nonblocking(true)?;
    Ok(Box::new(move || {
        peer.socket.write_all(&[7; MESSAGE_BYTES])?;
        if read_message(&mut peer.socket)? { Ok(()) } else { Err(ended()) }
    }))
}

/// Echoes messages until the stream ends.
pub(crate) fn serve(mut socket: UnixStream) -> Result<(), Failure> {
    socket.set_nonblocking(true)?;
    while read_message(&mut socket)? {
        socket.write_all(&[8; MESSAGE_BYTES])?;
    }
    Ok(())
}

/// Spins for one message; false at the end of the stream.
fn read_message(socket: &mut UnixStream) -> Result<bool, Failure> {
    let mut buffer = [0; MESSAGE_BYTES];
    let mut filled = 0;
    let mut began = None;
    let mut reads = 0u32;
    while filled < MESSAGE_BYTES {
        match socket.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(false),
            Ok(length) => filled += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                reads += 1;
                if reads.is_multiple_of(READS_PER_CLOCK)
                    && began.get_or_insert_with(Instant::now).elapsed() > SPIN_LIMIT
                {
                    sleep(socket)?;
                    began = None;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn sleep(socket: &UnixStream) -> Result<(), Failure> {
    match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
