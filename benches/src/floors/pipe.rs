//! 64 bytes there and back between two processes through two kernel pipes, each side asleep in a read.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::hand_over::{give, take};
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::os::unix::net::UnixStream;

/// Starts the floor of a round trip through pipes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let peer = Peer::start(Role::PIPE_ECHO, pinning)?;
    let (there, mut out) = pipe()?;
    let (back, answers) = pipe()?;
    give(&peer.socket, &there)?;
    give(&peer.socket, &answers)?;
    let mut message = [0; MESSAGE_BYTES];
    Ok(Box::new(move || {
        let _alive = &peer;
        out.write_all(&[7; MESSAGE_BYTES])?;
        if read_whole(&back, &mut message)? { Ok(()) } else { Err(ended()) }
    }))
}

/// Echoes messages until the pipe ends.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    let requests = PipeReader::from(take(&socket)?);
    let mut answers = PipeWriter::from(take(&socket)?);
    let mut message = [0; MESSAGE_BYTES];
    while read_whole(&requests, &mut message)? {
        answers.write_all(&[8; MESSAGE_BYTES])?;
    }
    Ok(())
}
