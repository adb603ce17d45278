//! 64-byte messages from four processes to one, which waits for them in a mio poll and reads 64 KiB at a time.

use crate::contest::Burst;
use crate::failure::Failure;
use crate::floors::one_way::write_bytes_in_pieces;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::floors::{BATCH_BYTES, MESSAGE_BYTES};
use crate::pinning::Pinning;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// How many processes send.
pub const SENDERS: usize = 4;

/// Starts the floor of one message per write.
///
/// # Errors
///
/// Fails if the peers cannot be started.
pub fn single(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    Ok(Box::new(Receiver::start(Role::SINGLE_SENDER, pinning)?))
}

/// Starts the floor of 64 KiB of messages per write.
///
/// # Errors
///
/// Fails if the peers cannot be started.
pub fn batched(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    Ok(Box::new(Receiver::start(Role::BATCH_SENDER, pinning)?))
}

struct Receiver {
    poll: Poll,
    events: Events,
    streams: Vec<UnixStream>,
    buffer: Vec<u8>,
    _peers: Vec<Peer>,
}

impl Receiver {
    fn start(role: Role, pinning: &Pinning) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut peers = Vec::with_capacity(SENDERS);
        let mut streams = Vec::with_capacity(SENDERS);
        for number in 0..SENDERS {
            let peer = Peer::start(role, pinning)?;
            let stream = peer.socket.try_clone()?;
            stream.set_nonblocking(true)?;
            poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), Token(number), Interest::READABLE)?;
            streams.push(stream);
            peers.push(peer);
        }
        let events = Events::with_capacity(16);
        Ok(Receiver { poll, events, streams, buffer: vec![0; BATCH_BYTES], _peers: peers })
    }

    /// Waits until some streams have something, and takes it; returns how many bytes that was.
    fn turn(&mut self) -> Result<u64, Failure> {
        match self.poll.poll(&mut self.events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let mut bytes = 0;
        for event in &self.events {
            bytes += drain(&mut self.streams[event.token().0], &mut self.buffer)?;
        }
        Ok(bytes)
    }
}

impl Burst for Receiver {
    fn run(&mut self, messages: u64) -> Result<(), Failure> {
        let share = messages / SENDERS as u64 * MESSAGE_BYTES as u64;
        for stream in &mut self.streams {
            stream.write_all(&share.to_ne_bytes())?;
        }
        let mut missing = share * SENDERS as u64;
        while missing > 0 {
            missing = missing.saturating_sub(self.turn()?);
        }
        Ok(())
    }
}

/// Reads until a read is short; returns how many bytes there were.
fn drain(stream: &mut UnixStream, buffer: &mut [u8]) -> Result<u64, Failure> {
    let mut bytes = 0;
    loop {
        match stream.read(buffer) {
            Ok(0) => return Err(ended()),
            Ok(length) => {
                bytes += length as u64;
                if length < buffer.len() {
                    return Ok(bytes);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(bytes),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends bursts, one message per write, until the stream ends.
pub(crate) fn serve_single(socket: UnixStream) -> Result<(), Failure> {
    send(socket, MESSAGE_BYTES)
}

/// Sends bursts, 64 KiB per write, until the stream ends.
pub(crate) fn serve_batched(socket: UnixStream) -> Result<(), Failure> {
    send(socket, BATCH_BYTES)
}

fn send(mut socket: UnixStream, write_bytes: usize) -> Result<(), Failure> {
    let mut length = [0; 8];
    while read_whole(&socket, &mut length)? {
        write_bytes_in_pieces(&mut socket, u64::from_ne_bytes(length), write_bytes)?;
    }
    Ok(())
}
